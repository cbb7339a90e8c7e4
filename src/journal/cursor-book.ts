import type { Emit } from './journal-event.ts'
import type { JournalMeta, Schedule, StoredConsumer } from './segment-port.ts'
import { ownerOf, staleAfterMs } from './trimming.ts'

const saveEveryMs = 200
const saveEveryAcks = 500
const seenEveryMs = 3_600_000

/** A consumer that lives in this process. */
export interface Holder {
  readonly name: string
  readonly cursor: number
}

interface Parts {
  meta: JournalMeta
  now: () => number
  schedule: Schedule
  emit: Emit
}

/** The durable side of consumers: cursors are written every 200 ms or 500 acknowledgements, all that changed in one transaction. */
export class CursorBook {
  readonly #parts: Parts
  readonly #stored = new Map<string, StoredConsumer>()
  readonly #live = new Map<string, Holder>()
  readonly #pins: Map<string, number>
  readonly #dirty = new Set<string>()
  #acks = 0
  #cancel: (() => void) | undefined

  constructor(parts: Parts) {
    this.#parts = parts
    for (const consumer of parts.meta.consumers()) this.#stored.set(consumer.name, { ...consumer })
    this.#pins = new Map(parts.meta.pins())
  }

  get stored(): Iterable<StoredConsumer> {
    return this.#stored.values()
  }
  get pins(): Iterable<[string, number]> {
    return this.#pins.entries()
  }
  /** The highest seq anyone has seen: sequences below it must not be given out again. */
  get highest(): number {
    return Math.max(0, ...[...this.#stored.values()].map(c => c.cursor), ...this.#pins.values())
  }
  find(name: string): StoredConsumer | undefined {
    return this.#stored.get(name)
  }
  isLive(name: string): boolean {
    return this.#live.has(name)
  }

  /** Where a known consumer goes on: the lowest of its cursor and its pins. */
  resumeAt(name: string): number | undefined {
    const stored = this.#stored.get(name)
    if (!stored) return undefined
    let at = stored.cursor
    for (const [pin, seq] of this.#pins) if (ownerOf(pin) === name && seq < at) at = seq
    return at
  }

  /** Where each goes on, owners of pins that never were consumers included: all that may hold records. */
  places(): { name: string; cursor: number; seen: number }[] {
    const places = new Map([...this.#stored].map(([key, { name, cursor, seen }]) => [key, { name, cursor, seen }]))
    for (const [pin, seq] of this.#pins) {
      const name = ownerOf(pin)
      const place = places.get(name)
      if (!place) places.set(name, { name, cursor: seq, seen: 0 })
      else if (seq < place.cursor) place.cursor = seq
    }
    return [...places.values()]
  }

  /** Durable when it returns. */
  attach(holder: Holder, spec: string): void {
    const now = this.#parts.now()
    const { cursor } = holder
    const consumer: StoredConsumer = { name: holder.name, spec, cursor, updated: now, seen: now, state: 'live' }
    this.#parts.meta.saveConsumers([consumer])
    this.#stored.set(holder.name, consumer)
    this.#live.set(holder.name, holder)
  }

  /** The consumer's last cursor is durable when it returns. */
  detach(holder: Holder): void {
    if (this.#live.get(holder.name) !== holder) return
    this.#dirty.add(holder.name)
    try {
      this.#write(name => (name === holder.name ? 'idle' : 'live'))
    } finally {
      this.#live.delete(holder.name)
    }
  }

  forget(name: string): void {
    this.#parts.meta.deleteConsumer(name)
    this.#stored.delete(name)
    for (const pin of this.#pins.keys()) if (ownerOf(pin) === name) this.#pins.delete(pin)
  }

  pin(name: string, seq: number | undefined): void {
    if (this.#pins.get(name) === seq) return
    this.#parts.meta.setPin(name, seq)
    if (seq === undefined) this.#pins.delete(name)
    else this.#pins.set(name, seq)
  }

  /** A cursor has moved over `acks` acknowledged records. */
  moved(name: string, acks: number): void {
    this.#dirty.add(name)
    this.#acks += acks
    if (this.#acks >= saveEveryAcks) this.save()
    else this.#saveSoon()
  }

  /** Writes what has changed; a failure is reported and tried again after 200 ms. */
  save(): boolean {
    try {
      this.#write(() => 'live')
      return true
    } catch (error) {
      this.#parts.emit({ type: 'fault', error })
      this.#acks = 0
      this.#saveSoon()
      return false
    }
  }

  /** Marks live consumers as seen once an hour, and those unseen for a week as stale. */
  age(): void {
    const now = this.#parts.now()
    const stale: StoredConsumer[] = []
    for (const consumer of this.#stored.values()) {
      if (this.#live.has(consumer.name)) {
        if (now - consumer.seen >= seenEveryMs) this.#dirty.add(consumer.name)
      } else if (consumer.state !== 'stale' && now - consumer.seen > staleAfterMs) stale.push({ ...consumer, state: 'stale' })
    }
    if (this.#dirty.size > 0) this.save()
    if (stale.length === 0) return
    this.#parts.meta.saveConsumers(stale)
    for (const consumer of stale) {
      this.#stored.set(consumer.name, consumer)
      this.#parts.emit({ type: 'stale', consumer: consumer.name, cursor: consumer.cursor })
    }
  }

  close(): void {
    this.#cancel?.()
    this.#cancel = undefined
    for (const name of this.#live.keys()) this.#dirty.add(name)
    this.#write(() => 'idle')
    this.#live.clear()
  }

  #saveSoon(): void {
    this.#cancel ??= this.#parts.schedule(saveEveryMs, () => {
      this.#cancel = undefined
      this.save()
    })
  }

  #write(stateOf: (name: string) => StoredConsumer['state']): void {
    this.#cancel?.()
    this.#cancel = undefined
    if (this.#dirty.size === 0) return
    const now = this.#parts.now()
    const changed: StoredConsumer[] = []
    for (const name of this.#dirty) {
      const [stored, holder] = [this.#stored.get(name), this.#live.get(name)]
      if (!stored || !holder) continue
      const updated = holder.cursor === stored.cursor ? stored.updated : now
      changed.push({ ...stored, cursor: holder.cursor, updated, seen: now, state: stateOf(name) })
    }
    this.#parts.meta.saveConsumers(changed)
    for (const consumer of changed) this.#stored.set(consumer.name, consumer)
    this.#dirty.clear()
    this.#acks = 0
  }
}
