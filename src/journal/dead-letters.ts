import { LoomError } from '../errors.ts'
import type { Emit } from './journal-event.ts'
import { type DeadLetter, kinds, type LetterRecord, type NewDeadLetter, type NewRecord } from './journal-port.ts'
import { LetterQueue, type LetterWritten, type NewStoredLetter } from './letter-queue.ts'
import { encodeLetter, type LetterHead, letterOf, replayOf } from './letter-record.ts'
import type { JournalMeta, Schedule, StoredLetter } from './segment-port.ts'

/** What is kept, and what may wait to be written. */
export const letterLimits = {
  keepMs: 30 * 86_400_000,
  count: 100_000,
  bytes: 64 * 1024 * 1024,
  waiting: 10_000,
  waitingBytes: 64 * 1024 * 1024,
}
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
    const { reason, code, message, device, topic, payload, consumer, rule, node, jseq, stage, tries } = letter
    const head: LetterHead = {
      reason,
      stage,
      topic,
      rule,
      errors: letter.errors,
      kind: record?.kind ?? kinds.message,
      qos: record?.qos ?? 0,
      props: record?.props ?? { v: 1, p: letter.properties, s: {}, e: {} },
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
    }
    this.#queue.add(stored, written)
  }

  /** Writes at once what waits. */
  flush(): void {
    this.#queue.flush()
  }

  list({ limit, cursor, state }: { limit: number; cursor?: string; state?: DeadLetter['state'] }): {
    items: DeadLetter[]
    next?: string
  } {
    const before = cursor === undefined ? Number.MAX_SAFE_INTEGER : Number(cursor)
    if (!Number.isSafeInteger(before)) throw new LoomError('REQUEST_INVALID', `cursor "${String(cursor).slice(0, 100)}"`)
    const size = Math.max(1, Math.min(limit, 1000))
    const found = this.#parts.meta.letters({ before, limit: size + 1, state })
    const items = found.slice(0, size).map(letterOf)
    return found.length > size ? { items, next: String(items.at(-1)!.id) } : { items }
  }

  recordFor(id: number): NewRecord {
    return replayOf(this.#get(id))
  }

  setState(id: number, state: StoredLetter['state']): void {
    this.#get(id)
    this.#parts.meta.setLetterState(id, state)
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
    const ids = guarded(() => meta.addLetters(letters))
    if (this.#count === 0) this.#oldestAt = letters[0]!.at
    this.#count += letters.length
    for (const { record } of letters) this.#bytes += record.length
    try {
      this.#shed()
    } catch (error) {
      // The letters are on disk; the next look sheds.
      emit({ type: 'fault', error })
    }
    return ids
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
