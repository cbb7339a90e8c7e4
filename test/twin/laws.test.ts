import assert from 'node:assert/strict'
import { checkedPatch } from '../../src/twin/check.ts'
import { desiredPatchBetween } from '../../src/twin/desired-change.ts'
import { diff } from '../../src/twin/diff.ts'
import { newTwin } from '../../src/twin/document.ts'
import { sameJson } from '../../src/twin/json.ts'
import { mergeSection, patchBetween } from '../../src/twin/merge.ts'
import { packTwin, unpackTwin } from '../../src/twin/stored-twin.ts'
import { applyUpdate } from '../../src/twin/update.ts'
import { start } from '../pki/make.ts'
import { seeded } from '../seeded.ts'
import { flatStamps, frozen, isObject, jsonOf, modelMerge, modelStamps, randomSection, randomShaped } from './model.ts'

const rounds = 500
type Json = Record<string, unknown>

/** A section and a patch, checked as they would be. */
function pairs(seed: number, run: (section: Json, patch: Json, random: ReturnType<typeof seeded>) => void): void {
  const random = seeded(seed)
  for (let round = 0; round < rounds; round++) {
    const section = frozen(jsonOf(randomSection(random)))
    const patch = frozen(checkedPatch(randomSection(random, { nulls: true }), 'desired'))
    run(modelMerge({}, section) as Json, patch, random)
  }
}

/** Members of desired that reported lacks or has otherwise, by paths. */
function naiveDiff(desired: Json, reported: Json): Json {
  const found: Json = {}
  for (const [key, value] of Object.entries(desired)) {
    const other = Object.hasOwn(reported, key) ? reported[key] : undefined
    if (isObject(value) && isObject(other)) {
      const inner = naiveDiff(value, other)
      if (JSON.stringify(inner) !== '{}') found[key] = inner
    } else if (JSON.stringify(sorted(value)) !== JSON.stringify(sorted(other))) found[key] = value
  }
  return found
}

const sorted = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(sorted)
  if (!isObject(value)) return value
  const members = Object.keys(value).toSorted()
  return { members: members.map(key => [key, sorted(value[key])]) }
}

describe('merging', () => {
  it('is what RFC 7396 says, on frozen input', () =>
    pairs(1, (section, patch) => {
      assert.deepEqual(mergeSection(frozen(section), patch), modelMerge(section, patch))
    }))

  it('a second time changes nothing', () =>
    pairs(2, (section, patch) => {
      const once = frozen(mergeSection(section, patch))
      assert.equal(mergeSection(once, patch), once)
    }))

  it('keeps the parts that the patch does not touch', () =>
    pairs(3, (section, patch) => {
      const after = mergeSection(section, patch)
      for (const [key, value] of Object.entries(section))
        if (!Object.hasOwn(patch, key)) assert.equal(after[key], value, 'the same object')
    }))

  it('is associative where no member changes its kind or is removed', () => {
    const random = seeded(4)
    for (let round = 0; round < rounds; round++) {
      const [a, b, c] = [jsonOf(randomShaped(random)), jsonOf(randomShaped(random)), jsonOf(randomShaped(random))]
      assert.deepEqual(mergeSection(mergeSection(a, b), c), mergeSection(a, mergeSection(b, c)))
    }
  })

  it('patches of different members commute', () =>
    pairs(5, (section, patch, random) => {
      const entries = Object.entries(patch)
      const cut = random.below(entries.length + 1)
      const [one, two] = [Object.fromEntries(entries.slice(0, cut)), Object.fromEntries(entries.slice(cut))]
      assert.deepEqual(mergeSection(mergeSection(section, one), two), mergeSection(mergeSection(section, two), one))
    }))

  it('the patch between two sections makes one of the other, and is empty only between equals', () =>
    pairs(6, (before, _patch, random) => {
      const after = modelMerge({}, jsonOf(randomSection(random))) as Json
      const patch = frozen(patchBetween(frozen(before), frozen(after)))
      assert.deepEqual(modelMerge(before, patch), after)
      assert.equal(Object.keys(patch).length === 0, sameJson(before, after))
    }))
})

