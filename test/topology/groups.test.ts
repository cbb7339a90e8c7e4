import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { StateStore, Write } from '../../src/storage/state-store.ts'
import { openMemoryStateStore } from '../../src/stores/memory/state-store.ts'
import { openSqliteStateStore } from '../../src/stores/sqlite/state-store.ts'
import type { GroupChange } from '../../src/topology/group.ts'
import { type Groups, openGroups } from '../../src/topology/groups.ts'
import { codeOf } from '../pki/make.ts'

const noon = Date.UTC(2026, 4, 1, 12)
const extra = (id: string): Write => ({ op: 'put', coll: 'extra', id, doc: { id }, version: 'new' })

async function houseOf(o: { store?: StateStore; isDevice?: (id: string) => Promise<boolean> } = {}) {
  const store = o.store ?? (await openMemoryStateStore({ now: () => noon }))
  await store.declare('extra', {})
  const told: GroupChange[] = []
  const groups = await openGroups({ ...o, store, now: () => noon, changed: change => told.push(change) })
  return { store, groups, told }
}

/** `a > b > c ...`, the first at the top. */
async function chain(groups: Groups, ...ids: string[]): Promise<void> {
  for (const [at, id] of ids.entries()) await groups.create({ id, ...(at > 0 && { parent: ids[at - 1]! }) })
}

const numbers = (count: number, prefix = 'd') => Array.from({ length: count }, (_, i) => `${prefix}${String(i).padStart(4, '0')}`)

