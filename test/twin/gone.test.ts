import assert from 'node:assert/strict'
import { deleteDocument } from '../../src/twin/delete.ts'
import { newTwin, type Twin } from '../../src/twin/document.ts'
import { covering, goneBytes, sectionOfGone } from '../../src/twin/gone.ts'
import type { TwinSection } from '../../src/twin/json.ts'
import { resetDocument } from '../../src/twin/reset.ts'
import { packTwin, unpackTwin } from '../../src/twin/stored-twin.ts'
import { applyUpdate } from '../../src/twin/update.ts'
import { start as now } from '../pki/make.ts'
import { seeded } from '../seeded.ts'
import { frozen, jsonOf, modelMerge, randomSection } from './model.ts'

const twin = (desired: TwinSection = {}): Twin => frozen(newTwin({ deviceId: 'pump', desired, now }))
const changed = (doc: Twin, ...patches: (TwinSection | null)[]): Twin =>
  patches.reduce<Twin>((is, desired) => frozen(applyUpdate(is, { desired }, { now }).doc), doc)
const push = ({ desired, gone = [] }: Twin): TwinSection => covering(sectionOfGone(gone), desired)

describe('what is desired no more', () => {
  it('is kept until it is desired again', () => {
    const doc = changed(twin({ a: 1, b: { c: 1, d: [1] }, e: {} }), { a: null, b: { d: null }, e: null })
    assert.deepEqual(doc.gone, [['a'], ['b', 'd'], ['e']])
    assert.deepEqual(push(doc), { a: null, b: { c: 1, d: null }, e: null })
    assert.deepEqual(changed(doc, { a: 2, e: { f: 1 } }).gone, [['b', 'd']])
    assert.equal('gone' in changed(doc, { a: 2, b: { d: 1 }, e: {} }), false)
    assert.equal('gone' in changed(twin({ a: 1 }), { b: 1 }, { a: 2 }), false)
  })

  it('is each member of an object that went, so that another in its place can say which of them are gone', () => {
    const doc = changed(twin({ a: { b: 1, c: { d: 1 } } }), { a: null })
    assert.deepEqual(push(doc), { a: null })
    assert.deepEqual(push(changed(doc, { a: { e: 1 } })), { a: { e: 1, b: null, c: null } })
    assert.deepEqual(push(changed(doc, { a: 5 })), { a: 5 })
    assert.deepEqual(push(changed(doc, { a: 5 }, { a: { c: {} } })), { a: { b: null, c: { d: null } } })
  })

  it('outlives deletion, a new beginning and the store', () => {
    const doc = twin({ a: 1, b: { c: 1 } })
    assert.deepEqual(push(deleteDocument(doc, { now })), { a: null, b: null })
    assert.deepEqual(push(changed(doc, null)), { a: null, b: null })
    const reset = resetDocument(doc, { desired: { b: { d: 1 } }, now })
    assert.deepEqual(push(reset), { a: null, b: { c: null, d: 1 } })
    assert.deepEqual(unpackTwin(jsonOf(packTwin(reset))), reset)
  })

  it('reports do not touch it', () => {
    const doc = changed(twin({ a: 1 }), { a: null })
    const { gone } = applyUpdate(doc, { reported: { a: 1 } }, { now }).doc
    assert.equal(gone, doc.gone)
  })

  it('makes a device equal that saw any earlier state, and only merges', () => {
    for (let seed = 0; seed < 60; seed++) {
      const random = seeded(seed)
      let doc = twin()
      const seen: TwinSection[] = [{}]
      for (let step = 0; step < 40; step++) {
        const kind = random.below(20)
        if (kind === 0 && doc.exists) doc = frozen(deleteDocument(doc, { now }))
        else if (kind === 1)
          doc = frozen(resetDocument(doc, { desired: modelMerge({}, jsonOf(randomSection(random))) as TwinSection, now }))
        else doc = changed(doc, kind === 2 ? null : randomSection(random, { nulls: true }))
        seen.push(doc.desired)
        assert.ok(JSON.stringify(doc.gone ?? []).length < goneBytes, 'or what follows would not hold')
        for (const state of seen) assert.deepEqual(modelMerge(state, push(doc)), doc.desired)
      }
    }
  })

  it('is bounded: what went first is forgotten first', () => {
    let doc = twin()
    for (let n = 0; n < 3000; n++) doc = changed(doc, { [`job-${n}`]: n }, { [`job-${n}`]: null })
    const bytes = Buffer.byteLength(JSON.stringify(doc.gone))
    assert.ok(bytes <= goneBytes && bytes > goneBytes - 20, String(bytes))
    assert.deepEqual(doc.gone!.at(-1), ['job-2999'])
    const names = doc.gone!.map(([name]) => Number(name!.slice(4)))
    assert.deepEqual(
      names,
      Array.from(names, (_, at) => 3000 - names.length + at),
    )
  })
})
