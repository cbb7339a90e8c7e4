import type { BrokerPort, Connection } from '../broker/broker-port.ts'
import { matches } from '../broker/topic-match.ts'
import type { Inbox, Taken } from '../commands/inbox.ts'
import { deviceboundMessage, deviceboundTopic } from '../dialects/azure/message.ts'
import { inboxMessage, inboxTopic } from '../dialects/plain/inbox.ts'
import { deviceIn } from '../dialects/plain/leaf.ts'
import { LoomError } from '../errors.ts'
import type { Listener, Listening } from './listening.ts'

/** The application of an Azure SDK adds its listener some time after it subscribed: messages that come before are acknowledged and lost. */
const azureAfterSubscribeMs = 250
const azureRestoredMs = 5000
/** A connection that follows another one so soon renews its token: the application's listener is still there. */
const renewalMs = 5000
/** Of one device, unacknowledged. */
const window = 16
/** The same of one connection: a gateway takes the messages of many devices. */
const windowOfConnection = 32
const feature = 'inbox'

export interface InboxWireParts {
  inbox: Pick<Inbox, 'take' | 'settle' | 'release' | 'putBack'>
  listening: Pick<Listening, 'on' | 'of'>
  mayHear(connection: Connection, topic: string, features: readonly string[]): boolean
  /** The generation of a device that may have its messages now. */
  generationOf(deviceId: string): Promise<string | undefined>
  broker(): Pick<BrokerPort, 'send'>
  schedule(ms: number, fn: () => void): () => void
  now: () => number
  failed(error: unknown): void
}

interface Drain {
  /** connections that may be given messages, the newest last */
  ready: Map<string, Connection>
  /** those that may soon; the value takes that back */
  starting: Map<string, () => void>
  /** who has what is unacknowledged */
  current?: string
  /** by their locks */
  unacknowledged: Set<string>
  taking: boolean
  again: boolean
  /** something was in the way that nobody tells the end of */
  stalled: boolean
  /** when the last connection that was ready ended */
  endedAt?: number
}

/** What one connection takes, of its own device and of those that it acts for. */
interface Load {
  devices: Set<string>
  /** unacknowledged, or about to be given */
  given: number
  /** devices whose messages found no room */
  waiting: Set<string>
}

interface Taker {
  connection: Connection
  qos: 0 | 1
  hears(topic: string): boolean
}

