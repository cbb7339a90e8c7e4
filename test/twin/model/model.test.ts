import assert from 'node:assert/strict'
import type { LoomError } from '../../../src/errors.ts'
import { loadAjvValidator } from '../../../src/hub/ajv-validator.ts'
import { CheckedModel, faultText } from '../../../src/twin/model/checked-model.ts'
import { compareVersions, type ModelRequest, readModel, readModelName } from '../../../src/twin/model/import-model.ts'
import { judgePattern } from '../../../src/twin/model/pattern.ts'
import type { Validator } from '../../../src/twin/model/validator.ts'
import { base, controller, lamp, manySchemas, thermostat } from './samples.ts'

const places = (faults: { path: string; rule: string }[]): string[] => faults.map(({ path, rule }) => `${path} ${rule}`)

describe('device models', () => {
  let validator: Validator
  before(async () => {
    validator = await loadAjvValidator()
  })
  const checked = (request: ModelRequest): CheckedModel => {
    const model = new CheckedModel({ ...readModel(request), validator })
    model.compileAll()
    return model
  }
  const refused = (request: ModelRequest): LoomError => {
    try {
      checked(request)
    } catch (error) {
      return error as LoomError
    }
    throw new assert.AssertionError({ message: 'it was taken' })
  }

  it('are read from a WoT Thing Model: events and readable properties as telemetry, readOnly as reported only', () => {
    const { id, version, model, warnings } = readModel({ source: 'wot', document: lamp })
    assert.deepEqual([id, version, warnings], ['urn:example:lamp', '1.2.0', []])
    assert.deepEqual(Object.keys(model.telemetry), ['overheated', 'state', 'brightness'])
    assert.deepEqual([model.properties.state?.writable, model.properties.brightness?.writable], [false, true])
    assert.equal(model.properties.brightness?.unit, 'percent')
    const one = checked({ source: 'wot', document: lamp })
    assert.deepEqual(places(one.telemetry({ overheated: { temperature: 'hot' }, brightness: 101 })), [
      'overheated.temperature type',
      'brightness maximum',
    ])
    assert.deepEqual(places(one.properties('desired', { state: 'on', brightness: 7 }, { state: 'on', brightness: 7 }, {})), [
      'state readOnly',
    ])
    assert.deepEqual(places(one.command('fade', 'request', {}, {})), ['overMs required'])
  })

  it('of WoT are put together from what they extend, refer to, and leave open', () => {
    const dimmer = {
      '@type': 'tm:ThingModel',
      id: 'urn:example:dimmer',
      links: [{ rel: 'tm:extends', href: 'urn:example:lamp' }],
      properties: {
        brightness: { maximum: '{{MOST}}' },
        second: { 'tm:ref': 'urn:example:lamp#/properties/brightness', minimum: 5 },
        third: { 'tm:ref': '#/properties/second', title: 'third of {{HOUSE}}' },
      },
    }
    const request: ModelRequest = { source: 'wot', document: [dimmer, lamp], placeholders: { MOST: 50 } }
    const one = checked(request)
    assert.deepEqual(one.model.extends, ['urn:example:lamp'])
    assert.deepEqual(places(one.telemetry({ brightness: 51, second: 4, third: 4, state: 'dim' })), [
      'brightness maximum',
      'second minimum',
      'third minimum',
      'state enum',
    ])
    assert.equal(refused({ ...request, document: { ...dimmer, properties: {} } }).position, 'links[0].href')
    assert.match(refused({ ...request, placeholders: {} }).message, /properties\.brightness\.maximum.*"MOST"/)
    const remote = { ...dimmer, links: [], properties: { a: { 'tm:ref': 'https://example.com/m.json#/x' } } }
    assert.equal(refused({ ...request, document: remote }).position, 'properties.a.tm:ref')
    const circle = { ...lamp, properties: { a: { 'tm:ref': '#/properties/b' }, b: { 'tm:ref': '#/properties/a' } } }
    assert.match(refused({ source: 'wot', document: circle }).message, /back to itself/)
  })

  it('are read from DTDL with components, inheritance, and a warning for what has no meaning here', () => {
    const request: ModelRequest = { source: 'dtdl', document: [controller, thermostat, base] }
    const { id, version, model, warnings } = readModel(request)
    assert.deepEqual([id, version, model.extends], ['dtmi:example:Controller', '2', ['dtmi:example:Base;1']])
    assert.deepEqual(
      warnings.map(({ path }) => path),
      ['[0].@context', '[0].contents[4]'],
    )
    assert.deepEqual(Object.keys(model.components), ['upper', 'lower'])
    assert.equal(model.properties.serial?.writable, false)
    const one = checked(request)
    assert.deepEqual(places(one.telemetry({ temperature: '21' }, { component: 'upper', path: '[2]' })), ['[2].temperature type'])
    const patch = { upper: { __t: 'c', target: 'warm' }, serial: 'x' }
    assert.deepEqual(places(one.properties('desired', patch, patch, {})), ['upper.target type', 'serial readOnly'])
    assert.deepEqual(places(one.command('lower*report', 'request', 'yesterday', {})), [' format'])
    assert.deepEqual(places(one.command('lower*report', 'response', { max: '3' }, {})), ['max type'])
    assert.equal(refused({ ...request, document: [controller, base] }).position, '[0].contents[2].schema')
  })

  it('of DTDL take the acknowledgement of a writable property for its value', () => {
    const one = checked({ source: 'dtdl', document: thermostat })
    const reported = (target: unknown) => places(one.properties('reported', { target }, { target }, {}))
    assert.deepEqual(reported({ value: 21, ac: 200, av: 3 }), [])
    assert.deepEqual(reported({ value: 'warm', ac: 200, av: 3 }), ['target.value type'])
    assert.deepEqual(reported({ value: 21 }), ['target type'])
  })

  it('of DTDL v3 know every kind of schema', () => {
    const request: ModelRequest = { source: 'dtdl', document: manySchemas }
    assert.deepEqual(
      readModel(request).warnings.map(({ path }) => path),
      ['contents[10].schema'],
    )
    const one = checked(request)
    const good = {
      ...{ mode: 1, modes: [0, 1], zones: { hall: 0.5 }, where: { type: 'Point', coordinates: [8.5, 47.4] } },
      ...{ day: '2024-02-29', clock: '23:59:59.5', lasted: 'PT1H30M', count: -5, total: 9e15, open: true, odd: {} },
    }
    assert.deepEqual(one.telemetry(good, { closed: true }), [])
    const bad: Record<string, unknown> = {
      ...{ mode: 2, modes: [0, 7], zones: { hall: 'loud' }, where: { type: 'Point', coordinates: ['8', 1] } },
      ...{ day: '2023-02-29', clock: '25:00:00', lasted: 'PT', count: 2 ** 31, total: 0.5, open: 'yes' },
    }
    for (const [name, value] of Object.entries(bad))
      assert.equal(one.telemetry({ [name]: value }).length, 1, `${name}: ${JSON.stringify(value)}`)
    assert.deepEqual(places(one.telemetry({ modes: [0, 7], where: bad.where })), ['modes[1] enum', 'where.coordinates[0] type'])
  })

  it('of DTDL are refused with the place: version, circle, unknown schema', () => {
    const without = { ...thermostat, '@context': 'dtmi:dtdl:context;4' }
    assert.equal(refused({ source: 'dtdl', document: without }).position, '@context')
    assert.equal(refused({ source: 'dtdl', document: { ...base, '@id': 'dtmi:example:Base' } }).position, '@id')
    assert.match(refused({ source: 'dtdl', document: { ...base, extends: 'dtmi:example:Base;1' } }).message, /extends: a circle/)
    const contents = [{ '@type': 'Telemetry', name: 'a', schema: 'complex' }]
    assert.equal(refused({ source: 'dtdl', document: { ...base, contents } }).position, 'contents[0].schema')
  })

  it('are read from a bare JSON Schema, which is about all values of a message together', () => {
    const document = {
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      properties: { t: { $ref: '#/$defs/celsius' }, h: { type: 'number' } },
      required: ['t'],
      additionalProperties: false,
      definitions: { celsius: { type: 'number', minimum: -50 } },
    }
    const one = checked({ id: 'room', source: 'json-schema', document })
    assert.deepEqual(places(one.telemetry({ h: 1 })), ['t required'])
    assert.deepEqual(places(one.telemetry({ t: -60 })), ['t minimum'])
    assert.deepEqual(places(one.telemetry({ t: 1, x: 1 })), ['x additionalProperties'])
  })

  it('expand short keys, and refuse a message that has both forms', () => {
    const one = checked({ source: 'dtdl', document: thermostat, short: { t: 'temperature' } })
    assert.deepEqual(one.expand({ t: 1, x: 2 }), { values: { temperature: 1, x: 2 }, faults: [] })
    const values = { x: 1 }
    assert.equal(one.expand(values).values, values)
    assert.deepEqual(places(one.expand({ t: 1, temperature: 2 }).faults), ['t short'])
    assert.equal(refused({ source: 'dtdl', document: thermostat, short: { t: 'x', u: 'x' } }).position, 'short.u')
  })

  it('let names pass that they do not have, unless they are closed', () => {
    const one = checked({ source: 'dtdl', document: thermostat })
    assert.deepEqual(one.telemetry({ battery: 3 }), [])
    assert.deepEqual(places(one.telemetry({ battery: 3 }, { closed: true })), ['battery unknown'])
    assert.deepEqual(places(one.properties('reported', { a: 1 }, { a: 1 }, { closed: true })), ['a unknown'])
    assert.deepEqual(places(one.command('x', 'request', 1, { closed: true })), [' unknown'])
    for (const name of ['__proto__', 'constructor', 'toString'])
      assert.deepEqual(one.telemetry(JSON.parse(`{"${name}": 1}`), {}), [])
  })

  it('are refused for schemas that ask for another document, come back to themselves, or cost too much', () => {
    const of = (document: unknown) => refused({ id: 'm', source: 'json-schema', document })
    assert.equal(of({ properties: { a: { $ref: 'https://example.com/s.json' } } }).position, 'properties.a.$ref')
    assert.match(of({ $ref: '#/$defs/a', $defs: { a: { items: { $ref: '#' } } } }).message, /back to itself/)
    assert.match(of({ $ref: '#/$defs/none' }).message, /there is no #\/\$defs\/none/)
    assert.match(of({ $dynamicRef: '#x' }).message, /not supported/)
    assert.equal(of({ properties: { a: { uniqueItems: true } } }).position, 'properties.a.uniqueItems')
    assert.equal(of({ type: 'number', $schema: 'http://json-schema.org/draft-04/schema#' }).position, '$schema')
    assert.equal(of({ type: 'nonsense' }).code, 'MODEL_INVALID')
    const doubling = Object.fromEntries(
      Array.from({ length: 20 }, (_, i) => [`d${i}`, { anyOf: [{ $ref: `#/$defs/d${i + 1}` }, { $ref: `#/$defs/d${i + 1}` }] }]),
    )
    assert.match(of({ $ref: '#/$defs/d0', $defs: { ...doubling, d20: {} } }).message, /unfold to more/)
    let deep: object = {}
    for (let i = 0; i < 40; i++) deep = { items: deep }
    assert.match(of(deep).message, /deeper than/)
    assert.equal(of({ description: 'x'.repeat(200_000) }).code, 'MODEL_LIMIT')
    assert.equal(of(JSON.parse('{"properties": {"__proto__": {}}}')).code, 'MODEL_INVALID')
  })

  it('take patterns that cannot run away, on texts that are not too long', () => {
    const bad = ['(a+)+$', '^(a|a)*$', '(x+x+)+y', String.raw`(.*)\1`, '(?=a)b', '(a?){30}', '((){1000}){1000}', '['.repeat(300)]
    bad.push('a?'.repeat(30), '(a|a)'.repeat(30), '[', 'a{1001}')
    for (const pattern of bad) assert.ok('refused' in judgePattern(pattern), pattern)
    const good = [
      '^[A-Z]{2}-[0-9]+$',
      String.raw`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$`,
      '^([0-9a-f]{2}:){5}[0-9a-f]{2}$',
      '^(on|off)$',
    ]
    good.push(String.raw`^\d{1,3}(\.\d){0,1}$`, String.raw`^\p{L}+$`, '[(+*]', String.raw`\(\+\)`)
    for (const pattern of good) assert.ok('mostChars' in judgePattern(pattern), pattern)
    // Longer texts get less time per character: what is left of three repetitions is short.
    const chars = (pattern: string) => (judgePattern(pattern) as { mostChars: number }).mostChars
    assert.ok(chars('^a*a*b') > chars('a*a*b') && chars('a*a*b') > chars('a*a*a*b'))
    const one = checked({ id: 'm', source: 'json-schema', document: { properties: { a: { pattern: 'a*a*b' } } } })
    assert.deepEqual(places(one.telemetry({ a: `${'a'.repeat(chars('a*a*b') - 1)}b` })), [])
    assert.deepEqual(places(one.telemetry({ a: `${'a'.repeat(10_000)}b` })), ['a pattern'])
  })

  it('are named by id and version, compared as numbers', () => {
    assert.deepEqual(readModelName('dtmi:com:example:Thermostat;1'), { id: 'dtmi:com:example:Thermostat', version: '1' })
    assert.deepEqual(readModelName('lamp'), { id: 'lamp' })
    for (const name of ['', ';1', 'a;b', 'a;1;2', 'a b', 'x'.repeat(200)]) assert.equal(readModelName(name), undefined, name)
    assert.ok(compareVersions('1.10', '1.9') > 0 && compareVersions('2', '10') < 0 && compareVersions('1', '1.0') === 0)
    const { id, version } = readModel({ id: 'lamp-2', version: '3', source: 'wot', document: lamp })
    assert.deepEqual([id, version], ['lamp-2', '3'])
    assert.equal(refused({ id: 'a b', source: 'wot', document: lamp }).position, 'id')
  })

  it('show no key material that somebody put in the place of a name', () => {
    const key = 'tatzewozgy9DgHEvKkXoE66aOusk3iq32TtN7yqQK/0='
    const document = { properties: { a: { format: key } } }
    const { warnings } = readModel({ id: 'm', source: 'json-schema', document })
    assert.equal(warnings.length, 1)
    const one = checked({ id: 'm', source: 'none', document: { telemetry: { t: { schema: { enum: [key] } } } } })
    const faults = [...one.telemetry({ [key]: 1 }, { closed: true }), ...one.telemetry({ t: 1 })]
    assert.equal(faults.length, 2)
    assert.ok(!JSON.stringify([warnings, faults]).includes(key.slice(0, 20)))
  })

  it('in our own form have parts, components and definitions', () => {
    const document = {
      telemetry: { t: { schema: { $ref: '#/$defs/celsius' }, unit: 'degreeCelsius' } },
      properties: { limit: { schema: { type: 'number' }, writable: true } },
      commands: { stop: { request: { const: null } } },
      components: { pump: { telemetry: { rpm: { schema: { type: 'number' } } } } },
      $defs: { celsius: { type: 'number', minimum: -50 } },
    }
    const one = checked({ id: 'm', source: 'none', document })
    assert.deepEqual(places(one.telemetry({ t: -60 })), ['t minimum'])
    assert.deepEqual(places(one.telemetry({ rpm: 'x' }, { component: 'pump' })), ['rpm type'])
    assert.deepEqual(places(one.command('stop', 'request', undefined, {})), [])
    assert.equal(faultText(one.telemetry({ t: -60 })), 't must be >= -50 (minimum)')
  })

  it('without the library are DRIVER_MISSING with what to install', async () => {
    const missing = loadAjvValidator(() => Promise.reject(new Error('no such package')))
    await assert.rejects(missing, { code: 'DRIVER_MISSING', hint: /npm install ajv/ })
  })
})
