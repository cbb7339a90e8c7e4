import assert from 'node:assert/strict'
import { checkedSection, newTwin, twinProfiles } from '../../src/twin/twin.ts'
import { codeOf, start as now } from '../pki/make.ts'

const nested = (levels: number): Record<string, unknown> => (levels === 1 ? { x: 1 } : { x: nested(levels - 1) })

describe('a new twin', () => {
  it('is there for Azure and plain devices, and not yet for AWS', () => {
    assert.deepEqual(newTwin({ deviceId: 'pump', now }), {
      deviceId: 'pump',
      name: '',
      desired: {},
      reported: {},
      tags: {},
      meta: { desired: { t: now, v: 1, of: {} }, reported: { t: now, v: 1, of: {} } },
      version: 0,
      desiredVersion: 1,
      reportedVersion: 1,
      etag: '1',
      exists: false,
    })
  })

  it('initial desired properties are its first change', () => {
    const desired = { on: true, limits: { high: 80, list: [1, { a: null }] }, gone: null }
    const twin = newTwin({ deviceId: 'pump', name: 'config', desired, now })
    assert.deepEqual(twin.desired, { on: true, limits: { high: 80, list: [1, { a: null }] } })
    assert.deepEqual([twin.version, twin.desiredVersion, twin.reportedVersion, twin.exists], [1, 2, 1, true])
    const at = { t: now, v: 2 }
    assert.deepEqual(twin.meta.desired, { ...at, of: { on: at, limits: { ...at, of: { high: at, list: at } } } })
    assert.deepEqual(desired, { on: true, limits: { high: 80, list: [1, { a: null }] }, gone: null })
  })

  it('shares nothing with what it was made of', () => {
    const desired = { a: { b: [1] } }
    const twin = newTwin({ deviceId: 'pump', desired, now })
    desired.a.b.push(2)
    assert.deepEqual(twin.desired, { a: { b: [1] } })
  })

  it('refuses keys that no dialect could carry', () => {
    for (const key of ['', '$version', 'a\n', '\u0000', '\u0085', 'x'.repeat(1025), 'ä'.repeat(513), '__proto__'])
      assert.throws(
        () => newTwin({ deviceId: 'pump', desired: { ok: { [key]: 1, ...JSON.parse(`{${JSON.stringify(key)}: 1}`) } }, now }),
        codeOf('TWIN_INVALID'),
        key,
      )
    assert.equal(({} as Record<string, unknown>).ok, undefined)
    newTwin({ deviceId: 'pump', desired: { ['ä'.repeat(512)]: 1, 'a.b c$': 1, constructor: 1 }, now })
  })

  it('refuses what is no JSON', () => {
    for (const value of [
      undefined,
      Number.NaN,
      Number.POSITIVE_INFINITY,
      1n,
      () => 1,
      Symbol('x'),
      new Date(0),
      new Map(),
      Buffer.alloc(1),
    ])
      for (const desired of [{ a: value }, { a: [value] }])
        assert.throws(() => newTwin({ deviceId: 'pump', desired, now }), codeOf('TWIN_INVALID'), String(value))
    for (const desired of [[], 'text', 7, null]) assert.throws(() => checkedSection(desired, 'desired'), codeOf('TWIN_INVALID'))
  })

  it('has ten levels below a section at most', () => {
    newTwin({ deviceId: 'pump', desired: nested(11), now })
    assert.throws(() => newTwin({ deviceId: 'pump', desired: nested(12), now }), codeOf('TWIN_LIMIT'))
    newTwin({ deviceId: 'pump', desired: { list: [nested(9)] }, now })
    assert.throws(() => newTwin({ deviceId: 'pump', desired: { list: [nested(10)] }, now }), codeOf('TWIN_LIMIT'))
    const endless: Record<string, unknown> = {}
    endless.self = endless
    assert.throws(() => newTwin({ deviceId: 'pump', desired: endless, now }), codeOf('TWIN_LIMIT'))
  })

  it('has 32 KB of desired properties and 8 KB of tags, to the byte', () => {
    const filled = (bytes: number) => ({ k: 'x'.repeat(bytes - '{"k":""}'.length) })
    newTwin({
      deviceId: 'pump',
      desired: filled(twinProfiles.plain.sectionBytes),
      tags: filled(twinProfiles.plain.tagsBytes),
      now,
    })
    assert.throws(
      () => newTwin({ deviceId: 'pump', desired: filled(twinProfiles.plain.sectionBytes + 1), now }),
      codeOf('TWIN_LIMIT'),
    )
    assert.throws(() => newTwin({ deviceId: 'pump', tags: filled(twinProfiles.plain.tagsBytes + 1), now }), codeOf('TWIN_LIMIT'))
  })

  it('shared parts cannot make a small input large', () => {
    let shared: unknown = [1]
    for (let level = 0; level < 8; level++) shared = Array(60).fill(shared)
    assert.throws(() => newTwin({ deviceId: 'pump', desired: { shared }, now }), codeOf('TWIN_LIMIT'))
  })
})
