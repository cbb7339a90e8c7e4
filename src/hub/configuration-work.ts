import type { FleetDoc } from '../topology/fleet-doc.ts'
import type { FleetIndex } from '../topology/fleet-index.ts'
import type { Rollout } from '../twin/configuration/rollout.ts'
import type { ConfigurationWriter } from './configuration-writer.ts'
import type { Twins } from './twins.ts'

export interface WorkParts {
  index: Pick<FleetIndex, 'get' | 'scan' | 'reduced'>
  /** Resolves when what was told before is in the index. */
  settled(): Promise<void>
  rollout: Rollout<FleetDoc>
  writer: ConfigurationWriter
  twins: Pick<Twins, 'get'>
  /** devices written at once */
  atOnce: number
  /** twins written per second, 0: no limit */
  perSecond: number
  schedule(ms: number, fn: () => void): () => void
  turn(): Promise<void>
  now: () => number
  /** Some devices were written. */
  written(): void
  /** Some devices may stand otherwise. */
  stood(): void
  failed(error: unknown): void
}

const lookTurn = 500

/**
 * Looks at devices that changed, and writes the twins of those that are not as configurations want them: so many at once, so many per second. What cannot be written is tried
 * again by the next sweep.
 */
export class ConfigurationWork {
  readonly #parts: WorkParts
  readonly #noted = new Set<string>()
  /** whether a twin is to be written, besides the record */
  readonly #due = new Map<string, boolean>()
  readonly #active = new Map<string, Promise<void>>()
  readonly #failed = new Set<string>()
  readonly #waiting = new Set<() => void>()
  #seen = new WeakSet<FleetDoc>()
  #looking: Promise<void> | undefined
  #second = 0
  #spent = 0
  #live = false
  #closed = false

  constructor(parts: WorkParts) {
    this.#parts = parts
  }

  /** Devices that wait for their turn, or are being written. */
  get waiting(): number {
    return this.#due.size + this.#active.size
  }

  /** Every device is in the index. */
  start(): Promise<void> {
    this.#live = true
    return this.noteAll()
  }

  /** A device may stand otherwise now. */
  note(id: string): void {
    if (!this.#live || this.#closed || this.#parts.rollout.idle) return
    this.#noted.add(id)
    void this.#look().catch(this.#parts.failed)
  }

  /** What the twin of this device, or any, refused may pass now. */
  retry(device?: string): void {
    const again = (): void => {
      for (const id of this.#parts.rollout.retry(device)) this.note(id)
    }
    again()
    // What is being written may still meet what was before
    const busy = device === undefined ? [...this.#active.values()] : [this.#active.get(device)]
    void Promise.all(busy).then(again)
  }

  /** Configurations are others. */
  async noteAll(): Promise<void> {
    await this.#parts.settled()
    this.#seen = new WeakSet()
    await this.#noteUnseen()
    for (const id of this.#parts.rollout.devices) this.#noted.add(id)
    await this.looked()
  }

  /** Resolves when each device that was noted has been looked at. */
  async looked(): Promise<void> {
    while (this.#noted.size || this.#looking) await this.#look()
  }

  /** Notes what changed without a word (groups, credentials), what is gone, and what could not be written. */
  async sweep(): Promise<void> {
    const { rollout, index } = this.#parts
    if (!this.#live || this.#closed || rollout.idle) return
    await this.#noteUnseen()
    for (const id of rollout.devices) if (!index.get(id)) this.#noted.add(id)
    for (const id of this.#failed) this.#noted.add(id)
    this.#failed.clear()
    await this.looked()
  }

  /** Ends what is being written; the rest goes on with the next start. */
  async close(): Promise<void> {
    this.#closed = true
    this.#due.clear()
    for (const go of this.#waiting) go()
    await Promise.all(this.#active.values())
  }

  async #noteUnseen(): Promise<void> {
    await this.#parts.index.scan(doc => {
      if (!this.#seen.has(doc)) this.#noted.add(doc.id)
    })
  }

  #look(): Promise<void> {
    this.#looking ??= this.#lookAll().finally(() => (this.#looking = undefined))
    return this.#looking
  }

  async #lookAll(): Promise<void> {
    const { index, settled, turn, twins } = this.#parts
    await turn()
    while (this.#noted.size && !this.#closed) {
      await settled()
      const ids = [...this.#noted].slice(0, lookTurn)
      for (const id of ids) {
        // Of a reduced index what is stored of the twin counts
        const stored = index.reduced ? await twins.get(id).catch(() => undefined) : undefined
        this.#noted.delete(id)
        this.#lookAt(id, index.get(id), stored)
      }
      this.#pump()
      await turn()
    }
    if (this.#closed) this.#noted.clear()
    else this.#parts.stood()
  }

  #lookAt(id: string, doc: FleetDoc | undefined, stored: Pick<FleetDoc['twin'], 'desired' | 'reported'> | undefined): void {
    if (doc) this.#seen.add(doc)
    const { desired, reported } = stored ?? doc?.twin ?? { desired: {}, reported: {} }
    const device = doc && doc.state !== 'retired' ? { subject: doc, desired, reported } : undefined
    const next = this.#parts.rollout.look(id, device)
    if (next?.due) this.#due.set(id, next.plan.patch !== undefined)
    else this.#due.delete(id)
  }

  #pump(): void {
    for (const [id, patches] of this.#due) {
      if (this.#closed || this.#active.size >= this.#parts.atOnce) return
      // Looked at again when it is done
      if (this.#active.has(id)) continue
      this.#due.delete(id)
      const work = this.#bring(id, patches).finally(() => {
        this.#active.delete(id)
        this.note(id)
        this.#pump()
      })
      this.#active.set(id, work)
    }
  }

  async #bring(id: string, patches: boolean): Promise<void> {
    const { index, writer, turn, written, failed } = this.#parts
    try {
      await turn()
      if (patches) await this.#allowed()
      if (this.#closed) return
      const doc = index.get(id)
      if (doc && doc.state !== 'retired') await writer.bring(id)
      else await writer.drop(id)
      written()
    } catch (error) {
      this.#failed.add(id)
      failed(error)
    }
  }

  async #allowed(): Promise<void> {
    const { perSecond, now } = this.#parts
    while (perSecond && !this.#closed) {
      const at = now()
      if (at < this.#second || at - this.#second >= 1000) [this.#second, this.#spent] = [at, 0]
      if (this.#spent++ < perSecond) return
      await this.#after(this.#second + 1000 - at)
    }
  }

  #after(ms: number): Promise<void> {
    return new Promise(resolve => {
      const go = (): void => {
        cancel()
        this.#waiting.delete(go)
        resolve()
      }
      const cancel = this.#parts.schedule(ms, go)
      this.#waiting.add(go)
    })
  }
}
