import { LoomError } from '../errors.ts'
import { CrowdWait } from './crowd-wait.ts'
import type { Emit } from './journal-event.ts'
import type { PendingRecord } from './pending-record.ts'
import type { Schedule, SegmentLog } from './segment-port.ts'

const batchRecords = 1000
const batchBytes = 1024 * 1024
const longestWaitMs = 25
/** One turn writes several batches but does not hold the loop much longer than this. */
const turnMs = 25
const smoothing = 0.2
/** A commit this quick is not worth a wait when it carried a single record: nobody was there to share it. */
const quickCommitMs = 5

interface Parts {
  log: SegmentLog
  /** monotonic, ms */
  clock: () => number
  schedule: Schedule
  emit: Emit
  maxPendingBytes: number
  /** Awaited before each transaction; a rejection fails the batch. */
  hold?: ((records: number) => void | Promise<void>) | undefined
  /** Makes room for a batch, or says why there is none. */
  admit(bytes: number): LoomError | undefined
  committed(batch: readonly PendingRecord[]): void
  failed(error: LoomError): void
  /** After all callbacks of a batch. */
  settled(): void
}

/**
 * Group commit: what was appended while a transaction ran shares the next one. A flush waits for the mean duration of a commit, at most 25 ms: nothing on a
 * quiet disk or after a quick commit of a single record, about half of the time on a slow disk, a few ms for a crowd (`CrowdWait`). Callbacks run in the order of `add`, after the sync.
 */
export class CommitQueue {
  readonly #parts: Parts
  readonly #crowd = new CrowdWait()
  #queue: PendingRecord[] = []
  #head = 0
  #pendingBytes = 0
  #nextSeq: number
  #commitMs = 0
  #commits = 0
  #notBefore = Number.NEGATIVE_INFINITY
  #lastAdded = Number.NEGATIVE_INFINITY
  #cancel: (() => void) | undefined
  #held: Promise<void> | undefined
  #flushing = false

  constructor(nextSeq: number, parts: Parts) {
    this.#nextSeq = nextSeq
    this.#parts = parts
  }

  get headSeq(): number {
    return this.#nextSeq - 1
  }
  /** The next seq, after a repair or roll that skipped some. */
  set nextSeq(seq: number) {
    this.#nextSeq = seq
  }
  get commits(): number {
    return this.#commits
  }
  get commitMs(): number {
    return this.#commitMs
  }
  get pending(): number {
    return this.#queue.length - this.#head
  }
  get pendingBytes(): number {
    return this.#pendingBytes
  }

  add(record: PendingRecord): void {
    if (this.#pendingBytes + record.bytes > this.#parts.maxPendingBytes) refuse(record, this.#parts.maxPendingBytes)
    this.#pendingBytes += record.bytes
    this.#lastAdded = this.#parts.clock()
    this.#queue.push(record)
    if (!this.#cancel && !this.#held && !this.#flushing) this.#arm()
  }

  /** Writes what waits; resolves when nothing is held any more. */
  async drain(): Promise<void> {
    // Each round takes all there is; callbacks may append only until the journal refuses them, so two rounds are the usual case.
    for (let round = 0; round < 1000 && (this.#held || this.pending > 0); round++) {
      if (this.#held) await this.#held
      else this.#flush(Number.POSITIVE_INFINITY)
    }
    this.#cancel?.()
    this.#cancel = undefined
  }

  #arm(): void {
    const waitMs = this.#notBefore - this.#parts.clock()
    this.#cancel = this.#parts.schedule(waitMs > 0 ? Math.min(waitMs, longestWaitMs) : 0, () => {
      this.#cancel = undefined
      this.#flush(turnMs)
    })
  }

  #flush(budgetMs: number): void {
    this.#cancel?.()
    this.#cancel = undefined
    this.#flushing = true
    const { clock, hold } = this.#parts
    const until = clock() + budgetMs
    let left = this.pending
    while (left > 0) {
      const batch = this.#take()
      left -= batch.length
      let waiting: void | Promise<void>
      try {
        waiting = hold?.(batch.length)
      } catch (error) {
        this.#fail(batch, failureOf(error))
        continue
      }
      if (waiting instanceof Promise) {
        this.#held = waiting.then(
          () => this.#release(() => this.#commit(batch)),
          error => this.#release(() => this.#fail(batch, failureOf(error))),
        )
        break
      }
      this.#commit(batch)
      if (clock() > until) break
    }
    this.#flushing = false
    if (this.pending > 0 && !this.#held) this.#arm()
  }