describe('static groups', () => {
  it('a group has an id, perhaps a parent and a description, and an etag', async () => {
    const { groups } = await houseOf()
    const top = await groups.create({ id: 'Plant:1', description: 'north' })
    assert.deepEqual(top, { id: 'Plant:1', description: 'north', createdAt: noon, updatedAt: noon, etag: '1' })
    const hall = await groups.create({ id: 'hall', parent: 'Plant:1' })
    assert.equal(hall.parent, 'Plant:1')
    const changed = await groups.update('hall', { description: 'big', etag: '1' })
    assert.deepEqual(changed, { ...hall, description: 'big', etag: '2' })
    assert.deepEqual(await groups.get('hall'), changed)
    assert.equal(await groups.get('none'), undefined)
  })

  it('refuses wrong ids, doubles, unknown parents and stale etags', async () => {
    const { groups } = await houseOf()
    for (const id of ['', '-a', 'a b', 'a.b', 'a/b', 'a|b', 'x'.repeat(129), 7 as never])
      await assert.rejects(groups.create({ id }), codeOf('GROUP_INVALID'))
    await groups.create({ id: 'a' })
    await assert.rejects(groups.create({ id: 'a' }), codeOf('GROUP_EXISTS'))
    await assert.rejects(groups.create({ id: 'b', parent: 'none' }), codeOf('GROUP_NOT_FOUND'))
    await assert.rejects(groups.update('none', {}), codeOf('GROUP_NOT_FOUND'))
    await assert.rejects(groups.update('a', { parent: 'none' }), codeOf('GROUP_NOT_FOUND'))
    await assert.rejects(groups.update('a', { etag: '7' }), codeOf('GROUP_CONFLICT'))
    await assert.rejects(groups.delete('a', { etag: '7' }), codeOf('GROUP_CONFLICT'))
    await assert.rejects(groups.delete('none'), codeOf('GROUP_NOT_FOUND'))
    await assert.rejects(groups.addDevices({ group: 'none', devices: ['d'] }), codeOf('GROUP_NOT_FOUND'))
    await assert.rejects(groups.removeDevices({ group: 'none', devices: ['d'] }), codeOf('GROUP_NOT_FOUND'))
    await assert.rejects(groups.members({ group: 'none' }), codeOf('GROUP_NOT_FOUND'))
  })

  it('nests seven deep, by creation and by moving', async () => {
    const { groups } = await houseOf()
    await chain(groups, '1', '2', '3', '4', '5', '6', '7')
    await assert.rejects(groups.create({ id: '8', parent: '7' }), codeOf('GROUP_LIMIT'))
    await chain(groups, 'a', 'b')
    await assert.rejects(groups.update('a', { parent: '6' }), codeOf('GROUP_LIMIT'))
    await groups.update('a', { parent: '5' })
    await groups.addDevices({ group: 'b', devices: ['d'] })
    assert.deepEqual((await groups.groupsOf('d')).all, ['b', 'a', '5', '4', '3', '2', '1'])
  })

  it('refuses cycles', async () => {
    const { groups } = await houseOf()
    await chain(groups, 'a', 'b', 'c')
    for (const parent of ['a', 'b', 'c']) await assert.rejects(groups.update('a', { parent }), codeOf('ENTITY_CYCLE'))
    await groups.update('b', { parent: null })
    await groups.update('a', { parent: 'c' })
    assert.deepEqual(
      (await groups.page({ parent: null })).items.map(({ id }) => id),
      ['b'],
    )
    assert.deepEqual(
      (await groups.page({ parent: 'c' })).items.map(({ id }) => id),
      ['a'],
    )
    assert.deepEqual(
      (await groups.page()).items.map(({ id }) => id),
      ['a', 'b', 'c'],
    )
  })

  it('two moves at once do not make a cycle', async () => {
    const { groups } = await houseOf()
    await chain(groups, 'a')
    await chain(groups, 'b')
    const results = await Promise.allSettled([groups.update('a', { parent: 'b' }), groups.update('b', { parent: 'a' })])
    assert.deepEqual(
      results.map(({ status }) => status),
      ['fulfilled', 'rejected'],
    )
  })

  it('devices come and go in bulk; who is in already stays', async () => {
    const { groups, told } = await houseOf()
    await groups.create({ id: 'a' })
    assert.deepEqual(await groups.addDevices({ group: 'a', devices: ['d2', 'd1', 'd1'] }), { added: 2 })
    assert.deepEqual(await groups.addDevices({ group: 'a', devices: ['d1', 'd3'] }), { added: 1 })
    assert.deepEqual(await groups.addDevices({ group: 'a', devices: ['d1'] }), { added: 0 })
    assert.deepEqual(await groups.members({ group: 'a' }), { items: ['d1', 'd2', 'd3'] })
    assert.deepEqual(await groups.removeDevices({ group: 'a', devices: ['d1', 'none'] }), { removed: 1 })
    assert.deepEqual(await groups.removeDevices({ group: 'a', devices: [] }), { removed: 0 })
    assert.deepEqual(told, [
      { kind: 'joined', group: 'a', devices: ['d2', 'd1'] },
      { kind: 'joined', group: 'a', devices: ['d3'] },
      { kind: 'left', group: 'a', devices: ['d1'] },
    ])
    await assert.rejects(groups.addDevices({ group: 'a', devices: numbers(1001) }), codeOf('REQUEST_INVALID'))
    await assert.rejects(groups.addDevices({ group: 'a', devices: 'd1' as never }), codeOf('REQUEST_INVALID'))
    await assert.rejects(groups.addDevices({ group: 'a', devices: ['a b'] }), codeOf('IDENTITY_INVALID'))
  })

  it('of a list with an unknown device nobody joins', async () => {
    const { groups } = await houseOf({ isDevice: async id => id !== 'ghost' })
    await groups.create({ id: 'a' })
    await assert.rejects(groups.addDevices({ group: 'a', devices: ['d1', 'ghost'] }), {
      code: 'IDENTITY_NOT_FOUND',
      message: /ghost/,
    })
    assert.deepEqual((await groups.members({ group: 'a' })).items, [])
  })

  it('a device is in ten groups at most', async () => {
    const { groups } = await houseOf()
    for (const id of numbers(11, 'g')) await groups.create({ id })
    for (const group of numbers(10, 'g')) await groups.addDevices({ group, devices: ['d'] })
    await assert.rejects(groups.addDevices({ group: 'g0010', devices: ['x', 'd'] }), codeOf('GROUP_LIMIT'))
    assert.equal((await groups.groupsOf('d')).direct.length, 10)
    await assert.rejects(groups.planJoin({ device: 'new', groups: numbers(11, 'g') }), codeOf('GROUP_LIMIT'))
  })

  it('members of a tree come once each, in pages', async () => {
    const { groups } = await houseOf()
    await chain(groups, 'm', 'a', 'z')
    const devices = numbers(300)
    await groups.addDevices({ group: 'm', devices: devices.slice(0, 150) })
    await groups.addDevices({ group: 'a', devices: devices.slice(100, 250) })
    await groups.addDevices({ group: 'z', devices: devices.slice(50, 300) })
    for (const limit of [1, 7, 150, 1000]) {
      const seen: string[] = []
      let cursor: string | undefined
      do {
        const page = await groups.members({ group: 'm', deep: true, limit, ...(cursor !== undefined && { cursor }) })
        assert.ok(page.items.length <= limit)
        seen.push(...page.items)
        cursor = page.next
      } while (cursor !== undefined)
      assert.equal(seen.length, 300)
      assert.deepEqual(seen.toSorted(), devices)
    }
    assert.equal((await groups.members({ group: 'm', limit: 1000 })).items.length, 150)
    await assert.rejects(groups.members({ group: 'm', limit: 0 }), codeOf('STORE_QUERY_INVALID'))
    await assert.rejects(groups.members({ group: 'm', cursor: 'x' }), codeOf('STORE_QUERY_INVALID'))
  })

  it('only an empty group is deleted, a full one by force with all below it', async () => {
    const { groups, told } = await houseOf()
    await chain(groups, 'a', 'b', 'c')
    await groups.addDevices({ group: 'c', devices: numbers(600) })
    await groups.addDevices({ group: 'a', devices: ['d0000'] })
    for (const id of ['a', 'b', 'c']) await assert.rejects(groups.delete(id), codeOf('GROUP_NOT_EMPTY'))
    told.length = 0
    await groups.delete('b', { force: true })
    assert.deepEqual(
      told.map(change => (change.kind === 'left' ? [change.group, change.devices.length] : [])),
      [
        ['c', 500],
        ['c', 100],
      ],
    )
    assert.equal(await groups.get('c'), undefined)
    assert.deepEqual(await groups.groupsOf('d0000'), { direct: ['a'], all: ['a'] })
    await groups.removeDevices({ group: 'a', devices: ['d0000'] })
    await groups.delete('a')
    await chain(groups, 'a', 'b', 'c')
    assert.deepEqual((await groups.members({ group: 'a', deep: true })).items, [])
  })

  it('what is attached to a group goes with it, in one transaction', async () => {
    const store = await openMemoryStateStore({ now: () => noon })
    await store.declare('extra', {})
    const ended: [string, boolean][] = []
    const groups = await openGroups({
      store,
      now: () => noon,
      forgetting: async group => ({ writes: [extra(group)], settled: committed => ended.push([group, committed]) }),
    })
    await chain(groups, 'a', 'b')
    await groups.delete('a', { force: true })
    assert.deepEqual(ended, [
      ['b', true],
      ['a', true],
    ])
    assert.equal(await store.count('extra'), 2)
    await chain(groups, 'a')
    await assert.rejects(groups.delete('a'), codeOf('STORE_VERSION_CONFLICT'))
    assert.deepEqual(ended.at(-1), ['a', false])
    assert.ok(await groups.get('a'))
  })

  it('writes what else belongs to a change in the same transaction, under its author', async () => {
    const { store, groups } = await houseOf()
    const written = (id: string) => ({ by: 'user anna', also: [extra(id)] })
    await groups.create({ id: 'a', ...written('1') })
    await groups.create({ id: 'b', by: 'user anna' })
    await groups.update('b', { parent: 'a', ...written('2') })
    await groups.addDevices({ group: 'b', devices: ['d', 'e'], ...written('3') })
    await groups.removeDevices({ group: 'b', devices: ['d'], ...written('4') })
    await groups.delete('a', { force: true, ...written('5') })
    const changes = await store.changes(0, 1000)
    assert.ok(changes.every(({ by }) => by === 'user anna'))
    assert.deepEqual(
      changes.filter(({ coll }) => coll === 'extra').map(({ id }) => id),
      ['1', '2', '3', '4', '5'],
    )
  })

  it('a change whose further write fails has not happened, nor in memory', async () => {
    const { groups, told } = await houseOf()
    await groups.create({ id: 'a', also: [extra('1')] })
    await groups.create({ id: 'b' })
    await groups.groupsOf('d')
    const also = [extra('1')]
    await assert.rejects(groups.create({ id: 'c', also }), codeOf('STORE_VERSION_CONFLICT'))
    await assert.rejects(groups.update('b', { parent: 'a', also }), codeOf('STORE_VERSION_CONFLICT'))
    await assert.rejects(groups.addDevices({ group: 'a', devices: ['d'], also }), codeOf('STORE_VERSION_CONFLICT'))
    await assert.rejects(groups.delete('b', { also }), codeOf('STORE_VERSION_CONFLICT'))
    assert.deepEqual(told, [])
    assert.deepEqual(await groups.groupsOf('d'), { direct: [], all: [] })
    await groups.create({ id: 'c' })
    await groups.update('a', { parent: 'b' })
    await groups.addDevices({ group: 'a', devices: ['d'] })
    assert.deepEqual((await groups.groupsOf('d')).all, ['a', 'b'])
  })

  it('plans what belongs to a device made or deleted elsewhere', async () => {
    const { store, groups, told } = await houseOf()
    await chain(groups, 'a', 'b')
    assert.deepEqual((await groups.groupsOf('new')).direct, [])
    await assert.rejects(groups.planJoin({ device: 'new', groups: ['none'] }), codeOf('GROUP_NOT_FOUND'))
    await assert.rejects(groups.planJoin({ device: 'a b', groups: ['a'] }), codeOf('IDENTITY_INVALID'))
    const plan = await groups.planJoin({ device: 'new', groups: ['b', 'b'] })
    await assert.rejects(groups.delete('a', { force: true }), { code: 'GROUP_NOT_EMPTY', message: /joining "b"/ })
    await store.tx([...plan.writes, extra('device')])
    plan.settled(true)
    assert.deepEqual(told, [{ kind: 'joined', group: 'b', devices: ['new'] }])
    assert.deepEqual(await groups.groupsOf('new'), { direct: ['b'], all: ['b', 'a'] })
    const leave = await groups.planLeave('new')
    await store.tx(leave.writes)
    leave.settled(true)
    assert.deepEqual(told.at(-1), { kind: 'left', group: 'b', devices: ['new'] })
    assert.deepEqual((await groups.groupsOf('new')).direct, [])
    const given = await groups.planJoin({ device: 'x', groups: ['b'] })
    told.length = 0
    given.settled(false)
    assert.deepEqual(told, [])
    await groups.delete('a', { force: true })
  })

  it('is what it was after it was closed and opened again', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'groups-'))
    try {
      const opened = async () =>
        houseOf({ store: await openSqliteStateStore({ path: join(folder, 'identity.db'), now: () => noon }) })
      const first = await opened()
      await chain(first.groups, 'a', 'b', 'c')
      await first.groups.addDevices({ group: 'c', devices: numbers(1000) })
      await first.store.close()
      const second = await opened()
      assert.deepEqual((await second.groups.groupsOf('d0500')).all, ['c', 'b', 'a'])
      assert.equal((await second.groups.members({ group: 'a', deep: true, limit: 1000 })).items.length, 1000)
      await assert.rejects(second.groups.update('a', { parent: 'c' }), codeOf('ENTITY_CYCLE'))
      await second.store.close()
    } finally {
      await rm(folder, { recursive: true })
    }
  })
})
