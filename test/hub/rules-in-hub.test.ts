import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MessageChannel, type MessagePort } from 'node:worker_threads'
import { BatchDecoder } from '../../src/hub/batch.ts'
import type { FromHub, Port, ToHub } from '../../src/hub/frames.ts'
import type { Hub, HubConsumer, RegisterDevice } from '../../src/hub/hub.ts'
import { HubClient } from '../../src/hub/hub-client.ts'
import { HubThread } from '../../src/hub/hub-thread.ts'
import { serveHub } from '../../src/hub/serve-hub.ts'
import { startHub } from '../../src/hub/start-hub.ts'
import { type Delivered, kinds } from '../../src/journal/journal-port.ts'
import { mqttsClient } from '../mqtts-client.ts'
import { until } from '../until.ts'

const bytes = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value))
const patient = <T>(probe: () => T | Promise<T>) => until(probe, 60_000)

describe('rules in the hub', function () {
  this.timeout(120_000)
  let dataDir: string
  let hub: Hub
  const others: Hub[] = []
  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'loom-rules-'))
    hub = await startHub({ hubId: 'ruled', dataDir, store: 'memory', broker: 'none', listeners: [], threaded: false })
  })
  afterEach(async () => {
    await hub.close()
    for (const other of others.splice(0)) await other.close()
    await rm(dataDir, { recursive: true, force: true })
  })

  const send = (device: string, value: unknown, topic = `devices/${device}/telemetry`): Promise<unknown> =>
    hub.telemetry.inject({ device, payload: bytes(value), topic })
  const payloadsOf = (records: readonly Delivered[]): unknown[] =>
    records.map(({ payload }) => JSON.parse(new TextDecoder().decode(payload)))

  /** The hub behind a port, as its thread is; what crosses is counted. */
  function behindPort(): { client: HubClient; crossed: Delivered[]; end(): void } {
    const { port1, port2 } = new MessageChannel()
    const crossed: Delivered[] = []
    const decoder = new BatchDecoder()
    const end = <In, Out>(port: MessagePort, seen?: (message: Out) => void): Port<In, Out> => ({
      postMessage(message, transfer) {
        seen?.(message)
        port.postMessage(message, transfer as ArrayBuffer[] | undefined)
      },
      onMessage: listener => void port.on('message', listener),
    })
    serveHub(
      hub,
      end<ToHub, FromHub>(port1, message => {
        if (message.t === 'batch') crossed.push(...decoder.decode(message.buffer.slice(0)))
      }),
    )
    const client = new HubClient()
    client.attach(end<FromHub, ToHub>(port2))
    return {
      client,
      crossed,
      end() {
        port1.close()
        port2.close()
      },
    }
  }

  it('let exactly the ten of 10,000 messages cross that match', async () => {
    const { client, crossed, end } = behindPort()
    try {
      const got: Delivered[] = []
      const rules = [{ name: 'hot', sql: "SELECT * FROM 'devices/+/telemetry' WHERE temperature > 90" }]
      const consumer = await client.consume(
        { name: 'c', ack: 'flow', start: 'earliest', rules: { rules } },
        { deliver: records => got.push(...records) },
      )
      const all = Array.from({ length: 10_000 }, (_, n) => ({ n, temperature: n % 1000 === 7 ? 95 : 20 }))
      for (let at = 0; at < all.length; at += 500)
        await Promise.all(all.slice(at, at + 500).map((value, i) => send(`d${(at + i) % 50}`, value)))
      const { headSeq } = await hub.journal.metrics({})
      await patient(() => got.length === 10)
      consumer.ack(got.map(({ seq }) => seq))
      await patient(async () => (await hub.journal.metrics({})).consumers.find(({ name }) => name === 'c')?.cursor === headSeq)
      assert.equal(crossed.length, 10)
      assert.deepEqual(
        payloadsOf(got),
        all.filter(({ temperature }) => temperature > 90),
      )
      const { passedOver, delivered } = (await hub.journal.metrics({})).consumers.find(({ name }) => name === 'c')!
      assert.deepEqual([passedOver, delivered], [9990, 10])
      await consumer.close()
    } finally {
      end()
    }
  })

  it('change from one record to the next, without a restart of the consumer', async () => {
    const got: Delivered[] = []
    const ruleOver = (limit: number) => ({ rules: [{ name: 'r', sql: `SELECT * WHERE t > ${limit}` }] })
    const consumer: HubConsumer = await hub.consume(
      { name: 'c', ack: 'delivery', start: 'earliest', rules: ruleOver(10) },
      { deliver: records => got.push(...records) },
    )
    await send('d', { t: 5 })
    await send('d', { t: 15 })
    await until(() => got.length === 1)
    consumer.setRules(ruleOver(1))
    await send('d', { t: 5 })
    await until(() => got.length === 2)
    consumer.setRules({ rules: [{ name: 'r', sql: 'SELECT nothing that can be read' }] })
    await send('d', { t: 50 })
    consumer.setRules(ruleOver(40))
    await send('d', { t: 50, last: true })
    await until(() => got.length >= 3)
    assert.deepEqual(payloadsOf(got), [{ t: 15 }, { t: 5 }, { t: 50, last: true }])
    await consumer.close()
  })

  it('keep what was changed when the hub starts again', async () => {
    const fragile = await HubThread.start(
      { hubId: 'fragile', dataDir: join(dataDir, 'f'), store: 'sqlite', broker: 'none', listeners: [] },
      new URL('./fragile-thread.ts', import.meta.url),
    )
    const got: Delivered[] = []
    const rule = (text: string) => ({ rules: [{ name: 'r', sql: text }] })
    const consumer = await fragile.consume(
      { name: 'c', start: 'earliest', rules: rule('SELECT * WHERE t = 1') },
      { deliver: records => got.push(...records) },
    )
    consumer.setRules(rule('SELECT * WHERE t = 2'))
    await assert.rejects(fragile.devices.get({ id: 'crash' }), { code: 'HUB_DOWN' })
    await patient(async () => (await fragile.health.get({})).status === 'ok')
    for (const t of [1, 2, 3, 2]) await fragile.telemetry.inject({ device: 'd', payload: bytes({ t }) })
    await patient(() => got.length === 2)
    assert.deepEqual(payloadsOf(got), [{ t: 2 }, { t: 2 }])
    await fragile.close()
  })

  it('get messages of Basic Ingest by their name, from devices whose policy allows it, and bytes that are no JSON', async () => {
    const listening = await startHub({
      ...{
        hubId: 'ingest',
        dataDir: join(dataDir, 'i'),
        store: 'memory',
        broker: 'embedded',
        threaded: false,
        allowAnonymous: false,
      },
      listeners: [{ kind: 'mqtts', host: '127.0.0.1', port: 0 }],
    })
    others.push(listening)
    const caFile = join(dataDir, 'ca.pem')
    await writeFile(caFile, (await listening.pki.caCertificates({})).rootPem)
    const { port } = (await listening.health.get({})).listeners[0]!
    const connect = async (id: string) => {
      const { secrets } = await listening.devices.register({ id, credentials: { kind: 'password' } })
      return mqttsClient({ host: '127.0.0.1', port, caFile }, { clientId: id, username: id, password: secrets!.password! })
    }
    const Statement = [
      { Effect: 'Allow', Action: 'iot:Connect', Resource: '*' },
      { Effect: 'Allow', Action: 'iot:Publish', Resource: ['topic/$aws/rules/hot/*', 'topic/dt/may/*'] },
    ]
    await listening.policies.create({ id: 'ingest', text: JSON.stringify({ Version: '2012-10-17', Statement }) })
    const clients = [await connect('may'), await connect('not')]
    await listening.policies.attach({ policy: 'ingest', target: { device: 'may' } })
    const got: Delivered[] = []
    const consumer = await listening.consume(
      {
        name: 'c',
        start: 'earliest',
        rules: {
          rules: [
            { name: 'hot', sql: "SELECT * FROM 'dt/#' WHERE t > 1" },
            { name: 'cold', sql: "SELECT * FROM 'dt/#' WHERE t > 0" },
            { name: 'bytes', sql: "SELECT encode(*, 'base64') AS b FROM 'dt/may/raw'" },
          ],
        },
      },
      { deliver: records => got.push(...records) },
    )
    try {
      for (const { client } of clients)
        for (const topic of ['$aws/rules/hot/dt/x', '$aws/rules/cold/dt/x', '$aws/rules/hot/other'])
          for (const t of [1, 2]) await client.publishAsync(topic, JSON.stringify({ t, topic }), { qos: 1 })
      await clients[0]!.client.publishAsync('dt/may/raw', Buffer.from([0xc3, 1, 2]), { qos: 1 })
      await patient(() => got.length === 2)
      assert.deepEqual(
        got.map(({ device, topic }) => [device, topic]),
        [
          ['may', '$aws/rules/hot/dt/x'],
          ['may', 'dt/may/raw'],
        ],
      )
      assert.deepEqual(payloadsOf(got.slice(0, 1)), [{ t: 2, topic: '$aws/rules/hot/dt/x' }])
    } finally {
      await consumer.close()
      for (const { client } of clients) await client.endAsync(true)
    }
  })

  it('see the twin of the device, and events of the hub with the properties that Azure gives them', async () => {
    const got: Delivered[] = []
    await hub.devices.register({ id: 'a', tags: { site: 'north' } } as RegisterDevice)
    await hub.devices.register({ id: 'b', tags: { site: 'south' } } as RegisterDevice)
    // The index that rules look into has read the fleet.
    await hub.fleet.query({ dialect: 'azure', text: 'SELECT * FROM devices' } as never)
    const consumer = await hub.consume(
      {
        name: 'c',
        start: 'latest',
        filter: { kinds: [kinds.message, kinds.injected, kinds.twin, kinds.lifecycle] },
        rules: {
          rules: [
            { name: 'north', condition: "$twin.tags.site = 'north'" },
            {
              name: 'wanted',
              condition: "opType = 'updateTwin' AND $body.properties.desired.rate > 5",
              source: 'TwinChangeEvents',
            },
            { name: 'gone', condition: "opType = 'deleteDeviceIdentity'", source: 'DeviceLifecycleEvents' },
          ],
        },
      },
      { deliver: records => got.push(...records) },
    )
    await send('b', { n: 1 })
    await send('a', { n: 2 })
    await until(() => got.length === 1)
    assert.deepEqual(payloadsOf(got), [{ n: 2 }])
    await hub.twins.patch({ id: 'b', desired: { rate: 3 } } as never)
    await hub.twins.patch({ id: 'b', desired: { rate: 9 } } as never)
    await patient(() => got.length === 2)
    await hub.devices.delete({ id: 'b' } as never)
    await patient(() => got.length === 3)
    assert.deepEqual(
      got.map(({ kind, device }) => [kind, device]),
      [
        [kinds.injected, 'a'],
        [kinds.twin, 'b'],
        [kinds.lifecycle, 'b'],
      ],
    )
    await consumer.close()
  })
})
