/** Times are whole milliseconds since 1970 UTC and may be negative; fractions are floored. */
export interface WindowEvent {
  /** A missing key is ''. */
  key?: string
  time: number
  values: Record<string, unknown>
  /** When the hub received it; default the last tick. */
  arrival?: number
  /** For `dedupe: 'id'`. */
  id?: string | number
  seq?: number
}

export interface Aggregate {
  /** Member of `Result.values`. */
  name: string
  fn: AggregateFn
  /** Path in `values`; '*' is the whole object (count, first, last). Needed but for count and span. */
  field?: string
}
export type AggregateFn =
  | 'count'
  | 'sum'
  | 'avg'
  | 'min'
  | 'max'
  | 'range'
  | 'stddev'
  | 'stddevp'
  | 'variance'
  | 'variancep'
  | 'first'
  | 'last'
  | 'span'

export interface WindowConfig {
  type: 'tumbling'
  /** 1 ms to 400 days. */
  sizeMs: number
  /** Windows start at offsetMs + n sizeMs. Default 0. */
  offsetMs?: number
  /** `start` (default): [start, end); `end`: (start, end]. */
  boundary?: 'start' | 'end'
  aggregates: Aggregate[]
  /** Paths in `values` that make the key, several joined with `|`, each percent-encoded. Default `event.key`. */
  key?: string | string[]
  /** Which clock places an event. Default event. */
  time?: 'event' | 'arrival'
  /** Disorder waited for: the watermark is the greatest time less this. Default 0. */
  outOfOrderMs?: number
  /** A closed window takes late events so long and is emitted again with a greater revision. Default 0. */
  lateMs?: number
  /** An event further behind its arrival than this falls under `latePolicy`. Default: not looked at. */
  lateArrivalMs?: number
  /** An event further ahead of its arrival than this falls under `earlyPolicy`. Default: not looked at. */
  earlyMs?: number
  earlyPolicy?: 'drop' | 'adjust' | 'output'
  /** Default drop. */
  latePolicy?: 'drop' | 'adjust' | 'output'
  /** `window` (default): late when its window is gone; `time`: when behind the watermark, `lateMs` unused. */
  lateTest?: 'window' | 'time'
  /** Scope of the watermark: all keys (default), each its own, or moved by `advanceTo` only. */
  watermark?: 'global' | 'key' | 'manual'
  /** Without input for so long the watermark goes on with the clock of `tick`. Default 0: it stands. */
  idleMs?: number
  /** `pace` (default): on from the last event; `arrival`: clock less the disorder. */
  idleRule?: 'pace' | 'arrival'
  /** Drops repeats of (key, time) or (key, id) while their window lives. Default false. */
  dedupe?: false | 'time' | 'id'
  /** Rows for windows without events, from a key's first window until it was silent for `keyTtlMs`. true = 'null'. */
  emitEmpty?: boolean | 'null' | 'zero' | 'last'
  /** `each`: an early result per event as well. Default final. */
  updates?: 'final' | 'each'
  /** Only results it accepts are emitted; it must be pure and not throw. */
  having?: (result: Result) => boolean
  /** Windows that begin earlier are marked partial. */
  startMs?: number
  /** Events of further keys are invalid. Default 100,000. */
  maxKeys?: number
  /** A key silent for so long starts afresh. Default the larger of 24 h and 2 sizeMs. */
  keyTtlMs?: number
  /** Estimated size of the state above which `push` throws WINDOW_STATE_LIMIT. Default 256. */
  maxStateMb?: number
}

export interface Result {
  /** `key|start|end|revision`, `%` and `|` of the key percent-encoded: equal input gives equal ids. */
  id: string
  key: string
  start: number
  end: number
  /** Events in the window. */
  count: number
  values: Record<string, unknown>
  /** From 0, one more with each emission of the window; each carries the full content. */
  revision: number
  partial?: true
  early?: true
  empty?: true
  /** An earlier revision passed `having`, this one does not. */
  retracted?: true
}

export interface LateEvent {
  event: WindowEvent
  reason: 'late' | 'lateArrival' | 'early'
  /** Distance to the limit it missed; negative for early events. */
  behindMs: number
}

/** Counts since the start. `early` and `lateArrival` count causes, `dropped`, `adjusted` and `output` what was done. */
export interface LateCounts {
  dropped: number
  adjusted: number
  output: number
  trimmed: number
  early: number
  lateArrival: number
  gap: number
  duplicate: number
  invalid: number
}

export interface WindowEngine {
  /**
   * A batch gives the same as its events one by one. Throws WINDOW_CLOSED after `flush`, WINDOW_STATE_LIMIT (results made before
   * come with the next call).
   */
  push(event: WindowEvent | readonly WindowEvent[]): Result[]
  /** All events before `timeMs` were seen: of every key, also of keys still to come, or of the one. */
  advanceTo(timeMs: number, key?: string): Result[]
  /** The arrival clock, which never goes back; applies the idle rule. */
  tick(nowMs: number): Result[]
  /** End of input: closes every window. Only reading and `snapshot` are allowed afterwards. */
  flush(o?: { partial?: boolean }): Result[]
  snapshot(): Uint8Array
  /** Goes on exactly where `snapshot` was taken. Throws WINDOW_SNAPSHOT_CORRUPT or WINDOW_SNAPSHOT_MISMATCH and changes nothing then. */
  restore(snapshot: Uint8Array): void
  readonly late: LateCounts
  /** Takes the events diverted by policy `output`; at most the last 10,000 are held. */
  takeLate(): LateEvent[]
  /** All events before it were seen; -Infinity at the start. With scopes per key and no key named, the least one. */
  watermark(key?: string): number
}
