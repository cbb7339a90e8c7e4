import type { TailRow } from './pending-record.ts'

/** The newest records, so that consumers who keep up never read the disk. Bounded by count and bytes; sequences are dense inside. */
export class RecordTail {
  readonly #maxRecords: number
  readonly #maxBytes: number
  #rows: TailRow[] = []
  #first = 0
  #bytes = 0

  constructor(maxRecords = 4096, maxBytes = 8 * 1024 * 1024) {
    this.#maxRecords = maxRecords
    this.#maxBytes = maxBytes
  }

  push(rows: readonly TailRow[]): void {
    const last = this.#rows.at(-1)
    if (last && rows.length > 0 && rows[0]!.seq !== last.seq + 1) this.clear()
    for (let i = 0; i < rows.length; i++) {
      const row = rows[i]!
      row.props = ''
      this.#rows.push(row)
      this.#bytes += row.bytes
    }
    while (
      this.#first < this.#rows.length &&
      (this.#rows.length - this.#first > this.#maxRecords || this.#bytes > this.#maxBytes)
    )
      this.#bytes -= this.#rows[this.#first++]!.bytes
    if (this.#first > this.#maxRecords || this.#first === this.#rows.length) {
      this.#rows = this.#rows.slice(this.#first)
      this.#first = 0
    }
  }

  /** The row with that seq, if it is still here. */
  get(seq: number): TailRow | undefined {
    const first = this.#rows[this.#first]
    return first && seq >= first.seq ? this.#rows[this.#first + seq - first.seq] : undefined
  }

  clear(): void {
    this.#rows = []
    this.#first = 0
    this.#bytes = 0
  }
}
