import { createHash } from 'node:crypto'
import { flags, type JournalRecord, kinds } from '../journal/journal-port.ts'

export interface RepeatsOptions {
  /**
   * `id`: messages of one device, and module, are the same if their message id is, or, without one, their client id, sequence and content. `content`: those
   * with neither, too, if their content is the same: topic, properties, time of the topic and payload.
   */
  by: 'id' | 'content'
  /** from arrival to arrival; as long ago a first one still counts */
  withinMs: number
  /** firsts remembered; the oldest go */
  most?: number
}

export const mostRemembered = 1_000_000

const initialSlots = 1024

const columnsOf = (slots: number) => ({
  keys: new Float64Array(slots),
  checks: new Uint32Array(slots),
  ats: new Float64Array(slots),
  seqs: new Float64Array(slots),
})

/**
 * Tells which messages of devices were there before. The first one is remembered by 80 bits of a SHA-256: if two share the 48 of the key, one is forgotten.
 * Time is the arrival of the records, so that the same records have the same answers.
 */
export class Repeats {
  readonly #by: RepeatsOptions['by']
  readonly #withinMs: number
  readonly #most: number
  /** Key -> number of its first. */
  readonly #numbers = new Map<number, number>()
  /** A ring of firsts in order of their arrival here, from number `#oldest` to before `#next`. */
  #columns = columnsOf(initialSlots)
  #oldest = 0
  #next = 0

  constructor({ by, withinMs, most = mostRemembered }: RepeatsOptions) {
    this.#by = by
    this.#withinMs = withinMs
    this.#most = most
  }

  /** Whether an earlier record said the same; else it is remembered. The same record again is no repeat of itself. */
  isRepeat(record: Omit<JournalRecord, 'qos'>): boolean {
    const digest = digestOf(record, this.#by)
    if (!digest) return false
    const { at, seq } = record
    const key = digest.readUIntBE(0, 6)
    const check = digest.readUInt32BE(6)
    const first = this.#numbers.get(key)
    if (first !== undefined) {
      const { checks, ats, seqs } = this.#columns
      const slot = first % ats.length
      if (checks[slot] === check) {
        // By arrival first: a journal that was begun anew counts from 1 again.
        const sinceMs = at - ats[slot]!
        if (sinceMs < 0 || (sinceMs === 0 && seq <= seqs[slot]!)) return false
        if (sinceMs <= this.#withinMs) return true
      }
    }
    this.#remember(key, check, at, seq)
    return false
  }

  #remember(key: number, check: number, at: number, seq: number): void {
    // Two at a time: never many at once, and still fewer with each that comes.
    for (let n = 0; n < 2 && this.#oldest < this.#next && this.#isOver(at); n++) this.#forgetOldest()
    if (this.#next - this.#oldest === this.#most) this.#forgetOldest()
    if (this.#next - this.#oldest === this.#columns.ats.length) this.#grow()
    const { keys, checks, ats, seqs } = this.#columns
    const slot = this.#next % ats.length
    keys[slot] = key
    checks[slot] = check
    ats[slot] = at
    seqs[slot] = seq
    this.#numbers.set(key, this.#next++)
  }

  #isOver(at: number): boolean {
    const { ats } = this.#columns
    return at - ats[this.#oldest % ats.length]! > this.#withinMs
  }

  #forgetOldest(): void {
    const { keys } = this.#columns
    const key = keys[this.#oldest % keys.length]!
    if (this.#numbers.get(key) === this.#oldest) this.#numbers.delete(key)
    this.#oldest++
  }

  #grow(): void {
    const before = this.#columns
    const slots = before.ats.length
    const after = columnsOf(2 * slots)
    for (let number = this.#oldest; number < this.#next; number++) {
      const [from, to] = [number % slots, number % (2 * slots)]
      after.keys[to] = before.keys[from]!
      after.checks[to] = before.checks[from]!
      after.ats[to] = before.ats[from]!
      after.seqs[to] = before.seqs[from]!
    }
    this.#columns = after
  }
}

/** A will is said anew at each loss of the connection, a dead letter is replayed on purpose: neither is a repeat, nor is what others than devices say. */
const never = flags.will | flags.replay | flags.erased

/** Undefined for what cannot be a repeat. The flag DUP says nothing: packet ids are used again. */
function digestOf({ kind, device, flags: bits, topic, props, payload }: Omit<JournalRecord, 'qos'>, by: RepeatsOptions['by']) {
  if ((kind !== kinds.message && kind !== kinds.quarantined) || bits & never) return undefined
  const { module, messageId, clientId, seq, time } = props.e
  const sender = [kind, device, module]
  if (messageId !== undefined)
    return createHash('sha256')
      .update(JSON.stringify([...sender, messageId]))
      .digest()
  if (seq === undefined && by === 'id') return undefined
  // With the sequence alone, what a device says after its restart would be taken for what it said before.
  const counted = seq === undefined ? null : [clientId, seq]
  const head = JSON.stringify([...sender, counted, topic, time, props.p])
  return createHash('sha256').update(head).update(payload).digest()
}