/** The inboxes of devices on the wire: one connection of a device at a time is given its messages, in order. */
export function createInboxWire(parts: InboxWireParts) {
  const { inbox, listening, now } = parts
  const drains = new Map<string, Drain>()
  const loads = new Map<string, Load>()
  const loadOf = (connectionId: string): Load => {
    const known = loads.get(connectionId)
    if (known) return known
    const load: Load = { devices: new Set(), given: 0, waiting: new Set() }
    loads.set(connectionId, load)
    return load
  }

  const drainOf = (deviceId: string): Drain => {
    const known = drains.get(deviceId)
    if (known) return known
    const drain: Drain = {
      ready: new Map(),
      starting: new Map(),
      unacknowledged: new Set(),
      taking: false,
      again: false,
      stalled: false,
    }
    drains.set(deviceId, drain)
    return drain
  }
  /** Undefined: it may not have messages, or did not subscribe them. */
  const takes = (deviceId: string, connection: Connection): Taker | undefined => {
    const base = connection.principal.family === 'iothub' ? deviceboundTopic(deviceId) : inboxTopic(deviceId, '0')
    const own = listening.of(deviceId, feature).filter(listener => listener.connection.id === connection.id)
    const heard = own.filter(({ features }) => parts.mayHear(connection, base, features))
    if (!heard.length) return undefined
    const hears = (topic: string): boolean => heard.some(({ filter }) => matches(filter, topic))
    return { connection, hears, qos: heard.some(({ qos }) => qos === 1) ? 1 : 0 }
  }
  const takerOf = (deviceId: string, drain: Drain): Taker | undefined => {
    const current = drain.current === undefined ? undefined : drain.ready.get(drain.current)
    // A message on its way to one connection must not be overtaken on another.
    const candidates = current && drain.unacknowledged.size > 0 ? [current] : ownFirst(deviceId, [...drain.ready.values()])
    for (const connection of candidates) {
      const taker = takes(deviceId, connection)
      if (taker) return taker
    }
    return undefined
  }

  const given = async (
    deviceId: string,
    drain: Drain,
    { connection, qos, hears }: Taker,
    { lock, ...message }: Taken,
  ): Promise<void> => {
    const form = connection.principal.family === 'iothub' ? deviceboundMessage : inboxMessage
    const { topic, payload } = form(deviceId, message, hears)
    try {
      await parts.broker().send(connection.id, { topic, payload, qos })
    } catch {
      // Over with the connection, or it does not take what it is sent: the message keeps its place.
      if (drain.ready.has(connection.id)) drain.stalled = true
      inbox.putBack(lock)
      return
    }
    // The device went to another gateway meanwhile: that one is given it again.
    if (isGateway(deviceId, connection) && !parts.mayHear(connection, topic, [feature])) return inbox.putBack(lock)
    try {
      await inbox.settle({ deviceId, lock, as: 'completed' })
    } catch (error) {
      // It expired or was purged on its way; otherwise the device has it, and its next connection will be given it again.
      if (!(error instanceof LoomError && error.code === 'COMMAND_LOCK_LOST')) parts.failed(error)
    }
  }
  /** Another connection's turn for so many messages of its devices. */
  const freed = (connectionId: string, count: number): void => {
    const load = loads.get(connectionId)
    if (!load) return
    load.given -= count
    for (const deviceId of [...load.waiting].slice(0, windowOfConnection - load.given)) {
      load.waiting.delete(deviceId)
      wake(deviceId)
    }
  }

  const take = async (deviceId: string, drain: Drain): Promise<void> => {
    drain.stalled = true
    const taker = takerOf(deviceId, drain)
    const generation = taker && (await parts.generationOf(deviceId))
    if (generation === undefined) return
    const holder = taker!.connection.id
    if (!drain.ready.has(holder)) return
    const load = loadOf(holder)
    const room = Math.max(0, Math.min(window - drain.unacknowledged.size, windowOfConnection - load.given))
    if (load.given >= windowOfConnection) load.waiting.add(deviceId)
    load.given += room
    const taken = room > 0 ? await inbox.take({ deviceId, generation, max: room, holder }) : []
    if (taken.length < room) freed(holder, room - taken.length)
    if (!drain.ready.has(holder)) {
      for (const { lock } of taken) inbox.putBack(lock)
      return freed(holder, taken.length)
    }
    drain.stalled = false
    drain.current = holder
    for (const one of taken) {
      drain.unacknowledged.add(one.lock)
      given(deviceId, drain, taker!, one).finally(() => {
        freed(holder, 1)
        drain.unacknowledged.delete(one.lock)
        if (drain.unacknowledged.size <= window / 2 && !drain.stalled) wake(deviceId)
      })
    }
  }

  /** Looks once more if something came while it looked. */
  const wake = (deviceId: string): void => {
    const drain = drains.get(deviceId)
    if (!drain?.ready.size) return
    if (drain.taking) {
      drain.again = true
      return
    }
    drain.taking = true
    take(deviceId, drain)
      .catch(parts.failed)
      .finally(() => {
        drain.taking = false
        if (!drain.again) return
        drain.again = false
        wake(deviceId)
      })
  }

  const begin = ({ connection, deviceId, subscribed }: Listener): void => {
    const { id, principal } = connection
    const { family, module } = principal
    if (module !== undefined) return
    const drain = drainOf(deviceId)
    loadOf(id).devices.add(deviceId)
    const start = (): void => {
      drain.starting.delete(id)
      drain.ready.set(id, connection)
      wake(deviceId)
    }
    drain.starting.get(id)?.()
    const known = drain.ready.has(id)
    const renewed = drain.ready.size > 0 || (drain.endedAt !== undefined && now() - drain.endedAt < renewalMs)
    if (known) wake(deviceId)
    else if (family !== 'iothub') start()
    else drain.starting.set(id, parts.schedule(!subscribed && !renewed ? azureRestoredMs : azureAfterSubscribeMs, start))
  }
  const forget = (drain: Drain, id: string): void => {
    drain.starting.get(id)?.()
    drain.starting.delete(id)
    if (drain.ready.delete(id)) drain.endedAt = now()
  }

  listening.on(feature, begin)

  return {
    /** Something waits for the device, or it may have what waits. */
    wake,

    /** The connection has ended. Returns whose messages it might have had. */
    gone({ id }: Connection): string[] {
      const devices = [...(loads.get(id)?.devices ?? [])]
      loads.delete(id)
      inbox.release(id)
      for (const deviceId of devices) {
        const drain = drains.get(deviceId)
        if (!drain) continue
        forget(drain, id)
        wake(deviceId)
      }
      return devices
    },

    /** Returns whose messages it might have had and has no more. */
    listensNoMore(connection: Connection, filter: string): string | undefined {
      const { id, principal } = connection
      const deviceId = deviceIn(filter) ?? principal.deviceId
      const drain = drains.get(deviceId)
      if (!drain || listening.of(deviceId, feature).some(listener => listener.connection.id === id)) return undefined
      if (!loads.get(id)?.devices.delete(deviceId)) return undefined
      forget(drain, id)
      if (isGateway(deviceId, connection) && drain.current === id) {
        // What it still acknowledges may be another gateway's by now.
        for (const lock of drain.unacknowledged) inbox.putBack(lock)
        drain.unacknowledged.clear()
        wake(deviceId)
      }
      return deviceId
    },

    /** Looks again where something was in the way, and forgets devices that are away; due each few seconds. */
    sweep(): void {
      const before = now() - renewalMs
      for (const [deviceId, { ready, starting, unacknowledged, stalled, endedAt = 0 }] of drains)
        if (!ready.size && !starting.size && !unacknowledged.size && endedAt < before) drains.delete(deviceId)
        else if (stalled) wake(deviceId)
    },
  }
}

const isGateway = (deviceId: string, { principal }: Connection): boolean => principal.deviceId !== deviceId

/** The newest first; a gateway's only after those of the device itself. */
const ownFirst = (deviceId: string, connections: Connection[]): Connection[] => [
  ...connections.filter(connection => !isGateway(deviceId, connection)).reverse(),
  ...connections.filter(connection => isGateway(deviceId, connection)).reverse(),
]
