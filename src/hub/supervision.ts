import type { Identity } from '../identity/identity.ts'
import type { StateStore, Write } from '../storage/state-store.ts'
import { expectedInterval } from '../telemetry/expected-interval.ts'
import { SilenceWatch, type Watched } from '../telemetry/silence-watch.ts'
import { devicesColl } from './devices.ts'
import type { TellLifecycle } from './lifecycle-teller.ts'
import { inBatches } from './in-batches.ts'

const coll = 'supervision'
const batch = 500
/** Devices to be looked up, and those that are known to need no watch: beyond, they are asked for again when they speak. */
const most = { asked: 20_000, unwatched: 100_000 }

interface Entity {
  tags?: Record<string, unknown>
  attributes?: Record<string, unknown>
}

export interface SupervisionParts {
  state: StateStore
  /** those that exist of at most 1,000 */
  devices(ids: readonly string[]): Promise<Pick<Identity, 'id' | 'enabled' | 'state'>[]>
  /** of devices that name none themselves; 0: none */
  expectedIntervalMs: number
  tell: TellLifecycle
  now: () => number
}

/**
 * Notices devices that send no telemetry for longer than is expected of them: from their first connection or message on, whether they are connected or not, until they are disabled, retired or deleted. Told
 * once as `silent`, and once as `heard` when they speak again. After a start of the hub each has its whole time again, and who was silent stays so.
 */
export class Supervision {
  readonly #parts: SupervisionParts
  readonly #watch = new SilenceWatch()
  readonly #unwatched = new Set<string>()
  readonly #asked = new Map<string, number>()
  readonly #dirty = new Set<string>()
  #work: Promise<void> = Promise.resolve()

  private constructor(parts: SupervisionParts) {
    this.#parts = parts
  }

  static async open(parts: SupervisionParts): Promise<Supervision> {
    const { state, now } = parts
    const supervision = new Supervision(parts)
    await state.declare(coll, {})
    for (let cursor: string | undefined, first = true; first || cursor !== undefined; first = false) {
      const page = await state.query<Watched>(coll, { limit: batch, ...(cursor !== undefined && { cursor }) })
      const began = now()
      for (const { id, doc } of page.items) supervision.#watch.set(id, { ...doc, last: doc.silent ? doc.last : began })
      await supervision.#review(new Map(page.items.map(({ id }) => [id, began])))
      cursor = page.next
    }
    return supervision
  }

  /** A device sent telemetry. On the way of every message. */
  heard(id: string, now: number): void {
    const was = this.#watch.heard(id, now)
    if (was === 'expected') return
    if (was) {
      this.#dirty.add(id)
      this.#parts.tell({ device: id, event: 'heard', clientId: '', lastAt: was.last })
    } else if (!this.#unwatched.has(id)) this.#ask(id, now)
  }

  /** It is there, and has not spoken yet. */
  came(id: string, now: number): void {
    if (!this.#watch.get(id) && !this.#unwatched.has(id)) this.#ask(id, now)
  }

  /** What is expected of it may be something else now. */
  described(id: string): void {
    // Who never spoke is nobody's concern yet.
    if (this.#watch.get(id) || this.#unwatched.delete(id)) this.#ask(id, this.#parts.now())
  }

  async forget(id: string): Promise<void> {
    this.#unwatched.delete(id)
    this.#asked.delete(id)
    this.#dirty.delete(id)
    if (this.#watch.delete(id)) await this.#parts.state.delete(coll, id)
  }

  /** Called each second. */
  sweep(now: number): void {
    for (const id of this.#watch.sweep(now)) {
      const { last, expectedMs } = this.#watch.get(id)!
      this.#dirty.add(id)
      this.#parts.tell({ device: id, event: 'silent', clientId: '', lastAt: last, expectedMs })
    }
  }

  /** Called each second: looks up what is expected of those who came or spoke first. Resolves when all who were asked for are looked up. */
  settle(): Promise<void> {
    const turn = this.#work.then(async () => {
      while (this.#asked.size) {
        const ids = [...this.#asked].slice(0, batch)
        await this.#review(new Map(ids))
        for (const [id, since] of ids) if (this.#asked.get(id) === since) this.#asked.delete(id)
      }
    })
    this.#work = turn.catch(() => {})
    return turn
  }

  /** Writes who is watched and who is silent; when they spoke last is written with that. */
  flush(): Promise<void> {
    return inBatches(this.#dirty, batch, ids =>
      this.#parts.state.tx(
        ids.map((id): Write => {
          const doc = this.#watch.get(id)
          return doc ? { op: 'put', coll, id, doc: storedOf(doc) } : { op: 'delete', coll, id }
        }),
      ),
    )
  }

  #ask(id: string, since: number): void {
    if (this.#asked.size < most.asked && !this.#asked.has(id)) this.#asked.set(id, since)
  }

  async #review(asked: ReadonlyMap<string, number>): Promise<void> {
    const ids = [...asked.keys()]
    if (!ids.length) return
    const { state, devices, expectedIntervalMs } = this.#parts
    const [identities, { items }] = await Promise.all([
      devices(ids),
      state.query<Entity>(devicesColl, { where: [['id', 'in', ids]], limit: ids.length }),
    ])
    const entities = new Map(items.map(({ id, doc }) => [id, doc]))
    const alive = new Set(identities.filter(({ enabled, state: now }) => enabled && now !== 'retired').map(({ id }) => id))
    for (const [id, since] of asked) {
      const expectedMs = alive.has(id) ? expectedInterval(entities.get(id) ?? {}, expectedIntervalMs) : undefined
      this.#expect(id, expectedMs, since)
    }
  }

  #expect(id: string, expectedMs: number | undefined, since: number): void {
    const before = this.#watch.get(id)
    if (before?.expectedMs === expectedMs && (before || this.#unwatched.has(id))) return
    if (before || expectedMs !== undefined) this.#dirty.add(id)
    if (expectedMs === undefined) {
      this.#watch.delete(id)
      if (this.#unwatched.size >= most.unwatched) this.#unwatched.clear()
      this.#unwatched.add(id)
      return
    }
    this.#unwatched.delete(id)
    // Another time to wait begins now, so that a shorter one makes nobody silent at once.
    this.#watch.set(id, { expectedMs, last: before?.silent ? before.last : since, silent: before?.silent ?? false })
  }
}

const storedOf = ({ expectedMs, last, silent }: Watched): Watched => ({ expectedMs, last, silent })
