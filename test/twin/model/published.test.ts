import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { loadAjvValidator } from '../../../src/hub/ajv-validator.ts'
import { CheckedModel } from '../../../src/twin/model/checked-model.ts'
import { type ModelRequest, readModel } from '../../../src/twin/model/import-model.ts'
import type { Validator } from '../../../src/twin/model/validator.ts'
import { station, thermostat, wrongTelemetry } from './samples.ts'

const places = (faults: { path: string; rule: string }[]): string[] => faults.map(({ path, rule }) => `${path} ${rule}`)
const folder = join(import.meta.dirname, 'published')
/** By the address under which the others name it. */
const published = (name: string): Record<string, unknown> => ({
  id: `file://./test/thing-model/tmodels/${name}.jsonld`,
  ...JSON.parse(readFileSync(join(folder, `${name}.jsonld`), 'utf8')),
})
/** A checkout of github.com/Azure/iot-plugandplay-models, or any folder of DTDL. */
const repository = process.env.THINGLOOM_DTDL_MODELS

describe('published models', () => {
  let validator: Validator
  before(async () => {
    validator = await loadAjvValidator()
  })
  const checked = (request: ModelRequest): { one: CheckedModel; warnings: string[] } => {
    const { warnings, ...read } = readModel(request)
    const one = new CheckedModel({ ...read, validator })
    one.compileAll()
    return { one, warnings: warnings.map(({ path }) => path) }
  }
  const wot = (...names: string[]) => checked({ id: names[0]!, source: 'wot', document: names.map(published) })

  it('of the WoT specification: a lamp that extends another, and one that refers to it', () => {
    const { one } = wot('SmartLampControlExtend', 'BasicOnOffTM')
    assert.deepEqual(places(one.telemetry({ onOff: 'yes', dim: 101 })), ['onOff type', 'dim maximum'])
    const patch = { dim: -1, onOff: true }
    assert.deepEqual(places(one.properties('desired', patch, patch)), ['dim minimum'])
    assert.deepEqual(places(one.telemetry({ colour: 1 }, { closed: true })), ['colour unknown'])
    assert.deepEqual(places(wot('SmartLampControlImport', 'BasicOnOffTM').one.telemetry({ switch: 1 })), ['switch type'])
  })

  it('of the WoT specification: a ventilator put together from submodels, which are its components', () => {
    const { one, warnings } = wot('SmartVentilator.tm', 'Ventilator.tm', 'Led.tm')
    assert.deepEqual([Object.keys(one.model.components), warnings], [['ventilation', 'led'], []])
    assert.deepEqual(places(one.telemetry({ status: 'Broken' })), ['status enum'])
    assert.deepEqual(places(one.telemetry({ adjustRpm: 199 }, { component: 'ventilation' })), ['adjustRpm minimum'])
    const patch = { led: { R: 'red' }, ventilation: { adjustRpm: 1201 } }
    assert.deepEqual(places(one.properties('desired', patch, patch)), ['led.R type', 'ventilation.adjustRpm maximum'])
    assert.deepEqual(places(one.command('led*fadeIn', 'request', 'slowly', {})), [' type'])
    assert.deepEqual(wot('SmartVentilator.tm', 'Led.tm').warnings, ['links[0]'])
  })

  it('of WoT alone, each', () => {
    for (const name of ['BasicOnOffTM', 'Led.tm', 'Ventilator.tm']) assert.deepEqual(wot(name).warnings, [], name)
  })

  it('in DTDL v3: arrays, maps and objects in properties and commands, words of extensions; each fault has its place', () => {
    const { one, warnings } = checked({ source: 'dtdl', document: [station, thermostat], short: { t: 'temperature' } })
    assert.deepEqual(warnings, ['[0].@context', '[0].@context', '[0].contents[5].schema'])
    for (const { values, component, said } of wrongTelemetry) {
      const { faults } = one.expand(values as Record<string, unknown>)
      if (!faults.length)
        faults.push(...one.telemetry(values as Record<string, unknown>, { closed: true, ...(component && { component }) }))
      assert.deepEqual(places(faults), [said], said)
    }
    const section = (name: 'desired' | 'reported', patch: Record<string, unknown>) => places(one.properties(name, patch, patch))
    assert.deepEqual(section('desired', { hours: [{ from: '08:00:00', to: 'noon' }] }), ['hours[0].to format'])
    assert.deepEqual(section('desired', { limits: { inlet: { high: 'x' } }, serial: '1' }), [
      'limits.inlet.high type',
      'serial readOnly',
    ])
    assert.deepEqual(section('reported', { limits: { value: { inlet: 7 }, ac: 200 } }), ['limits.value.inlet type'])
    assert.deepEqual(section('desired', { inlet: { __t: 'c', highest: 1 } }), ['inlet.highest readOnly'])
    assert.deepEqual(places(one.command('calibrate', 'request', [1, '2'], {})), ['[1] type'])
    assert.deepEqual(places(one.command('calibrate', 'response', { from: 8 }, {})), ['from type'])
    assert.deepEqual(places(one.command('calibrate', 'response', null, {})), [])
  })

  it('in DTDL: a word that no extension can have brought is refused', () => {
    const document = { ...station, '@context': 'dtmi:dtdl:context;3' }
    assert.throws(() => readModel({ source: 'dtdl', document: [document, thermostat] }), {
      code: 'MODEL_INVALID',
      position: '[0].contents[3].schema',
    })
  })

  const ofRepository: (title: string, test: Mocha.Func) => void = repository ? it : () => {}
  ofRepository('of a whole repository of DTDL, which THINGLOOM_DTDL_MODELS names', function (this: Mocha.Context) {
    this.timeout(600_000)
    const interfaces = new Map<string, Record<string, unknown>>()
    for (const file of readdirSync(repository!, { recursive: true, encoding: 'utf8' })) {
      if (!file.endsWith('.json') || file.endsWith('.expanded.json')) continue
      const text = readFileSync(join(repository!, file), 'utf8').replace(/^\uFEFF/, '')
      for (const one of [JSON.parse(text)].flat()) if (one['@type'] === 'Interface') interfaces.set(one['@id'], one)
    }
    assert.ok(interfaces.size > 0, repository)
    for (const [id, main] of interfaces) {
      const document = new Set([main])
      for (const one of document)
        for (const [, name] of JSON.stringify(one).matchAll(/"(dtmi:[^"]+;[^"]+)"/g))
          if (interfaces.has(name!)) document.add(interfaces.get(name!)!)
      assert.doesNotThrow(() => checked({ source: 'dtdl', document: [...document] }), id)
    }
  })
})
