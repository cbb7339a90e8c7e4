import { LoomError } from '../errors.ts'
import { type Closed, Closer } from './closer.ts'
import { planOf, type WindowPlan } from './config.ts'
import { DueQueue } from './due-queue.ts'
import { LateBook } from './late-book.ts'
import { type KeyState, newKeyState, newScope, type Scope } from './pane.ts'
import { encodeKey } from './path.ts'
import { cover } from './runs.ts'
import { decodeState, encodeState } from './snapshot.ts'
import type { LateCounts, LateEvent, Result, WindowConfig, WindowEngine, WindowEvent } from './types.ts'

/** Beyond this a time is no date and adding to it loses milliseconds. */
const MAX_TIME = 8.64e15

/** Event-time windows. Throws WINDOW_CONFIG_INVALID naming all faults. Knows no clock: equal calls give equal results. */
export const createWindow = (config: WindowConfig): WindowEngine => new Engine(planOf(config))

class Engine implements WindowEngine {
  readonly #plan: WindowPlan
  readonly #closer: Closer
  readonly #book = new LateBook()
  readonly #due = new DueQueue<KeyState>()
  /** In order of first appearance. */
  #keys = new Map<string, KeyState>()
  #ordinal = 0
  /** The one scope, unless every key has its own. */
  #shared: Scope | undefined
  #floor = Number.NEGATIVE_INFINITY
  #clock: number | undefined
  /** Stands for the arrival of events that came before any clock was known. */
  #firstTick: number | undefined
  #flushed = false
  /** Made before a push failed. */
  #pending: Result[] = []

  constructor(plan: WindowPlan) {
    this.#plan = plan
    this.#closer = new Closer(plan)
    this.#shared = plan.watermark === 'key' ? undefined : newScope(this.#floor)
  }

  push(event: WindowEvent | readonly WindowEvent[]): Result[] {
    this.#assertOpen()
    const out: Closed[] = []
    try {
      if (Array.isArray(event)) for (const each of event as readonly WindowEvent[]) this.#accept(each, out)
      else this.#accept(event as WindowEvent, out)
    } catch (error) {
      this.#pending = this.#results(out)
      throw error
    }
    return this.#results(out)
  }

