import type { Aggregate, Result, WindowConfig, WindowEvent } from '../../src/window/types.ts'

interface Kept {
  key: string
  start: number
  events: { t: number; values: Record<string, unknown> }[]
  seen: Set<unknown>
  emissions: number
  passed: boolean
  closed: boolean
}
interface NaiveScope {
  w: number
  maxTime: number
  lastArrival: number | undefined
}

/** The same windows by keeping every event and computing everything anew at each step: slow, and simple enough to be believed. */
export class Naive {
  readonly counts = { dropped: 0, adjusted: 0, output: 0, early: 0, lateArrival: 0, duplicate: 0 }
  readonly #c: WindowConfig
  readonly #windows: Kept[] = []
  readonly #keys: string[] = []
  readonly #fillFrom = new Map<string, number>()
  readonly #scopes = new Map<string, NaiveScope>()
  readonly #lastValues = new Map<string, Record<string, unknown>>()
  #floor = Number.NEGATIVE_INFINITY
  #clock: number | undefined
  #firstTick: number | undefined

  constructor(config: WindowConfig) {
    this.#c = config
  }

  push(e: WindowEvent): Result[] {
    const { earlyMs, lateArrivalMs, lateMs = 0, lateTest, dedupe, outOfOrderMs = 0 } = this.#c
    const key = e.key ?? ''
    const a = e.arrival ?? this.#clock
    let t = e.time
    if (a !== undefined && earlyMs !== undefined && t > a + earlyMs) {
      this.counts.early++
      if (!this.#policy(this.#c.earlyPolicy)) return []
      t = a
    }
    if (a !== undefined && lateArrivalMs !== undefined && t < a - lateArrivalMs) {
      this.counts.lateArrival++
      if (!this.#policy(this.#c.latePolicy)) return []
      t = a - lateArrivalMs
    }
    const id = dedupe === 'time' ? t : dedupe === 'id' ? e.id : undefined
    const scope = this.#scope(key)
    if (
      id !== undefined &&
      this.#windows.some(x => x.key === key && x.seen.has(id) && !this.#gone(x.start, scope, lateTest === 'time' ? 0 : lateMs))
    ) {
      this.counts.duplicate++
      return []
    }
    const late = lateTest === 'time' ? t < scope.w : this.#gone(this.#startOf(t), scope, lateMs)
    if (late) {
      if (!this.#policy(this.#c.latePolicy)) return []
      t = scope.w
    }
    this.#scopes.set(this.#scopeName(key), scope)
    if (!this.#keys.includes(key)) this.#keys.push(key)
    const start = this.#startOf(t)
    let window = this.#windows.find(x => x.key === key && x.start === start)
    const closed = this.#closeAt(start) <= scope.w
    if (!window) this.#windows.push((window = { key, start, events: [], seen: new Set(), emissions: 0, passed: false, closed }))
    window.events.push({ t, values: e.values })
    if (id !== undefined) window.seen.add(id)
    const fill = closed ? this.#startOf(scope.w) : start
    this.#fillFrom.set(key, Math.min(this.#fillFrom.get(key) ?? fill, fill))
    const out: Result[] = []
    if (closed) this.#emit(window, out, { late: true })
    else if (this.#c.updates === 'each') this.#emit(window, out, { early: true })
    scope.maxTime = Math.max(scope.maxTime, t)
    if (a !== undefined) scope.lastArrival = Math.max(scope.lastArrival ?? a, a)
    if (this.#c.watermark !== 'manual') scope.w = Math.max(scope.w, t - outOfOrderMs)
    return [...out, ...this.#close()]
  }

  advanceTo(t: number): Result[] {
    this.#floor = Math.max(this.#floor, t)
    if (this.#c.watermark !== 'key') this.#scopes.set('', this.#scope(''))
    for (const scope of this.#scopes.values()) scope.w = Math.max(scope.w, t)
    return this.#close()
  }

  tick(now: number): Result[] {
    const { idleMs = 0, idleRule, outOfOrderMs = 0, lateArrivalMs = 0, watermark } = this.#c
    this.#clock = now
    if (idleMs === 0 || watermark === 'manual') return []
    this.#firstTick ??= now
    for (const scope of this.#scopes.values()) {
      const idle = now - (scope.lastArrival ?? this.#firstTick)
      if (idle < idleMs || scope.maxTime === Number.NEGATIVE_INFINITY) continue
      const w = idleRule === 'arrival' ? now - Math.max(outOfOrderMs, lateArrivalMs) : scope.maxTime - outOfOrderMs + idle
      scope.w = Math.max(scope.w, w)
    }
    return this.#close()
  }

  flush(partial = false): Result[] {
    for (const scope of this.#scopes.values()) scope.w = Number.POSITIVE_INFINITY
    return this.#close({ partial })
  }

  #policy(policy: 'drop' | 'adjust' | 'output' = 'drop'): boolean {
    this.counts[policy === 'adjust' ? 'adjusted' : policy === 'drop' ? 'dropped' : 'output']++
    return policy === 'adjust'
  }
  #scopeName = (key: string): string => (this.#c.watermark === 'key' ? key : '')
  #scope = (key: string): NaiveScope =>
    this.#scopes.get(this.#scopeName(key)) ?? { w: this.#floor, maxTime: Number.NEGATIVE_INFINITY, lastArrival: undefined }
  #shift = (): number => (this.#c.boundary === 'end' ? 1 : 0)
  #startOf(t: number): number {
    const { sizeMs, offsetMs = 0 } = this.#c
    return Math.floor((t - this.#shift() - offsetMs) / sizeMs) * sizeMs + offsetMs
  }
  #closeAt = (start: number): number => start + this.#c.sizeMs + this.#shift()
  #gone = (start: number, { w }: NaiveScope, lateMs: number): boolean => w >= this.#closeAt(start) + lateMs

  #close(flush?: { partial: boolean }): Result[] {
    if (this.#c.emitEmpty) for (const key of this.#keys) this.#fill(key, flush !== undefined)
    const ripe = this.#windows.filter(x => !x.closed && this.#closeAt(x.start) <= this.#scope(x.key).w)
    ripe.sort((a, b) => a.start - b.start || this.#keys.indexOf(a.key) - this.#keys.indexOf(b.key))
    const out: Result[] = []
    for (const window of ripe) {
      window.closed = true
      this.#emit(window, out, { partial: flush?.partial === true })
    }
    return out
  }

  #fill(key: string, flush: boolean): void {
    const { w } = this.#scope(key)
    const mates = this.#windows.filter(x => x.events.length > 0 && !x.closed && (this.#c.watermark !== 'key' || x.key === key))
    const last = Math.max(...mates.map(x => x.start))
    for (let start = this.#fillFrom.get(key)!; this.#closeAt(start) <= w && !(flush && !(start <= last)); start += this.#c.sizeMs)
      if (!this.#windows.some(x => x.key === key && x.start === start))
        this.#windows.push({ key, start, events: [], seen: new Set(), emissions: 0, passed: false, closed: false })
  }

  #emit(x: Kept, out: Result[], { early = false, late = false, partial = false }): void {
    const { sizeMs, having, startMs, aggregates, emitEmpty } = this.#c
    const end = x.start + sizeMs
    const count = x.events.length
    const empty = emitEmpty === 'last' ? this.#lastValues.get(x.key) : undefined
    const values =
      empty && count === 0
        ? empty
        : Object.fromEntries(aggregates.map(a => [a.name, count === 0 && emitEmpty === 'zero' ? 0 : aggregate(a, x.events)]))
    const encoded = x.key.replaceAll('%', '%25').replaceAll('|', '%7C')
    const result: Result = {
      id: `${encoded}|${x.start}|${end}|${x.emissions}`,
      key: x.key,
      start: x.start,
      end,
      count,
      values,
      revision: x.emissions,
    }
    if (partial || (startMs !== undefined && x.start < startMs)) result.partial = true
    if (early) result.early = true
    if (count === 0) result.empty = true
    if (!early && !late) this.#lastValues.set(x.key, values)
    const passes = having ? having(result) : true
    if (!passes && !x.passed) return
    if (!passes) result.retracted = true
    x.passed = passes
    x.emissions++
    out.push(result)
  }
}

function aggregate({ fn, field }: Aggregate, events: Kept['events']): unknown {
  const read = (v: Record<string, unknown>): unknown =>
    field === '*' ? v : field!.split('.').reduce<unknown>((o, k) => (o as any)?.[k], v)
  const present = field === undefined ? events : events.filter(e => (read(e.values) ?? null) !== null)
  if (fn === 'count') return present.length
  if (fn === 'first' || fn === 'last' || fn === 'span') {
    if (present.length === 0) return null
    const sorted = [...present].sort((a, b) => a.t - b.t)
    if (fn === 'span') return sorted.at(-1)!.t - sorted[0]!.t
    return read((fn === 'first' ? sorted[0]! : sorted.at(-1)!).values)
  }
  const numbers = present
    .map(e => read(e.values))
    .map(v => (typeof v === 'boolean' ? Number(v) : v))
    .filter(Number.isFinite) as number[]
  const n = numbers.length
  if (n === 0) return null
  const sum = numbers.reduce((a, b) => a + b, 0)
  const squares = numbers.reduce((a, b) => a + (b - sum / n) ** 2, 0)
  switch (fn) {
    case 'sum':
      return sum
    case 'avg':
      return sum / n
    case 'min':
      return Math.min(...numbers)
    case 'max':
      return Math.max(...numbers)
    case 'range':
      return Math.max(...numbers) - Math.min(...numbers)
    case 'variance':
      return n > 1 ? squares / (n - 1) : null
    case 'variancep':
      return squares / n
    case 'stddev':
      return n > 1 ? Math.sqrt(squares / (n - 1)) : null
    case 'stddevp':
      return Math.sqrt(squares / n)
  }
}
