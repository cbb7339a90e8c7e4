import type { JournalRecord } from './journal-port.ts'

/** A record that was taken from the log and is not acknowledged yet. */
export interface Open {
  record: JournalRecord
  bytes: number
  /** 0: never handed over, as it waits for company or behind an earlier record of its device */
  deliveries: number
  /** clock time at which it is handed over again; infinite before the first time */
  dueAt: number
}

/**
 * What a consumer has open, in seq order, and so its cursor: the highest seq below which (inclusive) all is acknowledged. With `strictOrder` only
 * the first open record of each device is handed out.
 */
export class DeliveryWindow {
  readonly #maxRecords: number
  readonly #maxBytes: number
  readonly #strict: boolean
  readonly #open = new Map<number, Open>()
  readonly #lines = new Map<string, number[]>()
  #bytes = 0
  /** never handed over nor due */
  #waiting = 0
  #earliestDue = Number.POSITIVE_INFINITY
  #next: number

  constructor(cursor: number, o: { window: number; windowBytes: number; strictOrder: boolean }) {
    this.#next = cursor + 1
    this.#maxRecords = o.window
    this.#maxBytes = o.windowBytes
    this.#strict = o.strictOrder
  }

  /** The next seq to look at. */
  get next(): number {
    return this.#next
  }
  get size(): number {
    return this.#open.size
  }
  /** Records that were handed over, or are due. */
  get underWay(): number {
    return this.#open.size - this.#waiting
  }
  get cursor(): number {
    for (const seq of this.#open.keys()) return seq - 1
    return this.#next - 1
  }
  /** Nothing is due before this clock time. */
  get earliestDue(): number {
    return this.#earliestDue
  }

  /** Room for one more of that size; an empty window takes a record of any size. */
  hasRoom(bytes: number): boolean {
    return this.#open.size < this.#maxRecords && (this.#open.size === 0 || this.#bytes + bytes <= this.#maxBytes)
  }

  /** Nothing up to `seq` is for this consumer. */
  skipTo(seq: number): void {
    this.#next = seq + 1
  }

  /** Opens the record; false if it is held behind another of its device, else `handOut` may follow. */
  open(record: JournalRecord, bytes: number): boolean {
    this.#next = record.seq + 1
    this.#bytes += bytes
    const line = this.#strict && record.device ? this.#lineOf(record.device) : undefined
    line?.push(record.seq)
    this.#waiting++
    this.#open.set(record.seq, { record, bytes, deliveries: 0, dueAt: Number.POSITIVE_INFINITY })
    return line === undefined || line.length === 1
  }

  /** Counts an open record as handed over, for the first time. */
  handOut(seq: number, dueAt: number): void {
    const entry = this.#open.get(seq)!
    this.postpone(entry, dueAt)
    entry.deliveries = 1
  }

  get(seq: number): Open | undefined {
    return this.#open.get(seq)
  }

  /** Ends a record that was handed over; false for any other. */
  close(seq: number): boolean {
    const entry = this.#open.get(seq)
    if (!entry || entry.deliveries === 0) return false
    this.#open.delete(seq)
    this.#bytes -= entry.bytes
    const line = this.#strict ? this.#lines.get(entry.record.device) : undefined
    if (line?.[0] === seq) {
      line.shift()
      if (line.length === 0) this.#lines.delete(entry.record.device)
      else this.postpone(this.#open.get(line[0]!)!, Number.NEGATIVE_INFINITY)
    }
    return true
  }

  postpone(entry: Open, dueAt: number): void {
    if (entry.deliveries === 0 && entry.dueAt === Number.POSITIVE_INFINITY) this.#waiting--
    entry.dueAt = dueAt
    this.#dueBy(dueAt)
  }

  /** Everything due at that time, in seq order. Linear in the window, and free while nothing is due. */
  due(now: number): Open[] {
    if (now < this.#earliestDue) return []
    const due: Open[] = []
    let earliest = Number.POSITIVE_INFINITY
    for (const entry of this.#open.values()) {
      if (entry.dueAt <= now) due.push(entry)
      else if (entry.dueAt < earliest) earliest = entry.dueAt
    }
    this.#earliestDue = earliest
    return due
  }

  #dueBy(at: number): void {
    if (at < this.#earliestDue) this.#earliestDue = at
  }

  #lineOf(device: string): number[] {
    let line = this.#lines.get(device)
    if (!line) this.#lines.set(device, (line = []))
    return line
  }
}
