import assert from 'node:assert/strict'
import type { StateStore, Write } from '../../src/storage/state-store.ts'
import { openMemoryStateStore } from '../../src/stores/memory/state-store.ts'
import { DynamicGroups } from '../../src/topology/dynamic-groups.ts'
import type { FleetDoc } from '../../src/topology/fleet-doc.ts'
import { FleetIndex } from '../../src/topology/fleet-index.ts'
import { compileQuery } from '../../src/topology/fleet-query/compile.ts'
import { parseQuery } from '../../src/topology/fleet-query/parse-query.ts'
import { seeded } from '../seeded.ts'
import { fleetDoc } from './fleet-query/fleet.ts'

const noon = Date.UTC(2026, 4, 1, 12)

/** A house over one store; `events` are what the store says was told, in order. */
async function houseOf(o: { store?: StateStore; maxBytes?: number; devices?: FleetDoc[] } = {}) {
  const store = o.store ?? (await openMemoryStateStore({ now: () => noon }))
  await store.declare('told', {})
  const failures: unknown[] = []
  let breaking = 0
  let count = 0
  const breakable: StateStore = {
    ...store,
    declare: (coll, options) => store.declare(coll, options),
    query: (coll, query) => store.query(coll, query),
    tx: async (writes, options) => {
      if (breaking > 0 && breaking--) throw new Error('disk')
      return store.tx(writes, options)
    },
  }
  const index: FleetIndex = new FleetIndex({
    maxBytes: o.maxBytes ?? 1e9,
    declared: [],
    turn: async () => {},
    changed: (id, doc, keys) => groups.changed(id, doc, keys),
    reduced: () => groups.reduced(),
  })
  const groups = await DynamicGroups.open({
    store: breakable,
    index,
    now: () => noon,
    told: ({ device, event, group, cause }): Write => ({
      op: 'put',
      coll: 'told',
      id: `${Date.now()}-${String(++count).padStart(9, '0')}`,
      doc: { text: `${device} ${event} ${group} ${cause}` },
      version: 'new',
    }),
    written: () => {},
    failed: error => failures.push(error),
    isStatic: async id => id === 'static',
  })
  for (const doc of o.devices ?? []) index.set(doc)
  await groups.start()
  return {
    store,
    index,
    groups,
    failures,
    breakNext: (times: number) => void (breaking = times),
    async events(): Promise<string[]> {
      await groups.flush()
      const { items } = await store.query<{ text: string }>('told', { limit: 1000 })
      await store.tx(items.map(({ id }): Write => ({ op: 'delete', coll: 'told', id })))
      return items.map(({ doc }) => doc.text)
    },
  }
}
const aws = (text: string) => ({ dialect: 'aws' as const, text })
const hot = aws('shadow.reported.t>30')
const device = (id: string, t: number, more: Partial<FleetDoc> = {}) =>
  fleetDoc({ id, ...more, twin: { desired: {}, reported: { t }, hasDelta: false } })

