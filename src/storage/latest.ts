import { compareStamps, type Stamp, type StoredRow, stampOfValue } from './warm-row.ts'
import type { LastValue } from './warm-store.ts'

export interface Known {
  time: number
  stamp: Stamp
  value: unknown
}

/** Last known value of each point of a series. */
export type Latest = Map<string, Known>

/** Names whose last value is kept for a series: names made of data (an id, a time) would grow it without end. */
export const mostLatest = 1_000

/** Newer time wins; at equal time the later arrival, of equal ones the row given last. Values that arrived before `since` do not count. */
export function noteLatest(latest: Latest, row: StoredRow, since = Number.NEGATIVE_INFINITY): void {
  const { time, values } = row
  for (const name of Object.keys(values)) {
    const known = latest.get(name)
    const stamp = stampOfValue(row, name)
    if (stamp[0] >= since && (!known || compareKnown(known, { time, stamp }) <= 0))
      latest.set(name, { time, stamp, value: values[name] })
  }
}

/** As if what `later` holds had been noted after what `latest` holds. */
export function addLatest(latest: Latest, later: Latest): void {
  for (const [name, known] of later) {
    const there = latest.get(name)
    if (!there || compareKnown(there, known) <= 0) latest.set(name, known)
  }
  trimLatest(latest)
}

/** Drops the oldest names beyond the most; the order is total, so it does not matter how often this runs between notes. */
export function trimLatest(latest: Latest): void {
  if (latest.size <= mostLatest) return
  const oldest = [...latest].sort(([a, known], [b, other]) => compareKnown(known, other) || (quoted(a) < quoted(b) ? -1 : 1))
  for (const [name] of oldest.slice(0, latest.size - mostLatest)) latest.delete(name)
}

/** As JSON: SQLite text holds neither NUL nor half of a surrogate pair safely, names may. */
export const quoted = (name: string): string => JSON.stringify(name)

/** Several series of one device and stream as one, in the order of the names. */
export function lastValues(
  { device, stream }: { device: string; stream: string },
  all: readonly Latest[],
  points: ReadonlySet<string> | undefined,
): LastValue[] {
  const found = new Map<string, Known>()
  for (const latest of all)
    for (const [point, known] of latest) {
      const other = found.get(point)
      if ((!points || points.has(point)) && (!other || compareKnown(other, known) <= 0)) found.set(point, known)
    }
  return [...found]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([point, { time, stamp, value }]) => ({ device, stream, point, time, arrived: stamp[0], value }))
}

const compareKnown = (a: Omit<Known, 'value'>, b: Omit<Known, 'value'>): number =>
  a.time - b.time || compareStamps(a.stamp, b.stamp)
