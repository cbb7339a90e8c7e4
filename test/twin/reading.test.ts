import assert from 'node:assert/strict'
import { LoomError } from '../../src/errors.ts'
import { newTwin } from '../../src/twin/document.ts'
import { checkLimits } from '../../src/twin/limits.ts'
import { twinProfiles } from '../../src/twin/profiles.ts'
import { readJson } from '../../src/twin/read-json.ts'
import { readPatch } from '../../src/twin/read-patch.ts'
import { repeatedMember } from '../../src/twin/repeated-member.ts'
import { readShadowRequest } from '../../src/twin/shadow-request.ts'
import { applyUpdate } from '../../src/twin/update.ts'
import { codeOf, start as now } from '../pki/make.ts'
import { seeded } from '../seeded.ts'
import { isObject, jsonOf, nested, randomSection } from './model.ts'

const { plain, azure, aws } = twinProfiles
const bytes = (text: string) => Buffer.from(text)
const json = (value: unknown) => bytes(JSON.stringify(value))

describe('reading a patch of reported', () => {
  it('takes any JSON object, nulls too', () => {
    const text = ' {"on": true, "gone": null, "list": [null, {"a": null}], "n": -0, "big": 1e21, "s": "\\ud834\\udd1e"}\n'
    const reported = { on: true, gone: null, list: [null, { a: null }], n: 0, big: 1e21, s: '𝄞' }
    for (const profile of [plain, { ...azure, integers: plain.integers! }])
      assert.deepEqual(readPatch(bytes(text), profile), { patch: { reported } })
  })

  it("leaves out Azure's $version and $metadata at the root only", () => {
    const patch = { on: true, $version: 4, $metadata: { on: {} } }
    assert.deepEqual(readPatch(json(patch), azure), { patch: { reported: { on: true } } })
    assert.throws(() => readPatch(json(patch), plain), codeOf('TWIN_INVALID'))
    assert.throws(() => readPatch(json({ in: { $version: 4 } }), azure), codeOf('TWIN_INVALID'))
  })

  it('refuses what is no JSON object in UTF-8', () => {
    for (const text of [
      '',
      ' ',
      'null',
      '[]',
      '7',
      '"a"',
      '{',
      '{"a":1',
      '{"a":1}}',
      "{'a':1}",
      '{"a":01}',
      '{"a":1,}',
      '{"a":NaN}',
      '{"a":"\n"}',
    ])
      assert.throws(() => readPatch(bytes(text), plain), codeOf('TWIN_INVALID'), text)
    for (const text of ['null', '7', '"text"', '[]', 'true'])
      assert.throws(() => readPatch(bytes(text), azure), codeOf('TWIN_INVALID'), text)
    for (const raw of [
      [0xff],
      [0x7b, 0x22, 0xc3, 0x22, 0x3a, 0x31, 0x7d],
      [0x7b, 0x22, 0xed, 0xa0, 0x80, 0x22, 0x3a, 0x31, 0x7d],
    ])
      assert.throws(() => readPatch(Buffer.from(raw), plain), codeOf('TWIN_INVALID'))
  })

  it('refuses numbers beyond all doubles, halves of surrogate pairs and __proto__', () => {
    for (const text of [
      '{"a":1e999}',
      '{"a":[-1e999]}',
      '{"a":"\\ud800"}',
      '{"\\udc00":1}',
      '{"a":["\\ud834x"]}',
      '{"__proto__":{"p":1}}',
    ])
      assert.throws(() => readPatch(bytes(text), plain), codeOf('TWIN_INVALID'), text)
    assert.equal(({} as any).p, undefined)
  })

  it('refuses a member that stands twice, also if it is spelled in two ways', () => {
    for (const text of ['{"a":1,"a":1}', '{"x":[{"b":1,"\\u0062":2}]}', '{"__proto__":1,"__proto__":2}', '{"":1,"":1}'])
      assert.throws(() => readJson(text), codeOf('TWIN_INVALID'), text)
    assert.deepEqual(readJson('{"a:b":[":","\\":"],"c":{"a:b":"{\\\\"}}'), { 'a:b': [':', '":'], c: { 'a:b': '{\\' } })
  })

  it('refuses a hundred levels and a megabyte without walking them', () => {
    for (const text of ['['.repeat(200_000), '{"a":'.repeat(40_000), '['.repeat(101) + ']'.repeat(101)])
      assert.throws(() => readPatch(bytes(text), plain), codeOf('TWIN_LIMIT'))
    assert.throws(() => readPatch(json({ a: nested(99) }), plain), codeOf('TWIN_LIMIT'))
    assert.throws(() => readPatch(json({ a: 'x'.repeat(1_048_576) }), plain), codeOf('TWIN_LIMIT'))
  })

  it('tells nothing of the payload', () => {
    assert.throws(
      () => readPatch(bytes('{"password": hunter2}'), plain),
      (error: LoomError) => !error.message.includes('hunter2') && !error.message.includes('password'),
    )
  })
})

