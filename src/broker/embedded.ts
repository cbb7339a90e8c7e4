import type { Aedes } from 'aedes'
import type { Duplex } from 'node:stream'
import { LoomError } from '../errors.ts'
import type { StateStore } from '../storage/state-store.ts'
import { Backpressure } from './backpressure.ts'
import type { BrokerGate, BrokerPort, ListenerOptions, TlsMaterial } from './broker-port.ts'
import { ConnectRate } from './connect-rate.ts'
import { type BrokerLimits, type Core, connectBytes, headerBytes } from './core.ts'
import { FilterTree } from './filter-tree.ts'
import type { LibraryClient } from './library.ts'
import { accept, createLibrary } from './library-broker.ts'
import { publishWill, revoke } from './library-hooks.ts'
import { Links } from './links.ts'
import { failedListener, isLoopback, openListener, type OpenListener } from './listeners.ts'
import { guardFires } from './packet-guard.ts'
import { Retained } from './retained.ts'
import { Sessions } from './sessions.ts'
import { StateWriter } from './state-writer.ts'
import { TakeoverWatch } from './takeover-watch.ts'
import { TokenBuckets } from './token-buckets.ts'
import { Wills } from './wills.ts'

const tickMs = 1000
const sweepMs = 60_000
/** A device may save up as many seconds of its CONNECT rate. */
const connectBurstS = 20
const ticketsMs = 24 * 3_600_000

export interface EmbeddedBrokerOptions {
  gate: BrokerGate
  listeners: readonly ListenerOptions[]
  /** needed by mqtts and wss */
  tls?: TlsMaterial
  /** The broker's collections in it: broker_sessions, broker_queue, broker_retained, broker_wills. */
  sessions: StateStore
  limits: BrokerLimits
  now: () => number
  log?: (level: 'warn' | 'error', text: string) => void
  /** Calls again and again until told to stop; default a timer that keeps no process alive. */
  every?: (ms: number, fn: () => void) => () => void
  /** Whether the packet guard works with this version of the library; default: tried at start. */
  guardWorks?: (attach: (conn: Duplex) => LibraryClient) => Promise<boolean>
}

const everyByTimer = (ms: number, fn: () => void): (() => void) => {
  const timer = setInterval(fn, ms).unref()
  return () => clearInterval(timer)
}

