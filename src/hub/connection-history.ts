import type { Connection } from '../broker/broker-port.ts'
import { LoomError } from '../errors.ts'
import type { StateStore, Write } from '../storage/state-store.ts'

const coll = 'connections'
const keptMs = 90 * 86_400_000
const batch = 500
/** Of each device; older ones are written over. */
export const keptConnections = 100
/** Not yet written, all devices together: beyond, the oldest are left out (a store that cannot be written). */
const maxPending = 50_000

/** One connection that a device had. Times in epoch ms. */
export interface ConnectionView {
  connectedAt: number
  /** absent: it is there, or the hub was killed meanwhile (`disconnectReason` UNKNOWN) */
  disconnectedAt?: number
  disconnectReason?: string
  clientId: string
  address: string
  dialect: string
  /** of the credential that opened it */
  cid: string
  /** the device that it was behind */
  gateway?: string
}

interface Entry extends ConnectionView {
  /** its number among those of the device, from 1 */
  n: number
}
/** How many connections a device has had. */
interface Head {
  count: number
}
interface Pending {
  device: string
  entry: ConnectionView & { n?: number }
}

/**
 * The last connections of each device: 100, for 90 days. Written every few seconds and many at once, never on a device's way in: a connection that ends before costs one write. Each has a place of
 * its own among the hundred, so nothing is to be counted or removed.
 */
export class ConnectionHistory {
  readonly #state: StateStore
  readonly #now: () => number
  readonly #live = new Map<string, Pending>()
  readonly #pending = new Set<Pending>()
  #work: Promise<void> = Promise.resolve()

  private constructor(state: StateStore, now: () => number) {
    this.#state = state
    this.#now = now
  }

  static async open({ state, now }: { state: StateStore; now: () => number }): Promise<ConnectionHistory> {
    await state.declare(coll, { indexes: ['connectedAt'] })
    return new ConnectionHistory(state, now)
  }

  connected({ id, since, clientId, remoteAddress, principal }: Connection, dialect: string, gateway?: string): void {
    const entry = { connectedAt: since, clientId, address: remoteAddress, dialect, cid: principal.cid }
    const pending = { device: principal.deviceId, entry: { ...entry, ...(gateway !== undefined && { gateway }) } }
    this.#live.set(id, pending)
    this.#due(pending)
  }

  disconnected({ id }: Pick<Connection, 'id'>, disconnectReason: string): void {
    const pending = this.#live.get(id)
    if (!pending) return
    this.#live.delete(id)
    Object.assign(pending.entry, { disconnectedAt: this.#now(), disconnectReason })
    this.#due(pending)
  }

  /** The newest first. `cursor`: of the page before. REQUEST_INVALID. */
  async list(o: { device: string; limit?: number; cursor?: string }): Promise<{ items: ConnectionView[]; next?: string }> {
    const { device, limit = keptConnections, cursor } = o
    if (!Number.isInteger(limit) || limit < 1 || limit > 1000)
      throw new LoomError('REQUEST_INVALID', `limit ${String(limit).slice(0, 20)}`, { hint: '1 to 1000' })
    if (cursor !== undefined && !/^\d{1,15}$/.test(cursor))
      throw new LoomError('REQUEST_INVALID', `cursor "${String(cursor).slice(0, 40)}"`, { hint: 'next of the page before' })
    await this.flush()
    const { items } = await this.#state.query<Entry>(coll, {
      where: [['id', 'prefix', `${device}|`]],
      limit: keptConnections + 1,
    })
    const live = new Set([...this.#live.values()].filter(pending => pending.device === device).map(({ entry }) => entry.n))
    const before = cursor === undefined ? Number.POSITIVE_INFINITY : Number(cursor)
    const oldest = this.#now() - keptMs
    const found = items
      .map(({ doc }) => doc)
      .filter(({ n, connectedAt }) => n < before && connectedAt > oldest)
      .sort((a, b) => b.n - a.n)
    const page = found.slice(0, limit)
    return {
      items: page.map(({ n, ...view }) =>
        view.disconnectedAt === undefined && !live.has(n) ? { ...view, disconnectReason: 'UNKNOWN' } : view,
      ),
      ...(found.length > limit && { next: String(page.at(-1)!.n) }),
    }
  }

  /** Of a device that is no more. */
  async forget(device: string): Promise<void> {
    for (const [id, pending] of this.#live) if (pending.device === device) this.#live.delete(id)
    for (const pending of this.#pending) if (pending.device === device) this.#pending.delete(pending)
    await this.#inTurn(async () => {
      const { items } = await this.#state.query(coll, { where: [['id', 'prefix', `${device}|`]], limit: keptConnections + 1 })
      if (!items.length) return
      await this.#state.tx([...items.map(({ id }) => id), device].map(id => ({ op: 'delete', coll, id })))
    })
  }

  /** Writes what is new. */
  flush(): Promise<void> {
    return this.#inTurn(async () => {
      while (this.#pending.size) await this.#write([...this.#pending].slice(0, batch))
    })
  }

  /** Removes what is older than 90 days. */
  async sweep(): Promise<void> {
    const where = [['connectedAt', '<', this.#now() - keptMs]] as const
    const old = () => this.#state.query(coll, { where, limit: batch })
    for (let { items } = await old(); items.length; { items } = await old())
      await this.#state.tx(items.map(({ id }): Write => ({ op: 'delete', coll, id })))
  }

  #due(pending: Pending): void {
    this.#pending.add(pending)
    if (this.#pending.size > maxPending) this.#pending.delete(this.#pending.values().next().value!)
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const turn = this.#work.then(work)
    this.#work = turn.catch(() => {})
    return turn
  }

  async #write(entries: readonly Pending[]): Promise<void> {
    const devices = [...new Set(entries.map(({ device }) => device))]
    const stored = await this.#state.query<Head>(coll, { where: [['id', 'in', devices]], limit: devices.length })
    const counts = new Map(stored.items.map(({ id, doc }) => [id, doc.count]))
    const grown = new Set<string>()
    for (const { device, entry } of entries) {
      const count = counts.get(device) ?? 0
      // One that has a number and is not counted could not be written before.
      entry.n ??= count + 1
      if (entry.n <= count) continue
      counts.set(device, entry.n)
      grown.add(device)
    }
    const writes = entries
      // A long connection may have lost its place to newer ones.
      .filter(({ device, entry }) => counts.get(device)! - entry.n! < keptConnections)
      .map(({ device, entry }): Write => ({ op: 'put', coll, id: `${device}|${entry.n! % keptConnections}`, doc: { ...entry } }))
    const heads = [...grown].map((id): Write => ({ op: 'put', coll, id, doc: { count: counts.get(id)! } satisfies Head }))
    for (const one of entries) this.#pending.delete(one)
    try {
      await this.#state.tx([...writes, ...heads])
    } catch (error) {
      for (const one of entries) this.#due(one)
      throw error
    }
  }
}
