import type { Link } from './link.ts'

/**
 * Stops reading PUBLISHes where commits do not keep up: a connection at its number of open slots, all of them while too many bytes
 * are pending in the hub. Everything goes on at half. Other packets (PUBACK, PINGREQ) pass as long as no PUBLISH is before them.
 */
export class Backpressure {
  readonly #maxSlots: number
  readonly #maxBytes: number
  readonly #now: () => number
  readonly #held = new Set<Link>()
  #full = false
  #idle: (() => void)[] = []
  slots = 0
  bytes = 0

  constructor(o: { openSlots: number; pendingBytes: number; now: () => number }) {
    this.#maxSlots = o.openSlots
    this.#maxBytes = o.pendingBytes
    this.#now = o.now
  }

  get held(): ReadonlySet<Link> {
    return this.#held
  }

  /** May this connection's next PUBLISH be read? If not, it is held until `settled` lets it go. */
  admits(link: Link): boolean {
    if (link.heldSince) return false
    if (!this.#full && link.slots.size < this.#maxSlots) return true
    link.heldSince = this.#now()
    this.#held.add(link)
    return false
  }

  opened(bytes: number): void {
    this.slots++
    this.bytes += bytes
    if (this.bytes >= this.#maxBytes) this.#full = true
  }

  settled(link: Link | undefined, bytes: number): void {
    this.slots--
    this.bytes -= bytes
    if (this.slots === 0) for (const resolve of this.#idle.splice(0)) resolve()
    if (this.#full && this.bytes <= this.#maxBytes / 2) {
      this.#full = false
      for (const held of this.#held) this.#release(held)
    } else if (link?.heldSince && !this.#full) this.#release(link)
  }

  /** Resolves when nothing is pending. */
  idle(): Promise<void> {
    return this.slots === 0 ? Promise.resolve() : new Promise(resolve => void this.#idle.push(resolve))
  }

  forget(link: Link): void {
    this.#held.delete(link)
  }

  #release(link: Link): void {
    if (link.slots.size > this.#maxSlots / 2) return
    link.heldSince = 0
    link.blocked = false
    this.#held.delete(link)
    // In a turn of its own: the commit that made room is still telling others.
    setImmediate(() => link.reader.read())
  }
}
