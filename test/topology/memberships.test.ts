import assert from 'node:assert/strict'
import type { FleetDoc } from '../../src/topology/fleet-doc.ts'
import { changedKeys } from '../../src/topology/fleet-keys.ts'
import type { FleetCondition } from '../../src/topology/fleet-query/ast.ts'
import { Memberships } from '../../src/topology/memberships.ts'
import { seeded } from '../seeded.ts'
import { holds, randomCondition, randomDoc } from './fleet-query/random-query.ts'

const devices = 12
const groups = 40

describe('memberships', () => {
  it('are what a naive filter finds after each change of a device or a query, and each transition is told once', () => {
    let told = 0
    for (let seed = 0; seed < 40; seed++) {
      const random = seeded(seed)
      const memberships = new Memberships()
      const queries = new Map<string, FleetCondition>()
      const docs = new Map<string, FleetDoc>()
      const members = new Set<string>()
      const heard = (found: ReturnType<Memberships['changed']>): void => {
        for (const { group, device, event } of found) {
          told++
          const pair = `${group} ${device}`
          assert.equal(members.has(pair), event === 'leave', `${event} ${pair}, seed ${seed}`)
          if (event === 'join') members.add(pair)
          else members.delete(pair)
        }
      }
      const define = (id: string): void => {
        // Mostly one with something that has to be equal
        const condition: FleetCondition =
          random.below(3) === 0
            ? randomCondition(random)
            : { op: 'and', of: [randomCondition(random, 4), randomCondition(random, 4), randomCondition(random, 2)] }
        queries.set(id, condition)
        memberships.define(id, condition)
        for (const doc of docs.values()) heard(memberships.look(id, doc))
      }
      for (let i = 0; i < groups; i++) define(`g${i}`)
      for (let step = 0; step < 200; step++) {
        const id = `d${random.below(devices)}`
        const before = docs.get(id)
        const kind = random.below(12)
        if (kind === 0) define(`g${random.below(groups)}`)
        else if (kind === 1) {
          docs.delete(id)
          if (before) heard(memberships.changed(id, undefined, 'all'))
        } else {
          const fresh = randomDoc(random, id)
          // Mostly a part of it only
          const doc = before && random.below(4) ? { ...before, [random.pick(['tags', 'twin', 'attributes'])]: undefined } : fresh
          for (const name of ['tags', 'twin', 'attributes'] as const) doc[name] ??= fresh[name] as never
          docs.set(id, doc)
          heard(memberships.changed(id, doc, before ? changedKeys(before, doc, undefined) : 'all'))
        }
        for (const [group, condition] of queries) {
          let count = 0
          for (const [device, doc] of docs) {
            const is = holds(condition, doc)
            assert.equal(memberships.isMember(group, device), is, `${group} ${device}, seed ${seed} step ${step}`)
            if (is) count++
          }
          assert.equal(memberships.countOf(group), count)
        }
      }
      assert.equal(
        members.size,
        [...queries.keys()].reduce((sum, group) => sum + memberships.countOf(group), 0),
      )
    }
    assert.ok(told > 10_000, `${told}`)
  })
})
