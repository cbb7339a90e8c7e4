import { LoomError } from '../errors.ts'
import { ByteReader, ByteWriter, crc32 } from './bytes.ts'
import type { Closer } from './closer.ts'
import type { WindowPlan } from './config.ts'
import { type KeyState, newKeyState, newScope, Pane, type Scope } from './pane.ts'
import { encodeKey } from './path.ts'
import type { LateCounts, LateEvent, Result } from './types.ts'

export interface EngineState {
  /** In order of first appearance. */
  keys: KeyState[]
  /** The scope of all keys, unless each has its own. */
  shared: Scope | undefined
  floor: number
  clock: number | undefined
  firstTick: number | undefined
  flushed: boolean
  counts: LateCounts
  diverted: LateEvent[]
  pending: Result[]
}

const MAGIC = 0x4e49574c
const VERSION = 1

/** Magic, version, then four blocks each followed by its CRC-32: configuration, clocks and counters, keys, scopes with their panes. */
export function encodeState(plan: WindowPlan, state: EngineState): Uint8Array {
  const out = new ByteWriter()
  out.u32(MAGIC)
  out.u32(VERSION)
  for (const write of [
    (w: ByteWriter) => w.json(plan.shape),
    (w: ByteWriter) => writeClocks(w, state),
    (w: ByteWriter) => writeKeys(w, state.keys),
    (w: ByteWriter) => writeScopes(w, plan, state),
  ]) {
    const section = new ByteWriter()
    write(section)
    const bytes = section.done()
    out.block(bytes)
    out.u32(crc32(bytes))
  }
  return out.done()
}

/** Throws WINDOW_SNAPSHOT_CORRUPT, or WINDOW_SNAPSHOT_MISMATCH if another configuration or format version wrote it. */
export function decodeState(plan: WindowPlan, closer: Closer, bytes: Uint8Array): EngineState {
  const [shape, clocks, keys, scopes] = sectionsOf(bytes)
  try {
    if (shape!.json() !== plan.shape)
      throw new LoomError('WINDOW_SNAPSHOT_MISMATCH', '', { hint: 'start without it, or with the configuration that wrote it' })
    const state: EngineState = { ...readClocks(clocks!), keys: readKeys(keys!), shared: undefined }
    readScopes(scopes!, plan, state)
    closer.adopt(state.shared ? [state.shared] : state.keys.map(key => key.scope))
    return state
  } catch (error) {
    throw error instanceof LoomError
      ? error
      : new LoomError('WINDOW_SNAPSHOT_CORRUPT', 'a section cannot be read', { cause: error })
  }
}

function sectionsOf(bytes: Uint8Array): ByteReader[] {
  const reader = new ByteReader(bytes)
  try {
    if (reader.u32() !== MAGIC) throw new LoomError('WINDOW_SNAPSHOT_CORRUPT', 'no window snapshot')
    const version = reader.u32()
    if (version !== VERSION) throw new LoomError('WINDOW_SNAPSHOT_MISMATCH', `format ${version}, this engine reads ${VERSION}`)
    const sections = Array.from({ length: 4 }, (_, i) => {
      const section = reader.block()
      if (reader.u32() !== crc32(section)) throw new LoomError('WINDOW_SNAPSHOT_CORRUPT', `checksum of section ${i}`)
      return new ByteReader(section)
    })
    if (reader.left > 0) throw new LoomError('WINDOW_SNAPSHOT_CORRUPT', `${reader.left} bytes too many`)
    return sections
  } catch (error) {
    throw error instanceof LoomError ? error : new LoomError('WINDOW_SNAPSHOT_CORRUPT', `${bytes.length} bytes`, { cause: error })
  }
}

// not a number stands for undefined, which no time ever is
const writeTime = (out: ByteWriter, time: number | undefined): void => out.f64(time ?? Number.NaN)
const readTime = (from: ByteReader): number | undefined => {
  const time = from.f64()
  return Number.isNaN(time) ? undefined : time
}

function writeClocks(out: ByteWriter, { floor, clock, firstTick, flushed, counts, diverted, pending }: EngineState): void {
  out.f64(floor)
  writeTime(out, clock)
  writeTime(out, firstTick)
  out.json({ flushed, counts, diverted, pending })
}

function readClocks(from: ByteReader): Omit<EngineState, 'keys' | 'shared'> {
  const floor = from.f64()
  const clock = readTime(from)
  const firstTick = readTime(from)
  const rest = from.json() as Pick<EngineState, 'flushed' | 'counts' | 'diverted' | 'pending'>
  return { floor, clock, firstTick, ...rest }
}

