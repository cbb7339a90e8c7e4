import { LoomError } from '../errors.ts'
import { consumerFilter } from './consumer-filter.ts'
import { DeliveryWindow, type Open } from './delivery-window.ts'
import type { Emit } from './journal-event.ts'
import {
  type Consumer,
  type ConsumerEvents,
  type ConsumerSpec,
  type ConsumerState,
  type Delivered,
  flags,
  type Gap,
  type JournalRecord,
  type NewDeadLetter,
} from './journal-port.ts'
import type { LetterWritten } from './letter-queue.ts'
import { replayedOf } from './letter-record.ts'
import { Lingering } from './lingering.ts'
import { recordOf, type TailRow } from './pending-record.ts'
import type { Schedule } from './segment-port.ts'

const defaults = {
  ack: 'delivery',
  window: 256,
  windowBytes: 4 * 1024 * 1024,
  ackTimeoutMs: 60_000,
  maxDeliveries: 5,
  strictOrder: false,
  lingerMs: 0,
} as const
/** Rows looked at in one turn, so that a narrow filter far behind does not hold the loop. */
const looksPerTurn = 1024
/** A consumer that throws gets the same records again after this. */
const throwDelayMs = 1000

export interface Parts {
  now: () => number
  /** monotonic, ms */
  clock: () => number
  schedule: Schedule
  emit: Emit
  headSeq(): number
  /** Rows from `from` on, in order; empty at the head. */
  rows(from: number, limit: number): readonly TailRow[]
  gaps(from: number, to: number): Gap[]
  /** The cursor has moved over so many acknowledged records. */
  moved(acks: number): void
  /** `written` is called in a later turn or by `flushLetters`; throws if too many wait. */
  addDeadLetter(letter: NewDeadLetter, record: JournalRecord, written: LetterWritten): void
  flushLetters(): void
  /** Asks for `pump` in a later turn. */
  wake(): void
  /** Releases the name; the cursor is durable when it returns. */
  detach(): void
}

/** A consumer's run through the log: what it gets, when again, and how far it is. `pump` alone calls its owner, and never from inside a call of it. */
export class LiveConsumer implements Consumer {
  readonly name: string
  readonly #parts: Parts
  readonly #events: ConsumerEvents
  readonly #spec: Required<Pick<ConsumerSpec, keyof typeof defaults>>
  readonly #wanted: (row: TailRow) => boolean
  readonly #window: DeliveryWindow
  /** Taken from the log, not handed over yet. */
  readonly #fresh: Lingering<Delivered>
  /** Records whose letters are on their way to the disk: not handed over again meanwhile. */
  readonly #burying = new Map<number, Promise<void>>()
  #live = true
  #paused = false
  #calling = false
  #dueTimer: { at: number; cancel: () => void } | undefined
  #delivered = 0
  #passedOver = 0
  #redelivered = 0
  #dead = 0
  #gaps = 0

  constructor(spec: ConsumerSpec, events: ConsumerEvents, cursor: number, parts: Parts) {
    this.name = spec.name
    this.#parts = parts
    this.#events = events
    this.#spec = { ...defaults, ...spec }
    this.#wanted = consumerFilter(spec.name, spec.filter)
    this.#window = new DeliveryWindow(cursor, this.#spec)
    const { window, lingerMs } = this.#spec
    this.#fresh = new Lingering({ batch: Math.min(spec.batch ?? window, window), lingerMs })
  }

  get cursor(): number {
    return this.#window.cursor
  }

