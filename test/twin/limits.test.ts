import assert from 'node:assert/strict'
import type { LoomError } from '../../src/errors.ts'
import { newTwin } from '../../src/twin/document.ts'
import { checkLimits } from '../../src/twin/limits.ts'
import { type TwinProfile, twinProfiles } from '../../src/twin/profiles.ts'
import { applyUpdate } from '../../src/twin/update.ts'
import { codeOf, start as now } from '../pki/make.ts'
import { nested } from './model.ts'

const { plain, azure, aws } = twinProfiles
const doc = (desired: object, reported: object = {}) => ({ desired: { ...desired }, reported: { ...reported } })
/** A section of so many bytes as JSON. */
const filled = (bytes: number, key = 'k') => ({ [key]: 'x'.repeat(bytes - `{"${key}":""}`.length) })

const refusal = (profile: TwinProfile, reported: object): LoomError => {
  try {
    checkLimits(doc({}, reported), profile)
  } catch (error) {
    return error as LoomError
  }
  throw new assert.AssertionError({ message: `${JSON.stringify(reported).slice(0, 60)} passed as ${profile.name}` })
}

describe('limits of a twin', () => {
  it('name the path of what they refuse', () => {
    const list = [1, { ok: { $no: 1 } }]
    for (const [reported, position] of [
      [{ a: { list } }, 'reported.a.list[1].ok'],
      [{ a: { b: Number.NaN } }, 'reported.a.b'],
      [{ a: ['\ud800'] }, 'reported.a[0]'],
      [{ a: nested(10) }, `reported.a${'.x'.repeat(10)}`],
    ] as const) {
      if (position.endsWith('x.x')) checkLimits(doc({}, reported), plain)
      else assert.equal(refusal(plain, reported).position, position)
    }
    assert.equal(refusal(plain, { a: nested(11) }).position, `reported.a${'.x'.repeat(10)}`)
    assert.equal(refusal(plain, filled(32_769)).position, 'reported')
  })

  it('quote little of a path', () => {
    const { message, position } = refusal(plain, { ['k'.repeat(1000)]: { ['ä'.repeat(500)]: { $: 1 } } })
    assert.ok(message.length < 400 && String(position).length <= 200, message)
  })

  it('ten levels below a section for Azure and plain devices, eight for AWS', () => {
    // Azure's own example has objects `one` to `ten`, the last of them with a member
    for (const [profile, levels] of [
      [plain, 10],
      [azure, 10],
      [aws, 8],
    ] as const) {
      checkLimits(doc({}, nested(levels + 1)), profile)
      assert.equal(refusal(profile, nested(levels + 2)).code, 'TWIN_LIMIT')
    }
  })

  it('8 KB of desired and reported together for AWS', () => {
    checkLimits(doc(filled(4096), filled(4096)), aws)
    assert.throws(() => checkLimits(doc(filled(4096), filled(4097)), aws), codeOf('TWIN_LIMIT'))
    checkLimits(doc(filled(32_768), filled(32_768)), { ...aws, documentBytes: 65_536 })
  })

  it("Azure's sum of keys and values: 8 for a number, 4 for a boolean, control characters free", () => {
    const texts = Object.fromEntries(Array.from({ length: 8 }, (_, i) => [String(i), 'ä'.repeat(2000)]))
    const rest = 32_768 - 8 * 4001
    checkLimits(doc({}, { ...texts, k: 'x'.repeat(rest - 1) }), azure)
    assert.equal(refusal(azure, { ...texts, k: 'x'.repeat(rest) }).code, 'TWIN_LIMIT')
    checkLimits(doc({}, { ...texts, k: `${'x'.repeat(rest - 1)}\u0007\n` }), azure)
    checkLimits(doc({}, { ...texts, n: 1, b: [true, false], k: 'x'.repeat(rest - 20) }), azure)
    assert.equal(refusal(azure, { ...texts, n: 1, b: [true, false], k: 'x'.repeat(rest - 18) }).code, 'TWIN_LIMIT')
  })

  it("Azure's keys, texts and integers", () => {
    const most = 4_503_599_627_370_495
    checkLimits(doc({}, { 'a-b_ä': 'x'.repeat(4096), n: most, m: -most - 1, f: 1.5, list: [null, 'x', { a: [] }] }), azure)
    for (const bad of [{ 'a.b': 1 }, { 'a b': 1 }, { a$: 1 }, { a: 'x'.repeat(4097) }, { a: 'ä'.repeat(2049) }])
      assert.equal(refusal(azure, { x: bad }).code, 'TWIN_INVALID')
    for (const bad of [most + 1, -most - 2, 1e300]) assert.equal(refusal(azure, { x: [bad] }).code, 'TWIN_INVALID')
    checkLimits(doc({}, { 'a.b c$': 'x'.repeat(5000), n: most + 1 }), plain)
  })

  it('AWS has no null in an array', () => {
    assert.equal(refusal(aws, { colors: [null, 'red'] }).position, 'reported.colors[0]')
    checkLimits(doc({}, { colors: [null, 'red'] }), plain)
  })

  it('count on the merged document, of the sections that changed', () => {
    const twin = newTwin({ deviceId: 'pump', desired: filled(32_768), now })
    assert.throws(() => applyUpdate(twin, { desired: { more: 1 } }, { now }), codeOf('TWIN_LIMIT'))
    applyUpdate(twin, { reported: filled(32_768) }, { now })
    applyUpdate(twin, { desired: { k: null, more: 1 } }, { now })
  })

  it('a large desired section does not lock a device out: what does not enlarge the document passes', () => {
    const twin = newTwin({ deviceId: 'pump', desired: filled(20_000), now })
    assert.throws(() => applyUpdate(twin, { reported: { on: true } }, { now, profile: aws }), codeOf('TWIN_LIMIT'))
    const { doc: full } = applyUpdate(twin, { reported: { on: true, level: 10 } }, { now })
    const { doc: same } = applyUpdate(full, { reported: { on: null, ok: true } }, { now, profile: aws })
    const { doc: less } = applyUpdate(same, { reported: { level: null } }, { now, profile: aws })
    assert.equal(applyUpdate(less, { desired: null }, { now, profile: aws }).doc.version, 5)
  })

  it('a section that one dialect counts as too large can be changed and made smaller by it', () => {
    const many = Object.fromEntries(Array.from({ length: 4000 }, (_, i) => [`k${i + 1000}`, 'x']))
    const { doc: large } = applyUpdate(newTwin({ deviceId: 'pump', now }), { reported: many }, { now, profile: azure })
    assert.throws(() => applyUpdate(large, { reported: { more: 1 } }, { now }), codeOf('TWIN_LIMIT'))
    applyUpdate(large, { reported: { k1000: 'y' } }, { now })
    applyUpdate(large, { reported: { k1000: null } }, { now })
  })

  it('a patch of shared parts is no larger than its bytes', () => {
    let shared: unknown = [1]
    for (let level = 0; level < 8; level++) shared = Array(60).fill(shared)
    const twin = newTwin({ deviceId: 'pump', now })
    assert.throws(() => applyUpdate(twin, { reported: { shared } }, { now }), codeOf('TWIN_LIMIT'))
  })

  it('what a hole in an array or an object of a class holds is no JSON', () => {
    // biome-ignore lint/suspicious/noSparseArray: that is what it is about
    for (const bad of [[1, , 2], new Date(0), new (class Reading {})()])
      assert.equal(refusal(plain, { a: bad }).code, 'TWIN_INVALID')
  })
})
