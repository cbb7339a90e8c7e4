import { type AddressInfo, connect as connectTcp, type Socket } from 'node:net'
import type {
  Admission,
  BrokerGate,
  BrokerPort,
  ConnectHello,
  Connection,
  DisconnectReason,
  InboundPublish,
} from '../../src/broker/broker-port.ts'
import type { BrokerLimits } from '../../src/broker/core.ts'
import { createEmbeddedBroker, type EmbeddedBrokerOptions } from '../../src/broker/embedded.ts'
import type { StateStore } from '../../src/storage/state-store.ts'
import { openMemoryStateStore } from '../../src/stores/memory/state-store.ts'
import { connectPacket, type ConnectFields, packetTypes, subscribePacket, type Talk, talk } from '../mqtt-wire.ts'
import { until } from '../until.ts'

export interface Published {
  connection: Connection
  packet: InboundPublish
  acknowledge: Parameters<BrokerGate['publish']>[2]
}

export interface GateLog {
  hellos: ConnectHello[]
  published: Published[]
  connected: Connection[]
  disconnected: { connection: Connection; reason: DisconnectReason }[]
  refused: Parameters<BrokerGate['refused']>[0][]
  subscribed: { clientId: string; filter: string }[]
  unsubscribed: string[]
}

/** A gate that admits everyone under the client id, grants and routes everything, acknowledges at once, and keeps what it was asked. */
export function openGate(over: Partial<BrokerGate> = {}): BrokerGate & { log: GateLog } {
  const log: GateLog = {
    hellos: [],
    published: [],
    connected: [],
    disconnected: [],
    refused: [],
    subscribed: [],
    unsubscribed: [],
  }
  const gate: BrokerGate = {
    connect: async hello => admit(hello),
    publish(_connection, _packet, acknowledge) {
      acknowledge()
      return 'route'
    },
    subscribe: (_connection, _filter, qos) => (qos ? 1 : 0),
    forward: () => true,
    connected() {},
    disconnected() {},
    refused() {},
    ...over,
  }
  return {
    log,
    connect(hello) {
      log.hellos.push(hello)
      return gate.connect(hello)
    },
    publish(connection, packet, acknowledge) {
      log.published.push({ connection, packet, acknowledge })
      return gate.publish(connection, packet, acknowledge)
    },
    subscribe(connection, filter, qos) {
      log.subscribed.push({ clientId: connection.clientId, filter })
      return gate.subscribe(connection, filter, qos)
    },
    unsubscribed: (_connection, filter) => void log.unsubscribed.push(filter),
    forward: (connection, topic) => gate.forward(connection, topic),
    connected(connection) {
      log.connected.push(connection)
      gate.connected(connection)
    },
    disconnected(connection, reason) {
      log.disconnected.push({ connection, reason })
      gate.disconnected(connection, reason)
    },
    refused(o) {
      log.refused.push(o)
      gate.refused(o)
    },
    ...(gate.request && { request: gate.request }),
  }
}

export const admit = (hello: ConnectHello, over: Partial<Extract<Admission, { admit: true }>> = {}): Admission => ({
  admit: true,
  principal: { deviceId: hello.clientId, family: 'thing', cid: 'c1', kind: 'password' },
  sessionKey: `thing|${hello.clientId}`,
  willAllowed: true,
  ...over,
})

export const limits: BrokerLimits = {
  payloadBytes: 262_144,
  connectsPerSecond: 1000,
  connectsPerSecondPerAddress: 0,
  openSlots: 64,
  pendingBytes: 64 * 1024 ** 2,
  maxHoldMs: 30_000,
  sessionTtlMs: 7 * 24 * 3_600_000,
}

export interface Bench {
  broker: BrokerPort
  gate: ReturnType<typeof openGate>
  store: StateStore
  port: number
  /** epoch ms; moves only by hand */
  clock: { now: number }
  /** One beat of the broker's clockwork. */
  tick(): void
  raw(): Promise<{ socket: Socket; talk: Talk }>
  /** A connected client, its CONNACK taken. */
  client(
    fields: ConnectFields,
    extra?: { subscribe?: string[]; qos?: 0 | 1 },
  ): Promise<Talk & { sessionPresent: boolean; socket: Socket }>
  stop(): Promise<void>
}

const benches: Bench[] = []

/** Stops every broker a test left. */
export const stopBenches = async (): Promise<void> => {
  for (const bench of benches.splice(0)) await bench.stop()
}

export async function startBench(
  o: Partial<Omit<EmbeddedBrokerOptions, 'limits' | 'gate'>> & {
    gate?: Partial<BrokerGate>
    limits?: Partial<BrokerLimits>
    clock?: { now: number }
  } = {},
): Promise<Bench> {
  const clock = o.clock ?? { now: Date.parse('2026-03-01T00:00:00Z') }
  const store = o.sessions ?? (await openMemoryStateStore({ now: () => clock.now }))
  const gate = openGate(o.gate)
  let beat = (): void => {}
  const broker = createEmbeddedBroker({
    listeners: [{ kind: 'mqtt', host: '127.0.0.1', port: 0 }],
    every: (_ms, fn) => {
      beat = fn
      return () => {}
    },
    ...o,
    now: () => clock.now,
    sessions: store,
    gate,
    limits: { ...limits, ...o.limits },
  })
  const [first] = await broker.start()
  const port = first!.port
  const raw = async () => {
    const socket = connectTcp(port, '127.0.0.1')
    const talking = talk(socket)
    await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject))
    return { socket, talk: talking }
  }
  const bench: Bench = {
    broker,
    gate,
    store,
    port,
    clock,
    tick: () => beat(),
    raw,
    async client(fields, { subscribe, qos = 1 } = {}) {
      const { talk: talking, socket } = await raw()
      const before = gate.log.connected.length
      talking.send(connectPacket(fields))
      const connack = await talking.next(packetTypes.connack)
      if (connack.body[1] !== 0) throw new Error(`CONNACK ${connack.body[1]}`)
      // The client has its CONNACK a moment before the broker has finished with it.
      await until(() => gate.log.connected.length > before)
      if (subscribe) {
        talking.send(subscribePacket(subscribe, qos))
        await talking.next(packetTypes.suback)
      }
      return Object.assign(talking, { sessionPresent: connack.body[0] === 1, socket })
    },
    stop: () => broker.stop(2000),
  }
  benches.push(bench)
  return bench
}

/** What a PUBLISH carries. */
export function publishOf({ head, body }: { head: number; body: Buffer }) {
  const topicBytes = body.readUInt16BE(0)
  const qos = (head >> 1) & 3
  const at = 2 + topicBytes
  return {
    topic: body.toString('utf8', 2, at),
    id: qos ? body.readUInt16BE(at) : 0,
    payload: body.subarray(qos ? at + 2 : at),
    text: body.toString('utf8', qos ? at + 2 : at),
    qos,
    retain: (head & 1) === 1,
    dup: (head & 8) === 8,
  }
}

export const portOf = (address: AddressInfo | string | null): number => (address as AddressInfo).port
export { until }