/** MQTT 3.1.1 on TCP, TLS, WebSocket and secure WebSocket in this process. */
export function createEmbeddedBroker(options: EmbeddedBrokerOptions): BrokerPort {
  const { gate, now, every = everyByTimer, log = () => {}, guardWorks = guardFires } = options
  const limits = {
    subscriptions: 50,
    connectionsPerDevice: 20,
    connectsPerSecondPerDevice: 1,
    sessionsPerDevice: 20,
    queueBytes: 256 * 1024 ** 2,
    connectTimeoutMs: 10_000,
    drainTimeoutMs: 5000,
    waitingConnects: 2000,
    ...options.limits,
  }
  const counts = { received: 0, routed: 0, delivered: 0, refusedConnects: 0, refusedPublishes: 0, dropped: 0 }
  const lost = (): void => void counts.dropped++
  const store = options.sessions
  const writer = new StateWriter(store)
  const sessions = new Sessions({
    ...{ store, writer, lost },
    ttlMs: limits.sessionTtlMs,
    maxBytes: limits.queueBytes,
    maxPerDevice: limits.sessionsPerDevice,
  })
  const retained = new Retained({ store, writer, lost })
  const wills = new Wills({ store, writer })
  const links = new Links()
  const takeovers = new TakeoverWatch()
  const perSecond = limits.connectsPerSecondPerDevice
  const connects = new TokenBuckets({ perSecond, burst: connectBurstS * perSecond })
  const backpressure = new Backpressure({ openSlots: limits.openSlots, pendingBytes: limits.pendingBytes, now })
  const refused = (remoteAddress: string, reason: string, code = 'BROKER_PROTOCOL'): void => {
    counts.refusedConnects++
    gate.refused({ remoteAddress, reason, code })
  }
  const rate = new ConnectRate({
    perSecond: limits.connectsPerSecond,
    perSecondPerAddress: limits.connectsPerSecondPerAddress,
    maxWaiting: limits.waitingConnects,
    now,
    dropped: address => refused(address, 'too many connections a second', 'BROKER_THROTTLED'),
  })
  const core: Core = {
    subscribed: new FilterTree(),
    ...{ gate, now, log, limits, links, sessions, retained, wills, takeovers, connects, backpressure, counts },
    route: (message, done = () => {}) =>
      library.publish({ cmd: 'publish', dup: false, ...message, payload: asBuffer(message.payload) }, done),
  }
  const library: Aedes = createLibrary(core)
  let open: OpenListener[] = []
  let tls = options.tls
  let stopping: Promise<void> | undefined
  const stops: (() => void)[] = []

  const flush = (): Promise<void> => writer.flush().catch(error => log('error', `sessions could not be stored: ${error.message}`))
  let sweptAt = now()
  let ticketsAt = now()
  const tick = (): void => {
    const at = now()
    for (const link of links.all()) if (link.expiresAt <= at) link.abort('CUSTOMAUTH_TTL_EXPIRATION')
    for (const link of backpressure.held) {
      if (at - link.heldSince <= limits.maxHoldMs) {
        // Its PINGREQs are not read: it is not its fault.
        link.client._keepaliveTimer?.refresh()
        continue
      }
      const { remoteAddress } = link.origin
      gate.refused({
        remoteAddress,
        clientId: link.connection!.clientId,
        reason: 'held for too long',
        code: 'BROKER_BACKPRESSURE',
      })
      link.abort('SERVER_ERROR')
    }
    if (at - ticketsAt >= ticketsMs) {
      ticketsAt = at
      for (const { rotateTickets } of open) rotateTickets()
    }
    if (at - sweptAt >= sweepMs) {
      sweptAt = at
      sessions.sweep(at)
      takeovers.sweep(at)
      connects.sweep(at)
      rate.sweep(at)
    }
    void flush()
  }

  const within = (ms: number): Promise<void> => new Promise(resolve => void setTimeout(resolve, ms).unref())

  return {
    async start() {
      await sessions.load(now())
      await retained.load()
      const left = await wills.left()
      await library.listen()
      for (const { connection, will } of left) publishWill(core, connection, will)
      const guarded = await guardWorks(conn => {
        const link = accept(core, library, conn, { listener: 'mqtt', remoteAddress: '' })
        link.reported = true
        return link.client
      })
      const parts = {
        tls,
        rate,
        maxFrameBytes: limits.payloadBytes + headerBytes + connectBytes,
        accept: (conn: Duplex, origin: Parameters<typeof accept>[3]) => void accept(core, library, conn, origin),
        refused,
        request: options.gate.request?.bind(options.gate),
      }
      for (const listener of options.listeners)
        open.push(
          guarded || isLoopback(listener.host)
            ? await openListener(listener, parts)
            : failedListener(
                listener,
                new LoomError('BROKER_GUARD_MISSING', `${listener.kind} ${listener.host}:${listener.port}`),
              ),
        )
      stops.push(every(tickMs, tick))
      return open.map(({ listening }) => listening)
    },

    listeners: () => open.map(({ listening }) => listening),

    async send(connectionId, { topic, payload, qos }) {
      const outbound = links.get(connectionId)?.outbound
      if (!outbound) throw new LoomError('BROKER_DISCONNECTED', topic)
      await outbound.send({ topic, payload: asBuffer(payload), qos })
    },

    async publish({ topic, payload, qos, retain = false }) {
      if (topic.startsWith('$')) throw new LoomError('REQUEST_INVALID', `${topic} is reserved and never routed`)
      counts.routed++
      await new Promise<void>((resolve, reject) =>
        core.route({ topic, payload: asBuffer(payload), qos, retain }, error => (error ? reject(error) : resolve())),
      )
    },

    connections: () => links.connections(),
    connectionsOf: deviceId => links.connectionsOf(deviceId),
    holderOf: key => links.holder(key)?.connection?.principal.deviceId ?? sessions.deviceOf(key),

    async recheck(connectionId) {
      const link = links.get(connectionId)
      if (link?.phase !== 'open') return
      const { connection, session, client } = link
      const refused = [...link.filters]
        .filter(([filter, qos]) => options.gate.subscribe(connection!, filter, qos as 0 | 1, true) === 128)
        .map(([filter]) => filter)
      if (!refused.length) return
      for (const filter of refused) revoke(core, link, filter)
      await new Promise<void>(resolve => client.unsubscribe({ unsubscriptions: refused }, () => resolve()))
      if (session) await sessions.unsubscribe(session, refused)
    },

    async disconnect(connectionId, reason) {
      const link = links.get(connectionId)
      link?.abort(reason)
      await link?.closed
    },

    purge(deviceId) {
      retained.purge(deviceId)
      return sessions.purge(deviceId)
    },

    setTls(material) {
      tls = material
      for (const { setTls } of open) setTls(material)
    },

    metrics: () => ({
      ...counts,
      connections: links.open,
      openSlots: backpressure.slots,
      pendingBytes: backpressure.bytes,
      paused: backpressure.held.size,
      sessions: sessions.count,
      queued: sessions.queued,
      retained: retained.count,
    }),

    stop(withinMs) {
      stopping ??= (async () => {
        const deadline = within(withinMs)
        // The other half is for closing and for the store.
        const drained = within(withinMs / 2)
        for (const { stop } of open) stop()
        rate.close()
        for (const link of links.all()) link.blocked = link.stopping = true
        await Promise.race([backpressure.idle(), drained])
        const all = [...links.all()]
        const ended = Promise.all(all.map(({ closed }) => closed))
        for (const link of all) link.finish('SERVER_INITIATED_DISCONNECT')
        await Promise.race([ended, deadline])
        for (const link of all) link.abort('SERVER_INITIATED_DISCONNECT')
        for (const { close } of open) close()
        await ended
        // Their wills.
        await Promise.race([backpressure.idle(), deadline])
        for (const stop of stops) stop()
        await Promise.race([flush(), deadline])
        await new Promise<void>(resolve => library.close(resolve))
        open = open.map(listener => ({ ...listener, setTls() {}, rotateTickets() {} }))
      })()
      return stopping
    },
  }
}

const asBuffer = (payload: Uint8Array | string): Buffer =>
  typeof payload === 'string' ? Buffer.from(payload) : Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength)
