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
const connectionOf = (id: string, deviceId: string) =>
  ({ id, principal: { deviceId, family: 'thing', cid: 'c', kind: 'password' } }) as unknown as Connection

/** The inboxes of some devices, and what each connection was sent and has not acknowledged. */
async function house(devices: readonly string[]) {
  const clock = createClock()
  const now = () => clock.now
  const ended: string[] = []
  const store = await openMemoryStateStore({ now })
  const inbox = await openInbox({
    store,
    settled({ deviceId, outcome }) {
      ended.push(`${deviceId} ${outcome}`)
      return []
    },
    inTurn: createTurns(),
    now,
    random: randomBytes,
  })
  const listening = createListening({ send: () => {}, mayHear: () => true })
  const sent: { connection: string; device: string; text: string; end(error?: Error): void }[] = []
  const barred = new Set<string>()
  const failures: unknown[] = []
  const wire = createInboxWire({
    ...{ inbox, listening, now },
    mayHear: ({ id }) => !barred.has(id),
    generationOf: async () => 'g',
    broker: () => ({
      send: (connection, { topic, payload }) =>
        new Promise((resolve, reject) => {
          const end = (error?: Error) => (error ? reject(error) : resolve())
          sent.push({ connection, device: topic.split('/')[1]!, text: Buffer.from(payload).toString(), end })
        }),
    }),
    schedule: clock.schedule,
    failed: error => failures.push(error),
  })
  return {
    ...{ clock, inbox, wire, sent, barred, ended, failures },
    async come(id: string, deviceId: string, leaves: readonly string[]) {
      const connection = connectionOf(id, deviceId)
      listening.open(connection)
      for (const leaf of leaves)
        listening.listens(connection, { deviceId: leaf, filter: `devices/${leaf}/inbox/#`, features: ['inbox'], qos: 1 })
      await turns()
      return connection
    },
    async go(connection: Connection) {
      listening.gone(connection, 'CONNECTION_LOST')
      for (const one of sent) if (one.connection === connection.id) one.end(new LoomError('BROKER_DISCONNECTED', 'gone'))
      const concerned = wire.gone(connection)
      await turns()
      return concerned
    },
    async leave(connection: Connection, leaf: string) {
      listening.listensNoMore(connection, `devices/${leaf}/inbox/#`)
      wire.listensNoMore(connection, `devices/${leaf}/inbox/#`)
      await turns()
    },
    async put(deviceId: string, text: string) {
      await inbox.enqueue({ deviceId, generation: 'g', message: { body: Buffer.from(text) }, record: 'r', by: 'test' })
      wire.wake(deviceId)
    },
    texts: (connection: string, device: string) =>
      sent.flatMap(one => (one.connection === connection && one.device === device ? [one.text] : [])),
    waiting: async () => (await Promise.all(devices.map(deviceId => inbox.list({ deviceId })))).flat().length,
  }
}

describe('the inboxes of devices behind a gateway on the wire', () => {
  it('share a window of 32, in which each device has its turn and its order', async () => {
    const devices = Array.from({ length: 12 }, (_, i) => `d${i}`)
    const { come, put, sent, texts, waiting, failures } = await house(devices)
    for (let n = 0; n < 20; n++) for (const device of devices) await put(device, `${n}`)
    await come('c', 'gw', devices)
    assert.equal(sent.length, 32)
    const whole = devices.length * 20
    for (let at = 0; at < whole; at++) {
      await until(() => sent[at], 30_000)
      assert.ok(sent.length - at <= 32, `${sent.length - at} are on their way`)
      sent[at]!.end()
    }
    await until(async () => (await waiting()) === 0, 30_000)
    for (const device of devices)
      assert.deepEqual(
        texts('c', device),
        Array.from({ length: 20 }, (_, n) => `${n}`),
      )
    assert.equal(new Set(sent.slice(0, 16 * devices.length).map(({ device }) => device)).size, devices.length)
    assert.deepEqual([sent.length, failures], [whole, []])
  })

  it('an acknowledgement of who may not have it any more completes nothing', async () => {
    const { come, put, sent, barred, ended, inbox } = await house(['d'])
    await come('c', 'gw', ['d'])
    await put('d', 'x')
    await turns()
    barred.add('c')
    sent[0]!.end()
    await turns()
    assert.deepEqual([ended, (await inbox.list({ deviceId: 'd' })).map(({ held }) => held)], [[], [false]])
    await come('c2', 'gw2', ['d'])
    assert.deepEqual([sent[1]!.connection, sent[1]!.text], ['c2', 'x'])
  })

  it('what a gateway has not acknowledged when it listens no more is the next one’s, the rest stays with it', async () => {
    const { come, put, leave, texts, sent, ended } = await house(['d', 'e'])
    const first = await come('c', 'gw', ['d', 'e'])
    for (const text of ['1', '2']) await put('d', text)
    await put('e', 'mine')
    await turns()
    await leave(first, 'd')
    await come('c2', 'gw2', ['d'])
    await put('d', '3')
    await turns()
    assert.deepEqual([texts('c2', 'd'), texts('c', 'd'), texts('c', 'e')], [['1', '2', '3'], ['1', '2'], ['mine']])
    for (const one of sent) if (one.connection === 'c') one.end()
    await turns()
    assert.deepEqual(ended, ['e completed'])
    for (const one of sent) one.end()
    await turns()
    assert.deepEqual(ended, ['e completed', ...Array(3).fill('d completed')])
  })

  it('wait in their order for the next connection of the gateway, and come once if its device has one itself', async () => {
    const { come, go, put, texts, sent } = await house(['d', 'e'])
    const first = await come('c', 'gw', ['d', 'e'])
    for (const text of ['1', '2']) for (const device of ['d', 'e']) await put(device, text)
    await turns()
    await come('own', 'd', ['d'])
    await put('d', '3')
    await turns()
    assert.deepEqual(texts('own', 'd'), [], 'nothing overtakes what is on its way')
    assert.deepEqual((await go(first)).sort(), ['d', 'e'])
    assert.deepEqual(texts('own', 'd'), ['1', '2', '3'])
    await come('c2', 'gw', ['d', 'e'])
    assert.deepEqual([texts('c2', 'd'), texts('c2', 'e')], [[], ['1', '2']])
    for (const one of sent) one.end()
    await turns()
    await put('d', '4')
    await turns()
    assert.deepEqual([texts('own', 'd').at(-1), texts('c2', 'd')], ['4', []], 'its own comes first')
  })

  it('that expires on its way stays expired, whatever comes back', async () => {
    const { come, put, sent, ended, clock, inbox, waiting, failures } = await house(['d'])
    await come('c', 'gw', ['d'])
    await put('d', 'x')
    await turns()
    clock.turn(3_600_001)
    assert.deepEqual(await inbox.expire(), ['d'])
    sent[0]!.end()
    await turns()
    assert.deepEqual([ended, await waiting(), failures, sent.length], [['d expired'], 0, [], 1])
  })
})
