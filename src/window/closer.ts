import { COUNT, EMISSIONS, PASSED } from './columns.ts'
import type { WindowPlan } from './config.ts'
import { type KeyState, Pane, paneIndex, type Scope } from './pane.ts'
import { covers, nextCovered } from './runs.ts'
import type { Result } from './types.ts'

/** Rough costs of the objects around the numbers. */
const PANE_BYTES = 160
const SLOT_BYTES = 48
const SIDE_BYTES = 16

/** A result with its key's rank, to order what several scopes close in one step. */
export interface Closed {
  result: Result
  ordinal: number
}

/** A map or list of keys in order of first appearance. */
interface Keys {
  values(): Iterable<KeyState>
}

/** Places panes in scopes, makes results of them, and lets go of them as the watermark passes. */
export class Closer {
  readonly #plan: WindowPlan
  /** Estimated bytes of all panes. */
  bytes = 0
  #capacity = 1

  constructor(plan: WindowPlan) {
    this.#plan = plan
  }

  /** Start of the window that holds `time`. */
  startOf(time: number): number {
    const { sizeMs, offsetMs, shift } = this.#plan
    return Math.floor((time - shift - offsetMs) / sizeMs) * sizeMs + offsetMs
  }

  /** The watermark at which a window can take no more events in time. */
  closeAt(start: number): number {
    return start + this.#plan.sizeMs + this.#plan.shift
  }

  slot(pane: Pane, state: KeyState): number {
    const found = pane.slotOf(state)
    if (found !== undefined) return found
    const before = pane.rows.length
    const slot = pane.addSlot(state, this.#plan.columns)
    this.bytes += (pane.rows.length - before) * 8 + this.#slotBytes()
    return slot
  }

  /** The pane of that start, made if there is none; it is open as long as the watermark has not passed its end. */
  pane(scope: Scope, start: number): Pane {
    const closeAt = this.closeAt(start)
    const closed = scope.w >= closeAt
    const panes = closed ? scope.kept : scope.open
    const at = paneIndex(panes, start)
    const found = panes[at]
    if (found?.start === start) return found
    const { width } = this.#plan.columns
    const capacity = this.#plan.watermark === 'key' ? 1 : this.#capacity
    const pane = new Pane(start, start + this.#plan.sizeMs, closeAt, width, capacity)
    pane.closed = closed
    this.bytes += this.#sizeOf(pane)
    panes.splice(at, 0, pane)
    scope.wake = Math.min(scope.wake, closed ? closeAt + this.#plan.lateMs : closeAt)
    return pane
  }

  /** Emits every window that the scope's watermark has passed; `keys` in order of first appearance. */
  close(scope: Scope, keys: Keys, out: Closed[], flush?: { partial: boolean }): void {
    const { emitEmpty, lateMs } = this.#plan
    if (emitEmpty) this.#closeWithEmpty(scope, keys, out, flush)
    else {
      let n = 0
      while (n < scope.open.length && scope.open[n]!.closeAt <= scope.w) n++
      for (const pane of scope.open.splice(0, n)) this.#closePane(scope, pane, out, flush)
    }
    let gone = 0
    while (gone < scope.kept.length && scope.kept[gone]!.closeAt + lateMs <= scope.w) gone++
    for (const pane of scope.kept.splice(0, gone)) this.#retire(pane)
    this.#setWake(scope)
  }

  /** Takes over the panes of restored scopes. */
  adopt(scopes: readonly Scope[]): void {
    this.bytes = 0
    for (const scope of scopes) {
      for (const pane of [...scope.open, ...scope.kept]) this.bytes += this.#sizeOf(pane)
      this.#setWake(scope)
    }
  }

  #sizeOf(pane: Pane): number {
    return PANE_BYTES + pane.rows.length * 8 + pane.keys.length * this.#slotBytes()
  }

  #slotBytes(): number {
    return SLOT_BYTES + this.#plan.columns.sideWidth * SIDE_BYTES
  }

  #setWake(scope: Scope): void {
    const { open, kept, cursor } = scope
    scope.wake = Math.min(
      open[0]?.closeAt ?? Number.POSITIVE_INFINITY,
      kept[0] ? kept[0].closeAt + this.#plan.lateMs : Number.POSITIVE_INFINITY,
      cursor === undefined ? Number.POSITIVE_INFINITY : this.closeAt(cursor),
    )
  }

