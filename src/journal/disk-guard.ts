import { LoomError } from '../errors.ts'
import type { Emit } from './journal-event.ts'
import type { DiskSpace, SegmentLog } from './segment-port.ts'

/** Room that must be free, beside twice the reserve, before a full disk counts as usable again. */
const recoverBytes = 1024 * 1024
/** Looking at file sizes costs more than a small commit, so growth is estimated from above in between. */
const lookBytes = 1024 * 1024
const commitSlackBytes = 16 * 1024

interface Parts {
  log: SegmentLog
  space?: DiskSpace | undefined
  maxBytes: number
  full: 'block' | 'drop'
  emit: Emit
  /** Removes the oldest segment nobody needs, of any age; false if there is none. */
  giveUp(): boolean
  /** Removes the oldest segment whoever needs it; false if there is none. */
  drop(): boolean
}

/**
 * Says whether a batch may be written. At the size limit segments nobody needs go first, whatever their age: `keep` is a wish, the limit is not. If that is
 * not enough, `block` refuses with JOURNAL_FULL until consumers have caught up, `drop` removes the oldest segment. A full disk refuses until there is
 * room for twice the reserve, so that what the reserve freed stays with cursors and trimming.
 */
export class DiskGuard {
  readonly #parts: Parts
  #state: 'ok' | 'degraded' | 'full' = 'ok'
  #low = false
  #known = Number.POSITIVE_INFINITY
  #grown = 0

  constructor(parts: Parts) {
    this.#parts = parts
  }

  get state(): 'ok' | 'degraded' | 'full' {
    return this.#state
  }

  admit(bytes: number): LoomError | undefined {
    if (this.#state === 'degraded') return diskFull()
    if (this.#hasRoom(bytes)) {
      this.#recovered('full')
      return undefined
    }
    const error = new LoomError('JOURNAL_FULL', `the limit is ${this.#parts.maxBytes} bytes`, {
      hint: 'let the slowest consumer catch up, remove it, or raise the limit',
    })
    if (this.#state !== 'full') {
      this.#state = 'full'
      this.#parts.emit({ type: 'full', reason: 'limit', message: error.message })
    }
    return error
  }

  /** The disk refused a write: from now on nothing is admitted, and the reserve is given up. */
  exhausted(): void {
    if (this.#state === 'degraded') return
    this.#state = 'degraded'
    this.#parts.space?.releaseReserve()
    this.#parts.emit({ type: 'full', reason: 'disk', message: diskFull().message })
    this.#parts.giveUp()
  }

  /** Looks for room again and raises or ends the alarm of a nearly full volume. */
  look(): void {
    const { space } = this.#parts
    if (this.#state === 'full' && this.#hasRoom(0)) this.#recovered('full')
    if (!space) {
      this.#recovered('degraded')
      return
    }
    if (this.#state === 'degraded') {
      while (space.freeBytes() < 2 * space.reserveBytes + recoverBytes && this.#parts.giveUp());
      if (space.freeBytes() >= 2 * space.reserveBytes + recoverBytes && space.makeReserve()) this.#recovered('degraded')
    } else if (space.freeBytes() >= 2 * space.reserveBytes) space.makeReserve()
    this.#alarm(space)
  }

  #hasRoom(bytes: number): boolean {
    const { log, maxBytes, full, giveUp, drop } = this.#parts
    // A record may be in the write-ahead file and in the database at once.
    this.#grown += 2 * bytes + commitSlackBytes
    if (this.#known + this.#grown <= maxBytes && this.#grown < Math.min(lookBytes, maxBytes / 64)) return true
    this.#grown = 0
    const fits = (): boolean => (this.#known = log.diskBytes()) + bytes <= maxBytes
    // Each round removes a file, so both loops end with the last one.
    while (!fits() && giveUp());
    if (full === 'drop') while (!fits() && drop());
    return fits()
  }

  #recovered(from: 'full' | 'degraded'): void {
    if (this.#state !== from) return
    this.#state = 'ok'
    this.#parts.emit({ type: 'recovered' })
  }

  #alarm(space: DiskSpace): void {
    const freeBytes = space.freeBytes()
    const low = freeBytes < space.minFreeBytes || (this.#low && freeBytes < 2 * space.minFreeBytes)
    if (low === this.#low) return
    this.#low = low
    this.#parts.emit({ type: 'space', low, freeBytes })
  }
}

const diskFull = (): LoomError =>
  new LoomError('JOURNAL_FULL', 'the disk has no room', { hint: 'free space on the volume of the data folder' })
