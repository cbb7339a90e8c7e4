import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import type { Connection } from '../../src/broker/broker-port.ts'
import { openInbox } from '../../src/commands/inbox.ts'
import { LoomError } from '../../src/errors.ts'
import { createInboxWire } from '../../src/hub/inbox-wire.ts'
import { createListening } from '../../src/hub/listening.ts'
import { createTurns } from '../../src/hub/turns.ts'
import { openMemoryStateStore } from '../../src/stores/memory/state-store.ts'
import { createClock } from '../provisioning/dps-house.ts'
import { until } from '../until.ts'

const turns = async (): Promise<void> => {
  for (let i = 0; i < 20; i++) await new Promise(setImmediate)
}

/** The inbox of device d1, connections that the test opens, and what each was sent. */
async function house({ family = 'iothub' as Connection['principal']['family'] } = {}) {
  const clock = createClock()
  const now = () => clock.now
  const store = await openMemoryStateStore({ now })
  const inbox = await openInbox({ store, settled: () => [], inTurn: createTurns(), now, random: randomBytes })
  const listening = createListening({ send: () => {}, mayHear: () => true })
  const sent: { connection: string; topic: string; text: string; qos: number; end(error?: Error): void }[] = []
  const facts = { hears: true, generation: 'g' as string | undefined, acknowledges: true, failures: [] as unknown[] }
  const wire = createInboxWire({
    inbox,
    listening,
    mayHear: () => facts.hears,
    generationOf: async () => facts.generation,
    broker: () => ({
      send: (connection, { topic, payload, qos }) =>
        new Promise((resolve, reject) => {
          const end = (error?: Error) => (error ? reject(error) : resolve())
          sent.push({ connection, topic, text: Buffer.from(payload).toString(), qos, end })
          if (facts.acknowledges) end()
        }),
    }),
    schedule: clock.schedule,
    now,
    failed: error => facts.failures.push(error),
  })
  const filter = family === 'iothub' ? 'devices/d1/messages/devicebound/#' : 'devices/d1/inbox/#'
  const connect = (id: string) => ({ id, principal: { deviceId: 'd1', family, cid: 'c', kind: 'sas' } }) as unknown as Connection
  const subscribe = (connection: Connection, o: { filter?: string; qos?: 0 | 1 } = {}) =>
    listening.listens(connection, { filter, features: ['inbox'], qos: 1, ...o })
  const come = async (id: string, { restored = false, qos = 1 as 0 | 1 } = {}) => {
    const connection = connect(id)
    if (restored) subscribe(connection, { qos })
    listening.open(connection)
    if (!restored) subscribe(connection, { qos })
    await turns()
    return connection
  }
  const go = async (connection: Connection) => {
    listening.gone(connection, 'CONNECTION_LOST')
    for (const one of sent) if (one.connection === connection.id) one.end(new LoomError('BROKER_DISCONNECTED', 'gone'))
    wire.gone(connection)
    await turns()
  }
  const put = async (text: string, more: object = {}) => {
    await inbox.enqueue({
      deviceId: 'd1',
      generation: 'g',
      message: { body: Buffer.from(text), ...more },
      record: 'r',
      by: 'test',
    })
    wire.wake('d1')
    await turns()
  }
  const pass = async (ms: number) => {
    clock.turn(ms)
    await turns()
  }
  const texts = () => sent.map(({ text }) => text)
  return { clock, inbox, listening, wire, facts, sent, texts, connect, subscribe, come, go, put, pass }
}

