import assert from 'node:assert/strict'
import { deleteDocument } from '../../src/twin/delete.ts'
import { desiredPatchBetween, withDesired } from '../../src/twin/desired-change.ts'
import { newTwin } from '../../src/twin/document.ts'
import { applyTags } from '../../src/twin/tags.ts'
import { applyUpdate } from '../../src/twin/update.ts'
import { codeOf, start as now } from '../pki/make.ts'
import { frozen } from './model.ts'

const twin = () =>
  frozen(newTwin({ deviceId: 'pump', desired: { on: true, limits: { low: 1, high: 9 } }, tags: { site: 'a' }, now }))

describe('an update', () => {
  it('of reported raises the version of the document and of reported, and tells what it touched', () => {
    const later = now + 5000
    const { doc, accepted, delta, documents, changed } = applyUpdate(
      twin(),
      { reported: { on: true, gone: null } },
      { now: later },
    )
    assert.deepEqual(doc.reported, { on: true })
    assert.deepEqual([doc.version, doc.desiredVersion, doc.reportedVersion, doc.etag], [2, 2, 2, '2'])
    const at = { t: later, v: 2 }
    assert.deepEqual(doc.meta.reported, { ...at, of: { on: at } })
    assert.deepEqual(accepted, {
      state: { reported: { on: true, gone: null } },
      meta: { reported: { ...at, of: { on: at, gone: at } } },
    })
    const wanted = { t: now, v: 2 }
    assert.deepEqual(delta, {
      state: { limits: { low: 1, high: 9 } },
      meta: { ...wanted, of: { limits: { ...wanted, of: { low: wanted, high: wanted } } } },
    })
    assert.deepEqual(documents, { previous: twin(), current: doc })
    assert.deepEqual(changed, { desired: false, reported: true })
  })

  it('of both sections raises each of their versions and that of the document once', () => {
    const { doc } = applyUpdate(twin(), { desired: { on: false }, reported: { on: false } }, { now })
    assert.deepEqual([doc.version, doc.desiredVersion, doc.reportedVersion], [2, 3, 2])
  })

  it('stamps what it names even where the value stays, and nothing else', () => {
    const later = now + 1
    const { doc, changed } = applyUpdate(twin(), { desired: { limits: { high: 9 } } }, { now: later })
    const [old, fresh] = [
      { t: now, v: 2 },
      { t: later, v: 3 },
    ]
    assert.deepEqual(doc.meta.desired, { ...fresh, of: { on: old, limits: { ...fresh, of: { low: old, high: fresh } } } })
    assert.deepEqual([changed.desired, doc.desiredVersion, doc.version], [false, 3, 2])
  })

  it('an equal array or object from elsewhere is no change', () => {
    const before = newTwin({ deviceId: 'pump', desired: { list: [1, { a: [null] }], at: { b: [] } }, now })
    const { doc, changed } = applyUpdate(before, { desired: { at: { b: [] }, list: [1, { a: [null] }] } }, { now })
    assert.deepEqual(changed, { desired: false, reported: false })
    assert.equal(doc.desired, before.desired)
  })

  it('the stamps of the delta are those of its members, each with its own', () => {
    const { doc } = applyUpdate(twin(), { desired: { limits: { high: 10 } }, reported: { on: true } }, { now: now + 1 })
    const { delta } = applyUpdate(doc, { reported: { limits: { low: 1 } } }, { now: now + 2 })
    const fresh = { t: now + 1, v: 3 }
    assert.deepEqual(delta, {
      state: { limits: { high: 10 } },
      meta: { ...fresh, of: { limits: { ...fresh, of: { high: fresh } } } },
    })
  })

  it('a null section is emptied, its versions grow', () => {
    const { doc, accepted, delta } = applyUpdate(twin(), { desired: null }, { now: now + 1 })
    assert.deepEqual([doc.desired, doc.desiredVersion, doc.version], [{}, 3, 2])
    assert.deepEqual(doc.meta.desired, { t: now + 1, v: 3, of: {} })
    assert.deepEqual(accepted, { state: { desired: null }, meta: {} })
    assert.equal(delta, undefined)
  })

  it('arrays are replaced whole and keep their nulls', () => {
    const { doc } = applyUpdate(
      newTwin({ deviceId: 'pump', desired: { list: [1, 2, 3] }, now }),
      { desired: { list: [null] } },
      { now },
    )
    assert.deepEqual(doc.desired, { list: [null] })
  })

  it('where nothing is yet makes a document; it has no previous one', () => {
    const { doc, documents } = applyUpdate(undefined, { desired: { on: true } }, { now, version: 0 })
    assert.deepEqual([doc.version, doc.exists, documents.previous], [1, true, undefined])
    assert.ok(!('previous' in documents))
    assert.ok(!('previous' in applyUpdate(newTwin({ deviceId: 'pump', now }), {}, { now }).documents))
  })

  it('of nothing is one of the document', () => {
    const { doc } = applyUpdate(newTwin({ deviceId: 'pump', now }), {}, { now })
    assert.deepEqual([doc.version, doc.desiredVersion, doc.reportedVersion, doc.exists], [1, 1, 1, true])
  })

  it('is refused unless each version that is named is the current one', () => {
    for (const stale of [
      { version: 0 },
      { version: 2 },
      { version: 1, desiredVersion: 1 },
      { reportedVersion: 2 },
      { etag: '"1"' },
      { version: '1' as any },
    ])
      assert.throws(() => applyUpdate(twin(), { reported: { on: true } }, { now, ...stale }), codeOf('TWIN_VERSION_CONFLICT'))
    const current = { version: 1, desiredVersion: 2, reportedVersion: 1, etag: '1' }
    assert.equal(applyUpdate(twin(), { reported: { on: true } }, { now, ...current }).doc.version, 2)
  })

  it('refuses keys and values as its dialect does before it looks at versions', () => {
    assert.throws(() => applyUpdate(twin(), { reported: { $a: 1 } }, { now, version: 9 }), codeOf('TWIN_INVALID'))
    assert.throws(() => applyUpdate(twin(), { reported: [] as any }, { now }), codeOf('TWIN_INVALID'))
    assert.throws(() => applyUpdate(twin(), { reported: { a: undefined } }, { now }), codeOf('TWIN_INVALID'))
  })

  it('is not changed by what its patch becomes later', () => {
    const patch = { reported: { list: [{ a: 1 }] } }
    const { doc, accepted } = applyUpdate(twin(), patch, { now })
    patch.reported.list[0]!.a = 2
    assert.deepEqual([doc.reported, accepted.state.reported], [{ list: [{ a: 1 }] }, { list: [{ a: 1 }] }])
  })

  it('no prototype can be reached by it', () => {
    const hostile = JSON.parse('{"constructor": {"prototype": {"polluted": 1}}, "toString": {"a": null}}')
    const { doc, delta } = applyUpdate(twin(), { desired: hostile, reported: { hasOwnProperty: 1 } }, { now })
    assert.equal(({} as any).polluted, undefined)
    assert.deepEqual(doc.desired.constructor, { prototype: { polluted: 1 } })
    assert.deepEqual(delta?.state.toString, {})
    const again = applyUpdate(doc, { desired: { constructor: null } as any }, { now }).doc
    assert.ok(!Object.hasOwn(again.desired, 'constructor'))
    for (const patch of ['{"__proto__": {"polluted": 1}}', '{"a": {"__proto__": null}}', '{"a": [{"__proto__": 1}]}'])
      assert.throws(() => applyUpdate(twin(), { reported: JSON.parse(patch) }, { now }), codeOf('TWIN_INVALID'))
    assert.equal(({} as any).polluted, undefined)
  })
})

