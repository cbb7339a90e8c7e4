import type { BrokerPort, Connection } from '../broker/broker-port.ts'
import { matches } from '../broker/topic-match.ts'
import type { Inbox, Taken } from '../commands/inbox.ts'
import { deviceboundMessage, deviceboundTopic } from '../dialects/azure/message.ts'
import { inboxMessage, inboxTopic } from '../dialects/plain/inbox.ts'
import { LoomError } from '../errors.ts'
import type { Listener, Listening } from './listening.ts'

/** The application of an Azure SDK adds its listener some time after it subscribed: messages that come before are acknowledged and lost. */
const azureAfterSubscribeMs = 250
const azureRestoredMs = 5000
/** A connection that follows another one so soon renews its token: the application's listener is still there. */
const renewalMs = 5000
/** Of one device, unacknowledged. */
const window = 16
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
  unacknowledged: number
  taking: boolean
  again: boolean
  /** something was in the way that nobody tells the end of */
  stalled: boolean
  /** when the last connection that was ready ended */
  endedAt?: number
}

/** The inboxes of devices on the wire: one connection of a device at a time is given its messages, in order. */
export function createInboxWire(parts: InboxWireParts) {
  const { inbox, listening, now } = parts
  const drains = new Map<string, Drain>()

  const drainOf = (deviceId: string): Drain => {
    const known = drains.get(deviceId)
    if (known) return known
    const drain: Drain = {
      ready: new Map(),
      starting: new Map(),
      unacknowledged: 0,
      taking: false,
      again: false,
      stalled: false,
    }
    drains.set(deviceId, drain)
    return drain
  }
  /** The QoS of its messages; undefined: it may not have them, or has not subscribed all their topics. */
  const qosFor = (connection: Connection): 0 | 1 | undefined => {
    const { deviceId, family } = connection.principal
    const own = listening.of(deviceId, feature).filter(listener => listener.connection.id === connection.id)
    const [base, ...topics] = family === 'iothub' ? [deviceboundTopic(deviceId)] : plainForms(deviceId)
    const heard = own.filter(({ features }) => parts.mayHear(connection, base, features))
    const all = topics.every(topic => heard.some(({ filter }) => matches(filter, topic)))
    return heard.length && all ? (heard.some(({ qos }) => qos === 1) ? 1 : 0) : undefined
  }
  const takerOf = (drain: Drain): { connection: Connection; qos: 0 | 1 } | undefined => {
    const current = drain.current === undefined ? undefined : drain.ready.get(drain.current)
    // A message on its way to one connection must not be overtaken on another.
    const candidates = current && drain.unacknowledged > 0 ? [current] : [...drain.ready.values()].reverse()
    for (const connection of candidates) {
      const qos = qosFor(connection)
      if (qos !== undefined) return { connection, qos }
    }
    return undefined
  }

  const given = async (drain: Drain, connection: Connection, qos: 0 | 1, { lock, ...message }: Taken): Promise<void> => {
    const { deviceId, family } = connection.principal
    const form = family === 'iothub' ? deviceboundMessage : inboxMessage
    try {
      await parts.broker().send(connection.id, { ...form(deviceId, message), qos })
    } catch {
      // Over with the connection, or it does not take what it is sent: the message keeps its place.
      if (drain.ready.has(connection.id)) drain.stalled = true
      inbox.putBack(lock)
      return
    }
    try {
      await inbox.settle({ deviceId, lock, as: 'completed' })
    } catch (error) {
      // It expired or was purged on its way; otherwise the device has it, and its next connection will be given it again.
      if (!(error instanceof LoomError && error.code === 'COMMAND_LOCK_LOST')) parts.failed(error)
    }
  }

  const take = async (deviceId: string, drain: Drain): Promise<void> => {
    drain.stalled = true
    const taker = takerOf(drain)
    const generation = taker && (await parts.generationOf(deviceId))
    if (generation === undefined) return
    const room = window - drain.unacknowledged
    const holder = taker!.connection.id
    const taken = room > 0 ? await inbox.take({ deviceId, generation, max: room, holder }) : []
    if (!drain.ready.has(holder)) return inbox.release(holder)
    drain.stalled = false
    drain.current = holder
    drain.unacknowledged += taken.length
    for (const one of taken)
      given(drain, taker!.connection, taker!.qos, one).finally(() => {
        drain.unacknowledged--
        if (drain.unacknowledged <= window / 2 && !drain.stalled) wake(deviceId)
      })
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

  const begin = ({ connection, restored }: Listener): void => {
    const { id, principal } = connection
    const { deviceId, family, module } = principal
    if (module !== undefined) return
    const drain = drainOf(deviceId)
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
    else drain.starting.set(id, parts.schedule(restored && !renewed ? azureRestoredMs : azureAfterSubscribeMs, start))
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

    /** The connection has ended. */
    gone({ id, principal: { deviceId } }: Connection): void {
      const drain = drains.get(deviceId)
      if (!drain) return
      forget(drain, id)
      inbox.release(id)
      wake(deviceId)
    },

    listensNoMore({ id, principal: { deviceId } }: Connection): void {
      const drain = drains.get(deviceId)
      if (drain && !listening.of(deviceId, feature).some(({ connection }) => connection.id === id)) forget(drain, id)
    },

    /** Looks again where something was in the way, and forgets devices that are away; due each few seconds. */
    sweep(): void {
      const before = now() - renewalMs
      for (const [deviceId, { ready, starting, unacknowledged, stalled, endedAt = 0 }] of drains)
        if (!ready.size && !starting.size && !unacknowledged && endedAt < before) drains.delete(deviceId)
        else if (stalled) wake(deviceId)
    },
  }
}

/** The topic without what stands for a message, then both forms of it. */
const plainForms = (deviceId: string): [string, string, string] => {
  const topic = inboxTopic(deviceId, '0')
  return [topic, topic, `${topic}/?`]
}
