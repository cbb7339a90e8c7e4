import { LoomError } from '../errors.ts'
import type { FleetDoc } from './fleet-doc.ts'
import { changedKeys } from './fleet-keys.ts'
import type { FleetPath } from './fleet-query/ast.ts'
import { bytesOf, isKept, keptOf, type PartSizes } from './fleet-sizes.ts'

/** A scan lets others work after so many devices. */
export const scanTurn = 5000

export interface FleetIndexParts {
  /** JSON of what is held; past it only `declared` is kept of twins */
  maxBytes: number
  /** paths of twins and shadows that are kept in any case */
  declared: readonly FleetPath[]
  /** lets others work */
  turn(): Promise<void>
  /** After each change, with the keys of what changed (`fleetKeys`); of a device that is new or gone all count. */
  changed?(id: string, doc: FleetDoc | undefined, keys: readonly string[] | 'all'): void
  /** It holds no more than what is declared from now on. */
  reduced?(): void
}

interface Entry {
  doc: FleetDoc
  sizes: PartSizes
}

/**
 * What is known of each device, in memory and by id. A scan sees each device at most once, in order of the ids, those that stay all along surely. Twins are held whole as long as all is
 * smaller than `maxBytes`; past it, for good, only declared paths are, and queries that read others are refused rather than answered wrong.
 */
export class FleetIndex {
  readonly #parts: FleetIndexParts
  readonly #entries = new Map<string, Entry>()
  /** ascending by id */
  readonly #order: FleetDoc[] = []
  #bytes = 0
  #reduced = false

  constructor(parts: FleetIndexParts) {
    this.#parts = parts
  }

  get size(): number {
    return this.#order.length
  }

  get bytes(): number {
    return this.#bytes
  }

  get reduced(): boolean {
    return this.#reduced
  }

  get(id: string): FleetDoc | undefined {
    return this.#entries.get(id)?.doc
  }

  set(given: FleetDoc): void {
    const { id } = given
    const before = this.#entries.get(id)
    const keys = before ? changedKeys(before.doc, given, this.#reduced ? this.#parts.declared : undefined) : 'all'
    if (before && !keys.length) return
    const doc = this.#reduced ? keptOf(given, this.#parts.declared) : given
    const sizes = bytesOf(doc, before?.doc, before?.sizes)
    this.#bytes += sizes.total - (before?.sizes.total ?? 0)
    this.#entries.set(id, { doc, sizes })
    const at = this.#placeOf(id)
    if (before) this.#order[at] = doc
    else if (at === this.#order.length) this.#order.push(doc)
    else this.#order.splice(at, 0, doc)
    this.#parts.changed?.(id, doc, keys)
    if (!this.#reduced && this.#bytes > this.#parts.maxBytes) this.#reduce()
  }

  delete(id: string): void {
    const entry = this.#entries.get(id)
    if (!entry) return
    this.#entries.delete(id)
    this.#bytes -= entry.sizes.total
    this.#order.splice(this.#placeOf(id), 1)
    this.#parts.changed?.(id, undefined, 'all')
  }

  /** Whether what is at the path is held of every device. */
  holds(path: FleetPath): boolean {
    return !this.#reduced || isKept(path, this.#parts.declared)
  }

  /** QUERY_LIMIT for a path that is not held. */
  check(paths: readonly FleetPath[]): void {
    const lacking = paths.find(path => !this.holds(path))
    if (lacking)
      throw new LoomError(
        'QUERY_LIMIT',
        `${lacking.join('.').slice(0, 80)} is not kept: twins take more than ${this.#parts.maxBytes} bytes`,
        {
          hint: 'name the path in the limit fleetPaths of the hub, or raise fleetIndexBytes',
        },
      )
  }

  /** Each device behind an id, until `visit` returns false. Yields every 5,000. */
  async scan(visit: (doc: FleetDoc) => boolean | void, after?: string): Promise<void> {
    let place = after === undefined ? 0 : this.#placeBehind(after)
    while (place < this.#order.length) {
      const end = Math.min(place + scanTurn, this.#order.length)
      for (; place < end; place++) if (visit(this.#order[place]!) === false) return
      if (place >= this.#order.length) return
      const last = this.#order[place - 1]!.id
      await this.#parts.turn()
      place = this.#placeBehind(last)
    }
  }

  #placeBehind(id: string): number {
    const place = this.#placeOf(id)
    return this.#order[place]?.id === id ? place + 1 : place
  }

  /** Where the id is, or would be. */
  #placeOf(id: string): number {
    let [low, high] = [0, this.#order.length]
    // Devices are mostly loaded in order.
    if (high && this.#order[high - 1]!.id < id) return high
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#order[middle]!.id < id) low = middle + 1
      else high = middle
    }
    return low
  }

  #reduce(): void {
    this.#reduced = true
    this.#bytes = 0
    for (const [place, { id }] of this.#order.entries()) {
      const entry = this.#entries.get(id)!
      const doc = keptOf(entry.doc, this.#parts.declared)
      const sizes = bytesOf(doc, entry.doc, entry.sizes)
      this.#entries.set(id, { doc, sizes })
      this.#order[place] = doc
      this.#bytes += sizes.total
    }
    this.#parts.reduced?.()
  }
}