function writeKeys(out: ByteWriter, keys: readonly KeyState[]): void {
  out.u32(keys.length)
  for (const { key, lastTime, runs, lastValues } of keys) {
    out.json(key)
    out.f64(lastTime)
    out.u32(runs.length)
    for (const { from, to } of runs) {
      out.f64(from)
      out.f64(to)
    }
    const values = Object.entries(lastValues ?? {})
    out.u32(values.length)
    for (const [name, value] of values) {
      out.json(name)
      out.any(value)
    }
  }
}

function readKeys(from: ByteReader): KeyState[] {
  return Array.from({ length: from.count(22) }, (_, ordinal) => {
    const key = from.json() as string
    const state = newKeyState(key, encodeKey(key), ordinal, newScope(Number.NEGATIVE_INFINITY))
    state.lastTime = from.f64()
    state.runs = Array.from({ length: from.count(16) }, () => ({ from: from.f64(), to: from.f64() }))
    const values = Array.from({ length: from.count(8) }, () => [from.json() as string, from.any()] as const)
    if (values.length > 0) state.lastValues = Object.fromEntries(values)
    return state
  })
}

function writeScopes(out: ByteWriter, plan: WindowPlan, { keys, shared }: EngineState): void {
  const ranks = new Map(keys.map((state, rank) => [state, rank]))
  const scopes = shared ? [shared] : keys.map(state => state.scope)
  out.u32(shared ? 1 : 0)
  for (const scope of scopes) {
    out.f64(scope.w)
    out.f64(scope.maxTime)
    writeTime(out, scope.lastArrival)
    writeTime(out, scope.cursor)
    writeTime(out, scope.settledAt)
    out.f64(scope.sweptAt)
    for (const panes of [scope.open, scope.kept]) {
      out.u32(panes.length)
      for (const pane of panes) writePane(out, plan, pane, ranks)
    }
  }
}

function readScopes(from: ByteReader, plan: WindowPlan, state: EngineState): void {
  const isShared = from.u32() === 1
  const scopes = isShared ? [newScope(0)] : state.keys.map(key => key.scope)
  for (const scope of scopes) {
    scope.w = from.f64()
    scope.maxTime = from.f64()
    scope.lastArrival = readTime(from)
    scope.cursor = readTime(from)
    scope.settledAt = readTime(from)
    scope.sweptAt = from.f64()
    scope.open = Array.from({ length: from.count(16) }, () => readPane(from, plan, state.keys, false))
    scope.kept = Array.from({ length: from.count(16) }, () => readPane(from, plan, state.keys, true))
  }
  if (!isShared) return
  state.shared = scopes[0]
  for (const key of state.keys) key.scope = scopes[0]!
}

function writePane(out: ByteWriter, { columns }: WindowPlan, pane: Pane, ranks: ReadonlyMap<KeyState, number>): void {
  const { width, sideWidth } = columns
  out.f64(pane.start)
  out.u32(pane.keys.length)
  for (const [slot, state] of pane.keys.entries()) {
    out.u32(ranks.get(state)!)
    for (let i = 0; i < width; i++) out.f64(pane.rows[slot * width + i]!)
    for (let i = 0; i < sideWidth; i++) out.any(pane.side[slot * sideWidth + i])
  }
  out.u32(pane.seen.length)
  for (const { state, id } of pane.seen) {
    out.u32(ranks.get(state)!)
    out.any(id)
  }
}

function readPane(from: ByteReader, plan: WindowPlan, keys: readonly KeyState[], closed: boolean): Pane {
  const { width, sideWidth } = plan.columns
  const start = from.f64()
  const slots = from.count(4 + 8 * width)
  const pane = new Pane(start, start + plan.sizeMs, start + plan.sizeMs + plan.shift, width, Math.max(1, slots))
  pane.closed = closed
  for (let slot = 0; slot < slots; slot++) {
    pane.addSlot(keyAt(keys, from.u32()), plan.columns)
    for (let i = 0; i < width; i++) pane.rows[slot * width + i] = from.f64()
    for (let i = 0; i < sideWidth; i++) pane.side[slot * sideWidth + i] = from.any()
  }
  for (let left = from.count(8); left > 0; left--) {
    const state = keyAt(keys, from.u32())
    const id = from.any() as string | number
    pane.seen.push({ state, id })
    state.seen ??= new Map()
    state.seen.set(id, pane)
  }
  return pane
}

function keyAt(keys: readonly KeyState[], rank: number): KeyState {
  const state = keys[rank]
  if (!state) throw new RangeError('a key that is not there')
  return state
}
