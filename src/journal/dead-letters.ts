import { LoomError } from '../errors.ts'
import type { Emit } from './journal-event.ts'
import { type DeadLetter, type JournalRecord, kinds, type NewDeadLetter, type NewRecord } from './journal-port.ts'
import { encodeLetter, type LetterHead, letterOf, replayOf } from './letter-record.ts'
import type { JournalMeta, StoredLetter } from './segment-port.ts'

export const letterLimits = { keepMs: 30 * 86_400_000, count: 100_000, bytes: 64 * 1024 * 1024 }

interface Parts {
  meta: JournalMeta
  now: () => number
  emit: Emit
  limits: { keepMs: number; count: number; bytes: number }
}

/** One store for everything that could not be processed; the oldest give way when it is full. Durable when a method returns. */
export class DeadLetters {
  readonly #parts: Parts
  #count: number
  #bytes: number

  constructor(parts: Parts) {
    this.#parts = parts
    const { count, bytes } = parts.meta.letterTotals()
    this.#count = count
    this.#bytes = bytes
  }

  /** `record` is the journal's record of that letter, if it is still known: a replay then has all of its properties. */
  add(letter: NewDeadLetter, record?: JournalRecord): number {
    const { reason, code, message, device, topic, payload, consumer, rule, node, jseq, stage, tries } = letter
    const head: LetterHead = {
      reason,
      stage,
      topic,
      rule,
      kind: record?.kind ?? kinds.message,
      qos: record?.qos ?? 0,
      props: record?.props ?? { v: 1, p: letter.properties, s: {}, e: {} },
    }
    const { meta, now, emit } = this.#parts
    const bytes = encodeLetter(head, payload)
    const id = meta.addLetter({
      seq: jseq ?? null,
      device,
      consumer: consumer ?? null,
      code,
      message,
      node: node ?? null,
      deliveries: tries,
      at: now(),
      state: 'open',
      record: bytes,
    })
    this.#count++
    this.#bytes += bytes.length
    this.#shed()
    emit({ type: 'deadletter', id, code, device, ...(consumer !== undefined && { consumer }) })
    return id
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

  #shed(): void {
    const { meta, now, limits } = this.#parts
    const before = now() - limits.keepMs
    while (this.#count > 0) {
      const oldest = meta.oldestLetter()
      if (!oldest || (oldest.at >= before && this.#count <= limits.count && this.#bytes <= limits.bytes)) return
      meta.deleteLetter(oldest.id)
      this.#count--
      this.#bytes -= oldest.bytes
    }
  }
}
