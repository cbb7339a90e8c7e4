import type { Columns } from './columns.ts'

/** What the engine knows of a key. */
export interface KeyState {
  key: string
  /** the key as result ids carry it */
  id: string
  /** Rank of first appearance. */
  ordinal: number
  scope: Scope
  /** Where its last event went: spares the search for the next one. */
  pane: Pane | undefined
  slot: number
  /** Slots it holds in panes that live. */
  live: number
  /** Greatest event time. */
  lastTime: number
  /** Stretches [from, to] of event time in which windows without events are reported. */
  runs: { from: number; to: number }[]
  /** Values of its previous result, for `emitEmpty: 'last'`. */
  lastValues: Record<string, unknown> | undefined
  seen: Map<string | number, Pane> | undefined
  /** When the idle clock looks at it next. */
  due: number
}

/** What shares a watermark: all keys, or one. Panes are sorted by start. */
export interface Scope {
  w: number
  maxTime: number
  lastArrival: number | undefined
  open: Pane[]
  /** Closed, but still taking late events. */
  kept: Pane[]
  /** Start of the next window to look at for rows without events. */
  cursor: number | undefined
  /** Nothing happens before the watermark reaches this. */
  wake: number
  /** Arrival clock up to which the idle rule was applied, or at which the last event came. */
  settledAt: number | undefined
  /** Watermark at the last look for silent keys. */
  sweptAt: number
}

export const newScope = (w: number): Scope => ({
  w,
  maxTime: Number.NEGATIVE_INFINITY,
  lastArrival: undefined,
  open: [],
  kept: [],
  cursor: undefined,
  wake: Number.POSITIVE_INFINITY,
  settledAt: undefined,
  sweptAt: Number.NEGATIVE_INFINITY,
})

export const newKeyState = (key: string, id: string, ordinal: number, scope: Scope): KeyState => ({
  key,
  id,
  ordinal,
  scope,
  pane: undefined,
  slot: 0,
  live: 0,
  lastTime: Number.NEGATIVE_INFINITY,
  runs: [],
  lastValues: undefined,
  seen: undefined,
  due: Number.POSITIVE_INFINITY,
})

const NOTHING = new Float64Array(0)

/** One stretch of time: a row of accumulators per key that has data in it, so quiet keys and quiet times cost nothing. */
export class Pane {
  readonly start: number
  readonly end: number
  readonly closeAt: number
  closed = false
  live = true
  rows: Float64Array
  side: unknown[] = []
  /** The keys of the slots. */
  keys: KeyState[] = []
  /** Remembered for duplicates: forgotten with the pane. */
  seen: { state: KeyState; id: string | number }[] = []
  /** Made for the second key: panes of one key are many where each has its own watermark. */
  #slots: Map<KeyState, number> | undefined
  #sorted = true

  constructor(start: number, end: number, closeAt: number, width: number, capacity: number) {
    this.start = start
    this.end = end
    this.closeAt = closeAt
    this.rows = new Float64Array(width * capacity)
  }

  slotOf(state: KeyState): number | undefined {
    if (this.#slots) return this.#slots.get(state)
    return this.keys[0] === state ? 0 : undefined
  }

  addSlot(state: KeyState, { width, sideWidth }: Columns): number {
    const slot = this.keys.length
    const last = this.keys[slot - 1]
    if (last && last.ordinal > state.ordinal) this.#sorted = false
    this.keys.push(state)
    if (last) {
      this.#slots ??= new Map([[last, 0]])
      this.#slots.set(state, slot)
    }
    if (this.keys.length * width > this.rows.length) {
      const grown = new Float64Array(this.rows.length * 2)
      grown.set(this.rows)
      this.rows = grown
    }
    for (let i = 0; i < sideWidth; i++) this.side.push(undefined)
    state.live++
    return slot
  }

  /** Slots in order of the keys' first appearance. */
  slotsInOrder(): number[] {
    const slots = Array.from(this.keys.keys())
    return this.#sorted ? slots : slots.sort((a, b) => this.keys[a]!.ordinal - this.keys[b]!.ordinal)
  }

  /** Lets go of everything at once: keys may still point here. */
  retire(): void {
    for (const state of this.keys) state.live--
    for (const { state, id } of this.seen) state.seen?.delete(id)
    this.live = false
    this.rows = NOTHING
    this.side = []
    this.keys = []
    this.seen = []
    this.#slots = undefined
  }
}

/** Index of the first pane that starts at or after `start`. */
export function paneIndex(panes: readonly Pane[], start: number): number {
  let [low, high] = [0, panes.length]
  // mostly the newest pane is asked for
  if (high > 0 && panes[high - 1]!.start < start) return high
  while (low < high) {
    const middle = (low + high) >>> 1
    if (panes[middle]!.start < start) low = middle + 1
    else high = middle
  }
  return low
}
