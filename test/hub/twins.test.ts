import assert from 'node:assert/strict'
import { createTwins, type TwinChange } from '../../src/hub/twins.ts'
import { createTwinsApi } from '../../src/hub/twins-api.ts'
import { devicesColl, twinsColl } from '../../src/hub/devices.ts'
import { createTurns } from '../../src/hub/turns.ts'
import type { Deed } from '../../src/hub/audit-trail.ts'
import type { OutboxEvent } from '../../src/hub/journal-outbox.ts'
import type { StateStore } from '../../src/storage/state-store.ts'
import { openMemoryStateStore } from '../../src/stores/memory/state-store.ts'
import type { TwinEvent } from '../../src/twin/change-event.ts'
import { newTwin } from '../../src/twin/document.ts'
import { mainTwin, twinId } from '../../src/twin/names.ts'
import { codeOf } from '../pki/make.ts'

async function house() {
  const clock = { now: 1_000_000 }
  const now = () => clock.now
  const state: StateStore = await openMemoryStateStore({ now })
  for (const coll of [devicesColl, twinsColl, 'events', 'audit']) await state.declare(coll, {})
  const devices = new Map<string, 'active' | 'retired'>([
    ['d', 'active'],
    ['old', 'retired'],
  ])
  for (const id of devices.keys()) await state.put(twinsColl, twinId(id), newTwin({ deviceId: id, now: clock.now }))
  const events: OutboxEvent[] = []
  const audits: Deed[] = []
  const changes: TwinChange[] = []
  const described: string[] = []
  const twins = createTwins({
    state,
    findDevice: async id => (devices.has(id) ? { id, state: devices.get(id)! } : undefined),
    outbox: {
      write(event) {
        events.push(event)
        return { op: 'put', coll: 'events', id: String(events.length), doc: event.payload }
      },
    },
    audit(deed) {
      audits.push(deed)
      return { op: 'put', coll: 'audit', id: String(audits.length), doc: { action: deed.action } }
    },
    inTurn: createTurns(),
    now,
    changed: change => void changes.push(change),
    described: id => void described.push(id),
  })
  const told = () =>
    events.map(({ payload }) => {
      const { section, patch, by } = payload as TwinEvent
      return `${by}: ${section} ${JSON.stringify(patch)}`
    })
  return { clock, state, twins, api: createTwinsApi(twins), events, told, audits, changes, described }
}

