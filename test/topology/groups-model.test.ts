import assert from 'node:assert/strict'
import type { LoomError } from '../../src/errors.ts'
import { openMemoryStateStore } from '../../src/stores/memory/state-store.ts'
import { openGroups } from '../../src/topology/groups.ts'
import { seeded } from '../seeded.ts'

/** Groups as plainly as they can be kept: everything is computed anew from two maps. */
class NaiveGroups {
  parents = new Map<string, string | undefined>()
  members = new Map<string, Set<string>>()

  above(id: string): string[] {
    const parent = this.parents.get(id)
    return parent === undefined ? [] : [parent, ...this.above(parent)]
  }
  below(id: string): string[] {
    return [...this.parents.keys()].filter(one => this.above(one).includes(id))
  }
  fault(id: string, parent: string | undefined): string | undefined {
    if (parent === undefined) return undefined
    if (!this.parents.has(parent)) return 'GROUP_NOT_FOUND'
    if (parent === id || this.above(parent).includes(id)) return 'ENTITY_CYCLE'
    const height = Math.max(1, ...this.below(id).map(one => this.above(one).indexOf(id) + 2))
    return this.above(parent).length + 1 + height > 7 ? 'GROUP_LIMIT' : undefined
  }
  create(id: string, parent: string | undefined): string | undefined {
    if (this.parents.has(id)) return 'GROUP_EXISTS'
    const fault = this.fault(id, parent)
    if (fault) return fault
    this.parents.set(id, parent)
    this.members.set(id, new Set())
    return undefined
  }
  move(id: string, parent: string | undefined): string | undefined {
    if (!this.parents.has(id)) return 'GROUP_NOT_FOUND'
    const fault = this.parents.get(id) === parent ? undefined : this.fault(id, parent)
    if (!fault) this.parents.set(id, parent)
    return fault
  }
  delete(id: string, force: boolean): string | undefined {
    if (!this.parents.has(id)) return 'GROUP_NOT_FOUND'
    const all = [id, ...this.below(id)]
    if (!force && (all.length > 1 || this.members.get(id)!.size)) return 'GROUP_NOT_EMPTY'
    for (const one of all) {
      this.parents.delete(one)
      this.members.delete(one)
    }
    return undefined
  }
  direct(device: string): string[] {
    return [...this.members].filter(([, devices]) => devices.has(device)).map(([id]) => id)
  }
  add(group: string, devices: string[]): string | undefined {
    if (!this.members.has(group)) return 'GROUP_NOT_FOUND'
    for (const device of devices)
      if (!this.members.get(group)!.has(device) && this.direct(device).length >= 10) return 'GROUP_LIMIT'
    for (const device of devices) this.members.get(group)!.add(device)
    return undefined
  }
  remove(group: string, devices: string[]): string | undefined {
    for (const device of devices) this.members.get(group)?.delete(device)
    return this.members.has(group) ? undefined : 'GROUP_NOT_FOUND'
  }
}

describe('static groups, against a naive model', () => {
  it('do the same, whatever is done to them', async () => {
    const { below, pick, next } = seeded(31)
    const now = () => 0
    const store = await openMemoryStateStore({ now })
    // few entries, so that groups are also read again; and sometimes opened anew
    const open = () => openGroups({ store, now, cacheEntries: 4 })
    let groups = await open()
    const model = new NaiveGroups()
    const ids = Array.from({ length: 24 }, (_, i) => `g${i}`)
    const devices = Array.from({ length: 9 }, (_, i) => `d${i}`)
    const some = () => [...new Set(Array.from({ length: 1 + below(4) }, () => pick(devices)))]
    const outcome = async (work: Promise<unknown>): Promise<string | undefined> =>
      work.then(
        () => undefined,
        (error: LoomError) => error.code,
      )
    const outcomes = new Map<string, number>()
    for (let round = 0; round < 4000; round++) {
      const id = pick(ids)
      const parent = next() < 0.85 ? pick(ids) : undefined
      const roll = next()
      const list = some()
      const force = next() < 0.3
      const [action, expected, real]: [string, string | undefined, Promise<unknown>] =
        roll < 0.35
          ? ['create', model.create(id, parent), groups.create({ id, ...(parent && { parent }) })]
          : roll < 0.55
            ? ['move', model.move(id, parent), groups.update(id, { parent: parent ?? null })]
            : roll < 0.65
              ? ['delete', model.delete(id, force), groups.delete(id, { force })]
              : roll < 0.9
                ? ['add', model.add(id, list), groups.addDevices({ group: id, devices: list })]
                : ['remove', model.remove(id, list), groups.removeDevices({ group: id, devices: list })]
      const found = await outcome(real)
      assert.equal(found, expected, `${round} ${action} ${id} ${parent} ${list}`)
      outcomes.set(`${action} ${found ?? 'done'}`, (outcomes.get(`${action} ${found ?? 'done'}`) ?? 0) + 1)

      const device = pick(devices)
      const direct = model.direct(device).toSorted()
      const all = new Set(direct.flatMap(one => [one, ...model.above(one)]))
      const answer = await groups.groupsOf(device)
      assert.deepEqual({ direct: answer.direct, all: answer.all.toSorted() }, { direct, all: [...all].toSorted() })
      if (round % 10 === 0 && model.parents.has(id)) {
        const members = new Set([id, ...model.below(id)].flatMap(one => [...model.members.get(one)!]))
        const page = await groups.members({ group: id, deep: true, limit: 1000 })
        assert.deepEqual(page.items.toSorted(), [...members].toSorted())
      }
      if (round % 500 === 499) groups = await open()
    }
    for (const seen of [
      'create done',
      'create GROUP_LIMIT',
      'move done',
      'move ENTITY_CYCLE',
      'move GROUP_LIMIT',
      'delete done',
      'delete GROUP_NOT_EMPTY',
      'add done',
      'add GROUP_LIMIT',
      'remove done',
    ])
      assert.ok((outcomes.get(seen) ?? 0) > 0, `${seen}: ${JSON.stringify([...outcomes])}`)
  })
})
