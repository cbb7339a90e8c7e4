import type { Reading } from '../telemetry/reading.ts'

/** `class` names the retention class: default 30 days, raw 7, kpi 400. */
export type RetentionClass = 'default' | 'raw' | 'kpi'
export interface WarmRow extends Reading {
  class?: RetentionClass
}

/**
 * How a second reading of the same (device, stream, time) is treated: values merged (later arrival wins per name, by `arrived`, `jseq`, `idx`, then the later
 * append), ignored, or kept beside (the same `jseq` and `idx` is still the same reading).
 */
export type Duplicates = 'merge' | 'first' | 'all'

export type FillFn = 'avg' | 'min' | 'max' | 'sum' | 'count' | 'first' | 'last' | 'stddev' | 'twa' | 'p50' | 'p95' | 'p99'

export interface TimeRange {
  /** epoch ms, inclusive */
  from: number
  /** epoch ms, exclusive */
  to: number
}

export interface RangeQuery extends TimeRange {
  devices: string[]
  streams?: string[]
  /** names of values; none means all */
  points?: string[]
  order?: 'asc' | 'desc'
  /** 1..10,000, default 1,000 */
  limit?: number
  cursor?: string
}

/**
 * Buckets of `everyMs` aligned to the epoch, [start, end) stamped start, by device, stream and time; those without a usable value are left out. Null counts
 * for nothing; all but count, first and last take finite numbers and booleans as 1 and 0. stddev: n - 1, null of one value. p50..p99: linear rank. twa: a value holds to the next or
 * the bucket's end, the last of the 256 rows before the range counts from its start.
 */
export interface AggregateQuery extends TimeRange {
  devices: string[]
  streams?: string[]
  points?: string[]
  everyMs: number
  fn: FillFn
}

export interface DownsampleQuery extends TimeRange {
  devices: string[]
  streams?: string[]
  points?: string[]
  /** 2..100,000 */
  maxPoints: number
  /** `minmax` keeps extremes of each bucket, `lttb` the shape (largest triangle three buckets); per numeric point, answers by device, stream and time. */
  fn: 'minmax' | 'lttb'
}

export interface WarmPage {
  items: Reading[]
  next?: string
  stats: { rows: number; tookMs: number }
}

export interface LastValue {
  device: string
  stream: string
  point: string
  time: number
  arrived: number
  value: unknown
}

export interface WarmMetrics {
  rows: number
  bytes: number
  stored: number
  duplicates: number
  devices: number
}

/**
 * Readings queryable within seconds of arrival. `append` resolves when the rows and the cursor are durable, in one transaction: a consumer that resumes at
 * `cursor(consumer)` stores each reading once; rows with a `jseq` at or below the cursor are repeats. Kept of a reading: device, stream, time, values,
 * arrived (now if absent), seq, schema, jseq, idx. Ranges come by time, then device, stream. A second class for a device and stream reads as one with the first.
 * Format is versioned so that a later engine can import the data. Codes: READING_DEVICE, READING_TIME, READING_VALUES, STORE_QUERY_INVALID,
 * STORE_QUERY_TOO_LARGE (over 50 M rows read, 200,000 buckets, 2 M values held), STORE_LIMIT, STORE_CLOSED.
 */
export interface WarmStore {
  append(
    rows: readonly WarmRow[],
    o?: { duplicates?: Duplicates; cursor?: { consumer: string; seq: number } },
  ): Promise<{ stored: number; duplicates: number }>
  /** 0 if the consumer never stored anything. */
  cursor(consumer: string): Promise<number>
  range(query: RangeQuery): Promise<WarmPage>
  aggregate(query: AggregateQuery): Promise<WarmPage>
  downsample(query: DownsampleQuery): Promise<WarmPage>
  /** Last known value per device, stream and point: newer time wins, equal time the later arrival. The newest 1,000 points of a stream and class are known. */
  last(o: { devices: string[]; streams?: string[]; points?: string[] }): Promise<LastValue[]>
  /** Drops what is past its retention class, and the last values of a stream that has no rows left; resolves with the rows dropped. */
  expire(now: number): Promise<number>
  /** Drops the last values that appends so far brought; the rows stay. For devices that were deleted. */
  forgetLatest(o: { devices: string[] }): Promise<void>
  /**
   * Erases all of a device that appends so far brought, rows and last values, in slices of a few milliseconds; resolves with the rows erased by this call once
   * none is left; what appends bring meanwhile may go too. Files are overwritten where they were. After a crash the next call erases the rest.
   */
  erase(o: { device: string }): Promise<number>
  metrics(): Promise<WarmMetrics>
  close(): Promise<void>
}