describe('a deleted document', () => {
  it('is empty, is seen by AWS no more, and keeps its version and tags', () => {
    const deleted = deleteDocument(twin(), { now: now + 1, version: 1 })
    assert.deepEqual([deleted.desired, deleted.reported, deleted.tags, deleted.exists], [{}, {}, { site: 'a' }, false])
    assert.deepEqual([deleted.version, deleted.desiredVersion, deleted.reportedVersion, deleted.etag], [1, 3, 2, '2'])
    assert.throws(() => deleteDocument(deleted, { now }), codeOf('TWIN_NOT_FOUND'))
    assert.deepEqual(desiredPatchBetween(twin(), deleted), { version: 3, full: false, desired: { on: null, limits: null } })
  })

  it('is deleted in its current version only', () =>
    assert.throws(() => deleteDocument(twin(), { now, version: 2 }), codeOf('TWIN_VERSION_CONFLICT')))

  it('goes on with the version after the deleted one', () => {
    const deleted = deleteDocument(twin(), { now })
    const { doc, documents } = applyUpdate(deleted, { reported: { on: true } }, { now, version: deleted.version })
    assert.deepEqual([doc.version, doc.reportedVersion, doc.exists], [2, 3, true])
    assert.equal(documents.previous, undefined)
  })
})

describe('desired properties as a whole', () => {
  it('are the same twin if none differs, and stamp only those that do', () => {
    const before = twin()
    assert.equal(withDesired(before, { limits: { high: 9, low: 1 }, on: true, gone: null }, now + 1), before)
    const after = withDesired(before, { limits: { high: 10, low: 1 } }, now + 1)
    assert.deepEqual(after.desired, { limits: { low: 1, high: 10 } })
    const [old, fresh] = [
      { t: now, v: 2 },
      { t: now + 1, v: 3 },
    ]
    assert.deepEqual(after.meta.desired, { ...fresh, of: { limits: { ...fresh, of: { low: old, high: fresh } } } })
    assert.deepEqual([after.version, after.desiredVersion, after.etag], [2, 3, '2'])
  })

  it('are sent as a patch to who knows those before, else in full', () => {
    const before = twin()
    const after = withDesired(before, { on: true, limits: { low: 2 } }, now)
    assert.deepEqual(desiredPatchBetween(before, after), { version: 3, full: false, desired: { limits: { low: 2, high: null } } })
    assert.deepEqual(desiredPatchBetween(undefined, after), { version: 3, full: true, desired: { on: true, limits: { low: 2 } } })
  })
})

describe('tags', () => {
  it('change nothing but the etag', () => {
    const after = applyTags(twin(), { line: { no: 7 }, site: null }, { etag: '1' })
    assert.deepEqual(after, { ...twin(), tags: { line: { no: 7 } }, etag: '2' })
    assert.deepEqual(applyTags(after, null).tags, {})
  })

  it('are limited and guarded like the sections', () => {
    assert.throws(() => applyTags(twin(), { line: 1 }, { etag: '2' }), codeOf('TWIN_VERSION_CONFLICT'))
    assert.throws(() => applyTags(twin(), { big: 'x'.repeat(8192) }), codeOf('TWIN_LIMIT'))
    assert.throws(() => applyTags(twin(), { $line: 1 }), codeOf('TWIN_INVALID'))
  })
})