  #closePane(scope: Scope, pane: Pane, out: Closed[], flush: { partial: boolean } | undefined): void {
    for (const slot of pane.slotsInOrder()) this.emit(pane, slot, out, { partial: flush?.partial === true })
    this.#keep(scope, pane)
  }

  #keep(scope: Scope, pane: Pane): void {
    if (this.#plan.watermark !== 'key') this.#capacity = Math.max(1, pane.keys.length)
    pane.closed = true
    if (this.#plan.lateMs > 0) scope.kept.splice(paneIndex(scope.kept, pane.start), 0, pane)
    else this.#retire(pane)
  }

  #retire(pane: Pane): void {
    this.bytes -= this.#sizeOf(pane)
    pane.retire()
  }

  /** Window by window, since keys without data in one have a row as well; stretches in which all are silent are jumped. */
  #closeWithEmpty(scope: Scope, keys: Keys, out: Closed[], flush: { partial: boolean } | undefined): void {
    const { sizeMs } = this.#plan
    let start = scope.cursor
    while (start !== undefined && this.closeAt(start) <= scope.w && !(flush && scope.open.length === 0)) {
      const pane = scope.open[0]?.start === start ? scope.open.shift() : undefined
      let next = scope.open[0]?.start ?? Number.POSITIVE_INFINITY
      let kept = pane
      for (const state of keys.values()) {
        const slot = pane?.slotOf(state)
        if (slot !== undefined) this.emit(pane!, slot, out, { partial: flush?.partial === true })
        else if (covers(state.runs, start, start + sizeMs)) kept = this.#emitEmpty(kept, start, state, out, flush)
        next = Math.min(next, nextCovered(state.runs, start + sizeMs, sizeMs) ?? Number.POSITIVE_INFINITY)
      }
      if (kept) this.#keep(scope, kept)
      start = next === Number.POSITIVE_INFINITY ? undefined : next
    }
    scope.cursor = start
  }

  /** With lateness a row is made, so that a late event revises what was emitted here. */
  #emitEmpty(pane: Pane | undefined, start: number, state: KeyState, out: Closed[], flush?: { partial: boolean }): Pane {
    const { sizeMs, columns } = this.#plan
    const home = pane ?? new Pane(start, start + sizeMs, this.closeAt(start), columns.width, 1)
    if (!pane) this.bytes += this.#sizeOf(home)
    this.emit(home, this.slot(home, state), out, { partial: flush?.partial === true })
    return home
  }

  /** One emission of a key's window: its values now, a greater revision, or nothing if `having` says so. */
  emit(pane: Pane, slot: number, out: Closed[], { partial = false, early = false, late = false }): void {
    const { columns, having, startMs, emitEmpty } = this.#plan
    const state = pane.keys[slot]!
    const base = slot * columns.width
    const { rows, start, end } = pane
    const count = rows[base + COUNT]!
    const revision = rows[base + EMISSIONS]!
    const result: Result = {
      id: `${state.id}|${start}|${end}|${revision}`,
      key: state.key,
      start,
      end,
      count,
      values: count > 0 ? columns.values(pane, slot) : this.#fill(state),
      revision,
    }
    if (partial || start < startMs) result.partial = true
    if (early) result.early = true
    if (count === 0) result.empty = true
    if (emitEmpty === 'last' && !early && !late) state.lastValues = result.values
    if (having) {
      const passes = having(result)
      if (!passes && rows[base + PASSED] === 0) return
      if (!passes) result.retracted = true
      rows[base + PASSED] = passes ? 1 : 0
    }
    rows[base + EMISSIONS] = revision + 1
    out.push({ result, ordinal: state.ordinal })
  }

  #fill(state: KeyState): Record<string, unknown> {
    const { emitEmpty, columns } = this.#plan
    if (emitEmpty === 'last' && state.lastValues) return { ...state.lastValues }
    return columns.emptyValues(emitEmpty === 'zero' ? 'zero' : 'null')
  }
}
