import { comparePlace, mergedRow, type Place, type StoredRow } from './warm-row.ts'

/** Rows of one series. Several series of a device and stream (of different retention class) read as one. */
export interface Series {
  device: string
  stream: string
  /** Rows strictly past `start` and on this side of the time `bound` (ascending: < bound, descending: >= bound), in order. */
  read(o: { start: Place; bound: number; desc: boolean; limit: number }): StoredRow[]
}

interface Lane {
  series: Series
  rows: StoredRow[]
  at: number
  chunk: number
}

const least = -Number.MAX_SAFE_INTEGER
const greatest = Number.MAX_SAFE_INTEGER
const greatestChunk = 512

/** Where a page ended. */
export interface PagePlace extends Place {
  device: string
  stream: string
}

/** Merges series by (time, device, stream, place), all reversed by `desc`, reading each in growing chunks. */
export class MergedRows {
  readonly #heap: Lane[] = []
  readonly #desc: boolean
  readonly #bound: number
  readonly #first: Place
  /** rows taken from the series so far */
  read = 0

  constructor({ from, to, desc }: { from: number; to: number; desc: boolean }) {
    this.#desc = desc
    this.#bound = desc ? from : to
    this.#first = { time: desc ? to : from, tie: least, sub: least }
  }

  /** Takes a series in, past the end of the page before if there was one. `chunk`: rows of its first read. */
  add(series: Series, { after, chunk }: { after: PagePlace | undefined; chunk: number }): void {
    const lane = { series, rows: [], at: 0, chunk }
    if (this.#fill(lane, after ? this.#startAfter(series, after) : this.#first)) this.#up(this.#heap.push(lane) - 1)
  }

  next(): { series: Series; row: StoredRow } | undefined {
    const top = this.#heap[0]
    if (!top) return undefined
    const { series } = top
    let row = top.rows[top.at]!
    this.#advance()
    while (this.#heap[0] && this.#same(this.#heap[0], series, row)) {
      const twin = this.#heap[0]
      row = mergedRow(row, twin.rows[twin.at]!)
      this.#advance()
    }
    return { series, row }
  }

  #same({ series, rows, at }: Lane, { device, stream }: Series, row: Place): boolean {
    return series.stream === stream && series.device === device && comparePlace(rows[at]!, row) === 0
  }

  #advance(): void {
    const top = this.#heap[0]!
    if (++top.at >= top.rows.length && !this.#fill(top, top.rows.at(-1)!)) {
      const last = this.#heap.pop()!
      if (!this.#heap.length) return
      this.#heap[0] = last
    }
    this.#down()
  }

  #fill(lane: Lane, start: Place): boolean {
    // A chunk that came back short was the last.
    if (lane.rows.length && lane.rows.length < lane.chunk) return false
    if (lane.rows.length) lane.chunk = Math.min(greatestChunk, lane.chunk * 2)
    lane.rows = lane.series.read({ start, bound: this.#bound, desc: this.#desc, limit: lane.chunk })
    lane.at = 0
    this.read += lane.rows.length
    return lane.rows.length > 0
  }

  /** Of a page's last time a series still gives all its rows if it sorts after the page's last one, none if before. */
  #startAfter({ device, stream }: Series, after: PagePlace): Place {
    const order = compareText(device, after.device) || compareText(stream, after.stream)
    if (order === 0) return this.#startIn(after)
    const edge = order < 0 ? greatest : least
    return this.#startIn({ time: after.time, tie: edge, sub: edge })
  }

  #startIn(place: Place): Place {
    if (this.#desc) return comparePlace(place, this.#first) < 0 ? place : this.#first
    return comparePlace(place, this.#first) > 0 ? place : this.#first
  }

  #before(a: Lane, b: Lane): boolean {
    const x = a.rows[a.at]!
    const y = b.rows[b.at]!
    const order =
      x.time - y.time ||
      compareText(a.series.device, b.series.device) ||
      compareText(a.series.stream, b.series.stream) ||
      comparePlace(x, y)
    return this.#desc ? order > 0 : order < 0
  }

  #up(i: number): void {
    const heap = this.#heap
    while (i > 0) {
      const parent = (i - 1) >> 1
      if (!this.#before(heap[i]!, heap[parent]!)) return
      this.#swap(i, parent)
      i = parent
    }
  }

  #down(): void {
    const heap = this.#heap
    let i = 0
    while (true) {
      const left = 2 * i + 1
      const right = left + 1
      let first = i
      if (left < heap.length && this.#before(heap[left]!, heap[first]!)) first = left
      if (right < heap.length && this.#before(heap[right]!, heap[first]!)) first = right
      if (first === i) return
      this.#swap(i, first)
      i = first
    }
  }

  #swap(i: number, j: number): void {
    const lane = this.#heap[i]!
    this.#heap[i] = this.#heap[j]!
    this.#heap[j] = lane
  }
}

const compareText = (a: string, b: string): number => (a === b ? 0 : a < b ? -1 : 1)
