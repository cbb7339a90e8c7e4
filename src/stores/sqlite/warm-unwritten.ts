import { addLatest, type Latest, noteLatest, trimLatest } from '../../storage/latest.ts'
import type { StoredRow } from '../../storage/warm-row.ts'
import { isDamage, type Statements } from './database.ts'
import type { WarmLatest } from './warm-latest.ts'
import { type Origin, WarmOrigins } from './warm-origins.ts'

/** Beyond these the oldest are written at once; `size`: characters of the JSON that brought them, also of values replaced since. */
export const mostUnwritten = { values: 100_000, size: 16 * 1024 * 1024 }
const keptMs = 5000
/** Values that a transaction writes at most because they are old. */
const agedAtOnce = 2000
/** Last values of readings older than this when they are stored are written at once: the rows since then would be many to read again. */
const recentMs = 60_000

interface Unwritten extends Origin {
  latest: Latest
  size: number
  /** when the first of them came */
  since: number
}

/**
 * Last values that wait in memory while rows are written: most are replaced before anybody asks. A table says, in the transaction of the rows, of which series
 * and from which rows on there are some, so that after a crash the rows give them again; the values themselves are written some seconds later, or where they
 * would be too many. Reads see them at once.
 */
export class WarmUnwritten {
  readonly #origins: WarmOrigins
  readonly #table: WarmLatest
  readonly #now: () => number
  readonly #recentMs: number
  readonly #damaged: (error: unknown) => void
  /** of committed rows, in order of their age */
  readonly #kept = new Map<number, Unwritten>()
  /** of the open transaction */
  readonly #noted = new Map<number, Unwritten>()
  readonly #late = new Map<number, Latest>()
  readonly #written: number[] = []
  /** series whose place in the file is damaged */
  readonly #lost = new Set<number>()
  #values = 0
  #size = 0

  /** `damaged`: the last values of a series cannot be written, because of damage in the file; they are given up. */
  constructor(o: {
    statements: Statements
    latest: WarmLatest
    now: () => number
    recentMs?: number | undefined
    damaged(error: unknown): void
  }) {
    this.#origins = new WarmOrigins(o.statements)
    this.#table = o.latest
    this.#now = o.now
    this.#recentMs = o.recentMs ?? recentMs
    this.#damaged = o.damaged
    for (const { sid, ...left } of this.#origins.restored()) this.#keep(sid, { ...left, since: o.now() })
  }

  /** Series whose last values cannot be written for damage: a transaction that failed while it grew may be repeated without them. */
  get lost(): number {
    return this.#lost.size
  }

  has(sid: number): boolean {
    return this.#kept.has(sid)
  }

  get sids(): number[] {
    return [...this.#kept.keys()]
  }

  /** All last values of a series. */
  of(sid: number): Latest {
    const latest = this.#table.of(sid)
    const kept = this.#kept.get(sid)
    if (kept) addLatest(latest, kept.latest)
    return latest
  }

  /** Of a row of the open transaction; `size`: characters of its values as JSON. */
  note(sid: number, row: StoredRow, size: number): void {
    const now = this.#now()
    const { time, arrived } = row
    if (time < now - this.#recentMs) {
      let late = this.#late.get(sid)
      if (!late) this.#late.set(sid, (late = new Map()))
      noteLatest(late, row)
      return
    }
    let noted = this.#noted.get(sid)
    if (!noted) this.#noted.set(sid, (noted = { latest: new Map(), size: 0, since: now, time, arrived }))
    noted.time = Math.min(noted.time, time)
    noted.arrived = Math.min(noted.arrived, arrived)
    noted.size += size
    noteLatest(noted.latest, row)
  }

  /** At the end of the transaction, inside it. */
  write(): void {
    for (const [sid, latest] of this.#late) this.#store(sid, latest)
    const now = this.#now()
    let [values, size] = [this.#values, this.#size]
    for (const noted of this.#noted.values()) {
      trimLatest(noted.latest)
      values += noted.latest.size
      size += noted.size
    }
    const isTooMuch = (): boolean => values > mostUnwritten.values || size > mostUnwritten.size
    const put = (sid: number): number => {
      const all = [this.#kept.get(sid), this.#noted.get(sid)].filter(one => one !== undefined)
      const latest: Latest = new Map()
      for (const one of all) {
        addLatest(latest, one.latest)
        values -= one.latest.size
        size -= one.size
      }
      this.#put(sid, latest)
      this.#noted.delete(sid)
      return latest.size
    }
    let aged = 0
    for (const [sid, { since }] of this.#kept) {
      const isAged = Math.abs(now - since) >= keptMs && aged < agedAtOnce
      if (!isAged && !isTooMuch()) break
      aged += put(sid)
    }
    for (const sid of [...this.#noted.keys()]) {
      if (!isTooMuch()) break
      put(sid)
    }
    this.#mark()
  }

  /** Writes those of the series, inside a transaction that holds nothing else. */
  flush(sids: readonly number[]): void {
    for (const sid of sids) {
      const kept = this.#kept.get(sid)
      if (kept) this.#put(sid, kept.latest)
    }
  }

  /** Inside a transaction: the series has no last values any more. */
  drop(sid: number): void {
    this.#table.drop(sid)
    this.#origins.drop(sid)
    this.#written.push(sid)
  }

  /** The transaction is on disk. */
  committed(): void {
    for (const sid of this.#written.splice(0)) this.#forget(sid)
    for (const [sid, noted] of this.#noted) {
      const kept = this.#kept.get(sid)
      if (!kept) {
        this.#keep(sid, noted)
        continue
      }
      const before = kept.latest.size
      addLatest(kept.latest, noted.latest)
      this.#values += kept.latest.size - before
      this.#size += noted.size
      kept.size += noted.size
      kept.time = Math.min(kept.time, noted.time)
      kept.arrived = Math.min(kept.arrived, noted.arrived)
    }
    this.#clear()
  }

  /** The transaction is taken back, and with it what it brought. */
  undone(): void {
    this.#clear()
    this.#table.forget()
  }

  #clear(): void {
    this.#noted.clear()
    this.#late.clear()
    this.#written.length = 0
  }

  #put(sid: number, latest: Latest): void {
    this.#store(sid, latest)
    this.#origins.drop(sid)
    this.#written.push(sid)
  }

  /** Damage spoils the whole transaction: who repeats it finds the series left out. */
  #store(sid: number, latest: Latest): void {
    if (this.#lost.has(sid)) return
    try {
      this.#table.put(sid, latest)
    } catch (error) {
      if (isDamage(error)) {
        this.#lost.add(sid)
        this.#damaged(error)
      }
      throw error
    }
  }

  #mark(): void {
    for (const [sid, { time, arrived }] of this.#noted) {
      const kept = this.#kept.get(sid)
      if (!kept) this.#origins.put(sid, { time, arrived })
      else if (time < kept.time || arrived < kept.arrived)
        this.#origins.put(sid, { time: Math.min(time, kept.time), arrived: Math.min(arrived, kept.arrived) })
    }
  }

  #keep(sid: number, unwritten: Unwritten): void {
    this.#kept.set(sid, unwritten)
    this.#values += unwritten.latest.size
    this.#size += unwritten.size
  }

  #forget(sid: number): void {
    const kept = this.#kept.get(sid)
    if (!kept) return
    this.#kept.delete(sid)
    this.#values -= kept.latest.size
    this.#size -= kept.size
  }
}
