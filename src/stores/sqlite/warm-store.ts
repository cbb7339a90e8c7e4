import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { lastValues } from '../../storage/latest.ts'
import { type Answer, aggregateOf, downsampleOf, type Reach, rangeOf } from '../../storage/warm-query.ts'
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
import { databaseError, openDatabase, Statements } from './database.ts'
import { expireRows } from './warm-expiry.ts'
import { WarmLatest } from './warm-latest.ts'
import { createWarmTables } from './warm-schema.ts'
import { WarmSeries } from './warm-series.ts'
import { WarmWriter } from './warm-writer.ts'

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
}

/** Readings in one SQLite file, clustered by series and time. Opening: STORE_CORRUPT, STORE_READ_ONLY. */
export async function openSqliteWarmStore(options: SqliteWarmStoreOptions): Promise<WarmStore> {
  return new SqliteWarmStore(options)
}

class SqliteWarmStore implements WarmStore {
  readonly #options: SqliteWarmStoreOptions
  readonly #path: string
  readonly #db: DatabaseSync
  readonly #statements: Statements
  readonly #series: WarmSeries
  readonly #latest: WarmLatest
  readonly #writer: WarmWriter
  #closed = false

  constructor(options: SqliteWarmStoreOptions) {
    this.#options = options
    this.#path = join(options.folder, 'warm.db')
    this.#db = openDatabase(this.#path, { maxBytes: options.maxBytes })
    try {
      createWarmTables(this.#db, this.#path)
      this.#statements = new Statements(this.#db)
      this.#series = new WarmSeries(this.#statements)
      this.#latest = new WarmLatest(this.#statements)
      this.#writer = new WarmWriter({
        db: this.#db,
        path: this.#path,
        statements: this.#statements,
        series: this.#series,
        latest: this.#latest,
      })
    } catch (error) {
      this.#db.close()
      throw databaseError(error, this.#path)
    }
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
    return this.#writer.append({ rows: incoming, duplicates, cursor })
  }

  async cursor(consumer: string): Promise<number> {
    this.#checkOpen()
    return this.#writer.cursor(consumer)
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

  async last({ devices, streams, points }: { devices: string[]; streams?: string[]; points?: string[] }): Promise<LastValue[]> {
    this.#checkOpen()
    const pace = paceOf(() => this.#checkOpen())
    const found: LastValue[] = []
    const series = this.#series.of(devices, streams)
    for (let i = 0; i < series.length; ) {
      const { device, stream } = series[i]!
      const all = []
      for (; series[i]?.device === device && series[i]!.stream === stream; i++) all.push(this.#latest.of(series[i]!.sid))
      found.push(...lastValues({ device, stream }, all, points))
      if (pace.due()) await pace.pause()
    }
    return found
  }

  async expire(now: number): Promise<number> {
    this.#checkOpen()
    return expireRows({
      db: this.#db,
      path: this.#path,
      statements: this.#statements,
      writer: this.#writer,
      now,
      keepDays: this.#options.keepDays ?? {},
      pace: paceOf(() => this.#checkOpen()),
    })
  }

  async metrics(): Promise<WarmMetrics> {
    this.#checkOpen()
    const bytes = [this.#path, `${this.#path}-wal`].reduce((n, path) => n + (existsSync(path) ? statSync(path).size : 0), 0)
    return { rows: this.#writer.rows, bytes, ...this.#writer.total, devices: this.#series.devices() }
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#writer.drain()
    this.#db.close()
  }

  async #answer(query: { devices: string[]; streams?: string[] }, read: (reach: Reach) => Promise<Answer>): Promise<WarmPage> {
    this.#checkOpen()
    const started = performance.now()
    const pace = paceOf(() => this.#checkOpen())
    try {
      const series = this.#series.of(query.devices, query.streams)
      const { rows, ...answer } = await read({ series, pace, maxRows: this.#options.maxQueryRows ?? 50_000_000 })
      return { ...answer, stats: { rows, tookMs: performance.now() - started } }
    } catch (error) {
      throw databaseError(error, this.#path)
    }
  }

  #checkOpen(): void {
    if (this.#closed) throw closedStore()
  }
}
