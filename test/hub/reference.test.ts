import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { Hub, HubEvent, HubOptions } from '../../src/hub/hub.ts'
import { startHub } from '../../src/hub/start-hub.ts'
import { tempFolder } from '../processes.ts'

describe('reference data of a hub', function () {
  this.timeout(60_000)
  let folder: string
  let hub: Hub
  const open = async (more: Partial<HubOptions> = {}): Promise<Hub> => {
    await hub?.close()
    hub = await startHub({
      hubId: 'ref',
      dataDir: folder,
      store: 'sqlite',
      broker: 'none',
      listeners: [],
      threaded: false,
      ...more,
    })
    return hub
  }
  beforeEach(() => {
    folder = tempFolder('reference-hub')
  })
  afterEach(() => hub.close())

  it('outlives a restart, in the store and in a file beside it', async () => {
    await open()
    mkdirSync(join(folder, 'reference'))
    const db = new DatabaseSync(join(folder, 'reference', 'assets.db'))
    db.exec(`CREATE TABLE assets (serial TEXT PRIMARY KEY, line INTEGER); INSERT INTO assets VALUES ('s1', 4)`)
    db.close()
    await hub.reference.put({ name: 'sites', text: 'id,name\n1,west\n', format: 'csv', by: 'anna' })
    const made = await hub.reference.put({ name: 'assets', sqlite: { file: 'assets.db', table: 'assets' } })
    assert.deepEqual([made.key, made.rows, made.columns], ['serial', 1, ['serial', 'line']])
    await open()
    assert.deepEqual(await hub.reference.lookup({ table: 'sites', keys: [1, '1', 2] }), {
      version: 1,
      items: [{ key: '1', row: { id: 1, name: 'west' } }],
    })
    assert.deepEqual((await hub.reference.lookup({ table: 'assets', keys: ['s1', 's2'] })).items, [
      { key: 's1', row: { serial: 's1', line: 4 } },
    ])
    assert.deepEqual(
      (await hub.reference.list({})).items.map(({ name, by, sqlite }) => [name, by, sqlite?.file]),
      [
        ['assets', 'hub', 'assets.db'],
        ['sites', 'anna', undefined],
      ],
    )
  })

  it('reads no file of its own: neither identities nor anything by a path', async () => {
    await open()
    for (const file of ['../identity.db', join(folder, 'identity.db'), 'identity.db'])
      await assert.rejects(hub.reference.put({ name: 'x', sqlite: { file, table: 'sqlite_master' } }), {
        code: 'REFERENCE_INVALID',
      })
    await open({ store: 'memory' })
    await assert.rejects(hub.reference.put({ name: 'x', sqlite: { file: 'a.db', table: 't' } }), { code: 'REFERENCE_INVALID' })
  })

  it('tells of tables that are put and deleted', async () => {
    await open({ store: 'memory' })
    const told: HubEvent[] = []
    hub.subscribe(event => void (event.type === 'reference' && told.push(event)))
    await hub.reference.put({ name: 'a', rows: { x: 1 } })
    await hub.reference.put({ name: 'a', rows: { x: 2 } })
    await hub.reference.delete({ name: 'a' })
    assert.deepEqual(
      told.map(event => event.type === 'reference' && [event.table, event.change, event.version]),
      [
        ['a', 'put', 1],
        ['a', 'put', 2],
        ['a', 'deleted', undefined],
      ],
    )
    await assert.rejects(hub.reference.delete({ name: 'a' }), { code: 'REFERENCE_UNKNOWN' })
  })

  it('is refused where the question is none', async () => {
    await open({ store: 'memory' })
    await hub.reference.put({ name: 'a', rows: { x: 1 } })
    for (const keys of ['x', [null], [{}]])
      await assert.rejects(hub.reference.lookup({ table: 'a', keys: keys as never }), { code: 'REFERENCE_INVALID' })
    const many = Array.from({ length: 10_001 }, (_, i) => i)
    await assert.rejects(hub.reference.lookup({ table: 'a', keys: many }), { code: 'REFERENCE_LIMIT' })
    await assert.rejects(hub.reference.lookup({ table: 'b', keys: [] }), { code: 'REFERENCE_UNKNOWN' })
    await assert.rejects(hub.reference.devices({ ids: ['d'], of: ['secrets' as never] }), { code: 'REFERENCE_INVALID' })
    await assert.rejects(hub.reference.put({ name: 'b', rows: {}, key: 5 as never }), { code: 'REFERENCE_INVALID' })
  })

  for (const fleetIndexBytes of [undefined, 1])
    it(`has what is known of devices${fleetIndexBytes ? ', also when the index holds declared paths only' : ''}`, async () => {
      await open(fleetIndexBytes ? { limits: { fleetIndexBytes } } : {})
      await hub.devices.register({ id: 'gw' })
      await hub.devices.register({
        id: 'd1',
        tags: { site: 'w' },
        attributes: { rev: '7', gateway: 'gw' },
        desired: { on: true },
      })
      await hub.twins.report({ id: 'd1', reported: { t: { max: 4 } } })
      await hub.groups.create({ id: 'plant' })
      await hub.groups.create({ id: 'hall', parent: 'plant' })
      await hub.groups.add({ group: 'hall', devices: ['d1'] })
      await hub.fleet.createGroup({ id: 'west', text: 'attributes.rev:7' })
      const { items } = await hub.reference.devices({
        ids: ['d1', 'none', 'gw', 'd1'],
        of: ['tags', 'attributes', 'desired', 'reported', 'groups', 'gateway'],
      })
      assert.deepEqual(items, [
        {
          id: 'd1',
          tags: { site: 'w' },
          attributes: { rev: '7', gateway: 'gw' },
          desired: { on: true },
          reported: { t: { max: 4 } },
          groups: ['hall', 'plant', 'west'],
          gateway: 'gw',
        },
        { id: 'gw', tags: {}, attributes: {}, desired: {}, reported: {}, groups: [] },
      ])
      assert.deepEqual((await hub.reference.devices({ ids: ['d1'], of: ['gateway'] })).items, [{ id: 'd1', gateway: 'gw' }])
    })
})
