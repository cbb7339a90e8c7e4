import { LoomError } from '../errors.ts'
import type { Emit } from './journal-event.ts'
import {
  type DeadLetter,
  kinds,
  type LetterFilter,
  type LetterRecord,
  type NewDeadLetter,
  type NewRecord,
} from './journal-port.ts'
import { LetterQueue, type LetterWritten, type NewStoredLetter } from './letter-queue.ts'
import { encodeLetter, type LetterHead, letterOf, replayedOnce, replayRecord } from './letter-record.ts'
import type { JournalMeta, Schedule, StoredLetter } from './segment-port.ts'

/** What is kept, and what may wait to be written. */
export const letterLimits = {
  keepMs: 30 * 86_400_000,
  count: 100_000,
  bytes: 64 * 1024 * 1024,
  waiting: 10_000,
  waitingBytes: 64 * 1024 * 1024,
}
/** A page of a filtered list looks through so many. */
const looksPerPage = 5000
/** The oldest are removed in steps of this. */
const shedLetters = 1000

interface Parts {
  meta: JournalMeta
  now: () => number
  schedule: Schedule
  emit: Emit
  limits: typeof letterLimits
  /** Runs a write that a full disk may have to repeat. */
  guarded<T>(write: () => T): T
}

/** One store for everything that could not be processed; the oldest give way when it is full. */
export class DeadLetters {
  readonly #parts: Parts
  readonly #queue: LetterQueue
  #count: number
  #bytes: number
  /** `at` of the oldest letter, or earlier: nothing is looked up while it is young enough. */
  #oldestAt = Number.NEGATIVE_INFINITY

  constructor(parts: Parts) {
    const { meta, schedule, emit, limits } = parts
    this.#parts = parts
    const { count, bytes } = meta.letterTotals()
    this.#count = count
    this.#bytes = bytes
    this.#queue = new LetterQueue({ schedule, emit, limits, write: letters => this.#store(letters) })
  }

  /**
   * `record` is the journal's record of that letter, if it is still known: a replay then has all of its properties. `written` is called in a later turn,
   * once the letter is on disk. Throws JOURNAL_FULL when too many wait.
   */
  add(letter: NewDeadLetter, record: LetterRecord | undefined, written: LetterWritten): void {
    const { reason, code, message, device, topic, payload, consumer, rule, node, key, jseq, stage, tries } = letter
    const head: LetterHead = {
      reason,
      stage,
      topic,
      rule,
      errors: letter.errors,
      key,
      kind: record?.kind ?? kinds.message,
      qos: record?.qos ?? 0,
      arrived: letter.arrived,
      props: record?.props ?? { v: 1, p: letter.properties, s: {}, e: letter.envelope ?? {} },
    }
    const stored: NewStoredLetter = {
      seq: jseq ?? null,
      device,
      consumer: consumer ?? null,
      code,
      message,
      node: node ?? null,
      deliveries: tries,
      at: this.#parts.now(),
      state: 'open',
      record: encodeLetter(head, payload),
      ...(letter.letter !== undefined && { repeats: letter.letter }),
    }
    this.#queue.add(stored, written)
  }

  /** Writes at once what waits. */
  flush(): void {
    this.#queue.flush()
  }

  list({ limit, cursor, ...filter }: LetterFilter & { limit: number; cursor?: string }): { items: DeadLetter[]; next?: string } {
    let before = cursor === undefined ? Number.MAX_SAFE_INTEGER : Number(cursor)
    if (!Number.isSafeInteger(before)) throw new LoomError('REQUEST_INVALID', `cursor "${String(cursor).slice(0, 100)}"`)
    const size = Math.max(1, Math.min(limit, 1000))
    const items: DeadLetter[] = []
    for (let looked = 0; looked < looksPerPage; ) {
      const rows = this.#parts.meta.letters({ before, limit: size + 1, state: filter.state })
      for (const row of rows.slice(0, size)) {
        const letter = letterOf(row)
        if (fits(letter, filter)) items.push(letter)
        before = row.id
        if (items.length === size) return rows.at(-1) === row ? { items } : { items, next: String(before) }
      }
      if (rows.length <= size) return { items }
      looked += size
    }
    return { items, next: String(before) }
  }

  recordFor(id: number): NewRecord {
    return replayRecord(this.#get(id))
  }

  /** Its replay is written. */
  replayed(id: number): void {
    const letter = this.#parts.meta.letter(id)
    if (letter) this.#parts.meta.putLetter(replayedOnce(letter))
  }

  discard(id: number): void {
    this.#parts.meta.putLetter({ ...this.#get(id), state: 'discarded' })
  }

  /** Removes letters past their age. */
  age(): void {
    this.#shed()
  }

  #get(id: number): StoredLetter {
    const letter = this.#parts.meta.letter(id)
    if (!letter) throw new LoomError('NOT_FOUND', `dead letter ${id}`)
    return letter
  }

  #store(letters: readonly NewStoredLetter[]): number[] {
    const { meta, guarded, emit } = this.#parts
    const fresh: NewStoredLetter[] = []
    const ids = letters.map(letter => this.#again(letter) ?? -fresh.push(letter))
    const added = fresh.length ? guarded(() => meta.addLetters(fresh.map(({ repeats: _, ...letter }) => letter))) : []
    if (fresh.length && this.#count === 0) this.#oldestAt = fresh[0]!.at
    this.#count += fresh.length
    for (const { record } of fresh) this.#bytes += record.length
    try {
      this.#shed()
    } catch (error) {
      // The letters are on disk; the next look sheds.
      emit({ type: 'fault', error })
    }
    return ids.map(id => (id > 0 ? id : added[-id - 1]!))
  }

  /** A letter whose replay failed is open again and says why it failed last; undefined if it is not kept any more. */
  #again({ repeats, seq, code, message, node, deliveries }: NewStoredLetter): number | undefined {
    const { meta, guarded } = this.#parts
    const known = repeats === undefined ? undefined : meta.letter(repeats)
    if (!known) return undefined
    guarded(() =>
      meta.putLetter({ ...known, seq, code, message, node, deliveries: known.deliveries + deliveries, state: 'open' }),
    )
    return known.id
  }

  #shed(): void {
    const { meta, now, limits } = this.#parts
    const before = now() - limits.keepMs
    const tooMany = (): boolean => this.#count > limits.count || this.#bytes > limits.bytes
    while (this.#count > 0 && (tooMany() || this.#oldestAt < before)) {
      const oldest = meta.oldestLetters(shedLetters)
      if (oldest.length === 0) return
      let [gone, count, bytes] = [0, this.#count, this.#bytes]
      for (const { at, bytes: size } of oldest) {
        this.#oldestAt = at
        if (at >= before && count <= limits.count && bytes <= limits.bytes) break
        gone++
        count--
        bytes -= size
      }
      if (gone === 0) return
      meta.deleteLetters(oldest[gone - 1]!.id)
      this.#count = count
      this.#bytes = bytes
    }
  }
}

const fits = (letter: DeadLetter, { reason, device, rule, node, key, from, to }: LetterFilter): boolean =>
  (reason === undefined || letter.reason === reason) &&
  (device === undefined || letter.device === device) &&
  (rule === undefined || letter.rule === rule) &&
  (node === undefined || letter.node === node) &&
  (key === undefined || letter.key === key) &&
  (from === undefined || letter.at >= from) &&
  (to === undefined || letter.at < to)
