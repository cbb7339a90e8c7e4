import assert from 'node:assert/strict'
import enrich from '../../nodes/enrich/enrich.ts'
import type { Hub, HubEvent } from '../../src/hub/hub.ts'
import { LoomError } from '../../src/errors.ts'
import type { EnrichmentRow } from '../../src/routing/enrichment-row.ts'
import type { DeviceFacts } from '../../src/telemetry/device-facts.ts'
import { type FakeHub, fakeHub } from '../fake-hub.ts'
import { flow, unload } from '../flow.ts'

const row = (more: Partial<EnrichmentRow>): EnrichmentRow => ({
  ...{ to: 'x', into: 'values', from: 'tags', path: '', name: '', key: '', keyType: 'reading', missing: 'omit' },
  ...more,
})
const config = (...rows: Partial<EnrichmentRow>[]) => ({
  type: 'loom-enrich',
  rows: rows.map(row),
  cacheMs: 60_000,
  cacheEntries: 100,
})
const site = { to: 'site', path: 'site' }
const room = { to: 'room', from: 'table', name: 'rooms', key: 'values.r', path: 'name' } as const
const item = (device: string, values: object = {}) => ({ device, time: 1, values })

describe('loom-enrich', () => {
  let hub: FakeHub
  let asked: unknown[]
  let devices: Record<string, DeviceFacts>
  let rooms: Record<string, unknown>

  beforeEach(() => {
    hub = fakeHub()
    asked = []
    devices = { d1: { tags: { site: 'west' } }, d2: { tags: { site: 'east' } } }
    rooms = { '1': { name: 'hall' }, '2': { name: 'yard' } }
    const reference: Partial<Hub['reference']> = {
      async devices({ ids, of }) {
        asked.push([ids, of])
        return { items: ids.flatMap(id => (devices[id] ? [{ id, ...devices[id] }] : [])) }
      },
      async lookup({ table, keys }) {
        asked.push([table, keys])
        if (table !== 'rooms') throw new LoomError('REFERENCE_UNKNOWN', table)
        return {
          version: 1,
          items: keys.flatMap(key => (rooms[String(key)] ? [{ key: String(key), row: rooms[String(key)] }] : [])),
        }
      },
      async put(o) {
        asked.push(['put', o])
        return { name: o.name, rows: 2 } as never
      },
      async delete(o) {
        asked.push(['delete', o])
      },
    }
    Object.assign(hub, { reference })
  })
  afterEach(unload)

  it('adds to a single reading and keeps all else of the message', async () => {
    const { send, outputs } = await flow(
      enrich,
      config(site, { to: 'hub', from: 'text', path: '$iothubname', into: 'properties' }),
      { hub },
    )
    const one = outputs(1)
    send({ device: 'd1', time: 5, payload: { t: 1 }, kept: 1, properties: { a: 'b' } })
    const { payload, kept, properties, device, time } = (await one)[0]!
    assert.deepEqual([payload, kept, properties, device, time], [{ t: 1, site: 'west' }, 1, { a: 'b', hub: 'test' }, 'd1', 5])
  })

  it('asks once for all devices of a batch and once for each table, and for nothing that it remembers', async () => {
    const { send, outputs } = await flow(enrich, config(site, room, { ...room, to: 'again', path: '' }), { hub })
    const first = outputs(1)
    const batch = Array.from({ length: 300 }, (_, i) => item(`d${(i % 3) + 1}`, { r: (i % 2) + 1 }))
    send({ payload: batch })
    const { payload } = (await first)[0]!
    assert.deepEqual(asked, [
      [['d1', 'd2', 'd3'], ['tags']],
      ['rooms', ['1', '2']],
    ])
    assert.equal(payload.length, 300)
    assert.deepEqual(payload[1], { device: 'd2', time: 1, values: { r: 2, site: 'east', room: 'yard', again: { name: 'yard' } } })
    assert.deepEqual(payload[2].values, { r: 1, room: 'hall', again: { name: 'hall' } })
    const second = outputs(1)
    send({ payload: [item('d1', { r: 1 }), item('d4', { r: 2 }), item('d3', { r: 3 })] })
    await second
    assert.deepEqual(asked.slice(2), [
      [['d4'], ['tags']],
      ['rooms', ['3']],
    ])
  })

  it('asks again for what the hub says has changed, and only for that', async () => {
    const { send, outputs } = await flow(enrich, config(site, room), { hub })
    const ask = async () => {
      const one = outputs(1)
      asked.length = 0
      send({ payload: [item('d1', { r: 1 }), item('d2', { r: 1 })] })
      await one
      return asked.map(question => (question as unknown[])[0])
    }
    await ask()
    const at = 1
    const twin = { type: 'twin', at, name: '', section: 'tags', version: 1, by: '' } as const
    const cases: [HubEvent, unknown[]][] = [
      [{ ...twin, device: 'd1' } as HubEvent, [['d1']]],
      [{ type: 'device', at, id: 'd2', change: 'updated' }, [['d2']]],
      [{ type: 'device', at, id: 'd2', change: 'connected' }, []],
      [{ type: 'reference', at, table: 'rooms', change: 'put' }, ['rooms']],
      [{ type: 'reference', at, table: 'others', change: 'put' }, []],
      [{ type: 'health', at, status: 'ok' }, [['d1', 'd2'], 'rooms']],
    ]
    for (const [event, questions] of cases) {
      hub.emit(event)
      assert.deepEqual(await ask(), questions, JSON.stringify(event))
    }
  })

  it('sends readings that lack what they need to output 2, in the shape that came in, with both parts of the delivery', async () => {
    const { send, outputs } = await flow(enrich, config({ ...site, missing: 'fail' }, room), { hub })
    const [good, bad] = [outputs(1), outputs(1, 1)]
    const delivery = { hub: 'test', consumer: 'c', from: 1, to: 3 }
    send({ payload: [item('d1'), item('d9', { r: 1 }), item('d8')], delivery })
    const [{ payload: passed, delivery: first }] = (await good) as [Record<string, any>]
    const [{ payload, error, delivery: second }] = (await bad) as [Record<string, any>]
    assert.deepEqual(passed, [item('d1', { site: 'west' })])
    assert.deepEqual(payload, [item('d9', { r: 1, room: 'hall' }), item('d8')])
    assert.equal(error.code, 'ENRICH_MISSING')
    assert.match(error.message, /site of d9; 1 more of the batch$/)
    assert.deepEqual(error.missing, ['site', 'room'])
    assert.deepEqual(
      [first, second].map(({ parts }) => parts),
      [[{ i: 0, of: 2 }], [{ i: 1, of: 2 }]],
    )
    const single = outputs(1, 1)
    send({ device: 'd9', payload: { t: 1 }, delivery })
    assert.deepEqual((await single)[0]!.delivery, delivery)
  })

  it('reads variables of the flow and of all flows, as they are now, without a hub', async () => {
    const rows = [
      { to: 'site', from: 'flow', name: 'rooms', key: 'device', path: 'site' },
      { to: 'unit', from: 'global', name: 'units.t' },
      { to: 'none', from: 'flow', name: 'rooms', key: 'constructor', keyType: 'str' },
    ] as const
    const { send, outputs, node } = await flow(enrich, config(...rows))
    const context = node.context()
    context.flow.set('rooms', { d1: { site: 'west' } })
    context.global.set('units', { t: 'C' })
    const one = outputs(1)
    send({ device: 'd1', payload: { t: 1 } })
    assert.deepEqual((await one)[0]!.payload, { t: 1, site: 'west', unit: 'C' })
    context.flow.set('rooms', { d1: { site: 'east' } })
    const next = outputs(1)
    send({ device: 'd1', payload: { t: 1 } })
    assert.equal((await next)[0]!.payload.site, 'east')
  })

  it('puts and deletes reference tables, and sends nothing for that', async () => {
    const { send, outputs, status, seen } = await flow(enrich, config(site), { hub })
    const put = status(/^rooms · 2$/)
    send({ reference: { table: 'rooms', key: 'id' }, payload: Buffer.from('id,name\n1,a\n') })
    await put
    const gone = status(/^rooms –$/)
    send({ reference: { table: 'rooms', delete: true } })
    await gone
    send({ reference: { table: 'a' }, payload: ' [{"id":1}]' })
    send({ reference: { table: 'b' }, payload: { x: 1 } })
    const one = outputs(1)
    send({ device: 'd1', payload: {} })
    await one
    const by = 'node n'
    assert.deepEqual(asked.slice(0, 4), [
      ['put', { name: 'rooms', by, key: 'id', text: 'id,name\n1,a\n', format: 'csv' }],
      ['delete', { name: 'rooms', by }],
      ['put', { name: 'a', by, text: ' [{"id":1}]', format: 'json' }],
      ['put', { name: 'b', by, rows: { x: 1 } }],
    ])
    assert.equal(seen().length, 1)
  })

  for (const [why, rows, msg, code] of [
    ['a table that there is not', [{ ...room, name: 'none' }], { device: 'd1', payload: { r: 1 } }, 'REFERENCE_UNKNOWN'],
    ['a message that is no reading', [site], { payload: { t: 1 } }, 'READING_DEVICE'],
    ['an order without a name', [site], { reference: {}, payload: 'id\n' }, 'REFERENCE_INVALID'],
  ] as const)
    it(`hands ${why} to a Catch node as ${code}`, async () => {
      const { send, error, seen } = await flow(enrich, config(...rows), { hub })
      const failed = error()
      send(msg)
      assert.equal((await failed).code, code)
      assert.deepEqual([seen().length, seen(1).length], [0, 0])
    })

  it('refuses to start with a row that cannot be used, or that needs a hub where none is chosen', async () => {
    for (const [rows, code] of [
      [[{ to: '' }], 'NODE_CONFIG'],
      [[site], 'HUB_MISSING'],
      [[{ from: 'text', path: '$twin.tags.a' }], 'HUB_MISSING'],
    ] as const) {
      const { send, error } = await flow(enrich, config(...rows))
      const failed = error()
      send({ device: 'd1', payload: {} })
      assert.equal((await failed).code, code)
      await unload()
    }
  })

  it('warns in its status of what it could not find, and listens no more once it is closed', async () => {
    const { send, outputs, status } = await flow(enrich, config(site), { hub })
    const one = outputs(1)
    const shown = status(/^1 · 1 /)
    send({ device: 'd9', payload: {} })
    await one
    assert.deepEqual([(await shown).fill, hub.listening > 0], ['yellow', true])
    await unload()
    assert.equal(hub.listening, 0)
  })
})
