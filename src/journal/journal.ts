import { LoomError } from '../errors.ts'
import { CommitQueue } from './commit-queue.ts'
import { CursorBook } from './cursor-book.ts'
import { DeadLetters, letterLimits } from './dead-letters.ts'
import { DiskGuard } from './disk-guard.ts'
import { idleState } from './idle-state.ts'
import type { Emit, JournalEvent } from './journal-event.ts'
import type {
  Consumer,
  ConsumerEvents,
  ConsumerSpec,
  DeadLetter,
  JournalMetrics,
  JournalPort,
  JournalRecord,
  LetterFilter,
  LetterRecord,
  NewDeadLetter,
  NewRecord,
} from './journal-port.ts'
import { checkSpec, LiveConsumer } from './live-consumer.ts'
import { LogReader } from './log-reader.ts'
import { LostRanges } from './lost-ranges.ts'
import { pendingRecord, recordOf } from './pending-record.ts'
import { RecordTail } from './record-tail.ts'
import { Retention } from './retention.ts'
import type { Damage, DiskSpace, JournalMeta, Schedule, SegmentLog } from './segment-port.ts'
import { seqOfTime } from './seq-of-time.ts'

export interface JournalOptions {
  now: () => number
  /** monotonic, ms */
  clock: () => number
  schedule: Schedule
  maxBytes: number
  full: 'block' | 'drop'
  keepMs: number
  segmentBytes: number
  onEvent?: ((event: JournalEvent) => void) | undefined
  /** Awaited before each transaction with its number of records; a rejection fails the commit. For tests of what must not leave before a commit. */
  hold?: ((records: number) => void | Promise<void>) | undefined
  /** Bytes that may wait for the disk; more is refused. Default 128 MiB. */
  maxPendingBytes?: number | undefined
  deadLetters?: Partial<typeof letterLimits> | undefined
  /** Damage found while opening. */
  damage?: readonly Damage[] | undefined
  /** Stored consumers may have been lost: names without a cursor start at the oldest record, so that they repeat and do not miss. */
  cursorsLost?: boolean | undefined
}

const lookMs = 30_000
const lookWhileFullMs = 1000
const retryMs = 1000
const readRecords = 10_000
const readBytes = 8 * 1024 * 1024

/** The append log over segment files and their meta store; see JournalPort. */
export class Journal implements JournalPort {
  readonly #log: SegmentLog
  readonly #meta: JournalMeta
  readonly #o: JournalOptions
  readonly #emit: Emit
  readonly #tail = new RecordTail()
  readonly #queue: CommitQueue
  readonly #book: CursorBook
  readonly #letters: DeadLetters
  readonly #lost: LostRanges
  readonly #guard: DiskGuard
  readonly #retention: Retention
  readonly #reader: LogReader
  readonly #consumers = new Map<string, LiveConsumer>()
  #lastAt: number
  #appended = 0
  #bytes = 0
  #closed: Promise<void> | undefined
  #cancelWake: (() => void) | undefined
  #cancelLook: (() => void) | undefined

