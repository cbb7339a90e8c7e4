import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { lastValues } from '../../storage/latest.ts'
import { type Answer, aggregateOf, downsampleOf, type Pace, type Reach, rangeOf } from '../../storage/warm-query.ts'
import { checkAppend, incomingRow } from '../../storage/warm-row.ts'
import type {
  AggregateQuery,
  Duplicates,
  DownsampleQuery,
  LastValue,
  RangeQuery,
  RetentionClass,
  WarmMetrics,
  WarmPage,
  WarmRow,
  WarmStore,
} from '../../storage/warm-store.ts'
import { closedStore } from '../../storage/write.ts'
import { paceOf } from '../pace.ts'
import { databaseError } from './database.ts'
import { eraseDevice } from './warm-erasure.ts'
import { expireRows, flushLatest, forgetLatest } from './warm-expiry.ts'
import { openWarmFile, type WarmParts } from './warm-file.ts'

export interface SqliteWarmStoreOptions {
  /** `warm.db` lies in it; created */
  folder: string
  now: () => number
  /** Days by class; default 30, raw 7, kpi 400. */
  keepDays?: Partial<Record<RetentionClass, number>>
  /** Rows a query may read, default 50,000,000. */
  maxQueryRows?: number
  /** Size of the file past which appends are STORE_LIMIT; default as large as the disk. */
  maxBytes?: number
  /** Last values wait some seconds in memory unless their reading is older than this when it is stored, default 60,000. */
  recentMs?: number
  /** A file that cannot be read was set aside for an empty one, or last values cannot be written for damage inside it, which is told once. */
  onDamage?(message: string): void
}

/**
 * Readings in one SQLite file, clustered by series and time. Opening: STORE_READ_ONLY, STORE_CORRUPT for a format that is not known. Damage inside the file is
 * STORE_CORRUPT where a call meets it.
 */
export async function openSqliteWarmStore(options: SqliteWarmStoreOptions): Promise<WarmStore> {
  return new SqliteWarmStore(options)
}

class SqliteWarmStore implements WarmStore {
  readonly #options: SqliteWarmStoreOptions
  readonly #path: string
  readonly #parts: WarmParts
  #closed = false

  constructor(options: SqliteWarmStoreOptions) {
    this.#options = options
    this.#path = join(options.folder, 'warm.db')
    this.#parts = openWarmFile(this.#path, options)
  }

  async append(
    rows: readonly WarmRow[],
    o: { duplicates?: Duplicates; cursor?: { consumer: string; seq: number } } = {},
  ): Promise<{ stored: number; duplicates: number }> {
    this.#checkOpen()
    const { duplicates, cursor } = checkAppend(o)
    const now = this.#options.now()
    const incoming = rows.map(row => incomingRow(row, { now, duplicates }))
    if (!incoming.length && !cursor) return { stored: 0, duplicates: 0 }
    return this.#parts.writer.append({ rows: incoming, duplicates, cursor })
  }

  async cursor(consumer: string): Promise<number> {
    return this.#reading(() => this.#parts.writer.cursor(consumer))
  }

  range(query: RangeQuery): Promise<WarmPage> {
    return this.#answer(query, reach => rangeOf(query, reach))
  }

  aggregate(query: AggregateQuery): Promise<WarmPage> {
    return this.#answer(query, reach => aggregateOf(query, reach))
  }

  downsample(query: DownsampleQuery): Promise<WarmPage> {
    return this.#answer(query, reach => downsampleOf(query, reach))
  }

  last({ devices, streams, points }: { devices: string[]; streams?: string[]; points?: string[] }): Promise<LastValue[]> {
    return this.#reading(async pace => {
      const found: LastValue[] = []
      const wanted = points && new Set(points)
      const series = this.#parts.series.of(devices, streams)
      for (let i = 0; i < series.length; ) {
        const { device, stream } = series[i]!
        const all = []
        for (; series[i]?.device === device && series[i]!.stream === stream; i++)
          all.push(this.#parts.unwritten.of(series[i]!.sid))
        for (const value of lastValues({ device, stream }, all, wanted)) found.push(value)
        if (pace.due()) await pace.pause()
      }
      return found
    })
  }

  expire(now: number): Promise<number> {
    const { keepDays = {} } = this.#options
    return this.#reading(pace => expireRows(this.#parts, { now, keepDays, pace }))
  }

  forgetLatest({ devices }: { devices: string[] }): Promise<void> {
    return this.#reading(pace => forgetLatest(this.#parts, { devices, pace }))
  }

  erase({ device }: { device: string }): Promise<number> {
    return this.#reading(pace => eraseDevice(this.#parts, { device, pace }))
  }

  metrics(): Promise<WarmMetrics> {
    return this.#reading(() => {
      const bytes = [this.#path, `${this.#path}-wal`].reduce((n, path) => n + (existsSync(path) ? statSync(path).size : 0), 0)
      const { writer, series } = this.#parts
      return { rows: writer.rows, bytes, ...writer.total, devices: series.devices() }
    })
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#parts.writer.drain()
    try {
      flushLatest(this.#parts, this.#parts.unwritten.sids)
    } catch {
      // The next opening takes them from the rows.
    }
    this.#parts.db.close()
  }

  #answer(query: { devices: string[]; streams?: string[] }, read: (reach: Reach) => Promise<Answer>): Promise<WarmPage> {
    return this.#reading(async pace => {
      const started = performance.now()
      const series = this.#parts.series.of(query.devices, query.streams)
      const { rows, ...answer } = await read({ series, pace, maxRows: this.#options.maxQueryRows ?? 50_000_000 })
      return { ...answer, stats: { rows, tookMs: performance.now() - started } }
    })
  }

  /** Work outside the commits; its failures are those of the file. */
  async #reading<T>(work: (pace: Pace) => T | Promise<T>): Promise<T> {
    this.#checkOpen()
    try {
      return await work(paceOf(() => this.#checkOpen()))
    } catch (error) {
      throw databaseError(error, this.#path)
    }
  }

  #checkOpen(): void {
    if (this.#closed) throw closedStore()
  }
}
