import type { Connection, DisconnectReason } from '../broker/broker-port.ts'
import type { StateStore, Write } from '../storage/state-store.ts'
import type { ConnectionHistory } from './connection-history.ts'
import type { DeviceView } from './hub.ts'
import type { Lived, TellLifecycle } from './lifecycle-teller.ts'
import type { PresenceTopics } from './presence-topics.ts'
import type { Supervision } from './supervision.ts'

const coll = 'connectivity'
const flushBatch = 500

interface Connectivity {
  online: boolean
  since: number
  clientId: string
  address: string
  dialect: string
  lastSeen: number
  disconnectReason?: string
}

export interface PresenceParts {
  state: StateStore
  offlineAfterMs: number
  now: () => number
  tell: TellLifecycle
  history: ConnectionHistory
  supervision: Supervision
  topics: Pick<PresenceTopics, 'connected' | 'disconnected'>
}

/**
 * Who is connected, and who counts as online: a device is online with its first connection and offline once it had none for `offlineAfterMs`. Raw
 * connects and disconnects go to the journal at once. What is remembered across restarts is written every few seconds, for people; the journal is the record.
 */
export class Presence {
  readonly #parts: PresenceParts
  readonly #known = new Map<string, Connectivity>()
  readonly #live = new Map<string, Map<string, Connection>>()
  readonly #leaving = new Map<string, number>()
  readonly #dirty = new Set<string>()

  private constructor(parts: PresenceParts) {
    this.#parts = parts
  }

  /** Devices that were online when the hub stopped get a full `offlineAfterMs` to come back. */
  static async open(parts: PresenceParts): Promise<Presence> {
    const presence = new Presence(parts)
    await parts.state.declare(coll, { indexes: ['online'] })
    for (let cursor: string | undefined, first = true; first || cursor; first = false) {
      const page = await parts.state.query<Connectivity>(coll, {
        where: [['online', '=', true]],
        limit: 1000,
        ...(cursor && { cursor }),
      })
      for (const { id, doc } of page.items) {
        presence.#known.set(id, doc)
        presence.#leaving.set(id, parts.now() + parts.offlineAfterMs)
      }
      cursor = page.next
    }
    return presence
  }

