import type { Connection, DisconnectReason } from '../broker/broker-port.ts'
import type { StateStore, Write } from '../storage/state-store.ts'
import type { ConnectionHistory } from './connection-history.ts'
import type { DeviceView } from './hub.ts'
import type { Lived, TellLifecycle } from './lifecycle-teller.ts'
import type { PresenceTopics } from './presence-topics.ts'
import type { Supervision } from './supervision.ts'
import { inBatches } from './in-batches.ts'

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
  /** the device that it is behind */
  via?: string
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
  /** what stands for a connection of a device behind a gateway */
  readonly #behind = new Map<string, Connection & { gateway: string }>()

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
    return count - this.#behind.size
  }

  get history(): ConnectionHistory {
    return this.#parts.history
  }

  get devicesConnected(): number {
    return this.#live.size
  }

  connected(connection: Connection): void {
    const { family } = connection.principal
    this.#parts.topics.connected(connection, this.#came(connection, family === 'thing' ? 'plain' : 'azure'))
  }

  /** A gateway has the device. False: it had it before. */
  leafCame(deviceId: string, gateway: string): boolean {
    const before = this.#behind.get(deviceId)
    if (before?.gateway === gateway) return false
    if (before) this.leafLeft(deviceId, 'DUPLICATE_CLIENTID')
    const since = this.#parts.now()
    const leaf = { ...standIn, id: `leaf|${deviceId}|${since}`, since, gateway, principal: { ...standIn.principal, deviceId } }
    this.#behind.set(deviceId, leaf)
    this.#came(leaf, 'gateway', gateway)
    return true
  }

  /** The gateway that has it, if one has. */
  gatewayOf(deviceId: string): string | undefined {
    return this.#behind.get(deviceId)?.gateway
  }

  /** It has it no more. False: it had not. */
  leafLeft(deviceId: string, reason: string): boolean {
    const leaf = this.#behind.get(deviceId)
    if (!leaf) return false
    this.#behind.delete(deviceId)
    this.#left(leaf, reason, leaf.gateway)
    return true
  }

  #came(connection: Connection, dialect: string, gateway?: string): number {
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
      dialect,
      lastSeen: connection.since,
      ...(gateway !== undefined && { via: gateway }),
    })
    this.#parts.history.connected(connection, dialect, gateway)
    this.#parts.supervision.came(deviceId, connection.since)
    const more = gateway === undefined ? {} : { gateway }
    const sequence = this.#tell(deviceId, 'connected', connection.clientId, more)
    if (!before?.online) this.#tell(deviceId, 'online', connection.clientId, more)
    return sequence
  }

  disconnected(connection: Connection, reason: DisconnectReason): void {
    if (this.#left(connection, reason)) this.#parts.topics.disconnected(connection, reason)
  }

  #left(connection: Connection, reason: string, gateway?: string): boolean {
    const { deviceId } = connection.principal
    const live = this.#live.get(deviceId)
    if (!live?.delete(connection.id)) return false
    const known = this.#known.get(deviceId)
    if (known) this.#remember(deviceId, { ...known, disconnectReason: reason })
    if (!live.size) {
      this.#live.delete(deviceId)
      this.#leaving.set(deviceId, this.#parts.now() + this.#parts.offlineAfterMs)
    }
    this.#parts.history.disconnected(connection, reason)
    this.#tell(deviceId, 'disconnected', connection.clientId, { reason, ...(gateway !== undefined && { gateway }) })
    return true
  }

  /** Anything heard from the device; `telemetry`: something that is expected of it. */
  active(deviceId: string, now: number, telemetry: boolean): void {
    const known = this.#known.get(deviceId)
    if (known) known.lastSeen = now
    if (telemetry) this.#parts.supervision.heard(deviceId, now)
  }

  async forget(deviceId: string): Promise<void> {
    this.leafLeft(deviceId, 'FORBIDDEN_ACCESS')
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
    const { since, clientId, address, dialect, lastSeen, disconnectReason: reason, via } = known
    const connected = this.#live.has(deviceId)
    const why = !connected && reason ? { disconnectReason: reason } : {}
    return { connected, since, clientId, address, dialect, lastSeen, ...why, ...(via !== undefined && { via }) }
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
      const { disconnectReason: reason, via: gateway } = known
      this.#tell(deviceId, 'offline', known.clientId, { ...(reason && { reason }), ...(gateway && { gateway }) })
    }
    this.#parts.supervision.sweep(now)
    await this.#parts.supervision.settle()
  }

  /** Writes what changed; devices that are offline leave the memory once they are written. */
  async flush(): Promise<void> {
    await Promise.all([this.#flush(), this.#parts.history.flush(), this.#parts.supervision.flush()])
  }

  #flush(): Promise<void> {
    return inBatches(this.#dirty, flushBatch, async ids => {
      const writes = ids.flatMap((id): Write[] => {
        const doc = this.#known.get(id)
        return doc ? [{ op: 'put', coll, id, doc: { ...doc } }] : []
      })
      if (writes.length) await this.#parts.state.tx(writes)
      for (const id of ids) {
        if (!this.#known.get(id)?.online && !this.#dirty.has(id) && !this.#live.has(id)) this.#known.delete(id)
      }
    })
  }

  #remember(deviceId: string, next: Connectivity): void {
    this.#known.set(deviceId, next)
    this.#dirty.add(deviceId)
  }

  #tell(device: string, event: Lived['event'], clientId: string, more: Pick<Lived, 'reason' | 'gateway'> = {}): number {
    return this.#parts.tell({ device, event, clientId, ...more })
  }
}

/** Of a connection it has what every one has; the device has none of its own. */
const standIn = {
  clientId: '',
  sessionKey: '',
  principal: { deviceId: '', family: 'thing', cid: '', kind: 'anonymous' },
  listener: 'mqtt',
  remoteAddress: '',
  clean: true,
} as const
