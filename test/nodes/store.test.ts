import assert from 'node:assert/strict'
import store from '../../nodes/store/store.ts'
import telemetryIn from '../../nodes/telemetry-in/telemetry-in.ts'
import { LoomError } from '../../src/errors.ts'
import { type FakeHub, fakeHub, message } from '../fake-hub.ts'
import { flow, type Received, unload } from '../flow.ts'
import { until } from '../until.ts'

const config = { type: 'loom-store', class: 'kpi', stream: '', duplicates: 'merge', acknowledge: true }

describe('loom-store', () => {
  let hub: FakeHub
  beforeEach(() => {
    hub = fakeHub()
  })
  afterEach(unload)

  it('stores a reading and passes the message on', async () => {
    const { send, outputs } = await flow(store, config, { hub })
    const one = outputs(1)
    send({ device: 'd1', time: 5, payload: { t: 1 }, stream: 's', kept: 1 })
    assert.equal((await one)[0]!.kept, 1)
    assert.deepEqual(hub.stored, [
      { rows: [{ device: 'd1', time: 5, values: { t: 1 }, stream: 's', class: 'kpi' }], duplicates: 'merge' },
    ])
  })

  it('stores window results under their key and end, in its own stream', async () => {
    const { send, outputs } = await flow(store, { ...config, stream: '1min' }, { hub })
    const two = outputs(2)
    const result = (key: string) => ({ id: 'x', key, start: 0, end: 60, count: 3, values: { mean: 2 }, revision: 0 })
    send({ payload: [result('a'), result('b')] })
    send({ payload: result('c'), device: 'c', time: 60 })
    await two
    assert.deepEqual(
      hub.stored.flatMap(({ rows }) => rows),
      ['a', 'b', 'c'].map(device => ({ device, time: 60, values: { mean: 2 }, class: 'kpi', stream: '1min' })),
    )
  })

  it('puts messages of the same moment into one call and keeps their order', async () => {
    const { send, outputs } = await flow(store, config, { hub })
    const all = outputs(50)
    for (let t = 0; t < 50; t++) send({ device: 'd1', time: t, payload: { t } })
    assert.deepEqual(
      (await all).map(({ payload }) => payload.t),
      Array.from({ length: 50 }, (_, t) => t),
    )
    assert.equal(hub.stored.flatMap(({ rows }) => rows).length, 50)
    assert.ok(hub.stored.length < 10, String(hub.stored.length))
  })

  it('hands the failure of the store to a Catch node and sends nothing', async () => {
    const { send, error, seen } = await flow(store, config, { hub })
    hub.failing = new LoomError('STORE_LIMIT')
    const failed = error()
    send({ device: 'd1', time: 5, payload: { t: 1 } })
    assert.equal((await failed).code, 'STORE_LIMIT')
    assert.equal(seen().length, 0)
  })

  it('stores the healthy readings of a batch and fails with the place of the bad one', async () => {
    const { send, error, seen } = await flow(store, config, { hub })
    const failed = error()
    send({
      payload: [
        { device: 'd1', time: 1, values: { t: 1 } },
        { device: '', values: {} },
        { device: 'd2', time: 2, values: { t: 2 } },
      ],
    })
    const { code, position } = await failed
    assert.deepEqual([code, position], ['READING_DEVICE', 1])
    assert.deepEqual(
      hub.stored.flatMap(({ rows }) => rows.map(row => row.device)),
      ['d1', 'd2'],
    )
    assert.equal(seen().length, 0)
  })

  it('refuses what is no reading without harm to others', async () => {
    const { send, error, outputs } = await flow(store, config, { hub })
    const [failed, one] = [error(), outputs(1)]
    send({ payload: 'x', device: 'd1' })
    send({ device: 'd1', time: 5, payload: { t: 1 } })
    assert.equal((await failed).code, 'READING_VALUES')
    await one
  })

  for (const acknowledge of [true, false]) {
    it(`${acknowledge ? 'ends' : 'leaves'} the delivery of a journal message once it is stored`, async () => {
      const others = [{ id: 's', ...config, acknowledge, hub: 'hub', x: 1, y: 1, z: 't', wires: [['out2']] }]
      const input = { type: 'loom-telemetry-in', consumer: 'c', ack: 'flow', start: 'latest', batchMax: 1, batchLingerMs: 0 }
      const { outputs, get } = await flow([telemetryIn, store], input, { hub, others })
      await until(() => hub.consumers.size)
      const [one, stored] = [outputs(1), outputs(1, 2)]
      hub.append(message('d1', { t: 1 }))
      const [msg] = (await one) as [Received]
      get('s').receive(msg as never)
      assert.deepEqual((await stored)[0]!.delivery, msg.delivery)
      if (acknowledge) await until(() => hub.consumers.get('c')!.acked.size === 1)
      else assert.equal(hub.consumers.get('c')!.acked.size, 0)
    })
  }
})
