import assert from 'node:assert/strict'
import { connect as dial, type IClientOptions, type MqttClient } from 'mqtt'
import type { BrokerGate, BrokerPort, Connection, DisconnectReason } from '../../src/broker/broker-port.ts'
import { until } from '../until.ts'

/** A broker that asks the given gate, and where an MQTT client finds it. `stop` leaves nothing behind. */
export interface BrokerUnderTest {
  broker: BrokerPort
  url: string
  stop(): Promise<void>
}

/** What every `BrokerPort` does, through a real MQTT client. `open` gets the gate it must ask. */
export function brokerContract(name: string, open: (gate: BrokerGate) => Promise<BrokerUnderTest>): void {
  describe(`a broker: ${name}`, () => {
    let undo: (() => Promise<unknown>)[] = []
    const start = async (over: Partial<BrokerGate> = {}) => {
      const log = { connected: [] as Connection[], ended: [] as [string, DisconnectReason][], published: [] as string[] }
      const gate: BrokerGate = {
        connect: async ({ clientId }) => ({
          admit: true,
          principal: { deviceId: clientId.split('.')[0]!, family: 'thing', cid: 'c', kind: 'password' },
          sessionKey: `thing|${clientId}`,
          willAllowed: true,
        }),
        publish(_connection, { topic }, acknowledge) {
          log.published.push(topic)
          acknowledge()
          return 'route'
        },
        subscribe: (_connection, _filter, qos) => (qos ? 1 : 0),
        forward: () => true,
        connected: connection => void log.connected.push(connection),
        disconnected: ({ clientId }, reason) => void log.ended.push([clientId, reason]),
        refused() {},
        ...over,
      }
      const { broker, url, stop } = await open(gate)
      undo.push(stop)
      /** `inbox` takes what comes from the first byte on: a queued message may come with the CONNACK. */
      const connect = async (clientId: string, options: IClientOptions = {}, inbox: string[] = []): Promise<MqttClient> => {
        const before = log.connected.length
        const client = dial(url, { clientId, protocolVersion: 4, reconnectPeriod: 0, ...options })
        client.on('message', (_topic, payload) => inbox.push(payload.toString()))
        undo.unshift(() => client.endAsync(true))
        await new Promise<unknown>((resolve, reject) => client.once('connect', resolve).once('error', reject))
        client.on('error', () => {})
        undo.unshift(() => client.endAsync(true))
        await until(() => log.connected.length > before || over.connected)
        return client
      }
      return { broker, log, connect }
    }
    const nextOf = (client: MqttClient) =>
      new Promise<{ topic: string; text: string; qos: number }>(resolve =>
        client.once('message', (topic, payload, { qos }) => resolve({ topic, text: payload.toString(), qos })),
      )

    afterEach(async () => {
      const steps = undo
      undo = []
      for (const step of steps) await step()
    })

    it('routes what the gate routes', async () => {
      const { connect, broker, log } = await start()
      const [reader, writer] = [await connect('r'), await connect('w')]
      assert.deepEqual(
        (await reader.subscribeAsync('a/+', { qos: 1 })).map(({ qos }) => qos),
        [1],
      )
      const got = nextOf(reader)
      await writer.publishAsync('a/b', 'hello', { qos: 1 })
      assert.deepEqual(await got, { topic: 'a/b', text: 'hello', qos: 1 })
      assert.deepEqual(log.published, ['a/b'])
      assert.equal(broker.metrics().received, 1)
    })

    it('acknowledges a publish only after the gate did', async () => {
      let acknowledge: (() => void) | undefined
      const { connect } = await start({
        publish(_connection, _packet, done) {
          acknowledge = done
          return 'sink'
        },
      })
      const writer = await connect('w')
      let settled = false
      const published = writer.publishAsync('a', 'x', { qos: 1 }).then(() => {
        settled = true
      })
      await until(() => acknowledge)
      await new Promise(resolve => setImmediate(resolve))
      assert.equal(settled, false)
      acknowledge!()
      await published
    })

    it('refuses a CONNECT with the code of the gate', async () => {
      const { connect } = await start({ connect: async () => ({ admit: false, connack: 5, reason: 'no' }) })
      await assert.rejects(connect('d1'), { code: 5 })
    })

    it('grants and refuses filters one by one', async () => {
      const { connect } = await start({ subscribe: (_connection, filter) => (filter === 'no' ? 128 : 1) })
      const client = await connect('d1')
      const granted = await client.subscribeAsync(['yes', 'no'], { qos: 1 }).catch((error: unknown) => error)
      assert.ok(granted instanceof Error || (granted as { qos: number }[]).some(({ qos }) => qos === 128))
      await client.publishAsync('a', 'x', { qos: 1 })
    })

    it('asks again for the filters of a connection, and ends what is refused by then', async () => {
      const closed = new Set<string>()
      const { broker, connect, log } = await start({ subscribe: (_connection, filter) => (closed.has(filter) ? 128 : 1) })
      const inbox: string[] = []
      const client = await connect('s', { clean: false }, inbox)
      await client.subscribeAsync(['keep/+', 'lose/#'], { qos: 1 })
      closed.add('lose/#')
      await broker.recheck(log.connected[0]!.id)
      await broker.recheck('nobody')
      await broker.publish({ topic: 'lose/a', payload: 'lost', qos: 1 })
      await broker.publish({ topic: 'lose/a', payload: 'lost', qos: 0 })
      await broker.publish({ topic: 'keep/a', payload: 'kept', qos: 1 })
      await until(() => inbox.length > 0)
      assert.deepEqual(inbox, ['kept'])
      // gone for good: it does not come back with the session
      closed.clear()
      await client.endAsync()
      const later: string[] = []
      await connect('s', { clean: false }, later)
      await broker.publish({ topic: 'lose/a', payload: 'lost', qos: 1 })
      await broker.publish({ topic: 'keep/a', payload: 'kept', qos: 1 })
      await until(() => later.length > 0)
      assert.deepEqual(later, ['kept'])
    })

    it('sends to one connection, subscribed or not, and knows when it was taken', async () => {
      const { connect, broker } = await start()
      const [one, two] = [await connect('dev.1'), await connect('dev.2')]
      const connections = broker.connectionsOf('dev')
      assert.deepEqual(connections.map(({ clientId }) => clientId).sort(), ['dev.1', 'dev.2'])
      const got = nextOf(one)
      two.on('message', () => assert.fail('sent to the other'))
      const { id } = connections.find(({ clientId }) => clientId === 'dev.1')!
      await broker.send(id, { topic: 'dev/1/in', payload: 'x', qos: 1 })
      assert.equal((await got).text, 'x')
      await one.endAsync()
      await until(() => broker.connectionsOf('dev').length === 1)
      await assert.rejects(broker.send(id, { topic: 'a', payload: 'x', qos: 1 }), { code: 'BROKER_DISCONNECTED' })
    })

    it('routes a message of the hub', async () => {
      const { connect, broker } = await start()
      const reader = await connect('r')
      await reader.subscribeAsync('news', { qos: 0 })
      const got = nextOf(reader)
      await broker.publish({ topic: 'news', payload: 'x', qos: 1 })
      assert.equal((await got).qos, 0)
    })

    it('tells how connections end', async () => {
      const { connect, broker, log } = await start()
      await (await connect('polite')).endAsync()
      await until(() => log.ended.length === 1)
      const lost = await connect('lost')
      lost.stream.destroy()
      await until(() => log.ended.length === 2)
      await connect('thrown')
      await broker.disconnect(broker.connectionsOf('thrown')[0]!.id, 'FORBIDDEN_ACCESS')
      assert.deepEqual(log.ended, [
        ['polite', 'CLIENT_INITIATED_DISCONNECT'],
        ['lost', 'CONNECTION_LOST'],
        ['thrown', 'FORBIDDEN_ACCESS'],
      ])
      assert.deepEqual([...broker.connections()], [])
    })

    it('keeps a session for clean = 0, until it is purged', async () => {
      const { connect, broker, log } = await start()
      const first = await connect('d1', { clean: false })
      await first.subscribeAsync('a', { qos: 1 })
      await first.endAsync()
      await until(() => log.ended.length === 1)
      await broker.publish({ topic: 'a', payload: 'kept', qos: 1 })
      const inbox: string[] = []
      const second = await connect('d1', { clean: false }, inbox)
      await until(() => inbox[0] === 'kept')
      await second.endAsync()
      await until(() => log.ended.length === 2)
      await broker.purge('d1')
      assert.equal(broker.metrics().sessions, 0)
    })

    it('stops within its limit, once for all', async () => {
      const { connect, broker, log } = await start({ publish: () => 'sink' })
      const client = await connect('d1')
      client.publish('a', 'never acknowledged', { qos: 1 }, () => {})
      await until(() => broker.metrics().openSlots === 1)
      await Promise.all([broker.stop(50), broker.stop(50)])
      assert.deepEqual(log.ended, [['d1', 'SERVER_INITIATED_DISCONNECT']])
    })
  })
}