  constructor(log: SegmentLog, meta: JournalMeta, space: DiskSpace | undefined, o: JournalOptions) {
    const { now, clock, schedule, maxBytes, full, keepMs } = o
    this.#log = log
    this.#meta = meta
    this.#o = o
    this.#emit = event => o.onEvent?.({ ...event, at: now() } as JournalEvent)
    this.#lost = new LostRanges(meta)
    this.#book = new CursorBook({ meta, now, schedule, emit: this.#emit })
    this.#letters = new DeadLetters({
      meta,
      now,
      schedule,
      emit: this.#emit,
      limits: { ...letterLimits, ...o.deadLetters },
      guarded: write => this.#guarded(write),
    })
    const segmentBytes = Math.max(65_536, Math.min(o.segmentBytes, Math.floor(maxBytes / 4)))
    this.#retention = new Retention({
      log,
      book: this.#book,
      lost: this.#lost,
      now,
      emit: this.#emit,
      keepMs,
      segmentBytes,
      head: () => this.#queue.headSeq,
    })
    this.#guard = new DiskGuard({
      log,
      space,
      maxBytes,
      full,
      emit: this.#emit,
      giveUp: () => this.#retention.giveUp(),
      drop: () => this.#retention.drop(),
    })
    const active = log.segments().at(-1)!
    this.#lastAt = active.lastAt
    this.#queue = new CommitQueue(active.lastSeq + 1, {
      log,
      clock,
      schedule,
      emit: this.#emit,
      maxPendingBytes: o.maxPendingBytes ?? 128 * 1024 * 1024,
      hold: o.hold,
      admit: bytes => this.#admit(bytes),
      committed: rows => {
        this.#tail.push(rows)
        this.#appended += rows.length
        for (let i = 0; i < rows.length; i++) this.#bytes += rows[i]!.payload.byteLength
      },
      failed: error => this.#failed(error),
      settled: () => this.#pumpAll(),
    })
    this.#reader = new LogReader({
      log,
      tail: this.#tail,
      head: () => this.#queue.headSeq,
      repair: firstSeq => this.#repair(firstSeq),
    })
    for (const damage of o.damage ?? []) this.#reportDamage(damage)
    // Sequences that consumers have seen are never given out twice, even if the files that held them are gone.
    if (this.#book.highest > this.#queue.headSeq) this.#skipTo(this.#book.highest + 1)
    this.#look()
  }

  append(record: NewRecord, committed: (error: LoomError | undefined, seq: number) => void): void {
    if (this.#closed) {
      this.#o.schedule(0, () => committed(new LoomError('JOURNAL_CLOSED'), 0))
      return
    }
    const now = this.#o.now()
    if (now > this.#lastAt) this.#lastAt = now
    this.#queue.add(pendingRecord(record, this.#lastAt, committed))
  }

  async consume(spec: ConsumerSpec, events: ConsumerEvents): Promise<Consumer> {
    this.#open()
    checkSpec(spec)
    const { name } = spec
    if (this.#consumers.has(name)) throw new LoomError('JOURNAL_CONSUMER_EXISTS', `"${name}"`, { hint: 'choose another name' })
    const { now, clock, schedule } = this.#o
    const consumer: LiveConsumer = new LiveConsumer(spec, events, this.#book.resumeAt(name) ?? this.#startOf(spec), {
      now,
      clock,
      schedule,
      emit: this.#emit,
      headSeq: () => this.#queue.headSeq,
      rows: (from, limit) => this.#reader.rows(from, limit),
      gaps: (from, to) => this.#lost.gaps(from, to, this.#oldest()),
      moved: acks => this.#book.moved(name, acks),
      addDeadLetter: (letter, record, written) => this.#letters.add(letter, record, written),
      flushLetters: () => this.#letters.flush(),
      wake: () => this.#wakeSoon(0),
      detach: () => {
        if (this.#consumers.get(name) === consumer) this.#consumers.delete(name)
        this.#guarded(() => this.#book.detach(consumer))
      },
    })
    this.#guarded(() => this.#book.attach(consumer, JSON.stringify(spec)))
    this.#consumers.set(name, consumer)
    this.#wakeSoon(0)
    return consumer
  }

  async forget(name: string): Promise<void> {
    this.#open()
    if (this.#consumers.has(name)) throw new LoomError('JOURNAL_CONSUMER_EXISTS', `"${name}" is live`, { hint: 'close it first' })
    this.#guarded(() => this.#book.forget(name))
    this.#lookIn(0)
  }

  async read({ from, limit }: { from: number; limit: number }): Promise<JournalRecord[]> {
    this.#open()
    const oldest = this.#oldest()
    if (from > 0 && from < oldest) throw trimmed(`seq ${from}`, oldest)
    const start = Math.max(from, oldest)
    return this.#reader.range(start, Math.max(0, Math.min(limit, readRecords)), readBytes).map(recordOf)
  }

  async pin(name: string, seq: number | undefined): Promise<void> {
    this.#open()
    this.#guarded(() => this.#book.pin(name, seq === undefined ? undefined : Math.max(0, Math.min(seq, this.#queue.headSeq))))
  }

  async addDeadLetter(letter: NewDeadLetter, record = this.#recordAt(letter.jseq)): Promise<number> {
    const { promise, resolve, reject } = Promise.withResolvers<number>()
    this.#letters.add(letter, record, (error, id) => (error ? reject(error) : resolve(id)))
    return promise
  }

  async deadLetters(o: LetterFilter & { limit: number; cursor?: string }): Promise<{ items: DeadLetter[]; next?: string }> {
    this.#open()
    return this.#letters.list(o)
  }

  async replayDeadLetter(id: number): Promise<{ seq: number }> {
    this.#open()
    const record = this.#letters.recordFor(id)
    const { promise, resolve, reject } = Promise.withResolvers<number>()
    this.append(record, (error, seq) => (error ? reject(error) : resolve(seq)))
    const seq = await promise
    if (!this.#closed) this.#guarded(() => this.#letters.replayed(id))
    return { seq }
  }

  async discardDeadLetter(id: number): Promise<void> {
    this.#open()
    this.#guarded(() => this.#letters.discard(id))
  }

  metrics(): JournalMetrics {
    const queue = this.#queue
    return {
      appended: this.#appended,
      bytes: this.#bytes,
      diskBytes: this.#log.diskBytes(),
      commits: queue.commits,
      commitMs: queue.commitMs,
      pending: queue.pending,
      pendingBytes: queue.pendingBytes,
      headSeq: queue.headSeq,
      oldestSeq: this.#oldest(),
      dropped: this.#retention.dropped,
      state: this.#guard.state,
      consumers: this.#book.places().map(place => this.#consumers.get(place.name)?.state() ?? idleState(place, queue.headSeq)),
    }
  }

  close(): Promise<void> {
    return (this.#closed ??= this.#close())
  }

  async #close(): Promise<void> {
    this.#cancelLook?.()
    await this.#queue.drain()
    this.#letters.flush()
    this.#cancelWake?.()
    for (const consumer of this.#consumers.values()) consumer.end()
    try {
      this.#book.close()
    } finally {
      this.#consumers.clear()
      this.#log.close()
      this.#meta.close()
    }
  }

  #open(): void {
    if (this.#closed) throw new LoomError('JOURNAL_CLOSED')
  }

  #oldest(): number {
    return this.#log.segments()[0]!.firstSeq
  }

  #recordAt(seq: number | undefined): LetterRecord | undefined {
    this.#open()
    const row = seq === undefined || seq < this.#oldest() ? undefined : this.#reader.rows(seq, 1)[0]
    return row && row.seq === seq ? recordOf(row) : undefined
  }

  /** The cursor of a new name. */
  #startOf({ start = 'latest' }: ConsumerSpec): number {
    const oldest = this.#oldest()
    const head = this.#queue.headSeq
    if (start === 'earliest' || (start === 'latest' && this.#o.cursorsLost)) return oldest - 1
    if (start === 'latest') return head
    if ('seq' in start) {
      if (start.seq < oldest && oldest > 1) throw trimmed(`seq ${start.seq}`, oldest)
      return Math.max(oldest - 1, Math.min(start.seq - 1, head))
    }
    const seq = seqOfTime(start.time, oldest, head, at => this.#log.atOf(at))
    if (seq === oldest && oldest > 1 && start.time < (this.#log.atOf(oldest) ?? start.time))
      throw trimmed(new Date(start.time).toISOString(), oldest)
    return seq - 1
  }

  #admit(bytes: number): LoomError | undefined {
    const before = this.#guard.state
    const refusal = this.#guard.admit(bytes)
    if (!refusal) this.#retention.rollIfDue()
    else if (before === 'ok') this.#lookIn(lookWhileFullMs)
    return refusal
  }

  #failed(error: LoomError): void {
    if (error.code === 'JOURNAL_FULL') {
      this.#guard.exhausted()
      this.#lookIn(lookWhileFullMs)
    } else if (error.code === 'JOURNAL_CORRUPT' && typeof error.position === 'number') this.#repair(error.position)
  }

  /** A write beside the log: a full disk degrades the journal, and the write is tried once more with what the reserve freed. */
  #guarded<T>(write: () => T): T {
    try {
      return write()
    } catch (error) {
      if (!(error instanceof LoomError) || error.code !== 'JOURNAL_FULL') throw error
      this.#failed(error)
      return write()
    }
  }

  #repair(firstSeq: number): void {
    this.#reportDamage(this.#log.repair(firstSeq))
    const active = this.#log.segments().at(-1)!
    if (active.lastSeq >= this.#queue.headSeq) this.#queue.nextSeq = active.lastSeq + 1
    if (active.lastSeq < this.#queue.headSeq) this.#skipTo(this.#queue.headSeq + 1)
  }

  #reportDamage(damage: Damage): void {
    this.#lost.add('corrupt', damage.lost)
    this.#emit({ type: 'corrupt', ...damage })
  }

  #skipTo(seq: number): void {
    const missing = { from: this.#log.segments().at(-1)!.lastSeq + 1, to: seq - 1 }
    this.#log.roll(seq, this.#lastAt, this.#o.now())
    this.#lost.add('corrupt', [missing])
    this.#queue.nextSeq = seq
  }

  #pumpAll(): void {
    let more = false
    let failed = false
    for (const consumer of this.#consumers.values()) {
      try {
        if (consumer.pump()) more = true
      } catch (error) {
        failed = true
        this.#emit({ type: 'fault', error, consumer: consumer.name })
      }
    }
    if (more) this.#wakeSoon(0)
    else if (failed) this.#wakeSoon(retryMs)
  }

  #wakeSoon(ms: number): void {
    if (this.#closed) return
    this.#cancelWake ??= this.#o.schedule(ms, () => {
      this.#cancelWake = undefined
      this.#pumpAll()
    })
  }

  #lookIn(ms: number): void {
    if (this.#closed) return
    this.#cancelLook?.()
    this.#cancelLook = this.#o.schedule(ms, () => this.#look())
  }

  /** Retention, stale consumers, room on the disk. */
  #look(): void {
    try {
      this.#book.age()
      this.#letters.age()
      this.#retention.look()
      this.#guard.look()
    } catch (error) {
      if (error instanceof LoomError) this.#failed(error)
      this.#emit({ type: 'fault', error })
    }
    this.#lookIn(this.#guard.state === 'ok' ? lookMs : lookWhileFullMs)
  }
}

const trimmed = (what: string, oldest: number): LoomError =>
  new LoomError('JOURNAL_TRIMMED', `${what}, the oldest left is seq ${oldest}`, { position: oldest })
