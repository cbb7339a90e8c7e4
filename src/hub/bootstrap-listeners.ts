import type { Connection } from '../broker/broker-port.ts'
import type { WireAnswer } from '../dialects/dialect.ts'
import { bootstrapNews, bootstrapPush } from '../dialects/plain/bootstrap.ts'
import type { BootstrapDocument } from '../provisioning/bootstrap.ts'

export interface BootstrapListeners {
  listens(connection: Connection, filter: string, feature: string): void
  listensNoMore(connection: Connection, filter: string): void
  /** It can be sent something from now on. */
  open(connection: Connection): void
  gone(connection: Connection): void
  /** To all who listen. */
  changed(): void
}

/** Sends the bootstrap document to devices that subscribe to it: at once, again with a session that comes back, and whenever it changes. */
export function createBootstrapListeners(o: {
  read(): Promise<BootstrapDocument>
  send(connectionId: string, message: WireAnswer): void
}): BootstrapListeners {
  const listening = new Map<string, { connection: Connection; filters: Set<string> }>()
  const opened = new WeakSet<Connection>()

  const push = async (connections: readonly Connection[]): Promise<void> => {
    if (connections.length === 0) return
    const document = await o.read()
    for (const { id, principal } of connections) o.send(id, bootstrapPush(principal.deviceId, document))
  }
  // A document that cannot be read now is read at the next change, or when the device asks.
  const tell = (connections: readonly Connection[]): void => void push(connections).catch(() => undefined)

  return {
    listens(connection, filter, feature) {
      if (feature !== bootstrapNews) return
      const { id } = connection
      const mine = listening.get(id) ?? { connection, filters: new Set() }
      mine.filters.add(filter)
      listening.set(id, mine)
      // after the SUBACK, hence a later turn
      if (opened.has(connection)) setImmediate(() => tell([connection]))
    },
    listensNoMore({ id }, filter) {
      const mine = listening.get(id)
      if (mine?.filters.delete(filter) && mine.filters.size === 0) listening.delete(id)
    },
    open(connection) {
      opened.add(connection)
      if (listening.has(connection.id)) setImmediate(() => tell([connection]))
    },
    gone: ({ id }) => void listening.delete(id),
    changed: () => tell(Array.from(listening.values(), ({ connection }) => connection).filter(one => opened.has(one))),
  }
}
