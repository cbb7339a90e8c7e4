import assert from 'node:assert/strict'
import { deleteDocument } from '../../src/twin/delete.ts'
import { newTwin } from '../../src/twin/document.ts'
import { mergeSection } from '../../src/twin/merge.ts'
import { resetDocument } from '../../src/twin/reset.ts'
import { applyUpdate } from '../../src/twin/update.ts'
import { updateBetween } from '../../src/twin/update-between.ts'
import { codeOf } from '../pki/make.ts'

const twin = (desired = {}, reported = {}) => {
  const made = newTwin({ deviceId: 'd', desired, now: 1000 })
  return Object.keys(reported).length ? applyUpdate(made, { reported }, { now: 2000 }).doc : made
}
const versions = ({ version, desiredVersion, reportedVersion, etag }: ReturnType<typeof twin>) => [
  version,
  desiredVersion,
  reportedVersion,
  Number(etag),
]

describe('a twin of a device that begins anew', () => {
  it('has the new desired properties alone, and versions that go on', () => {
    const before = twin({ a: 1, b: { c: 1 } }, { a: 1, fw: '1' })
    const after = resetDocument(before, { desired: { b: { d: 2 } }, now: 3000 })
    assert.deepEqual([after.desired, after.reported, after.exists], [{ b: { d: 2 } }, {}, true])
    assert.deepEqual(
      [versions(before), versions(after)],
      [
        [2, 2, 2, 2],
        [3, 3, 3, 3],
      ],
    )
    assert.deepEqual(after.meta.desired.of!.b, { t: 3000, v: 3, of: { d: { t: 3000, v: 3 } } })
    assert.deepEqual(before.reported, { a: 1, fw: '1' })
  })

  it('is as a deleted one without desired properties: AWS goes on from its version', () => {
    const before = twin({ a: 1 }, { a: 1 })
    assert.deepEqual(resetDocument(before, { desired: {}, now: 3000 }), deleteDocument(before, { now: 3000 }))
  })

  it('is itself if there is nothing to change', () => {
    for (const before of [twin(), twin({ a: 1 })])
      assert.equal(resetDocument(before, { desired: { ...before.desired }, now: 3000 }), before)
    assert.throws(() => resetDocument(twin(), { desired: { $a: 1 }, now: 1 }), codeOf('TWIN_INVALID'))
  })

  it('tells what it changed as patches that lead there', () => {
    const before = twin({ a: 1, b: { c: 1 } }, { a: 1 })
    const after = resetDocument(before, { desired: { b: { d: 2 } }, now: 3000 })
    const { accepted, changed, delta, documents } = updateBetween(before, after)!
    assert.deepEqual(accepted.state, { desired: { a: null, b: { c: null, d: 2 } }, reported: { a: null } })
    assert.deepEqual(mergeSection(before.desired, accepted.state.desired!), after.desired)
    assert.deepEqual([changed, delta!.state], [{ desired: true, reported: true }, { b: { d: 2 } }])
    assert.deepEqual([documents.previous, documents.current], [before, after])
    assert.equal(updateBetween(after, after), undefined)
    assert.equal('previous' in updateBetween(undefined, twin({ a: 1 }))!.documents, false)
  })
})