  #release(settle: () => void): void {
    this.#flushing = true
    settle()
    this.#flushing = false
    this.#held = undefined
    if (this.pending > 0) this.#arm()
  }

  #take(): PendingRecord[] {
    const queue = this.#queue
    const start = this.#head
    let end = start
    let bytes = 0
    while (end < queue.length && end - start < batchRecords) {
      bytes += queue[end]!.bytes
      if (bytes > batchBytes && end > start) break
      end++
    }
    const batch = queue.slice(start, end)
    this.#head = end
    if (end === queue.length) {
      this.#queue = []
      this.#head = 0
    } else if (end > 16_384) {
      this.#queue = queue.slice(end)
      this.#head = 0
    }
    return batch
  }

  #commit(batch: PendingRecord[]): void {
    const { log, clock, admit, committed } = this.#parts
    let rows = batch
    try {
      if (batch.some(needsSorting)) rows = this.#fresh(batch)
      const refusal = rows.length > 0 ? admit(sum(rows)) : undefined
      if (refusal) {
        this.#settle(batch, refusal)
        return
      }
      const first = this.#nextSeq
      for (let i = 0; i < rows.length; i++) rows[i]!.seq = first + i
      const started = clock()
      if (rows.length > 0) log.append(rows)
      const ended = clock()
      this.#nextSeq = first + rows.length
      this.#commits++
      this.#commitMs += (this.#commits === 1 ? 1 : smoothing) * (ended - started - this.#commitMs)
      const alone = batch.length === 1 && this.#commitMs < quickCommitMs
      const crowdMs = this.#crowd.after({ records: batch.length, lastAdded: this.#lastAdded, ended })
      this.#notBefore = ended + Math.max(crowdMs, alone ? 0 : Math.min(this.#commitMs, longestWaitMs))
    } catch (error) {
      this.#fail(batch, failureOf(error))
      return
    }
    if (rows !== batch) this.#point(batch)
    committed(rows)
    this.#settle(batch, undefined)
  }

  /** Without those refused before and those whose idempotency key is stored already. */
  #fresh(batch: PendingRecord[]): PendingRecord[] {
    const { log } = this.#parts
    const seen = new Set<string>()
    return batch.filter(record => {
      if (record.refused) return false
      if (record.key === undefined) return true
      const stored = log.seqOfKey(record.key)
      record.seq = stored ?? 0
      if (stored !== undefined || seen.has(record.key)) return false
      seen.add(record.key)
      return true
    })
  }

  /** A repeat inside the batch gets the seq of its first. */
  #point(batch: PendingRecord[]): void {
    const seqs = new Map<string, number>()
    for (const record of batch) {
      if (record.key === undefined || record.refused) continue
      if (record.seq > 0) seqs.set(record.key, record.seq)
      else record.seq = seqs.get(record.key) ?? 0
    }
  }

  #fail(batch: PendingRecord[], error: LoomError): void {
    this.#parts.failed(error)
    this.#settle(batch, error)
  }

  #settle(batch: PendingRecord[], error: LoomError | undefined): void {
    const { emit, settled } = this.#parts
    for (const record of batch) {
      const { committed, refused } = record
      const failure = error ?? refused
      record.committed = undefined
      this.#pendingBytes -= record.bytes
      try {
        committed?.(failure, failure ? 0 : record.seq)
      } catch (thrown) {
        emit({ type: 'fault', error: thrown })
      }
    }
    settled()
  }
}

const needsSorting = (record: PendingRecord): boolean => record.key !== undefined || record.refused !== undefined

const sum = (rows: readonly PendingRecord[]): number => {
  let bytes = 0
  for (let i = 0; i < rows.length; i++) bytes += rows[i]!.bytes
  return bytes
}

/** The entry stays in the queue, emptied, so that its callback keeps its place. */
function refuse(record: PendingRecord, limit: number): void {
  record.refused = new LoomError('JOURNAL_FULL', `${limit} bytes wait for the disk already`, { hint: 'send again later' })
  record.payload = new Uint8Array()
  record.props = ''
  record.parsed = undefined
  record.bytes = 0
}

const failureOf = (error: unknown): LoomError =>
  error instanceof LoomError
    ? error
    : new LoomError('JOURNAL_FAILED', error instanceof Error ? error.message : String(error), { cause: error })