describe('the twins of a hub', () => {
  it('take what flows desire and devices report, and tell of it', async () => {
    const { api, twins, told, audits, changes, clock } = await house()
    await api.patch({ id: 'd', desired: { on: true, level: { a: 1, b: 2 } }, by: 'user anna' })
    clock.now += 5000
    await twins.update({ deviceId: 'd', patch: { reported: { on: true } }, origin: 'c1' })
    const view = await api.get({ id: 'd', metadata: true })
    assert.deepEqual(view.desired, { on: true, level: { a: 1, b: 2 } })
    assert.deepEqual([view.reported, view.delta], [{ on: true }, { level: { a: 1, b: 2 } }])
    assert.deepEqual([view.version, view.desiredVersion, view.reportedVersion, view.exists], [2, 2, 2, true])
    assert.deepEqual(view.metadata!.desired.on, { $at: 1_000_000, $version: 2 })
    assert.deepEqual(view.metadata!.reported, { $at: 1_005_000, $version: 2, on: { $at: 1_005_000, $version: 2 } })
    assert.deepEqual(told(), ['user anna: desired {"on":true,"level":{"a":1,"b":2}}', 'device d: reported {"on":true}'])
    assert.deepEqual(
      audits.map(({ by, action, target }) => `${by} ${action} ${target}`),
      ['user anna twin.update d'],
      'what a device says of itself is no deed',
    )
    assert.deepEqual(
      changes.map(({ kind, origin, by }) => [kind, origin, by]),
      [
        ['update', undefined, 'user anna'],
        ['update', 'c1', 'device d'],
      ],
    )
  })

  it('accept a patch that changes nothing, and raise no event', async () => {
    const { api, told, changes } = await house()
    const first = await api.patch({ id: 'd', desired: { on: true }, by: 'flow' })
    const second = await api.patch({ id: 'd', desired: { on: true }, by: 'flow' })
    assert.deepEqual([second.version, second.desiredVersion], [first.version + 1, first.desiredVersion + 1])
    assert.deepEqual([told().length, changes.length], [1, 2])
  })

  it('are replaced by the patch that makes those of devices equal', async () => {
    const { api, changes, told } = await house()
    await api.patch({ id: 'd', desired: { a: 1, b: { c: 1, d: 2 } }, by: 'flow' })
    await api.replace({ id: 'd', desired: { b: { c: 1 }, e: [1] }, by: 'flow' })
    assert.deepEqual((await api.get({ id: 'd' })).desired, { b: { c: 1 }, e: [1] })
    const last = changes.at(-1)!
    assert(last.kind === 'update')
    assert.deepEqual(last.update.accepted.state, { desired: { a: null, b: { d: null }, e: [1] } })
    assert.equal(told().at(-1), 'flow: desired {"a":null,"b":{"d":null},"e":[1]}')
  })

  it('keep the tags with the device: one etag is of both, and one change one transaction', async () => {
    const { api, state, told, described, audits } = await house()
    const first = await api.patch({ id: 'd', desired: { on: true }, tags: { site: 'a', x: 1 }, by: 'user anna' })
    assert.deepEqual(first.tags, { site: 'a', x: 1 })
    assert.deepEqual((await state.get<{ tags: object }>(devicesColl, 'd'))!.doc.tags, { site: 'a', x: 1 })
    const second = await api.patch({ id: 'd', tags: { x: null }, etag: first.etag, by: 'user anna' })
    assert.deepEqual([second.tags, second.version], [{ site: 'a' }, first.version], 'tags raise no version')
    assert.notEqual(second.etag, first.etag)
    await assert.rejects(api.patch({ id: 'd', tags: { x: 2 }, etag: first.etag }), codeOf('TWIN_VERSION_CONFLICT'))
    await assert.rejects(api.patch({ id: 'd', desired: { on: false }, etag: `${first.etag}9` }), codeOf('TWIN_VERSION_CONFLICT'))
    await assert.rejects(
      api.patch({ id: 'd', desired: { on: false }, tags: { $bad: 1 } }),
      codeOf('TWIN_INVALID'),
      'neither is written',
    )
    assert.deepEqual((await api.get({ id: 'd' })).desired, { on: true })
    await api.replace({ id: 'd', tags: { only: true } })
    assert.deepEqual((await api.get({ id: 'd' })).tags, { only: true })
    await api.patch({ id: 'd', tags: null })
    assert.deepEqual((await api.get({ id: 'd' })).tags, {})
    assert.deepEqual(described, ['d', 'd', 'd', 'd'])
    assert.equal(told()[0], 'user anna: tags {"site":"a","x":1}')
    assert.equal(audits.length, 4)
  })

  it('by a name are made by their first change, ten of them, and have no tags', async () => {
    const { api } = await house()
    await assert.rejects(api.get({ id: 'd', name: 'n0' }), codeOf('TWIN_NOT_FOUND'))
    for (let n = 0; n < 10; n++) await api.patch({ id: 'd', name: `n${n}`, desired: { n } })
    await assert.rejects(api.patch({ id: 'd', name: 'n10', desired: {} }), codeOf('TWIN_LIMIT'))
    await api.patch({ id: 'd', name: 'n9', desired: { more: 1 } })
    assert.deepEqual(
      (await api.list({ id: 'd' })).items.map(({ name }) => name),
      [mainTwin, ...Array.from({ length: 10 }, (_, n) => `n${n}`)],
    )
    await assert.rejects(api.patch({ id: 'd', name: 'n9', tags: {} }), codeOf('TWIN_INVALID'))
    await assert.rejects(api.patch({ id: 'd', name: 'no/slash', desired: {} }), codeOf('TWIN_INVALID'))
    assert.equal('tags' in (await api.get({ id: 'd', name: 'n9' })), false)
  })

  it('that are deleted go on counting', async () => {
    const { api, told, changes } = await house()
    await assert.rejects(api.delete({ id: 'd' }), codeOf('TWIN_NOT_FOUND'))
    await api.patch({ id: 'd', desired: { on: true }, by: 'flow' })
    await assert.rejects(api.delete({ id: 'd', version: 7 }), codeOf('TWIN_VERSION_CONFLICT'))
    await api.delete({ id: 'd', by: 'flow' })
    const gone = await api.get({ id: 'd' })
    assert.deepEqual([gone.exists, gone.version, gone.desiredVersion, gone.desired], [false, 1, 3, {}])
    assert.equal((await api.patch({ id: 'd', desired: { on: false } })).version, 2)
    assert.equal(told()[1], 'flow: desired {"on":null}')
    assert.equal(changes[1]!.kind, 'delete')
  })

  it('of devices that are not there or out of service are not changed', async () => {
    const { api } = await house()
    for (const work of [api.get({ id: 'x' }), api.patch({ id: 'x', desired: {} }), api.list({ id: 'x' })])
      await assert.rejects(work, codeOf('IDENTITY_NOT_FOUND'))
    await assert.rejects(api.patch({ id: 'old', desired: {} }), codeOf('IDENTITY_RETIRED'))
    await assert.rejects(api.patch({ id: 'old', tags: {} }), codeOf('IDENTITY_RETIRED'))
    assert.equal((await api.get({ id: 'old' })).version, 0)
  })

  it('changed by many at once lose nothing and keep their order', async () => {
    const { api, twins, changes } = await house()
    await Promise.all(
      Array.from({ length: 100 }, (_, n) =>
        n % 2
          ? api.patch({ id: 'd', desired: { [`k${n}`]: n } })
          : twins.update({ deviceId: 'd', patch: { reported: { [`k${n}`]: n } } }),
      ),
    )
    const view = await api.get({ id: 'd' })
    assert.deepEqual([view.version, Object.keys(view.desired).length, Object.keys(view.reported).length], [100, 50, 50])
    assert.deepEqual(
      changes.map(change => (change.kind === 'update' ? change.update.doc.version : 0)),
      Array.from({ length: 100 }, (_, n) => n + 1),
    )
  })

  it('written by somebody else meanwhile are read again', async () => {
    const { api, state } = await house()
    const tx = state.tx.bind(state)
    let others = 2
    state.tx = async (writes, o) => {
      if (others-- > 0) {
        const stored = (await state.get<{ version: number }>(twinsColl, twinId('d')))!
        await state.put(twinsColl, twinId('d'), { ...stored.doc, version: stored.doc.version + 1 })
      }
      return tx(writes, o)
    }
    assert.equal((await api.patch({ id: 'd', desired: { on: true } })).version, 3)
  })

  it('of a large patch leave the names of its members in the audit log', async () => {
    const { api, audits } = await house()
    await api.patch({ id: 'd', desired: { text: 'x'.repeat(4000) }, by: 'flow' })
    assert.deepEqual(audits[0]!.detail, { desired: { members: ['text'] } })
  })
})