describe('the inbox of a device on the wire', () => {
  it('of Azure begins a moment after the subscription, and later if nobody subscribed on this connection', async () => {
    const { come, go, put, pass, texts, subscribe, connect, listening } = await house()
    await put('a')
    const first = await come('c1')
    await pass(249)
    assert.deepEqual(texts(), [])
    await pass(1)
    assert.deepEqual(texts(), ['a'])
    await go(first)
    await pass(5000)
    await put('b')
    const second = await come('c2', { restored: true })
    await pass(4999)
    assert.deepEqual(texts(), ['a'], 'the application may have no listener yet')
    await pass(1)
    assert.deepEqual(texts(), ['a', 'b'])
    await go(second)
    await pass(5000)
    await put('c')
    const third = await come('c3', { restored: true })
    subscribe(third)
    await turns()
    await pass(250)
    assert.deepEqual(texts(), ['a', 'b', 'c'], 'it subscribed after all')
    await go(third)
    await pass(5000)
    await put('d')
    const hasty = connect('c4')
    subscribe(hasty)
    listening.open(hasty)
    subscribe(hasty)
    await turns()
    await pass(250)
    assert.deepEqual(texts(), ['a', 'b', 'c', 'd'], 'it subscribed right after its CONNACK')
  })

  it('of Azure goes on at once after a token was renewed', async () => {
    const { come, go, put, pass, texts } = await house()
    const first = await come('c1')
    await pass(250)
    await go(first)
    await put('a')
    await pass(4000)
    await come('c2', { restored: true })
    await pass(250)
    assert.deepEqual(texts(), ['a'])
  })

  it('of a plain device begins at once, in the form of the topic that it subscribed', async () => {
    const forms = async (...filters: string[]) => {
      const { put, sent, connect, listening, subscribe } = await house({ family: 'thing' })
      const connection = connect('c1')
      listening.open(connection)
      for (const end of filters) subscribe(connection, { filter: `devices/d1/inbox/${end}` })
      await turns()
      await put('a')
      await put('b', { id: 'b', properties: { p: '1' }, contentType: 'text/plain' })
      return sent.map(
        ({ topic, text }) => `${topic.replace(/^devices.d1.inbox.(?!b\b)[^/]+/, 'id').replace('devices/d1/inbox/', '')} ${text}`,
      )
    }
    const all = ['id a', 'b/?p=1&ct=text%2Fplain b']
    assert.deepEqual(await forms('#'), all)
    assert.deepEqual(await forms('+', '+/+'), all)
    assert.deepEqual(await forms('+'), ['id a', 'b b'])
    assert.deepEqual(await forms('+/+'), ['id/? a', 'b/?p=1&ct=text%2Fplain b'])
  })

  it('has 16 on their way, and goes on as they are acknowledged', async () => {
    const { come, put, texts, facts, sent, inbox } = await house({ family: 'thing' })
    facts.acknowledges = false
    await come('c1')
    for (let i = 0; i < 40; i++) await put(`m${i}`)
    assert.equal(texts().length, 16)
    for (let at = 0; at < 40; at++) {
      await until(() => sent[at], 30_000)
      sent[at]!.end()
      await turns()
    }
    assert.deepEqual(
      texts(),
      Array.from({ length: 40 }, (_, n) => `m${n}`),
    )
    await until(async () => (await inbox.list({ deviceId: 'd1' })).length === 0, 30_000)
  })

  it('gives what a lost connection did not acknowledge to the next one, first and in order', async () => {
    const { come, go, put, texts, facts, sent } = await house({ family: 'thing' })
    facts.acknowledges = false
    const first = await come('c1')
    for (const text of ['a', 'b', 'c']) await put(text)
    sent[0]!.end()
    await turns()
    await go(first)
    await put('d')
    await come('c2')
    assert.deepEqual(texts(), ['a', 'b', 'c', 'b', 'c', 'd'])
    assert.deepEqual([...new Set(sent.slice(3).map(({ connection }) => connection))], ['c2'])
  })

  it('is given to one connection at a time', async () => {
    const { come, put, facts, sent } = await house({ family: 'thing' })
    facts.acknowledges = false
    await come('c1')
    await put('a')
    await come('c2')
    await put('b')
    assert.deepEqual(
      sent.map(({ connection }) => connection),
      ['c1', 'c1'],
      'b must not overtake a',
    )
    for (const one of sent) one.end()
    await turns()
    await put('c')
    assert.equal(sent.at(-1)!.connection, 'c2', 'the newest')
  })

  it('waits while the device must not have it, and goes on by itself when it may', async () => {
    const { come, put, texts, facts, wire } = await house({ family: 'thing' })
    facts.generation = undefined
    await come('c1')
    await put('a')
    assert.deepEqual(texts(), [])
    facts.generation = 'g'
    wire.sweep()
    await turns()
    assert.deepEqual(texts(), ['a'])
    facts.hears = false
    await put('b')
    facts.hears = true
    wire.sweep()
    await turns()
    assert.deepEqual(texts(), ['a', 'b'])
  })

  it('does not press a connection that takes nothing more', async () => {
    const { come, put, facts, sent, wire, inbox } = await house({ family: 'thing' })
    facts.acknowledges = false
    await come('c1')
    await put('a')
    sent[0]!.end(new LoomError('BROKER_THROTTLED', 'full'))
    await turns()
    assert.equal(sent.length, 1)
    const [waiting] = await inbox.list({ deviceId: 'd1' })
    assert.deepEqual([waiting!.held, waiting!.deliveries], [false, 0])
    wire.sweep()
    await turns()
    assert.equal(sent.length, 2)
    assert.deepEqual(facts.failures, [])
  })

  it('ends with the subscription', async () => {
    const { come, put, texts, listening, wire } = await house({ family: 'thing' })
    const connection = await come('c1', { qos: 0 })
    await put('a')
    listening.listensNoMore(connection, 'devices/d1/inbox/#')
    wire.listensNoMore(connection, 'devices/d1/inbox/#')
    await put('b')
    assert.deepEqual(texts(), ['a'])
  })
})
