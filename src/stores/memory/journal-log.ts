import type {
  Damage,
  JournalMeta,
  LogRow,
  Segment,
  SegmentLog,
  SeqRange,
  StoredConsumer,
  StoredLetter,
} from '../../journal/segment-port.ts'

interface Part extends Segment {
  rows: LogRow[]
  bytes: number
  keys: Map<string, number>
}

const sizeOf = (row: LogRow): number => row.payload.byteLength + row.props.length + 64

/** Segments and meta data in memory; given to another journal they are what a restart would find. */
export class MemoryJournalLog implements SegmentLog, JournalMeta {
  readonly #parts: Part[] = [{ firstSeq: 1, lastSeq: 0, lastAt: 0, created: 0, rows: [], bytes: 0, keys: new Map() }]
  readonly #consumers = new Map<string, StoredConsumer>()
  readonly #pins = new Map<string, number>()
  readonly #letters = new Map<number, StoredLetter>()
  #lost: (SeqRange & { reason: 'corrupt' | 'dropped' })[] = []
  #letterId = 0

  segments(): readonly Segment[] {
    return this.#parts
  }

  append(rows: readonly LogRow[]): void {
    const part = this.#parts.at(-1)!
    for (const { seq, at, kind, device, topic, qos, flags, props, payload, key } of rows) {
      const row = { seq, at, kind, device, topic, qos, flags, props, payload }
      part.rows.push(row)
      part.bytes += sizeOf(row)
      if (key !== undefined) part.keys.set(key, seq)
      part.lastSeq = seq
      part.lastAt = at
    }
  }

  seqOfKey(key: string): number | undefined {
    return this.#parts.at(-1)!.keys.get(key) ?? this.#parts.at(-2)?.keys.get(key)
  }

  read(from: number, limit: number, bytes: number): LogRow[] {
    const part = this.#parts.find(({ lastSeq }) => lastSeq >= from)
    if (!part) return []
    const start = Math.max(0, from - part.firstSeq)
    const rows: LogRow[] = []
    for (let i = start, left = bytes; i < part.rows.length && rows.length < limit && left > 0; i++) {
      const row = { ...part.rows[i]! }
      rows.push(row)
      left -= sizeOf(row)
    }
    return rows
  }

  atOf(seq: number): number | undefined {
    return this.read(seq, 1, 1)[0]?.at
  }

  activeBytes(): number {
    return this.#parts.at(-1)!.bytes
  }

  diskBytes(): number {
    return this.#parts.reduce((sum, { bytes }) => sum + bytes, 0)
  }

  roll(firstSeq: number, at: number, created: number): void {
    const last = this.#parts.at(-1)!
    if (last.rows.length === 0) this.#parts.pop()
    this.#parts.push({ firstSeq, lastSeq: firstSeq - 1, lastAt: at, created, rows: [], bytes: 0, keys: new Map() })
  }

  unlink(firstSeq: number): void {
    const index = this.#parts.findIndex(part => part.firstSeq === firstSeq)
    if (index >= 0 && index < this.#parts.length - 1) this.#parts.splice(index, 1)
  }

  repair(firstSeq: number): Damage {
    return { file: String(firstSeq), kept: 0, lost: [] }
  }

  consumers(): StoredConsumer[] {
    return [...this.#consumers.values()].map(consumer => ({ ...consumer }))
  }

  saveConsumers(consumers: readonly StoredConsumer[]): void {
    for (const consumer of consumers) this.#consumers.set(consumer.name, { ...consumer })
  }

  deleteConsumer(name: string): void {
    this.#consumers.delete(name)
    for (const pin of this.#pins.keys()) if (pin === name || pin.startsWith(`${name}/`)) this.#pins.delete(pin)
  }

  pins(): [name: string, seq: number][] {
    return [...this.#pins]
  }

  setPin(name: string, seq: number | undefined): void {
    if (seq === undefined) this.#pins.delete(name)
    else this.#pins.set(name, seq)
  }

  lost(): (SeqRange & { reason: 'corrupt' | 'dropped' })[] {
    return this.#lost.map(range => ({ ...range }))
  }

  saveLost(ranges: readonly (SeqRange & { reason: 'corrupt' | 'dropped' })[]): void {
    this.#lost = ranges.map(range => ({ ...range }))
  }

  addLetters(letters: readonly Omit<StoredLetter, 'id'>[]): number[] {
    return letters.map(letter => {
      const id = ++this.#letterId
      this.#letters.set(id, { id, ...letter })
      return id
    })
  }

  letter(id: number): StoredLetter | undefined {
    return this.#letters.get(id)
  }

  letters({
    before,
    limit,
    state,
  }: {
    before: number
    limit: number
    state?: StoredLetter['state'] | undefined
  }): StoredLetter[] {
    return [...this.#letters.values()]
      .filter(letter => letter.id < before && (!state || letter.state === state))
      .reverse()
      .slice(0, limit)
  }

  putLetter(letter: StoredLetter): void {
    if (this.#letters.has(letter.id)) this.#letters.set(letter.id, letter)
  }

  letterTotals(): { count: number; bytes: number } {
    let bytes = 0
    for (const { record } of this.#letters.values()) bytes += record.length
    return { count: this.#letters.size, bytes }
  }

  oldestLetters(limit: number): { id: number; at: number; bytes: number }[] {
    return this.#letters
      .values()
      .take(limit)
      .map(({ id, at, record }) => ({ id, at, bytes: record.length }))
      .toArray()
  }

  deleteLetters(upTo: number): void {
    for (const id of this.#letters.keys()) {
      if (id > upTo) return
      this.#letters.delete(id)
    }
  }

  /** Nothing to release: the content stays for a next journal over the same object. */
  close(): void {}
}
