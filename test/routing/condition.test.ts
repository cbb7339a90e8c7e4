import assert from 'node:assert/strict'
import { compileCondition } from '../../src/routing/condition.ts'
import type { RuleMessage } from '../../src/routing/message.ts'
import { compileRule } from '../../src/routing/rule.ts'
import { createRuleSet } from '../../src/routing/rule-set.ts'

const json = { contentType: 'application/json', contentEncoding: 'utf-8' }
const body = { Weather: { Temperature: 50, Tags: [{ c: 1 }] }, at: '2024-05-01T00:00:00Z', none: null }
const message: RuleMessage = {
  payload: body,
  system: { ...json, 'iothub-message-source': 'Telemetry' },
  properties: { Severity: '2', level: 'hot', several: ['a', 'b'], 'my-key': 'x', $weird: 'w', $contentType: 'own' },
  twin: { tags: { site: 'A' }, properties: { desired: { v: 3 }, reported: { v: 2 } } },
}

describe('a routing condition', () => {
  const cases: [string, boolean | undefined][] = [
    ['true', true],
    ['false', false],
    ['null', undefined],
    ["'abc'", undefined],
    ['$body.Weather.Temperature = 50', true],
    ['$body.weather.TEMPERATURE >= 50', true],
    ['$body.Weather.Tags[0].c = 1', true],
    ["$body.Weather.Temperature = '50'", false],
    ["$body.at > '2024-01-01'", true],
    ['$body.at > 5', undefined],
    ['$body', undefined],
    ['IS_DEFINED($body)', false],
    ['IS_NULL($body.none)', true],
    ['$body.none = null', true],
    ["$twin.tags.site = 'A' AND $twin.properties.desired.v > $twin.properties.reported.v", true],
    ["level = 'hot'", true],
    ["LEVEL = 'hot'", true],
    ["several = 'a'", true],
    ["my-key = 'x'", true],
    ['severity <= 2', undefined],
    ['as_number(severity) <= 2', true],
    ["$contenttype = 'application/json'", true],
    ["$sys.contentType = 'application/json'", true],
    ["$iothub-message-source = 'Telemetry'", true],
    ["$level = 'hot'", true],
    ["$Weird = 'w'", true],
    ["$contentType = 'own'", false],
    ['missing = 1', undefined],
    ['missing = 1 OR true', true],
    ['missing = 1 AND false', false],
    ['NOT (missing = 1)', undefined],
  ]
  for (const [text, expected] of cases) it(text, () => assert.equal(compileCondition(text)(message), expected))

  it('prefers the exact name of several that differ in case', () => {
    const properties = { LEVEL: 'a', level: 'b' }
    assert.equal(compileCondition("level = 'b'")({ properties }), true)
    assert.equal(compileCondition("LEVEL = 'a'")({ properties }), true)
  })

  it('warns too', () =>
    assert.deepEqual(
      compileCondition("a < '5' < b")
        .warnings.map(({ code }) => code)
        .includes('chained-comparison'),
      true,
    ))
})

describe('$body', () => {
  const test = compileCondition('$body.x = 1')
  const text = '{"x":1,"ö":"𝄞"}'
  const utf16 = (littleEndian: boolean, mark = ''): Uint8Array => {
    const bytes = Buffer.from(mark + text, 'utf16le')
    return littleEndian ? bytes : bytes.swap16()
  }
  const utf32 = (littleEndian: boolean, mark = ''): Uint8Array => {
    const view = new DataView(new ArrayBuffer([...(mark + text)].length * 4))
    ;[...(mark + text)].forEach((character, i) => {
      view.setUint32(i * 4, character.codePointAt(0)!, littleEndian)
    })
    return new Uint8Array(view.buffer)
  }
  const utf8 = new TextEncoder().encode(text)
  const of = (contentType: string | undefined, contentEncoding: string | undefined, payload: unknown): boolean | undefined =>
    test({
      payload,
      system: { ...(contentType !== undefined && { contentType }), ...(contentEncoding !== undefined && { contentEncoding }) },
    })

  const cases: [string, string | undefined, string | undefined, unknown, boolean | undefined][] = [
    ['a value in UTF-8', 'application/json', 'UTF-8', { x: 1 }, true],
    ['bytes in UTF-8', 'application/json', 'utf-8', utf8, true],
    ['a content type with parameters', 'Application/JSON; charset=utf-8', 'utf-8', utf8, true],
    ['UTF-16, little end first', 'application/json', 'utf-16', utf16(true), true],
    ['UTF-16, big end first, marked', 'application/json', 'UTF-16', utf16(false, '\ufeff'), true],
    ['UTF-16, big end first', 'application/json', 'UTF-16', utf16(false), true],
    ['UTF-32, little end first', 'application/json', 'utf-32', utf32(true), true],
    ['UTF-32, big end first, marked', 'application/json', 'utf-32', utf32(false, '\ufeff'), true],
    ['UTF-16 by its mark, whatever is said', 'application/json', 'utf-8', utf16(false, '\ufeff'), true],
    ['no content type', undefined, 'utf-8', { x: 1 }, undefined],
    ['no encoding', 'application/json', undefined, { x: 1 }, undefined],
    ['another content type', 'application/jsonp', 'utf-8', { x: 1 }, undefined],
    ['another encoding', 'application/json', 'gzip', { x: 1 }, undefined],
    ['bytes that are no JSON', 'application/json', 'utf-8', new Uint8Array([1, 2]), undefined],
    ['bytes in another encoding', 'application/json', 'utf-32', utf8, undefined],
  ]
  for (const [name, type, encoding, payload, expected] of cases)
    it(`${name}: ${expected === undefined ? 'undefined' : 'read'}`, () => assert.equal(of(type, encoding, payload), expected))

  it('is what SQL reads too, where a byte order mark tells the encoding', () => {
    const { evaluate } = compileRule('SELECT x WHERE x = 1')
    assert.deepEqual(evaluate({ payload: utf32(false, '\ufeff') }), { matched: true, output: { x: 1 } })
    assert.equal(evaluate({ payload: utf16(true) }).matched, false)
  })

  it('that is no JSON leaves the properties to route on', () =>
    assert.equal(compileCondition("$body.x = 1 OR p = 'q'")({ payload: new Uint8Array([1]), properties: { p: 'q' } }), true))
})

describe('a condition in a rule set', () => {
  it('sees the messages of its source, telemetry unless it says otherwise', () => {
    const set = createRuleSet([
      { name: 'telemetry', condition: 'true' },
      { name: 'twins', condition: "opType = 'updateTwin'", source: 'TwinChangeEvents' as const },
    ])
    const names = (message: RuleMessage): unknown[] => set.match(message).map(({ rule }) => rule.name)
    assert.deepEqual(names({ payload: 1 }), ['telemetry'])
    assert.deepEqual(names({ payload: 1, source: 'http' }), ['telemetry'])
    assert.deepEqual(names({ payload: 1, source: 'TwinChangeEvents', properties: { opType: 'updateTwin' } }), ['twins'])
  })
})