describe('reading a shadow request', () => {
  const request = (o: object) => readPatch(json(o), aws)
  const says = (text: string | RegExp) => (error: LoomError) =>
    error.code === 'TWIN_INVALID' && (typeof text === 'string' ? error.message.endsWith(`: ${text}`) : text.test(error.message))

  it('takes both sections, null for none, version and token', () => {
    assert.deepEqual(request({ state: { desired: { on: true }, reported: null }, version: 0, clientToken: 't-1', more: 1 }), {
      patch: { desired: { on: true }, reported: null },
      version: 0,
      clientToken: 't-1',
    })
    assert.deepEqual(request({ state: {}, version: null, clientToken: null }), { patch: {} })
  })

  it('refuses in the order and with the texts of the service', () => {
    const bad = { clientToken: 7, state: 7, version: 'x' }
    for (const [body, text] of [
      [bad, 'Invalid clientToken'],
      [{ ...bad, clientToken: 'x'.repeat(65) }, 'Invalid clientToken'],
      [{ ...bad, clientToken: 'ä'.repeat(33) }, 'Invalid clientToken'],
      [{ version: 'x' }, 'Missing required node: state'],
      [{ state: null }, 'State node must be an object'],
      [{ state: [] }, 'State node must be an object'],
      [{ state: { desired: 7, reported: 7 }, version: 'x' }, 'Desired node must be an object'],
      [{ state: { reported: [] }, version: 'x' }, 'Reported node must be an object'],
      [{ state: { reported: nested(20) }, version: '1' }, 'Invalid version'],
      [{ state: {}, version: -1 }, 'Invalid version'],
      [{ state: {}, version: 1.5 }, 'Invalid version'],
      [{ state: {}, version: 1e300 }, 'Invalid version'],
      [{ state: { reported: nested(10) } }, 'JSON contains too many levels of nesting; maximum is 8'],
    ] as const)
      assert.throws(() => request(body), says(text), text)
    request({ state: { reported: nested(9) } })
    for (const text of ['', '{', '[]', '7', 'null', '{"state":{},"state":{}}'])
      assert.throws(() => readPatch(bytes(text), aws), says('Invalid JSON'), text)
    assert.throws(() => readPatch(bytes('['.repeat(200)), aws), says(/too many levels of nesting/))
    assert.throws(() => readPatch(Buffer.from([0xff]), aws), codeOf('REQUEST_TYPE'))
    assert.throws(() => readPatch(json({ a: 'x'.repeat(300_000) }), aws), codeOf('TWIN_LIMIT'))
    assert.throws(() => request({ state: { other: 1 } }), codeOf('TWIN_INVALID'))
  })

  it('for get and delete may be empty', () => {
    for (const text of ['', ' ', '{}']) assert.deepEqual(readShadowRequest(bytes(text), aws), {})
    assert.deepEqual(readShadowRequest(json({ version: 3, clientToken: 'a' }), aws), { version: 3, clientToken: 'a' })
    for (const body of [{ version: '3' }, { clientToken: {} }, []])
      assert.throws(() => readShadowRequest(json(body), aws), codeOf('TWIN_INVALID'))
  })
})

describe('reading anything', () => {
  it('duplicates are found exactly where there are some', () => {
    const random = seeded(21)
    /** The section as a text, with one member written twice if `twice`. */
    const written = (value: unknown, twice: { left: number }): string => {
      if (Array.isArray(value)) return `[${value.map(item => written(item, twice)).join(' , ')}]`
      if (!isObject(value)) return JSON.stringify(value)
      const members = Object.entries(value).flatMap(([key, member]) => {
        const one = `${JSON.stringify(key)} :${written(member, twice)}`
        return twice.left-- === 0 ? [one, one] : [one]
      })
      return `{ ${members.join(',')} }`
    }
    let refused = 0
    for (let round = 0; round < 400; round++) {
      const section = jsonOf(randomSection(random))
      const twice = { left: random.below(12) }
      const text = written(section, twice)
      assert.equal(repeatedMember(text) !== undefined, twice.left < 0, text)
      if (twice.left < 0) {
        refused++
        assert.throws(() => readJson(text), codeOf('TWIN_INVALID'), text)
      } else assert.deepEqual(readJson(text), section)
    }
    assert.ok(refused > 50 && refused < 350, String(refused))
  })

  it('broken bytes are refused with a code or give a patch within the limits', () => {
    const random = seeded(22)
    const words = [
      '{',
      '}',
      '[',
      ']',
      ':',
      ',',
      '"',
      '\\',
      '\\u0000',
      '\\ud800',
      '"__proto__":',
      '"constructor":',
      'null',
      '1e999',
      '$',
      '\u0000',
    ]
    const seeds = [
      '{"state":{"desired":{"on":true,"list":[1,{"a":null}]},"reported":null},"version":3,"clientToken":"t"}',
      '{"a":{"b":[1,2,{"c":"ünï"}]},"d":null,"$version":2}',
    ].map(bytes)
    const outcomes = new Set<string>()
    const twin = newTwin({ deviceId: 'pump', desired: { a: { b: 1 } }, now })
    for (let round = 0; round < 6000; round++) {
      let raw = Buffer.from(random.pick(seeds))
      for (let times = 1 + random.below(3); times > 0; times--) {
        const at = random.below(raw.length + 1)
        const put = random.below(2) ? bytes(random.pick(words)) : Buffer.from([random.below(256)])
        raw = Buffer.concat([raw.subarray(0, at), put, raw.subarray(Math.min(raw.length, at + random.below(3)))])
      }
      const profile = random.pick([plain, azure, aws])
      try {
        const { patch, version, clientToken } = readPatch(raw, profile)
        assert.ok(version === undefined || Number.isInteger(version))
        assert.ok(clientToken === undefined || typeof clientToken === 'string')
        const { doc } = applyUpdate(twin, patch, { now, profile })
        checkLimits(doc, plain)
        outcomes.add('taken')
      } catch (error) {
        if (!(error instanceof LoomError)) throw error
        assert.ok(['TWIN_INVALID', 'TWIN_LIMIT', 'REQUEST_TYPE'].includes(error.code), error.code)
        assert.ok(error.message.length < 400)
        outcomes.add(error.code)
      }
    }
    assert.deepEqual([...outcomes].sort(), ['REQUEST_TYPE', 'TWIN_INVALID', 'taken'])
    assert.deepEqual(Object.keys(Object.prototype), [])
    assert.deepEqual(twin, newTwin({ deviceId: 'pump', desired: { a: { b: 1 } }, now }))
  })
})
