import type { ActionOrder } from './action.ts'
import type { Burial } from './courier.ts'
import { type SpoolEntry, type SpoolFigures, spoolLimits, type SpoolPort } from './spool-port.ts'

type Bury = (order: ActionOrder, why: Pick<Burial, 'reason' | 'tries'>) => Promise<void>

export interface WaitingOrder {
  order: ActionOrder
  /** before it waited */
  tries: number
}

export interface WaitingParts {
  spool: SpoolPort
  endpoint: string
  /** The form in which orders are on disk. `open` throws for what it did not seal. */
  seal(waiting: WaitingOrder): Uint8Array
  open(content: Uint8Array): WaitingOrder
  now: () => number
  /** An entry that cannot be read any more; it is left out. */
  unreadable(error: unknown): void
}

/** Entries that are looked at together when the oldest have to go. */
const shedAtOnce = 100

/** The orders that wait for one endpoint: the last one put comes last, the first one may be on its way. */
export class Waiting {
  readonly #parts: WaitingParts
  /** With those that are not on disk yet. */
  #count: number
  /** The one on its way. */
  #out: number | undefined
  #turn: Promise<unknown> = Promise.resolve()

  constructor(parts: WaitingParts) {
    this.#parts = parts
    this.#count = this.figures().count
  }

  /** All that come after one must wait while this is not 0. */
  get count(): number {
    return this.#count
  }

  get onDisk(): boolean {
    return this.figures().count > 0
  }

  get full(): boolean {
    return this.figures().bytes > spoolLimits.bytes
  }

  figures(): SpoolFigures {
    return this.#parts.spool.figures(this.#parts.endpoint)
  }

  /** Resolves when it is on disk. */
  async put(order: ActionOrder, tries: number): Promise<void> {
    const { spool, endpoint, seal, now } = this.#parts
    this.#count++
    try {
      await spool.append(endpoint, { at: now(), content: seal({ order, tries }) })
    } catch (error) {
      this.#count--
      throw error
    }
  }

  /** The oldest, once those that are too old were given up; all of them are if the endpoint is dead. It is on its way until `keep` or `done`. */
  first({ now, dead, bury }: { now: number; dead: boolean; bury: Bury }): Promise<WaitingOrder | undefined> {
    return this.#inTurn(async () => {
      await this.#shed(dead ? () => 'action' : this.#excess(now), bury)
      const { spool, endpoint } = this.#parts
      while (true) {
        const [entry] = await spool.read(endpoint, { limit: 1 })
        const waiting = entry && this.#read(entry)
        if (waiting) this.#out = entry.id
        if (!entry || waiting) return waiting
        await this.#remove([entry.id])
      }
    })
  }

  /** The one on its way waits again. */
  keep(): void {
    this.#out = undefined
  }

  /** The one on its way need not be kept any more. */
  async done(): Promise<void> {
    const out = this.#out
    if (out === undefined) return
    await this.#remove([out])
    this.#out = undefined
  }

  /** Gives up what is too old or too much. */
  shed(now: number, bury: Bury): Promise<void> {
    return this.#inTurn(() => this.#shed(this.#excess(now), bury))
  }

  #excess(now: number): (entry: SpoolEntry, bytes: number) => Burial['reason'] | undefined {
    return ({ at }, bytes) => {
      if (now - at >= spoolLimits.keepMs) return 'expired'
      return bytes > spoolLimits.bytes ? 'action' : undefined
    }
  }

  /** Letters first: what is lost between the two steps of a crash comes as a letter twice. */
  async #shed(reasonOf: (entry: SpoolEntry, bytes: number) => Burial['reason'] | undefined, bury: Bury): Promise<void> {
    const { spool, endpoint } = this.#parts
    while (true) {
      let { bytes } = this.figures()
      const gone: number[] = []
      // The one on its way is the oldest.
      const entries = await spool.read(endpoint, { limit: shedAtOnce, ...(this.#out !== undefined && { after: this.#out }) })
      for (const entry of entries) {
        const reason = reasonOf(entry, bytes)
        if (!reason) break
        const waiting = this.#read(entry)
        if (waiting) await bury(waiting.order, { reason, tries: waiting.tries })
        gone.push(entry.id)
        bytes -= entry.content.byteLength
      }
      await this.#remove(gone)
      if (!entries.length || gone.length < entries.length) return
    }
  }

  #read(entry: SpoolEntry): WaitingOrder | undefined {
    try {
      return this.#parts.open(entry.content)
    } catch (error) {
      this.#parts.unreadable(error)
      return undefined
    }
  }

  async #remove(ids: readonly number[]): Promise<void> {
    if (!ids.length) return
    const { spool, endpoint } = this.#parts
    await spool.remove(endpoint, ids)
    this.#count -= ids.length
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#turn.then(work)
    this.#turn = mine.catch(() => {})
    return mine
  }
}
