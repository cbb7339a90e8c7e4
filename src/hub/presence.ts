import type { Connection, DisconnectReason } from '../broker/broker-port.ts'
import type { JournalPort } from '../journal/journal-port.ts'
import type { StateStore, Write } from '../storage/state-store.ts'
import { type LifecycleEvent, lifecycleRecord } from '../telemetry/lifecycle.ts'
import type { DeviceView, HubEvent } from './hub.ts'

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
  journal: JournalPort
  offlineAfterMs: number
  now: () => number
  emit(event: HubEvent): void
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
  #sequence = 0

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
    this.#remember(deviceId, {
      online: true,
      since: connection.since,
      clientId: connection.clientId,
      address: connection.remoteAddress,
      dialect: connection.principal.family === 'thing' ? 'plain' : 'azure',
      lastSeen: connection.since,
    })
    this.#tell(deviceId, 'connected', connection.clientId)
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
    this.#tell(deviceId, 'disconnected', connection.clientId, reason)
  }

  /** Anything heard from the device. */
  active(deviceId: string, now: number): void {
    const known = this.#known.get(deviceId)
    if (known) known.lastSeen = now
  }

  async forget(deviceId: string): Promise<void> {
    this.#known.delete(deviceId)
    this.#leaving.delete(deviceId)
    this.#dirty.delete(deviceId)
    await this.#parts.state.delete(coll, deviceId)
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

  /** Called each second: declares devices offline whose time is up. */
  sweep(now: number): void {
    for (const [deviceId, due] of this.#leaving) {
      if (due > now) continue
      this.#leaving.delete(deviceId)
      const known = this.#known.get(deviceId)
      if (!known?.online) continue
      this.#remember(deviceId, { ...known, online: false })
      this.#tell(deviceId, 'offline', known.clientId, known.disconnectReason)
    }
  }

  /** Writes what changed; devices that are offline leave the memory once they are written. */
  async flush(): Promise<void> {
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

  #tell(
    device: string,
    event: LifecycleEvent['event'] & ('connected' | 'disconnected' | 'online' | 'offline'),
    clientId: string,
    reason?: string,
  ): void {
    const at = this.#parts.now()
    // Grows across restarts too, as long as the clock does not go back.
    this.#sequence = Math.max(this.#sequence + 1, at)
    this.#parts.journal.append(
      lifecycleRecord({ device, event, at, clientId, sequence: this.#sequence, ...(reason && { reason }) }),
      () => {},
    )
    this.#parts.emit({ type: 'device', id: device, change: event, at, ...(reason && { reason }) })
  }
}
