import { type Latest, lastValues, noteLatest, trimLatest } from '../../storage/latest.ts'
import type { Series } from '../../storage/merged-rows.ts'
import { cutoffOf } from '../../storage/retention.ts'
import { type Answer, aggregateOf, downsampleOf, type Reach, rangeOf } from '../../storage/warm-query.ts'
import {
  checkAppend,
  comparePlace,
  type IncomingRow,
  incomingRow,
  mergedRow,
  type Place,
  type StoredRow,
} from '../../storage/warm-row.ts'
import type { Duplicates, RetentionClass, WarmPage, WarmStore } from '../../storage/warm-store.ts'
import { closedStore } from '../../storage/write.ts'
import { paceOf } from '../pace.ts'

export interface MemoryWarmStoreOptions {
  now: () => number
  /** Days by class; default 30, raw 7, kpi 400. */
  keepDays?: Partial<Record<RetentionClass, number>>
  /** Rows a query may read, default 50,000,000. */
  maxQueryRows?: number
}

/** Readings that live as long as the process. */
export async function openMemoryWarmStore({
  now,
  keepDays,
  maxQueryRows = 50_000_000,
}: MemoryWarmStoreOptions): Promise<WarmStore> {
  const byDevice = new Map<string, MemorySeries[]>()
  const cursors = new Map<string, number>()
  const total = { stored: 0, duplicates: 0 }
  let closed = false
  const checkOpen = (): void => {
    if (closed) throw closedStore()
  }
  const seriesFor = ({ device, stream, class: retention }: IncomingRow): MemorySeries => {
    const all = byDevice.get(device) ?? []
    byDevice.set(device, all)
    const found = all.find(s => s.stream === stream && s.retention === retention)
    if (found) return found
    const made = new MemorySeries(device, stream, retention)
    all.push(made)
    return made
  }
  const seriesOf = (devices: readonly string[], streams: readonly string[] | undefined): MemorySeries[] =>
    [...new Set(devices)]
      .sort()
      .flatMap(device =>
        [...(byDevice.get(device) ?? [])].sort((a, b) => (a.stream < b.stream ? -1 : a.stream > b.stream ? 1 : 0)),
      )
      .filter(({ stream }) => !streams || streams.includes(stream))
  const answer = async (
    query: { devices: string[]; streams?: string[] },
    read: (reach: Reach) => Promise<Answer>,
  ): Promise<WarmPage> => {
    checkOpen()
    const started = performance.now()
    const series = seriesOf(query.devices, query.streams)
    const { rows, ...page } = await read({ series, pace: paceOf(checkOpen), maxRows: maxQueryRows })
    return { ...page, items: structuredClone(page.items), stats: { rows, tookMs: performance.now() - started } }
  }
  return {
    async append(rows, o = {}) {
      checkOpen()
      const { duplicates, cursor } = checkAppend(o)
      const incoming = rows.map(row => incomingRow(row, { now: now(), duplicates }))
      const reached = cursor ? (cursors.get(cursor.consumer) ?? 0) : 0
      const repeat = cursor !== undefined && cursor.seq <= reached
      const fresh = incoming.filter(({ row }) => !repeat && !(cursor && row.jseq !== null && row.jseq <= reached))
      const stored = fresh.filter(each => seriesFor(each).store(each.row, duplicates)).length
      if (cursor && !repeat) cursors.set(cursor.consumer, cursor.seq)
      total.stored += stored
      total.duplicates += rows.length - stored
      return { stored, duplicates: rows.length - stored }
    },
    async cursor(consumer) {
      checkOpen()
      return cursors.get(consumer) ?? 0
    },
    range: query => answer(query, reach => rangeOf(query, reach)),
    aggregate: query => answer(query, reach => aggregateOf(query, reach)),
    downsample: query => answer(query, reach => downsampleOf(query, reach)),
    async last({ devices, streams, points }) {
      checkOpen()
      const wanted = points && new Set(points)
      const groups = Map.groupBy(seriesOf(devices, streams), ({ device, stream }) => `${device}\0${stream}`)
      return [...groups.values()].flatMap(all =>
        structuredClone(
          lastValues(
            { device: all[0]!.device, stream: all[0]!.stream },
            all.map(s => s.latest),
            wanted,
          ),
        ),
      )
    },
    async expire(at) {
      checkOpen()
      let dropped = 0
      for (const [device, all] of byDevice) {
        for (const s of all) dropped += s.dropBefore(cutoffOf(s.retention, at, keepDays))
        const left = all.filter(s => !s.isEmpty(cutoffOf(s.retention, at, keepDays)))
        if (left.length) byDevice.set(device, left)
        else byDevice.delete(device)
      }
      return dropped
    },
    async forgetLatest({ devices }) {
      checkOpen()
      for (const s of seriesOf(devices, undefined)) s.latest.clear()
    },
    async erase({ device }) {
      checkOpen()
      const erased = (byDevice.get(device) ?? []).reduce((n, s) => n + s.rows.length, 0)
      byDevice.delete(device)
      return erased
    },
    async metrics() {
      checkOpen()
      const rows = [...byDevice.values()].flat().reduce((n, s) => n + s.rows.length, 0)
      return { rows, bytes: 0, ...total, devices: byDevice.size }
    },
    async close() {
      closed = true
    },
  }
}

