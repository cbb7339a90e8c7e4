import type { Connection, DisconnectReason } from '../broker/broker-port.ts'
import { matches } from '../broker/topic-match.ts'
import { type AwsEvent, type AwsEventType, awsEventNews, featureOfEvent } from '../dialects/aws/events.ts'
import type { DeviceNews } from '../dialects/twin-port.ts'

interface Ear {
  connection: Connection
  filter: string
  features: readonly string[]
  qos: 0 | 1
}

export interface PresenceTopics {
  /** The gate granted a filter that hears of events. */
  listens(connection: Connection, o: Omit<Ear, 'connection'>): void
  listensNoMore(connection: Connection, filter: string): void
  /** It can be sent something from now on. */
  open(connection: Connection): void
  gone(connection: Connection): void
  /** `version`: greater than that of any connection before. */
  connected(connection: Connection, version: number): void
  disconnected(connection: Connection, reason: DisconnectReason): void
  subscribed(connection: Connection, filter: string): void
  unsubscribed(connection: Connection, filter: string): void
}

/**
 * Tells those whom a policy lets listen who comes and goes, and who subscribes to what, as AWS IoT does: each once and at most once. Where nobody listens it costs nothing.
 */
export function createPresenceTopics(o: {
  send(connectionId: string, message: DeviceNews & { qos: 0 | 1 }): void
  mayHear(connection: Connection, topic: string, features: readonly string[]): boolean
  now: () => number
}): PresenceTopics {
  const ears = new Map<string, Map<string, Ear>>()
  const opened = new WeakSet<Connection>()
  const versions = new WeakMap<Connection, number>()
  const due = new Map<Connection, Map<'subscribed' | 'unsubscribed', string[]>>()

  const tell = (connection: Connection, type: AwsEventType, rest: Partial<AwsEvent>): void => {
    if (!ears.size) return
    const { clientId, id: session, principal } = connection
    const news = awsEventNews({ type, clientId, at: o.now(), session, principal: principal.cid, ...rest })
    if (!news) return
    for (const filters of ears.values()) {
      const heard = [...filters.values()].filter(({ filter }) => matches(filter, news.topic))
      const [ear] = heard
      if (!ear || !opened.has(ear.connection)) continue
      const qos = heard.some(one => one.qos === 1) ? 1 : 0
      if (o.mayHear(ear.connection, news.topic, [featureOfEvent(type)])) o.send(ear.connection.id, { ...news, qos })
    }
  }
  /** The filters of one packet come one by one. */
  const note = (connection: Connection, type: 'subscribed' | 'unsubscribed', filter: string): void => {
    if (!ears.size || !opened.has(connection)) return
    if (!due.size) setImmediate(tellNoted)
    const noted = due.get(connection) ?? new Map<typeof type, string[]>()
    due.set(connection, noted)
    noted.set(type, [...(noted.get(type) ?? []), filter])
  }
  const tellNoted = (): void => {
    const noted = [...due]
    due.clear()
    for (const [connection, types] of noted) for (const [type, topics] of types) tell(connection, type, { topics })
  }

  return {
    listens(connection, granted) {
      const filters = ears.get(connection.id) ?? new Map<string, Ear>()
      ears.set(connection.id, filters)
      filters.set(granted.filter, { connection, ...granted })
    },
    listensNoMore({ id }, filter) {
      const filters = ears.get(id)
      if (filters?.delete(filter) && filters.size === 0) ears.delete(id)
    },
    open: connection => void opened.add(connection),
    gone: ({ id }) => void ears.delete(id),
    connected(connection, version) {
      versions.set(connection, version)
      tell(connection, 'connected', { address: connection.remoteAddress, version })
    },
    disconnected(connection, reason) {
      const version = versions.get(connection)
      tell(connection, 'disconnected', {
        address: connection.remoteAddress,
        reason,
        ...(version !== undefined && { version }),
      })
    },
    subscribed: (connection, filter) => note(connection, 'subscribed', filter),
    unsubscribed: (connection, filter) => note(connection, 'unsubscribed', filter),
  }
}
