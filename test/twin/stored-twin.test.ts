import assert from 'node:assert/strict'
import { newTwin } from '../../src/twin/document.ts'
import { twinProfiles } from '../../src/twin/profiles.ts'
import { packTwin, unpackTwin } from '../../src/twin/stored-twin.ts'
import { applyUpdate } from '../../src/twin/update.ts'
import { start as now } from '../pki/make.ts'
import { frozen, jsonOf } from './model.ts'

const documentBytes = 262_144
/** A section of 31,705 bytes: as many members as fit. */
const many = Object.fromEntries(Array.from({ length: 4000 }, (_, i) => [(i + 1000).toString(36), 1]))

describe('a stored twin', () => {
  it('says a version once for all that have it, and a time once for each version', () => {
    const twin = newTwin({ deviceId: 'pump', desired: { on: true, limits: { low: 1, high: 9 }, list: [{ a: 1 }] }, now })
    const { doc } = applyUpdate(twin, { desired: { limits: { low: 2 } } }, { now: now + 1 })
    assert.deepEqual(packTwin(frozen(twin)).meta, {
      desired: { versions: 2, times: { 2: now } },
      reported: { versions: 1, times: { 1: now } },
    })
    assert.deepEqual(packTwin(doc).meta.desired, {
      versions: { '': 3, on: 2, limits: { '': 3, high: 2 }, list: 2 },
      times: { 2: now, 3: now + 1 },
    })
    assert.deepEqual(unpackTwin(frozen(jsonOf(packTwin(doc)))), doc)
  })

  it('may have its stamps in full', () => {
    const twin = newTwin({ deviceId: 'pump', desired: { on: true }, now })
    assert.deepEqual(unpackTwin(jsonOf(twin)), twin)
  })

  it('knows members by the names of what every object has', () => {
    const twin = newTwin({ deviceId: 'pump', desired: { constructor: 1, toString: { valueOf: [] } }, now })
    const { doc } = applyUpdate(twin, { desired: { toString: { hasOwnProperty: 1 } } as any }, { now: now + 1 })
    assert.deepEqual(unpackTwin(jsonOf(packTwin(doc))), doc)
  })

  it('of the largest sections fits into a document of the store, after a change of half of its members too', () => {
    const full = applyUpdate(newTwin({ deviceId: 'pump', desired: many, now }), { reported: many }, { now }).doc
    assert.ok(Buffer.byteLength(JSON.stringify(full.desired)) > twinProfiles.plain.sectionBytes * 0.95)
    assert.ok(Buffer.byteLength(JSON.stringify(full)) > documentBytes, 'or stamps in full would do')
    const half = Object.fromEntries(Object.keys(many).flatMap((key, at) => (at % 2 ? [[key, 2]] : [])))
    const { doc } = applyUpdate(full, { desired: half, reported: half }, { now: now + 1 })
    const bytes = Buffer.byteLength(JSON.stringify(packTwin(doc)))
    assert.ok(bytes < documentBytes / 2, String(bytes))
  })
})