/** Rows of one series in order of their places. */
class MemorySeries implements Series {
  readonly device: string
  readonly stream: string
  readonly retention: RetentionClass
  readonly rows: StoredRow[] = []
  readonly latest: Latest = new Map()

  constructor(device: string, stream: string, retention: RetentionClass) {
    this.device = device
    this.stream = stream
    this.retention = retention
  }

  /** Whether the row is new. */
  store(row: StoredRow, duplicates: Duplicates): boolean {
    if (duplicates === 'first' && this.rows[this.#indexOf({ time: row.time, tie: -1, sub: 0 })]?.time === row.time) return false
    const place = row.sub < 0 ? { ...row, sub: this.#nextSub(row) } : row
    const at = this.#indexOf(place)
    const found = this.rows[at]
    const known = found && comparePlace(found, place) === 0 ? found : undefined
    if (known && duplicates !== 'merge') return false
    if (known) this.rows[at] = mergedRow(known, place)
    else this.rows.splice(at, 0, place)
    noteLatest(this.latest, row)
    trimLatest(this.latest)
    return !known
  }

  read({ start, bound, desc, limit }: Parameters<Series['read']>[0]): StoredRow[] {
    const at = this.#indexOf(start)
    if (desc) {
      const page = this.rows.slice(Math.max(0, at - limit), at).reverse()
      return page.filter(({ time }) => time >= bound)
    }
    const from = this.rows[at] && comparePlace(this.rows[at], start) === 0 ? at + 1 : at
    return this.rows.slice(from, from + limit).filter(({ time }) => time < bound)
  }

  dropBefore(time: number): number {
    return this.rows.splice(0, this.#indexOf({ time, tie: -1, sub: -1 })).length
  }

  /** Whether nothing is left: no row, and no last value from this time on. */
  isEmpty(cutoff: number): boolean {
    return !this.rows.length && ![...this.latest.values()].some(({ time }) => time >= cutoff)
  }

  #nextSub({ time, tie }: Place): number {
    const before = this.rows[this.#indexOf({ time, tie: tie + 1, sub: -1 }) - 1]
    return before?.time === time && before.tie === tie ? before.sub + 1 : 0
  }

  /** Of the first row that is not before the place. */
  #indexOf(place: Place): number {
    let low = 0
    let high = this.rows.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (comparePlace(this.rows[middle]!, place) < 0) low = middle + 1
      else high = middle
    }
    return low
  }
}