describe('dynamic groups', () => {
  it('are their query: devices join and leave as they change, with what changed', async () => {
    const { groups, index, events } = await houseOf({ devices: [device('a', 20), device('b', 40)] })
    const view = await groups.create({ id: 'hot', query: hot, description: 'too hot' })
    assert.deepEqual(view, {
      id: 'hot',
      dialect: 'aws',
      text: hot.text,
      description: 'too hot',
      createdAt: noon,
      updatedAt: noon,
      members: 1,
      etag: '1',
    })
    index.set(device('a', 31))
    index.set(device('a', 32))
    index.set(device('b', 30))
    index.set(device('c', 99))
    index.delete('a')
    assert.deepEqual(await events(), [
      'b join hot query',
      'a join hot twin',
      'b leave hot twin',
      'c join hot created',
      'a leave hot deleted',
    ])
    await groups.update('hot', { query: aws('shadow.reported.t<50'), etag: '1' })
    assert.deepEqual(await events(), ['b join hot query', 'c leave hot query'])
    await groups.delete('hot')
    assert.deepEqual(await events(), ['b leave hot query'])
    assert.equal(groups.get('hot'), undefined)
  })

  it('may ask for members of others, and follow them in one step', async () => {
    const { groups, index, events } = await houseOf({ devices: [device('a', 40, { tags: { vip: true } }), device('b', 40)] })
    await groups.create({
      id: 'worry',
      query: {
        ast: {
          op: 'and',
          of: [
            { op: 'memberOf', group: 'hot' },
            { op: 'memberOf', group: 'vip' },
          ],
        },
      },
    })
    await groups.create({ id: 'calm', query: aws('NOT thingGroupNames:worry') })
    await groups.create({ id: 'vip', query: aws('tags.vip:true') })
    await events()
    await groups.create({ id: 'hot', query: hot })
    assert.deepEqual((await events()).sort(), [
      'a join hot query',
      'a join worry query',
      'a leave calm query',
      'b join hot query',
    ])
    index.set(device('a', 20, { tags: { vip: true } }))
    assert.deepEqual(await events(), ['a leave hot twin', 'a leave worry twin', 'a join calm twin'])
    index.set(device('a', 50, { tags: { vip: true } }))
    await events()
    await groups.delete('hot')
    assert.deepEqual((await events()).sort(), [
      'a join calm query',
      'a leave hot query',
      'a leave worry query',
      'b leave hot query',
    ])
  })

  it('never ask for themselves, directly or by way of others', async () => {
    const { groups } = await houseOf()
    await assert.rejects(groups.create({ id: 'a', query: aws('thingGroupNames:a') }), { code: 'ENTITY_CYCLE' })
    await groups.create({ id: 'a', query: aws('thingGroupNames:b') })
    await groups.create({ id: 'b', query: aws('thingGroupNames:c') })
    await assert.rejects(groups.create({ id: 'c', query: aws('NOT (thingName:x OR thingGroupNames:a)') }), {
      code: 'ENTITY_CYCLE',
    })
    await assert.rejects(groups.update('b', { query: aws('thingGroupNames:a') }), { code: 'ENTITY_CYCLE' })
  })

  it('refuse what cannot be', async () => {
    const { groups } = await houseOf()
    await groups.create({ id: 'hot', query: hot })
    await assert.rejects(groups.create({ id: 'hot', query: hot }), { code: 'GROUP_EXISTS' })
    await assert.rejects(groups.create({ id: 'static', query: hot }), { code: 'GROUP_EXISTS' })
    await assert.rejects(groups.create({ id: 'a b', query: hot }), { code: 'GROUP_INVALID' })
    await assert.rejects(groups.create({ id: 'x', query: aws('(') }), { code: 'QUERY_SYNTAX' })
    await assert.rejects(groups.update('none', {}), { code: 'GROUP_NOT_FOUND' })
    await assert.rejects(groups.delete('none'), { code: 'GROUP_NOT_FOUND' })
    await assert.rejects(groups.update('hot', { etag: '7' }), { code: 'GROUP_CONFLICT' })
    await assert.rejects(groups.delete('hot', { etag: '7' }), { code: 'GROUP_CONFLICT' })
    for (let i = 1; i < 500; i++) await groups.create({ id: `g${i}`, query: hot })
    await assert.rejects(groups.create({ id: 'more', query: hot }), { code: 'GROUP_LIMIT' })
  })

  it('tell after a start what happened since, and nothing else', async () => {
    const { store, groups, events } = await houseOf({ devices: [device('a', 40), device('b', 40), device('c', 20)] })
    await groups.create({ id: 'hot', query: hot })
    await groups.create({ id: 'old', query: aws('thingName:a') })
    await events()
    const again = await houseOf({ store, devices: [device('a', 40), device('c', 50)] })
    assert.deepEqual((await again.events()).sort(), ['b leave hot deleted', 'c join hot start'])
    assert.equal(again.groups.get('hot')!.members, 2)
    const third = await houseOf({ store, devices: [device('a', 40), device('c', 50)] })
    assert.deepEqual(await third.events(), [])
  })

  it('lose no event when the disk fails for a while', async () => {
    const { groups, index, events, breakNext, failures } = await houseOf({ devices: [device('a', 20)] })
    await groups.create({ id: 'hot', query: hot })
    breakNext(2)
    index.set(device('a', 40))
    index.set(device('a', 20))
    await groups.flush().catch(() => {})
    index.set(device('a', 50))
    await groups.flush().catch(() => {})
    assert.ok(failures.length >= 1)
    assert.deepEqual(await events(), ['a join hot twin', 'a leave hot twin', 'a join hot twin'])
  })

  it('keep their members once what they read is not kept, and tell of devices that are gone', async () => {
    const { groups, index, events } = await houseOf({ maxBytes: 3000, devices: [device('a', 40), device('b', 20)] })
    await groups.create({ id: 'hot', query: hot })
    await events()
    const big = fleetDoc({ id: 'big', twin: { desired: {}, reported: { text: 'x'.repeat(3000), t: 99 }, hasDelta: false } })
    index.set(big)
    index.set(device('b', 99))
    index.set(device('c', 99))
    index.delete('a')
    assert.deepEqual(await events(), ['big join hot created', 'a leave hot deleted'])
    assert.equal(groups.get('hot')!.suspended, true)
    await assert.rejects(groups.create({ id: 'more', query: hot }), { code: 'QUERY_LIMIT' })
  })

  it('have after random changes the members that their queries find', async () => {
    const random = seeded(77)
    const { groups, index, events } = await houseOf()
    const queries = [
      'shadow.reported.t>30',
      'tags.site:a',
      'NOT tags.site:*',
      'connectivity.connected:true shadow.reported.t<50',
      'thingName:d1*',
    ]
    for (const [i, text] of queries.entries()) await groups.create({ id: `q${i}`, query: aws(text) })
    await groups.create({ id: 'both', query: aws('thingGroupNames:q0 AND NOT thingGroupNames:q1') })
    for (let i = 0; i < 1500; i++) {
      const id = `d${random.below(30)}`
      if (random.below(10) === 0) index.delete(id)
      else {
        const tags = random.below(2) ? { site: random.pick(['a', 'b']) } : {}
        index.set(device(id, random.below(60), { tags, connectivity: { connected: random.below(2) === 1 } }))
      }
    }
    const found = new Map<string, Set<string>>()
    for (const [id, event, group] of (await allOf(events)).map(text => text.split(' ')) as [string, string, string][]) {
      const members = found.get(group) ?? new Set()
      found.set(group, members)
      // Each event says something new
      assert.equal(members.has(id), event === 'leave')
      if (event === 'join') members.add(id)
      else members.delete(id)
    }
    for (const id of ['q0', 'q1', 'q2', 'q3', 'q4', 'both']) {
      const holds = compileQuery(parseQuery(aws(groups.get(id)!.text!)).where, groups.memberships)
      const wanted: string[] = []
      await index.scan(doc => void (holds(doc) && wanted.push(doc.id)))
      assert.deepEqual([...found.get(id)!].sort(), wanted, id)
    }
  })
})

async function allOf(events: () => Promise<string[]>): Promise<string[]> {
  const all: string[] = []
  while (true) {
    const some = await events()
    if (!some.length) return all
    all.push(...some)
  }
}
