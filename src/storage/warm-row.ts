import { LoomError } from '../errors.ts'
import type { Reading } from '../telemetry/reading.ts'
import type { Duplicates, RetentionClass, WarmRow } from './warm-store.ts'

/** When and where in the journal a value arrived; later means greater. */
export type Stamp = readonly [arrived: number, jseq: number, idx: number]

/** Place of a row in its series. `tie` 0: the merged row of that time; above: rows kept beside it, by journal position; -1: such without one. */
export interface Place {
  time: number
  tie: number
  sub: number
}

export interface StoredRow extends Place {
  arrived: number
  seq: number | null
  jseq: number | null
  idx: number | null
  schema: string | null
  values: Record<string, unknown>
  /** Stamps of the values that did not arrive with the row's own stamp. */
  mixed: Record<string, Stamp> | null
}

/** A row as it is to be stored: checked, its values as JSON keeps them. */
export interface IncomingRow {
  device: string
  stream: string
  class: RetentionClass
  /** JSON of the values */
  text: string
  /** `place` as the treatment of duplicates wants it; `sub` -1: the next free one */
  row: StoredRow
}

/** READING_DEVICE, READING_TIME, READING_VALUES, STORE_QUERY_INVALID for an unknown class. */
export function incomingRow(row: WarmRow, { now, duplicates }: { now: number; duplicates: Duplicates }): IncomingRow {
  const { device, time, values, arrived = now, stream = '', seq, jseq, idx, schema } = row
  const retention = row.class ?? 'default'
  if (typeof device !== 'string' || !device || device.includes('\0'))
    throw new LoomError('READING_DEVICE', String(device).slice(0, 80))
  if (!Number.isSafeInteger(time) || !Number.isSafeInteger(arrived))
    throw new LoomError('READING_TIME', `${device} at ${String(time).slice(0, 40)}`, {
      hint: 'give whole milliseconds since 1970',
    })
  if (typeof values !== 'object' || values === null || Array.isArray(values))
    throw new LoomError('READING_VALUES', `${device} at ${time}`)
  if (typeof stream !== 'string' || !['default', 'raw', 'kpi'].includes(retention))
    throw new LoomError('STORE_QUERY_INVALID', `stream or class of ${device}`, { hint: 'classes are default, raw and kpi' })
  const text = JSON.stringify(values)
  return {
    device,
    stream,
    class: retention,
    text,
    row: {
      ...placeOf({ time, duplicates, ...(jseq !== undefined && { jseq }), ...(idx !== undefined && { idx }) }),
      arrived,
      seq: seq ?? null,
      jseq: jseq ?? null,
      idx: idx ?? null,
      schema: schema ?? null,
      values: JSON.parse(text),
      mixed: null,
    },
  }
}

function placeOf({ time, duplicates, jseq, idx }: { time: number; duplicates: Duplicates; jseq?: number; idx?: number }): Place {
  if (duplicates !== 'all') return { time, tie: 0, sub: 0 }
  return jseq === undefined ? { time, tie: -1, sub: -1 } : { time, tie: jseq + 1, sub: idx ?? 0 }
}

/** Both rows of one place as one: per name the later arrival wins, whichever came first here; of equal stamps `later` wins. */
export function mergedRow(earlier: StoredRow, later: StoredRow): StoredRow {
  const base = compareStamps(stampOf(later), stampOf(earlier)) >= 0 ? later : earlier
  const own = stampOf(base)
  const values = new Map<string, unknown>()
  const mixed = new Map<string, Stamp>()
  for (const row of [earlier, later])
    for (const [name, value] of Object.entries(row.values)) {
      const stamp = stampOfValue(row, name)
      if (values.has(name) && compareStamps(stamp, mixed.get(name) ?? own) < 0) continue
      values.set(name, value)
      mixed.set(name, stamp)
    }
  for (const [name, stamp] of mixed) if (compareStamps(stamp, own) === 0) mixed.delete(name)
  return { ...base, values: Object.fromEntries(values), mixed: mixed.size ? Object.fromEntries(mixed) : null }
}

export const stampOf = ({ arrived, jseq, idx }: StoredRow): Stamp => [arrived, jseq ?? 0, idx ?? 0]

export const stampOfValue = (row: StoredRow, name: string): Stamp =>
  row.mixed && Object.hasOwn(row.mixed, name) ? row.mixed[name]! : stampOf(row)

export const compareStamps = (a: Stamp, b: Stamp): number => a[0] - b[0] || a[1] - b[1] || a[2] - b[2]

export const comparePlace = (a: Place, b: Place): number => a.time - b.time || a.tie - b.tie || a.sub - b.sub

/** The reading a query answers with; the values may be a part of the row's. */
export function readingOf(
  { device, stream }: { device: string; stream: string },
  row: StoredRow,
  values: Record<string, unknown>,
): Reading {
  const { time, arrived, seq, jseq, idx, schema } = row
  return {
    device,
    stream,
    time,
    values,
    arrived,
    ...(seq !== null && { seq }),
    ...(jseq !== null && { jseq }),
    ...(idx !== null && { idx }),
    ...(schema !== null && { schema }),
  }
}

/** STORE_QUERY_INVALID for an unknown treatment of duplicates or a position that is none. */
export function checkAppend({
  duplicates = 'merge',
  cursor,
}: {
  duplicates?: Duplicates
  cursor?: { consumer: string; seq: number }
}): {
  duplicates: Duplicates
  cursor: { consumer: string; seq: number } | undefined
} {
  if (
    !['merge', 'first', 'all'].includes(duplicates) ||
    (cursor && (!cursor.consumer || !Number.isSafeInteger(cursor.seq) || cursor.seq < 0))
  )
    throw new LoomError('STORE_QUERY_INVALID', 'duplicates or cursor of an append', {
      hint: 'duplicates are merge, first or all; a cursor has a consumer and a seq from 0',
    })
  return { duplicates, cursor }
}
