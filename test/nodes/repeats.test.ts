import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import ack from '../../nodes/ack/ack.ts'
import route from '../../nodes/route/route.ts'
import telemetryIn from '../../nodes/telemetry-in/telemetry-in.ts'
import type { Hub } from '../../src/hub/hub.ts'
import { startHub } from '../../src/hub/start-hub.ts'
import { kinds } from '../../src/journal/journal-port.ts'
import { routeNodes } from '../../src/nodered/route/route-nodes.ts'
import { type FakeHub, fakeHub, message } from '../fake-hub.ts'
import { flow, type Received, unload } from '../flow.ts'
import { connectPacket, packetTypes, publishPacket, talk } from '../mqtt-wire.ts'
import { until } from '../until.ts'

const reading = { type: 'loom-telemetry-in', ack: 'delivery', start: 'latest', window: 256, batchMax: 1, batchLingerMs: 0 }
const routing = {
  type: 'loom-route',
  from: 'hub',
  rules: [{ id: 'all', name: 'all', enabled: true, language: 'sql', text: 'SELECT *' }],
}

/** With a message id of the device. */
function named(id: string, values: unknown, device = 'd1') {
  const { props, ...rest } = message(device, values)
  return { ...rest, props: { ...props, e: { messageId: id } } }
}

const payloads = (messages: Received[]) => messages.map(({ payload }) => payload)

describe('repeats of a device', () => {
  let hub: FakeHub
  beforeEach(() => {
    hub = fakeHub()
  })
  afterEach(async () => {
    await unload()
    routeNodes.clear()
  })

  async function open(config: object, others: Record<string, unknown>[] = []) {
    const running = await flow([telemetryIn, route, ack], { ...config }, { hub, others })
    const consumer = await until(() => hub.consumers.get('n'))
    return { ...running, consumer }
  }

  for (const config of [reading, routing])
    describe(`for ${config.type}`, () => {
      it('reach the flow where nothing else is said', async () => {
        const { outputs } = await open(config)
        const two = outputs(2)
        for (let i = 0; i < 2; i++) hub.append(named('m', { t: 1 }))
        assert.deepEqual(payloads(await two), [{ t: 1 }, { t: 1 }])
      })

      it('reach the flow with a time of 0, too', async () => {
        const { outputs } = await open({ ...config, repeats: 'id', repeatWindowS: 0 })
        const two = outputs(2)
        for (let i = 0; i < 2; i++) hub.append(named('m', { t: 1 }))
        await two
      })

      it('are left out by their id, acknowledged and shown in the status', async () => {
        const { outputs, seen, consumer, status } = await open({ ...config, repeats: 'id', repeatWindowS: 600 })
        const [two, shown] = [outputs(2), status(/ · ↻ 2$/)]
        for (const id of ['m', 'm', 'm']) hub.append(named(id, { t: 1 }))
        hub.append(named('m', { t: 2 }, 'd2'))
        assert.deepEqual(payloads(await two), [{ t: 1 }, { t: 2 }])
        await until(() => consumer.acked.size === 4)
        await shown
        assert.equal(seen().length, 2)
      })

      it('are left out by their content', async () => {
        const { outputs, consumer } = await open({ ...config, repeats: 'content', repeatWindowS: '600' })
        const two = outputs(2)
        for (const t of [1, 1, 2, 1, 2]) hub.append(message('d1', { t }))
        assert.deepEqual(payloads(await two), [{ t: 1 }, { t: 2 }])
        await until(() => consumer.acked.size === 5)
      })

      it('are done at once while the first still waits for the flow, and comes again by itself', async () => {
        const { outputs, consumer } = await open({ ...config, ack: 'flow', repeats: 'id', repeatWindowS: 600 })
        const first = outputs(1)
        hub.append(named('m', { t: 1 }))
        hub.append(named('m', { t: 1 }))
        await first
        await until(() => consumer.acked.has(2))
        assert.equal(consumer.acked.has(1), false)
        const again = outputs(1)
        consumer.retry([1], 0)
        const [msg] = await again
        assert.deepEqual([msg!.payload, msg!.redelivered], [{ t: 1 }, true])
        assert.equal(consumer.acked.has(1), false)
      })

      it('are no part of a batch', async () => {
        const { outputs } = await open({ ...config, batchMax: 10, batchLingerMs: 5, repeats: 'id', repeatWindowS: 600 })
        const one = outputs(1)
        for (const id of ['m', 'm', 'n']) hub.append(named(id, { id }))
        const [msg] = await one
        assert.deepEqual(
          msg!.payload.map(({ jseq, values }: Received) => [jseq, values]),
          [
            [1, { id: 'm' }],
            [3, { id: 'n' }],
          ],
        )
      })

      it('are not what a dead letter brings when it is replayed', async () => {
        const { outputs, consumer } = await open({ ...config, ack: 'flow', repeats: 'id', repeatWindowS: 600 })
        const first = outputs(1)
        hub.append(named('m', { t: 1 }))
        await first
        await consumer.deadletter([1], { code: 'NODE_FAULT', message: 'no' })
        const again = outputs(1)
        await hub.journal.replayDeadLetter({ id: 1 })
        const [msg] = await again
        assert.equal(msg!.replayed.letter, 1)
      })

      for (const wrong of [{ repeats: 'some' }, ...[-1, 604_801, 'x'].map(repeatWindowS => ({ repeats: 'id', repeatWindowS }))])
        it(`are refused as ${JSON.stringify(wrong)}`, async () => {
          const { error } = await flow([telemetryIn, route], { ...config, ...wrong }, { hub })
          assert.equal((await error()).code, 'NODE_CONFIG')
        })
    })

  it('are done, too, if they come before the consumer is at hand', async () => {
    const { consume } = hub
    hub.consume = async (spec, events) => {
      const consumer = await consume(spec, events)
      for (const id of ['m', 'm', 'n']) hub.append(named(id, { id }))
      await until(() => consumer.state().delivered === 3)
      return consumer
    }
    const { outputs, consumer } = await open({ ...reading, repeats: 'id', repeatWindowS: 600 })
    const two = outputs(2)
    assert.deepEqual(payloads(await two), [{ id: 'm' }, { id: 'n' }])
    await until(() => consumer.acked.size === 3)
  })

  it('are known to a loom-route that comes to read other kinds of records', async () => {
    const { outputs, send, consumer, status } = await open({ ...routing, repeats: 'id', repeatWindowS: 600 })
    const first = outputs(1)
    for (let i = 0; i < 2; i++) hub.append(named('m', { t: 1 }))
    await first
    const shown = status(/↻ 2$/)
    send({
      rules: [
        { name: 'all', condition: 'true', source: 'TwinChangeEvents' },
        { name: 'more', sql: 'SELECT *', output: 1 },
      ],
    })
    const other = await until(() => hub.consumers.get('n') !== consumer && hub.consumers.get('n'))
    assert.ok(other.spec.filter!.kinds!.includes(kinds.twin))
    const second = outputs(1)
    hub.append(named('m', { t: 1 }))
    hub.append(named('n', { t: 2 }))
    assert.deepEqual(payloads(await second), [{ t: 2 }])
    await shown
  })
})