  /** One call of `deliver` or `gap` at most of each kind; true if there is more to do at once. */
  pump(): boolean {
    if (!this.#live || this.#paused || this.#calling) return false
    const repeated = this.#repeat()
    if (!this.#live || this.#paused) return false
    const more = !this.#repeatsFirst && this.#advance()
    this.#armDue()
    return repeated || more
  }

  ack(seqs: readonly number[]): void {
    if (!this.#live) return
    let acked = 0
    for (const seq of seqs) if (this.#window.close(seq)) acked++
    if (acked === 0) return
    this.#parts.moved(acked)
    this.#parts.wake()
  }

  retry(seqs: readonly number[], delayMs: number): void {
    if (!this.#live) return
    const at = this.#parts.clock() + Math.max(0, delayMs)
    for (const seq of seqs) {
      const entry = this.#window.get(seq)
      if (entry && entry.deliveries > 0 && !this.#burying.has(seq)) this.#window.postpone(entry, at)
    }
    this.#parts.wake()
  }

  async deadletter(seqs: readonly number[], why: { code: string; message: string; node?: string }): Promise<void> {
    if (!this.#live) return
    const buried: Promise<void>[] = []
    for (const seq of seqs) {
      const entry = this.#window.get(seq)
      if (entry && entry.deliveries > 0) buried.push(this.#bury(entry, { reason: 'flow', ...why }))
    }
    await Promise.all(buried)
  }

  pause(paused: boolean): void {
    this.#paused = paused
    if (!paused && this.#live) this.#parts.wake()
  }

  async close(): Promise<void> {
    if (!this.#live) return
    this.#parts.flushLetters()
    this.end()
    this.#parts.detach()
  }

  /** Stops without a word to the store. */
  end(): void {
    this.#live = false
    this.#dueTimer?.cancel()
    this.#dueTimer = undefined
  }

  state(): ConsumerState {
    const cursor = this.#window.cursor
    return {
      name: this.name,
      cursor,
      inFlight: this.#window.size,
      lag: Math.max(0, this.#parts.headSeq() - cursor),
      delivered: this.#delivered,
      passedOver: this.#passedOver,
      redelivered: this.#redelivered,
      dead: this.#dead,
      gaps: this.#gaps,
      live: this.#live,
      seen: this.#parts.now(),
    }
  }

  /** A consumer of `delivery` that threw keeps its order: nothing new before the repeat. */
  get #repeatsFirst(): boolean {
    return this.#spec.ack === 'delivery' && this.#spec.strictOrder && this.#window.underWay > 0
  }

  #repeat(): boolean {
    const now = this.#parts.clock()
    const again: Delivered[] = []
    for (const entry of this.#window.due(now)) {
      if (entry.deliveries >= this.#spec.maxDeliveries) {
        this.#exhaust(entry)
        continue
      }
      entry.deliveries++
      this.#window.postpone(entry, now + this.#spec.ackTimeoutMs)
      again.push({ ...entry.record, deliveries: entry.deliveries })
    }
    if (again.length === 0) return false
    this.#deliver(again)
    return true
  }

  /** Reads on until the window is full, a gap begins or the turn's share is used up. */
  #advance(): boolean {
    const window = this.#window
    const fresh = this.#fresh
    const now = this.#parts.clock()
    const from = window.next
    let gap: Gap[] = []
    // Nothing can join what waits.
    let alone = !window.hasRoom(1)
    const rows = alone ? [] : this.#parts.rows(from, Math.min(looksPerTurn, Math.max(this.#spec.window, 64)))
    for (const row of rows) {
      if (row.seq > window.next) {
        alone = fresh.size > 0
        if (!alone) gap = this.#parts.gaps(window.next, row.seq - 1)
        if (alone || gap.length > 0) break
      }
      if (!this.#wanted(row) || this.#passes(row)) window.skipTo(row.seq)
      else if (!window.hasRoom(row.bytes)) {
        alone = true
        break
      } else {
        const record = recordOf(row)
        if (window.open(record, row.bytes)) fresh.add({ ...record, deliveries: 1 }, now)
      }
    }
    const head = this.#parts.headSeq()
    if (!alone && rows.length === 0 && window.next <= head) {
      alone = fresh.size > 0
      if (!alone) gap = this.#parts.gaps(window.next, head)
    }
    const looked = window.next > from
    const batch = fresh.take(now, alone || !window.hasRoom(1))
    if (batch.length > 0) this.#handOut(batch, now)
    else if (gap.length > 0) this.#report(gap)
    else if (looked) this.#parts.moved(0)
    return (looked || gap.length > 0 || batch.length > 0) && window.next <= head && window.hasRoom(1)
  }

  #passes(row: TailRow): boolean {
    const { wants } = this.#events
    if (!wants || row.flags & flags.replay) return false
    try {
      if (wants(recordOf(row))) return false
    } catch (error) {
      this.#parts.emit({ type: 'fault', error, consumer: this.name })
      return false
    }
    this.#passedOver++
    return true
  }

  #handOut(batch: Delivered[], now: number): void {
    for (const { seq } of batch) this.#window.handOut(seq, now + this.#spec.ackTimeoutMs)
    this.#deliver(batch)
  }

  #deliver(batch: Delivered[]): void {
    this.#calling = true
    try {
      this.#events.deliver(batch)
      this.#count(batch)
      if (this.#spec.ack === 'delivery') {
        for (const { seq } of batch) if (!this.#burying.has(seq)) this.#window.close(seq)
        if (this.#live) this.#parts.moved(batch.length)
      }
    } catch (error) {
      this.#count(batch)
      this.#parts.emit({ type: 'fault', error, consumer: this.name })
      const at = this.#parts.clock() + throwDelayMs
      for (const { seq } of batch) {
        const entry = this.#window.get(seq)
        if (entry && !this.#burying.has(seq)) this.#window.postpone(entry, at)
      }
    } finally {
      this.#calling = false
    }
  }

  #count(batch: readonly Delivered[]): void {
    for (const { deliveries } of batch) deliveries > 1 ? this.#redelivered++ : this.#delivered++
  }

  #report(gaps: readonly Gap[]): void {
    this.#calling = true
    for (const gap of gaps) {
      this.#gaps++
      this.#window.skipTo(gap.to)
      try {
        this.#events.gap?.(gap)
      } catch (error) {
        this.#parts.emit({ type: 'fault', error, consumer: this.name })
      }
    }
    this.#calling = false
    if (this.#live) this.#parts.moved(0)
  }

  #exhaust(entry: Open): void {
    const message = `delivered ${entry.deliveries} times to "${this.name}"`
    this.#bury(entry, { reason: 'deliveries', code: 'DELIVERY_EXHAUSTED', message }).catch(error =>
      this.#parts.emit({ type: 'fault', error, consumer: this.name }),
    )
  }

  /** Ends the record once its letter is on disk; if it cannot be written, the record is due again after the time to acknowledge. */
  #bury(entry: Open, why: { reason: string; code: string; message: string; node?: string }): Promise<void> {
    const { record, deliveries } = entry
    const { device, topic, props, payload, seq } = record
    const known = this.#burying.get(seq)
    if (known) return known
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const again = replayedOf(record)
    const letter = {
      device,
      topic,
      properties: props.p,
      payload,
      consumer: this.name,
      jseq: seq,
      stage: 'flow',
      tries: deliveries,
      ...(again && { letter: again.letter, stage: again.stage, ...(again.rule !== undefined && { rule: again.rule }) }),
      ...why,
    }
    const written: LetterWritten = error => {
      this.#burying.delete(seq)
      if (error) {
        this.#window.postpone(entry, this.#parts.clock() + this.#spec.ackTimeoutMs)
        this.#armDue()
        reject(error)
        return
      }
      this.#dead++
      if (this.#window.close(seq) && this.#live) {
        this.#parts.moved(1)
        this.#parts.wake()
      }
      resolve()
    }
    this.#burying.set(seq, promise)
    this.#window.postpone(entry, Number.POSITIVE_INFINITY)
    try {
      this.#parts.addDeadLetter(letter, record, written)
    } catch (error) {
      written(error as LoomError, 0)
    }
    return promise
  }

  #armDue(): void {
    const at = Math.min(this.#window.earliestDue, this.#repeatsFirst ? Number.POSITIVE_INFINITY : this.#fresh.dueAt)
    if (!this.#live || this.#paused || at === Number.POSITIVE_INFINITY || (this.#dueTimer && this.#dueTimer.at <= at)) return
    this.#dueTimer?.cancel()
    const cancel = this.#parts.schedule(Math.max(0, at - this.#parts.clock()), () => {
      this.#dueTimer = undefined
      if (this.pump()) this.#parts.wake()
      this.#armDue()
    })
    this.#dueTimer = { at, cancel }
  }
}

/** REQUEST_INVALID names what is wrong with the spec. */
export function checkSpec(spec: ConsumerSpec): void {
  const wrong = (what: string): never => {
    throw new LoomError('REQUEST_INVALID', what)
  }
  if (!spec.name || spec.name.length > 200 || spec.name.includes('/'))
    wrong(`consumer name "${spec.name.slice(0, 100)}": 1 to 200 characters without /`)
  for (const key of ['window', 'windowBytes', 'ackTimeoutMs', 'maxDeliveries', 'batch', 'lingerMs'] as const) {
    const value = spec[key]
    const least = key === 'lingerMs' ? 0 : 1
    if (value !== undefined && !(Number.isSafeInteger(value) && value >= least))
      wrong(`${key} ${value} of consumer "${spec.name}" is not a whole number from ${least}`)
  }
}
