import assert from 'node:assert/strict'
import message from '../../nodes/message/message.ts'
import { type FakeHub, fakeHub } from '../fake-hub.ts'
import { flow, type Received, unload } from '../flow.ts'
import { type RealHub, realHub } from '../nodered/real-hub.ts'
import { until } from '../until.ts'
import { groupOperations } from './group-operations.ts'

const config = {
  type: 'loom-message',
  target: 'group',
  device: 'device',
  deviceType: 'msg',
  group: 'rooms',
  groupType: 'str',
  dialect: 'aws',
  query: 'query',
  queryType: 'msg',
  atOnce: 2,
  ttlMinutes: 5,
  wish: 'none',
  contentType: '',
  feedback: false,
  consumer: '',
  ack: 'delivery',
  start: 'latest',
}

describe('loom-message, for a group or a query', () => {
  let hub: FakeHub
  let operations: ReturnType<typeof groupOperations>
  beforeEach(() => {
    hub = fakeHub()
    operations = groupOperations(hub, 3)
  })
  afterEach(unload)

  it('waits for messages that a restart of the hub interrupted: they go on by themselves', async () => {
    const { send, outputs, seen } = await flow(message, config, { hub })
    const begun = outputs(1, 1)
    const delivery = { hub: 'test', consumer: 'c', from: 1, to: 1 }
    send({ payload: 'x', delivery })
    await begun
    const { message: sent, ...order } = operations.started[0]!
    assert.deepEqual(order, { group: 'rooms', concurrency: 2, by: 'node n' })
    assert.deepEqual([Buffer.from(sent!.body).toString(), sent!.ttlMs], ['x', 300_000])
    operations.change('op1', { state: 'interrupted', done: 1 })
    const heard = outputs(1, 1)
    hub.emit({ type: 'health', status: 'ok', at: 2 })
    assert.equal((await heard)[0]!.payload.state, 'interrupted')
    assert.equal(seen().length, 0)
    operations.outcomes.set('op1', [{ device: 'd1', ok: true, messageId: 'm', seq: 4 }])
    const one = outputs(1)
    operations.happens('op1', { state: 'running', done: 2 })
    operations.happens('op1', { state: 'done', done: 3 })
    const [{ payload, operation, delivery: token }] = (await one) as [Received]
    assert.deepEqual(payload, [{ device: 'd1', id: 'm', seq: 4 }])
    assert.deepEqual([operation.state, token], ['done', delivery])
    assert.ok(seen(1).every(step => step.delivery === undefined))
  })

  it('follows what it began before it was started anew, also what waits for the hub to go on', async () => {
    operations.add('mine', { kind: 'commands.message', state: 'interrupted', done: 1 })
    operations.add('call', { kind: 'commands.method' })
    const { outputs, seen } = await flow(message, config, { hub })
    await until(() => seen(1).length)
    const one = outputs(1)
    operations.happens('mine', { state: 'done', done: 3 })
    assert.equal((await one)[0]!.operation.id, 'mine')
  })

  it('refuses a wrong number at once', async () => {
    const { send, error } = await flow(message, { ...config, atOnce: 257 }, { hub })
    const failed = error()
    send({ payload: 1 })
    assert.equal((await failed).code, 'NODE_CONFIG')
  })
})

describe('loom-message, a group and a hub', function () {
  this.timeout(60_000)
  let real: RealHub
  beforeEach(async () => {
    real = await realHub()
    await real.hub.groups.create({ id: 'rooms' })
    await real.hub.groups.create({ id: 'upstairs', parent: 'rooms' })
    for (const id of ['d1', 'd2', 'd3', 'd4']) await real.hub.devices.register({ id, tags: { lit: id > 'd2' } })
    await real.hub.groups.add({ group: 'rooms', devices: ['d1', 'd2'] })
    await real.hub.groups.add({ group: 'upstairs', devices: ['d3'] })
    await real.hub.devices.quarantine({ id: 'd2' })
  })
  afterEach(async () => {
    await unload()
    await real.close()
  })

  it('puts a message into the inbox of each, and says which device must not have it', async () => {
    const { send, outputs, seen } = await flow(message, config, { hub: real.hub as FakeHub })
    const one = outputs(1)
    send({ payload: { open: true }, message: { id: 'm1', ack: 'full' } })
    const [{ payload, results, operation, message: rest }] = (await one) as [Received]
    assert.deepEqual(
      payload.toSorted((a: any, b: any) => (a.device < b.device ? -1 : 1)),
      ['d1', 'd3'].map(device => ({ device, id: 'm1', seq: 1 })),
    )
    assert.deepEqual(
      results.filter(({ ok }: any) => !ok).map(({ id, error }: any) => [id, error.code]),
      [['d2', 'DEVICE_QUARANTINED']],
    )
    assert.deepEqual([operation.state, operation.total, operation.failed, rest], ['done', 3, 1, undefined])
    assert.deepEqual(seen(1).at(-1)!.payload, operation)
    const { items } = await real.hub.commands.inbox({ id: 'd3' })
    assert.deepEqual([items.length, items[0]!.ack, items[0]!.contentType], [1, 'full', 'application/json'])
    const found = outputs(1)
    send({ target: 'query', query: 'tags.lit:true', payload: 'x' })
    assert.deepEqual((await found)[0]!.payload.map(({ device }: any) => device).toSorted(), ['d3', 'd4'])
  })
})