describe('a device that lost its PUBACK', function () {
  this.timeout(90_000)
  let hub: Hub
  let port: number
  let password: string
  beforeEach(async () => {
    hub = await startHub({
      hubId: 'test',
      dataDir: '/nowhere',
      store: 'memory',
      broker: 'embedded',
      listeners: [{ kind: 'mqtt', host: '127.0.0.1', port: 0 }],
      threaded: false,
      limits: { storeTelemetry: false, connectsPerSecondPerAddress: 0 },
    })
    port = (await hub.health.get({})).listeners[0]!.port
    password = (await hub.devices.register({ id: 'd1', credentials: { kind: 'password' } })).secrets!.password!
  })
  afterEach(unload)

  async function dial() {
    const socket = connect(port, '127.0.0.1')
    await once(socket, 'connect')
    const peer = talk(socket)
    peer.send(connectPacket({ clientId: 'd1', username: 'd1', password }))
    await peer.next(packetTypes.connack, 30_000)
    return peer
  }

  const consumer = async () => (await hub.journal.metrics({})).consumers.find(({ name }) => name === 'n')

  for (const [repeats, topic] of [
    ['id', 'devices/d1/telemetry/?mid=m-'],
    ['id', 'devices/d1/telemetry/?seq='],
    ['content', 'devices/d1/telemetry/?n='],
  ] as const)
    it(`and repeats its message is heard once by ${repeats}: ${topic}`, async () => {
      const { outputs, seen } = await flow(telemetryIn, { ...reading, repeats, repeatWindowS: 600 }, { hub: hub as FakeHub })
      const said = (n: number, dup: boolean) =>
        publishPacket({ topic: `${topic}${n}`, payload: JSON.stringify({ n }), qos: 1, id: n, dup })
      const three = outputs(3)
      await until(async () => (await consumer())?.live, 30_000)
      const first = await dial()
      for (const n of [1, 2]) first.send(said(n, false))
      for (let n = 0; n < 2; n++) await first.next(packetTypes.puback, 30_000)
      first.end()
      const again = await dial()
      for (const n of [1, 2]) again.send(said(n, true))
      again.send(said(3, false))
      for (let n = 0; n < 3; n++) await again.next(packetTypes.puback, 30_000)
      again.end()
      assert.deepEqual(payloads(await three), [{ n: 1 }, { n: 2 }, { n: 3 }])
      await until(async () => (await consumer())?.lag === 0, 30_000)
      assert.equal(seen().length, 3)
    })
})
