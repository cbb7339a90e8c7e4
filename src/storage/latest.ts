import { compareStamps, type Stamp, type StoredRow, stampOfValue } from './warm-row.ts'
import type { LastValue } from './warm-store.ts'

/** Last known value of each point of a series. */
export type Latest = Map<string, { time: number; stamp: Stamp; value: unknown }>

/** Newer time wins; at equal time the later arrival, of equal ones the row given last. */
export function noteLatest(latest: Latest, row: StoredRow): void {
  const { time, values } = row
  for (const name of Object.keys(values)) {
    const known = latest.get(name)
    const stamp = stampOfValue(row, name)
    if (known && (known.time > time || (known.time === time && compareStamps(known.stamp, stamp) > 0))) continue
    latest.set(name, { time, stamp, value: values[name] })
  }
}

/** Several series of one device and stream as one, in the order of the names. */
export function lastValues(
  { device, stream }: { device: string; stream: string },
  all: readonly Latest[],
  points: readonly string[] | undefined,
): LastValue[] {
  const found = new Map<string, LastValue & { stamp: Stamp }>()
  for (const latest of all)
    for (const [point, { time, stamp, value }] of latest) {
      if (points && !points.includes(point)) continue
      const known = found.get(point)
      if (known && (known.time > time || (known.time === time && compareStamps(known.stamp, stamp) > 0))) continue
      found.set(point, { device, stream, point, time, arrived: stamp[0], value, stamp })
    }
  return [...found.values()].sort((a, b) => (a.point < b.point ? -1 : 1)).map(({ stamp, ...last }) => last)
}

export const latestText = (latest: Latest): string =>
  JSON.stringify(Array.from(latest, ([name, { time, stamp, value }]) => [name, time, stamp, value]))

export function latestOf(text: string): Latest {
  const entries = JSON.parse(text) as [string, number, Stamp, unknown][]
  return new Map(entries.map(([name, time, stamp, value]) => [name, { time, stamp, value }]))
}