describe('the difference', () => {
  it('is what a naive comparison finds', () =>
    pairs(7, (desired, patch) => {
      const reported = mergeSection(desired, patch)
      assert.deepEqual(diff(frozen(desired), frozen(reported)) ?? {}, naiveDiff(desired, reported))
    }))

  it('merged into reported leaves none', () =>
    pairs(8, (desired, _patch, random) => {
      const reported = modelMerge({}, jsonOf(randomSection(random))) as Json
      const delta = diff(desired, reported)
      if (delta) assert.equal(diff(desired, mergeSection(reported, delta)), undefined)
      else assert.deepEqual(mergeSection(reported, desired), reported)
    }))

  it('there is none between a section and itself', () =>
    pairs(9, section => {
      assert.equal(diff(section, structuredClone(section)), undefined)
      assert.ok(sameJson(section, jsonOf(section)))
    }))
})

describe('a long life of a twin', () => {
  it('has at each step the values, stamps and versions of the model; nothing given or got is changed', () => {
    for (let seed = 100; seed < 106; seed++) {
      const random = seeded(seed)
      let doc = frozen(newTwin({ deviceId: 'pump', now: start }))
      const model = { desired: {} as Json, reported: {} as Json, dv: 1, rv: 1, version: 0 }
      let stamps = { desired: flatStamps(doc.meta.desired), reported: flatStamps(doc.meta.reported) }
      // A device that merges the pushes it gets, and loses some, after which it gets all
      let device: { version: number; desired: Json } | undefined
      for (let step = 1; step <= 60; step++) {
        const now = start + step * 1000
        const patch: { desired?: Json | null; reported?: Json | null } = {}
        for (const section of ['desired', 'reported'] as const)
          if (random.below(3) > 0) patch[section] = random.below(20) === 0 ? null : randomSection(random, { nulls: true })
        const update = frozen(applyUpdate(doc, frozen(patch), { now, version: model.version }))
        model.version++
        stamps = { ...stamps }
        for (const section of ['desired', 'reported'] as const) {
          const part = patch[section]
          if (part === undefined) continue
          const v = section === 'desired' ? ++model.dv : ++model.rv
          const after = part === null ? {} : (modelMerge(model[section], jsonOf(part)) as Json)
          stamps[section] = modelStamps(stamps[section], { patch: part ?? {}, after, t: now, v })
          model[section] = after
        }
        const before = doc
        doc = update.doc
        assert.deepEqual(doc.desired, model.desired)
        assert.deepEqual(doc.reported, model.reported)
        assert.deepEqual([doc.version, doc.desiredVersion, doc.reportedVersion], [model.version, model.dv, model.rv])
        for (const section of ['desired', 'reported'] as const)
          assert.deepEqual([...flatStamps(doc.meta[section])].sort(), [...stamps[section]].sort())
        assert.equal(update.changed.desired, !sameJson(before.desired, doc.desired))
        assert.equal(update.changed.reported, !sameJson(before.reported, doc.reported))
        assert.deepEqual(update.delta?.state ?? {}, naiveDiff(model.desired, model.reported))
        assert.deepEqual(unpackTwin(jsonOf(packTwin(doc))), doc)
        assert.deepEqual(unpackTwin(jsonOf(doc)), doc)

        const lost = random.below(4) === 0
        const push = desiredPatchBetween(device ? before : undefined, doc)
        if (lost) device = undefined
        else {
          device = { version: push.version, desired: push.full ? push.desired : mergeSection(device!.desired, push.desired) }
          assert.deepEqual(device, { version: doc.desiredVersion, desired: doc.desired })
        }
      }
    }
  })

  it('converges when the device reports each delta', () =>
    pairs(10, (section, patch) => {
      let doc = newTwin({ deviceId: 'pump', desired: section, now: start })
      doc = applyUpdate(doc, { reported: { a: { b: 1 }, other: 1 } }, { now: start }).doc
      doc = applyUpdate(doc, { desired: patch }, { now: start }).doc
      const delta = diff(doc.desired, doc.reported)
      if (!delta) return
      const { delta: rest } = applyUpdate(doc, { reported: delta }, { now: start })
      assert.equal(rest, undefined)
    }))
})