  #results(out: Closed[]): Result[] {
    const results = out.map(closed => closed.result)
    if (this.#pending.length === 0) return results
    const all = [...this.#pending, ...results]
    this.#pending = []
    return all
  }

  #accept(event: WindowEvent, out: Closed[]): void {
    const { byArrival, earlyMs, earlyPolicy, lateArrivalMs, latePolicy, lateMs, lateByTime, dedupe, shift } = this.#plan
    const { counts } = this.#book
    const arrival = Number.isFinite(event?.arrival) ? Math.floor(event.arrival!) : this.#clock
    let time = Math.floor((byArrival ? arrival : event?.time) as number)
    // NaN fails the comparison as well
    if (!(Math.abs(time) <= MAX_TIME) || typeof event.values !== 'object' || event.values === null) {
      counts.invalid++
      return
    }
    const key = this.#plan.keyOf(event)
    const known = this.#keys.get(key)
    if (!known && this.#keys.size >= this.#plan.maxKeys && !this.#makeRoom()) {
      counts.invalid++
      return
    }
    if (arrival !== undefined && earlyMs !== undefined && time > arrival + earlyMs) {
      counts.early++
      if (!this.#book.apply(earlyPolicy, event, 'early', arrival + earlyMs - time)) return
      time = arrival
    }
    if (arrival !== undefined && lateArrivalMs !== undefined && time < arrival - lateArrivalMs) {
      counts.lateArrival++
      if (!this.#book.apply(latePolicy, event, 'lateArrival', arrival - lateArrivalMs - time)) return
      time = arrival - lateArrivalMs
    }
    const id = dedupe === 'time' ? time : dedupe === 'id' ? event.id : undefined
    if (id !== undefined && known?.seen?.get(id)?.live) {
      counts.duplicate++
      return
    }
    const scope = known?.scope ?? this.#shared ?? newScope(this.#floor)
    if (known && !this.#shared) this.#settle(scope)
    // most events go where the key's last one went
    const last = known?.pane
    let start = last && time - shift >= last.start && time - shift < last.end ? last.start : this.#closer.startOf(time)
    if (lateByTime ? time < scope.w : scope.w >= this.#closer.closeAt(start) + lateMs) {
      if (!this.#book.apply(latePolicy, event, 'late', scope.w - time)) return
      time = scope.w
      start = this.#closer.startOf(time)
    }
    if (this.#closer.bytes + this.#keys.size * 200 > this.#plan.maxStateBytes) this.#refuse()
    const state = known ?? this.#newKey(key, scope)
    this.#add(state, start, time, event.values, id, out)
    if (arrival !== undefined && !(scope.lastArrival! >= arrival)) scope.lastArrival = arrival
    scope.settledAt = this.#clock
    if (this.#plan.watermark !== 'manual') scope.w = Math.max(scope.w, time - this.#plan.outOfOrderMs)
    this.#close(scope, state, out)
    if (!this.#shared) this.#schedule(state)
  }

  #refuse(): never {
    const limit = `${this.#plan.maxStateBytes / 2 ** 20} MB`
    throw new LoomError('WINDOW_STATE_LIMIT', limit, {
      hint: 'smaller windows, less disorder or lateness, fewer keys, or a larger maxStateMb',
    })
  }

  #add(
    state: KeyState,
    start: number,
    time: number,
    values: Record<string, unknown>,
    id: string | number | undefined,
    out: Closed[],
  ) {
    const { scope } = state
    let pane = state.pane
    if (!pane || pane.start !== start || !pane.live) {
      pane = this.#closer.pane(scope, start)
      state.pane = pane
      state.slot = this.#closer.slot(pane, state)
    }
    this.#plan.columns.add(pane, state.slot, time, values)
    if (id !== undefined) {
      state.seen ??= new Map()
      state.seen.set(id, pane)
      pane.seen.push({ state, id })
    }
    if (time > state.lastTime) state.lastTime = time
    if (time > scope.maxTime) scope.maxTime = time
    if (this.#plan.emitEmpty) this.#cover(state, start, time)
    if (pane.closed) this.#closer.emit(pane, state.slot, out, { late: true })
    else if (this.#plan.early) this.#closer.emit(pane, state.slot, out, { early: true })
  }

  #cover({ scope, runs }: KeyState, start: number, time: number): void {
    cover(runs, start, Math.max(start + this.#plan.sizeMs, time + this.#plan.keyTtlMs))
    const next = scope.w > Number.NEGATIVE_INFINITY ? Math.max(start, this.#closer.startOf(scope.w)) : start
    if (scope.cursor !== undefined && scope.cursor <= next) return
    scope.cursor = next
    scope.wake = Math.min(scope.wake, this.#closer.closeAt(next))
  }

  #newKey(key: string, scope: Scope): KeyState {
    const state = newKeyState(key, encodeKey(key), this.#ordinal++, scope)
    this.#keys.set(key, state)
    return state
  }

  #close(scope: Scope, only: KeyState | undefined, out: Closed[], flush?: { partial: boolean }): void {
    if (scope.w < scope.wake && !flush) return
    this.#closer.close(scope, this.#shared || !only ? this.#keys : [only], out, flush)
    // now and then is enough, and keeps the cost per event constant
    if (this.#shared && !flush && scope.w >= scope.sweptAt + this.#plan.keyTtlMs / 4) this.#forgetSilent(scope)
  }

  advanceTo(timeMs: number, key?: string): Result[] {
    this.#assertOpen()
    if (!Number.isFinite(timeMs))
      throw new LoomError('REQUEST_INVALID', `advanceTo ${timeMs}`, { hint: 'epoch ms; flush() ends the input' })
    if (key !== undefined && this.#shared)
      throw new LoomError('REQUEST_INVALID', 'advanceTo with a key', { hint: "only watermark: 'key' has one for each" })
    const time = Math.floor(timeMs)
    if (key === undefined) this.#floor = Math.max(this.#floor, time)
    const raise = (scope: Scope) => {
      scope.w = Math.max(scope.w, time)
    }
    return key === undefined ? this.#sweepAll(raise) : this.#advanceKey(key, time, raise)
  }

  #advanceKey(key: string, time: number, raise: (scope: Scope) => void): Result[] {
    let state = this.#keys.get(key)
    if (!state) {
      if (this.#keys.size >= this.#plan.maxKeys) {
        this.#book.counts.invalid++
        return []
      }
      state = this.#newKey(key, newScope(this.#floor))
      state.lastTime = time
    }
    const out: Closed[] = []
    raise(state.scope)
    this.#close(state.scope, state, out)
    this.#forget(state)
    return this.#results(out)
  }

  tick(nowMs: number): Result[] {
    this.#assertOpen()
    if (!Number.isFinite(nowMs)) throw new LoomError('REQUEST_INVALID', `tick ${nowMs}`)
    this.#clock = Math.max(this.#clock ?? Number.NEGATIVE_INFINITY, Math.floor(nowMs))
    if (this.#plan.idleMs === 0 || this.#plan.watermark === 'manual') return this.#results([])
    const first = this.#firstTick === undefined
    this.#firstTick ??= this.#clock
    if (this.#shared) return this.#sweepAll(scope => this.#settle(scope, true))
    if (first) for (const state of this.#keys.values()) this.#schedule(state)
    return this.#tickKeys(this.#clock)
  }

  /** Only the keys that are due cost anything. */
  #tickKeys(now: number): Result[] {
    const out: Closed[] = []
    for (let entry = this.#due.take(now); entry; entry = this.#due.take(now)) {
      const state = entry.item
      if (state.due !== entry.due || this.#keys.get(state.key) !== state) continue
      state.due = Number.POSITIVE_INFINITY
      this.#settle(state.scope, true)
      this.#close(state.scope, state, out)
      if (!this.#forget(state)) this.#reschedule(state, now)
    }
    return this.#results(out.sort(inOrder))
  }

  /** Without input for `idleMs` event time goes on with the arrival clock; done late, but with the outcome of the last tick. */
  #settle(scope: Scope, ticking = false): void {
    const { idleMs, idleRule, outOfOrderMs, lateArrivalMs = 0 } = this.#plan
    const last = scope.lastArrival ?? this.#firstTick
    if (idleMs === 0 || this.#clock === undefined || last === undefined || scope.maxTime === Number.NEGATIVE_INFINITY) return
    // only a tick since the last event counts
    if (scope.settledAt === this.#clock && !ticking) return
    scope.settledAt = this.#clock
    const idle = this.#clock - last
    if (idle < idleMs) return
    const w = idleRule === 'arrival' ? this.#clock - Math.max(outOfOrderMs, lateArrivalMs) : scope.maxTime - outOfOrderMs + idle
    scope.w = Math.max(scope.w, w)
  }

  /** Looks at the key when it may first be idle; a later event only moves that moment away. */
  #schedule(state: KeyState): void {
    const last = state.scope.lastArrival ?? this.#firstTick
    if (this.#plan.idleMs === 0 || last === undefined || state.due <= last + this.#plan.idleMs) return
    this.#queue(state, last + this.#plan.idleMs)
  }

  #reschedule(state: KeyState, now: number): void {
    const { idleMs, idleRule, outOfOrderMs, lateArrivalMs = 0 } = this.#plan
    const { scope } = state
    const idleFrom = (scope.lastArrival ?? this.#firstTick ?? now) + idleMs
    const wake = Math.min(scope.wake, state.lastTime + this.#plan.keyTtlMs + 1)
    const reached =
      idleRule === 'arrival'
        ? wake + Math.max(outOfOrderMs, lateArrivalMs)
        : idleFrom - idleMs + wake - scope.maxTime + outOfOrderMs
    const due = now < idleFrom ? idleFrom : Math.max(reached, now + 1)
    if (Number.isFinite(due)) this.#queue(state, due)
  }

  #queue(state: KeyState, due: number): void {
    state.due = due
    this.#due.push(due, state)
  }

  /** Moves every scope and closes what that passes, ordered by end, start and first appearance. */
  #sweepAll(move: (scope: Scope) => void, flush?: { partial: boolean }): Result[] {
    const out: Closed[] = []
    if (this.#shared) {
      move(this.#shared)
      this.#close(this.#shared, undefined, out, flush)
      return this.#results(out)
    }
    for (const state of [...this.#keys.values()]) {
      move(state.scope)
      this.#close(state.scope, state, out, flush)
      if (!flush) this.#forget(state)
    }
    return this.#results(out.sort(inOrder))
  }

  /** A key silent for `keyTtlMs` with nothing left to emit is dropped, so that keys that come and go do not add up. */
  #forget(state: KeyState): boolean {
    const gone = state.live === 0 && state.scope.w > Math.max(state.lastTime, -MAX_TIME) + this.#plan.keyTtlMs
    if (gone) this.#keys.delete(state.key)
    return gone
  }

  #forgetSilent(scope: Scope): void {
    for (const state of this.#keys.values()) this.#forget(state)
    scope.sweptAt = scope.w
  }

  #makeRoom(): boolean {
    // the watermark must have moved since the last sweep, or every refused event would cost one
    if (this.#shared && this.#shared.w > this.#shared.sweptAt) this.#forgetSilent(this.#shared)
    return this.#keys.size < this.#plan.maxKeys
  }

  flush({ partial = false }: { partial?: boolean } = {}): Result[] {
    this.#assertOpen()
    const results = this.#sweepAll(
      scope => {
        scope.w = Number.POSITIVE_INFINITY
      },
      { partial },
    )
    this.#floor = Number.POSITIVE_INFINITY
    this.#flushed = true
    this.#due.clear()
    return results
  }

  #assertOpen(): void {
    if (this.#flushed) throw new LoomError('WINDOW_CLOSED')
  }

  get late(): LateCounts {
    return { ...this.#book.counts }
  }

  takeLate(): LateEvent[] {
    return this.#book.take()
  }

  watermark(key?: string): number {
    if (this.#shared) return this.#shared.w
    const effective = (scope: Scope): number => {
      this.#settle(scope)
      return scope.w
    }
    if (key !== undefined) {
      const scope = this.#keys.get(key)?.scope
      return scope ? effective(scope) : this.#floor
    }
    let least = Number.POSITIVE_INFINITY
    for (const { scope } of this.#keys.values()) least = Math.min(least, effective(scope))
    return this.#keys.size > 0 ? least : this.#floor
  }

  snapshot(): Uint8Array {
    return encodeState(this.#plan, {
      keys: [...this.#keys.values()],
      shared: this.#shared,
      floor: this.#floor,
      clock: this.#clock,
      firstTick: this.#firstTick,
      flushed: this.#flushed,
      counts: this.late,
      diverted: this.#book.peek(),
      pending: this.#pending,
    })
  }

  restore(snapshot: Uint8Array): void {
    this.#assertOpen()
    const state = decodeState(this.#plan, this.#closer, snapshot)
    this.#keys = new Map(state.keys.map(key => [key.key, key]))
    this.#ordinal = state.keys.length
    this.#shared = state.shared
    this.#floor = state.floor
    this.#clock = state.clock
    this.#firstTick = state.firstTick
    this.#flushed = state.flushed
    this.#book.restore(state.counts, state.diverted)
    this.#pending = state.pending
    this.#due.clear()
    if (!state.shared) for (const key of state.keys) this.#schedule(key)
  }
}

const inOrder = (a: Closed, b: Closed): number =>
  a.result.end - b.result.end || a.result.start - b.result.start || a.ordinal - b.ordinal
