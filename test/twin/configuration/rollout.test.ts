import assert from 'node:assert/strict'
import { leavesOf } from '../../../src/twin/configuration/paths.ts'
import { type NextStep, Rollout } from '../../../src/twin/configuration/rollout.ts'
import { isSection, type TwinSection } from '../../../src/twin/json.ts'
import { mergeSection, patchBetween } from '../../../src/twin/merge.ts'
import { seeded } from '../../seeded.ts'
import { countNaive, type Flat, type NaiveConfiguration, type NaiveDevice, setFlat, settleNaive, treeOf } from './naive.ts'

const pointers = ['/a', '/a/b', '/a/b/c', '/a/d', '/e', '/e/f', '/g', '/h/i']
const values = [1, 2, 'x', true, [1, { k: 2 }]]
const groups = ['north', 'south', 'old']

const withoutEmpty = (section: TwinSection): TwinSection =>
  Object.fromEntries(
    Object.entries(section).flatMap(([name, value]): [string, unknown][] => {
      if (!isSection(value)) return [[name, value]]
      const inner = withoutEmpty(value)
      return Object.keys(inner).length ? [[name, inner]] : []
    }),
  )

/** A rollout with twins as plain objects, and the same by the naive model. */
function world(seed: number) {
  const random = seeded(seed)
  const devices = new Map<string, NaiveDevice>()
  const configurations = new Map<string, NaiveConfiguration & { version: number }>()
  const twins = new Map<string, { desired: TwinSection; reported: TwinSection }>()
  const told = new Map<string, string>()
  let rollout = new Rollout<NaiveDevice>()
  let clock = 1

  const someValues = (): Flat => {
    const flat: Flat = new Map()
    for (let left = 1 + random.below(3); left; left--) setFlat(flat, random.pick(pointers), random.pick(values))
    return flat
  }
  const put = (one: NaiveConfiguration & { version: number }): void => {
    configurations.set(one.id, one)
    rollout.put({ ...one, leaves: leavesOf(treeOf(one.values)), matches: ({ groups: of }) => of.has(one.group) })
  }
  const hear = (device: string, { events }: NextStep): void => {
    for (const { configuration, event } of events) {
      const key = `${configuration}|${device}`
      const was = told.get(key)
      if (event === 'left') assert.ok(was, `${key} left without being there`)
      if (event === 'diverged') assert.equal(was, 'converged')
      if (event === 'left') told.delete(key)
      else told.set(key, event === 'diverged' ? 'applied' : event)
    }
  }
  const settle = (id: string): void => {
    for (let tries = 0; ; tries++) {
      assert.ok(tries < 4, `${id} does not come to rest`)
      const device = devices.get(id)
      const twin = twins.get(id)
      const next = rollout.look(id, device && twin && { subject: device, ...twin })
      if (!next?.due) return
      if (!device || !twin) {
        rollout.forget(id)
        return
      }
      if (next.plan.changed && device.refuses) {
        rollout.refused(id, twin.desired, { code: 'TWIN_LIMIT', message: '' })
        continue
      }
      if (next.plan.patch) twin.desired = mergeSection(twin.desired, next.plan.patch)
      assert.deepEqual(twin.desired, next.plan.desired, 'the patch makes what was planned')
      hear(id, next)
      rollout.written(id, JSON.parse(JSON.stringify(next.record)))
    }
  }
  const settleAll = (): void => {
    for (const id of new Set([...devices.keys(), ...rollout.devices])) {
      settle(id)
      const device = devices.get(id)
      if (device) settleNaive(id, device, configurations.values())
    }
  }
  const check = (): void => {
    for (const { id } of configurations.values()) {
      const { failed, pending, overruled, ...others } = rollout.tally.metrics(id)
      assert.deepEqual({ failed, pending, overruled, ...others }, countNaive(id, devices, [...configurations.values()]))
      assert.deepEqual(
        [...told].filter(([key, was]) => key.startsWith(`${id}|`) && was === 'converged').length,
        others.converged,
        'who listens knows who converged',
      )
    }
    for (const [id, { desired }] of devices) assert.deepEqual(withoutEmpty(twins.get(id)!.desired), treeOf(desired), id)
  }
  const byHand = (id: string, edit: (flat: Flat) => void, section: 'desired' | 'reported' = 'desired'): void => {
    const device = devices.get(id)!
    edit(device[section])
    const twin = twins.get(id)!
    const after = mergeSection(twin[section], patchBetween(withoutEmpty(twin[section]), treeOf(device[section])))
    twin[section] = after
  }
  const edits: (() => string[] | 'all')[] = [
    () => {
      const id = `d${devices.size + random.below(3)}`
      if (devices.has(id)) return []
      const of = groups.filter(() => random.next() < 0.5)
      devices.set(id, { groups: new Set(of), desired: new Map(), reported: new Map(), refuses: false, ours: new Map() })
      twins.set(id, { desired: {}, reported: {} })
      return [id]
    },
    () => {
      const id = random.pick([...devices.keys(), 'none'])
      if (random.next() < 0.7 || !devices.delete(id)) return []
      twins.delete(id)
      for (const key of [...told.keys()]) if (key.endsWith(`|${id}`)) told.delete(key)
      return [id]
    },
    () => {
      if (!devices.size) return []
      const id = random.pick([...devices.keys()])
      const { groups: of } = devices.get(id)!
      const group = random.pick(groups)
      if (!of.delete(group)) of.add(group)
      return [id]
    },
    () => {
      if (!devices.size) return []
      const id = random.pick([...devices.keys()])
      const device = devices.get(id)!
      if (random.next() < 0.1) device.refuses = !device.refuses
      byHand(id, flat => setFlat(flat, '/hand', ++clock))
      byHand(id, flat => {
        const pointer = random.pick(pointers)
        if (random.next() < 0.5) flat.delete(pointer)
        else setFlat(flat, pointer, random.pick(values))
      })
      return [id]
    },
    () => {
      if (!devices.size) return []
      const id = random.pick([...devices.keys()])
      const { desired } = devices.get(id)!
      byHand(
        id,
        flat => {
          if (random.next() < 0.7) {
            flat.clear()
            for (const [pointer, value] of desired) flat.set(pointer, value)
          } else setFlat(flat, random.pick(pointers), random.pick(values))
        },
        'reported',
      )
      return [id]
    },
    () => {
      const id = `c${random.below(5)}`
      const before = configurations.get(id)
      const canary = random.pick([undefined, 30, 60])
      put({
        id,
        priority: random.below(3),
        createdAt: before?.createdAt ?? Math.floor(++clock / 3),
        ...(canary && { canary }),
        group: random.pick(groups),
        values: someValues(),
        version: (before?.version ?? 0) + 1,
      })
      return 'all'
    },
    () => {
      const id = `c${random.below(10)}`
      if (!configurations.delete(id)) return []
      rollout.remove(id)
      return 'all'
    },
    () => {
      // A start of the hub: what is kept is all there is
      const kept = [...rollout.devices].map(id => [id, rollout.recordOf(id)] as const)
      rollout = new Rollout()
      for (const one of configurations.values()) put(one)
      for (const [id, record] of kept) rollout.restore(id, JSON.parse(JSON.stringify(record)))
      return 'all'
    },
  ]
  return {
    random,
    check,
    step(): void {
      const which = random.next() < 0.02 ? edits.length - 1 : random.below(edits.length - 1)
      const due = edits[which]!()
      if (due === 'all') settleAll()
      else
        for (const id of due) {
          settle(id)
          const device = devices.get(id)
          if (device) settleNaive(id, device, configurations.values())
        }
    },
  }
}

describe('fleet configurations over random devices', () => {
  it('leave twins and counts as a naive model does, after each of many changes', () => {
    for (let seed = 1; seed <= 20; seed++) {
      const { step, check } = world(seed)
      for (let i = 0; i < 250; i++) {
        step()
        try {
          check()
        } catch (error) {
          throw new Error(`seed ${seed}, change ${i}: ${(error as Error).message}`, { cause: error })
        }
      }
    }
  })
})