  get connections(): number {
    let count = 0
    for (const live of this.#live.values()) count += live.size
    return count
  }

  get history(): ConnectionHistory {
    return this.#parts.history
  }

  get devicesConnected(): number {
    return this.#live.size
  }

  connected(connection: Connection): void {
    const { deviceId } = connection.principal
    const live = this.#live.get(deviceId)
    if (live) live.set(connection.id, connection)
    else this.#live.set(deviceId, new Map([[connection.id, connection]]))
    this.#leaving.delete(deviceId)
    const before = this.#known.get(deviceId)
    const dialect = connection.principal.family === 'thing' ? 'plain' : 'azure'
    this.#remember(deviceId, {
      online: true,
      since: connection.since,
      clientId: connection.clientId,
      address: connection.remoteAddress,
      dialect,
      lastSeen: connection.since,
    })
    this.#parts.history.connected(connection, dialect)
    this.#parts.supervision.came(deviceId, connection.since)
    this.#parts.topics.connected(connection, this.#tell(deviceId, 'connected', connection.clientId))
    if (!before?.online) this.#tell(deviceId, 'online', connection.clientId)
  }

  disconnected(connection: Connection, reason: DisconnectReason): void {
    const { deviceId } = connection.principal
    const live = this.#live.get(deviceId)
    if (!live?.delete(connection.id)) return
    const known = this.#known.get(deviceId)
    if (known) this.#remember(deviceId, { ...known, disconnectReason: reason })
    if (!live.size) {
      this.#live.delete(deviceId)
      this.#leaving.set(deviceId, this.#parts.now() + this.#parts.offlineAfterMs)
    }
    this.#parts.history.disconnected(connection, reason)
    this.#tell(deviceId, 'disconnected', connection.clientId, reason)
    this.#parts.topics.disconnected(connection, reason)
  }

  /** Anything heard from the device; `telemetry`: something that is expected of it. */
  active(deviceId: string, now: number, telemetry: boolean): void {
    const known = this.#known.get(deviceId)
    if (known) known.lastSeen = now
    if (telemetry) this.#parts.supervision.heard(deviceId, now)
  }

  async forget(deviceId: string): Promise<void> {
    this.#known.delete(deviceId)
    this.#leaving.delete(deviceId)
    this.#dirty.delete(deviceId)
    await this.#parts.state.delete(coll, deviceId)
    await this.#parts.supervision.forget(deviceId)
    await this.#parts.history.forget(deviceId)
  }

  /** The store knows devices that were not connected since the hub started. */
  async view(deviceId: string): Promise<DeviceView['connection']> {
    return this.#viewOf(deviceId, this.#known.get(deviceId) ?? (await this.#parts.state.get<Connectivity>(coll, deviceId))?.doc)
  }

  /** Of at most 1,000 devices, in their order. */
  async views(deviceIds: readonly string[]): Promise<DeviceView['connection'][]> {
    const known = new Map(deviceIds.map(id => [id, this.#known.get(id)]))
    const away = deviceIds.filter(id => !known.get(id))
    const where = [['id', 'in', away]] as const
    const { items } = away.length
      ? await this.#parts.state.query<Connectivity>(coll, { where, limit: away.length })
      : { items: [] }
    const stored = new Map(items.map(({ id, doc }) => [id, doc]))
    return deviceIds.map(id => this.#viewOf(id, this.#known.get(id) ?? known.get(id) ?? stored.get(id)))
  }

  #viewOf(deviceId: string, known: Connectivity | undefined): DeviceView['connection'] {
    if (!known) return { connected: false }
    const { since, clientId, address, dialect, lastSeen, disconnectReason } = known
    const connected = this.#live.has(deviceId)
    return { connected, since, clientId, address, dialect, lastSeen, ...(!connected && disconnectReason && { disconnectReason }) }
  }

  get connectedIds(): Iterable<string> {
    return this.#live.keys()
  }

  isConnected(deviceId: string): boolean {
    return this.#live.has(deviceId)
  }

  /** Called each second: declares devices offline whose time is up, and silent ones. */
  async sweep(now: number): Promise<void> {
    for (const [deviceId, due] of this.#leaving) {
      if (due > now) continue
      this.#leaving.delete(deviceId)
      const known = this.#known.get(deviceId)
      if (!known?.online) continue
      this.#remember(deviceId, { ...known, online: false })
      this.#tell(deviceId, 'offline', known.clientId, known.disconnectReason)
    }
    this.#parts.supervision.sweep(now)
    await this.#parts.supervision.settle()
  }

  /** Writes what changed; devices that are offline leave the memory once they are written. */
  async flush(): Promise<void> {
    await Promise.all([this.#flush(), this.#parts.history.flush(), this.#parts.supervision.flush()])
  }

  async #flush(): Promise<void> {
    while (this.#dirty.size) {
      const ids = [...this.#dirty].slice(0, flushBatch)
      const writes = ids.flatMap((id): Write[] => {
        const doc = this.#known.get(id)
        return doc ? [{ op: 'put', coll, id, doc: { ...doc } }] : []
      })
      for (const id of ids) this.#dirty.delete(id)
      try {
        if (writes.length) await this.#parts.state.tx(writes)
      } catch (error) {
        for (const id of ids) this.#dirty.add(id)
        throw error
      }
      for (const id of ids) {
        if (!this.#known.get(id)?.online && !this.#dirty.has(id) && !this.#live.has(id)) this.#known.delete(id)
      }
    }
  }

  #remember(deviceId: string, next: Connectivity): void {
    this.#known.set(deviceId, next)
    this.#dirty.add(deviceId)
  }

  #tell(device: string, event: Lived['event'], clientId: string, reason?: string): number {
    return this.#parts.tell({ device, event, clientId, ...(reason && { reason }) })
  }
}
