import { LoomError } from '../errors.ts'
import type { Emit } from './journal-event.ts'
import type { Schedule, StoredLetter } from './segment-port.ts'

const batchLetters = 1000
const batchBytes = 4 * 1024 * 1024

/** `repeats`: the letter whose replay this is. */
export type NewStoredLetter = Omit<StoredLetter, 'id'> & { repeats?: number }
export type LetterWritten = (error: LoomError | undefined, id: number) => void

interface Parts {
  schedule: Schedule
  emit: Emit
  /** Letters and their bytes that may wait; a single letter may have any size. */
  limits: { waiting: number; waitingBytes: number }
  /** All or nothing, on disk when it returns; the ids in the same order. */
  write(letters: readonly NewStoredLetter[]): number[]
}

interface Waiting {
  letter: NewStoredLetter
  written: LetterWritten
}

/** Letters of one turn of the loop share a transaction, so that a flood of them costs the disk a few syncs and not one each. */
export class LetterQueue {
  readonly #parts: Parts
  #queue: Waiting[] = []
  #bytes = 0
  #cancel: (() => void) | undefined

  constructor(parts: Parts) {
    this.#parts = parts
  }

  /** `written` is called in a later turn, in the order of `add`. Throws JOURNAL_FULL when too many wait. */
  add(letter: NewStoredLetter, written: LetterWritten): void {
    const { waiting, waitingBytes } = this.#parts.limits
    const waits = this.#queue.length
    if (waits >= waiting || (waits > 0 && this.#bytes + letter.record.length > waitingBytes))
      throw new LoomError('JOURNAL_FULL', `${waits} dead letters wait for the disk already`, { hint: 'try again later' })
    this.#queue.push({ letter, written })
    this.#bytes += letter.record.length
    this.#arm()
  }

  /** Writes all that waits now. */
  flush(): void {
    this.#cancel?.()
    this.#cancel = undefined
    // What the callbacks add waits for its own turn.
    for (let left = this.#queue.length; left > 0; ) left -= this.#writeBatch()
  }

  #arm(): void {
    this.#cancel ??= this.#parts.schedule(0, () => {
      this.#cancel = undefined
      this.#writeBatch()
      if (this.#queue.length > 0) this.#arm()
    })
  }

  #writeBatch(): number {
    let bytes = 0
    const tooLarge = this.#queue.findIndex(({ letter }, i) => {
      bytes += letter.record.length
      return i === batchLetters || (i > 0 && bytes > batchBytes)
    })
    const batch = this.#queue.splice(0, tooLarge < 0 ? this.#queue.length : tooLarge)
    for (const { letter } of batch) this.#bytes -= letter.record.length
    const { write, emit } = this.#parts
    let ids: number[] = []
    let failure: LoomError | undefined
    try {
      ids = write(batch.map(({ letter }) => letter))
    } catch (error) {
      failure = error instanceof LoomError ? error : new LoomError('JOURNAL_FAILED', String(error), { cause: error })
    }
    batch.forEach(({ letter, written }, i) => {
      const id = ids[i] ?? 0
      const { code, device, consumer } = letter
      try {
        if (!failure) emit({ type: 'deadletter', id, code, device, ...(consumer !== null && { consumer }) })
        written(failure, id)
      } catch (error) {
        emit({ type: 'fault', error })
      }
    })
    return batch.length
  }
}
