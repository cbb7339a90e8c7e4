import { closeSync, existsSync, fsyncSync, openSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import { LoomError } from '../../errors.ts'
import type { Damage, LogRow, Segment, SegmentLog } from '../../journal/segment-port.ts'
import { makeFolder } from '../folder.ts'
import { journalFailure } from './journal-failure.ts'
import { pastEverySeq, removeDatabase, replaceDamaged, salvageSegment } from './journal-salvage.ts'
import { fileBytes, SegmentFile } from './journal-segment-file.ts'

/** Sealed segments kept open for readers that are behind. */
const openReaders = 4
/** Headers, integers and names of a row, roughly. */
const rowBytes = 64

export interface SegmentsOptions {
  folder: string
  segmentBytes: number
  now: () => number
  /** The last stop was not orderly: the active segment is checked. */
  unclean: boolean
  /** Called inside each transaction, before COMMIT; a throw rolls it back. */
  beforeCommit?: ((rows: number) => void) | undefined
}

/** Segment files in a folder, created 0700, files 0600. */
export class SqliteSegments implements SegmentLog {
  readonly #o: SegmentsOptions
  readonly #segments: Segment[] = []
  readonly #sizes = new Map<number, number>()
  readonly #readers = new Map<number, SegmentFile>()
  #active!: SegmentFile
  /** Of the active segment: pages when it was opened, and what was added since. */
  #activeBytes = 0
  /** What had to be repaired while opening. */
  readonly damage: Damage[] = []

  constructor(o: SegmentsOptions) {
    this.#o = o
    makeFolder(o.folder)
    try {
      finishRepairs(o.folder)
    } catch (error) {
      throw journalFailure(error, o.folder)
    }
    const found = readdirSync(o.folder)
      .filter(name => /^\d+\.db$/.test(name))
      .map(name => Number.parseInt(name, 10))
      .sort((a, b) => a - b)
    const damaged = found.filter(firstSeq => !this.#list(firstSeq, firstSeq === found.at(-1)))
    // Only now: the successor of a sealed segment bounds what it may have held.
    for (const firstSeq of damaged) this.damage.push(this.repair(firstSeq))
    if (this.#segments.length === 0) this.#start(1, 0, o.now())
  }

  segments(): readonly Segment[] {
    return this.#segments
  }

  append(rows: readonly LogRow[]): void {
    this.#active.append(rows, this.#o.beforeCommit)
    const segment = this.#segments.at(-1)!
    const last = rows.at(-1)!
    segment.lastSeq = last.seq
    segment.lastAt = last.at
    for (let i = 0; i < rows.length; i++) this.#activeBytes += rows[i]!.payload.byteLength + rows[i]!.props.length + rowBytes
  }

  seqOfKey(key: string): number | undefined {
    const before = this.#segments.at(-2)
    return this.#active.seqOfKey(key) ?? (before && this.#file(before.firstSeq).seqOfKey(key))
  }

  read(from: number, limit: number, bytes: number): LogRow[] {
    for (let i = this.#indexOf(from); i < this.#segments.length; i++) {
      const rows = this.#file(this.#segments[i]!.firstSeq).read(from, limit, bytes)
      if (rows.length > 0) return rows
    }
    return []
  }

  atOf(seq: number): number | undefined {
    for (let i = this.#indexOf(seq); i < this.#segments.length; i++) {
      const at = this.#file(this.#segments[i]!.firstSeq).atOf(seq)
      if (at !== undefined) return at
    }
    return undefined
  }

  activeBytes(): number {
    return this.#activeBytes
  }

  diskBytes(): number {
    let bytes = this.#active.diskBytes()
    for (const size of this.#sizes.values()) bytes += size
    return bytes
  }

  roll(firstSeq: number, at: number, created: number): void {
    const sealed = this.#active
    const segment = this.#segments.at(-1)!
    if (segment.lastSeq < segment.firstSeq && segment.firstSeq === firstSeq) return
    // The new file first: if the disk has no room for it, the old one stays the active one.
    this.#start(firstSeq, at, created)
    sealed.close()
    this.#sizes.set(sealed.firstSeq, fileBytes(sealed.path))
    if (segment.lastSeq < segment.firstSeq) this.unlink(segment.firstSeq)
  }

  unlink(firstSeq: number): void {
    const index = this.#segments.findIndex(segment => segment.firstSeq === firstSeq)
    if (index < 0 || index === this.#segments.length - 1) return
    this.#closeReader(firstSeq)
    this.#guard(firstSeq, () => removeDatabase(this.#path(firstSeq)))
    this.#segments.splice(index, 1)
    this.#sizes.delete(firstSeq)
  }

  repair(firstSeq: number): Damage {
    const index = this.#segments.findIndex(segment => segment.firstSeq === firstSeq)
    const segment = this.#segments[index]
    if (!segment) throw new LoomError('JOURNAL_FAILED', `there is no segment ${firstSeq}`)
    const path = this.#path(firstSeq)
    this.#closeReader(firstSeq)
    return this.#guard(firstSeq, () => {
      const { kept, lastSeq, holes } = salvageSegment(path, firstSeq)
      // What was lost may have been as young as now: it is kept as long, and no later record is older.
      segment.lastAt = Math.max(segment.lastAt, this.#o.now())
      // Past every seq it may have held, and before the damaged file is touched: a crash from here on cannot give a seq out twice.
      if (index === this.#segments.length - 1) {
        const damaged = this.#active as SegmentFile | undefined
        this.#start(pastEverySeq(path, firstSeq, this.#o.segmentBytes), segment.lastAt, this.#o.now())
        if (damaged?.firstSeq === firstSeq) quietly(() => damaged.close())
      }
      const aside = replaceDamaged(path)
      syncFolder(this.#o.folder)
      segment.lastSeq = lastSeq
      this.#sizes.set(firstSeq, fileBytes(path))
      const to = this.#segments[index + 1]!.firstSeq - 1
      const lost = lastSeq < to ? [...holes, { from: lastSeq + 1, to }] : holes
      return { file: basename(aside), kept, lost }
    })
  }

  /** The durability settings of every open connection. */
  settings(): { firstSeq: number; synchronous: number; journalMode: string; autocheckpoint: number }[] {
    return [this.#active, ...this.#readers.values()].map(file => ({ firstSeq: file.firstSeq, ...file.settings() }))
  }

  close(): void {
    for (const firstSeq of [...this.#readers.keys()]) this.#closeReader(firstSeq)
    this.#active.close()
  }

  /** Takes a file found on disk into the list; false if it is damaged. */
  #list(firstSeq: number, last: boolean): boolean {
    const path = this.#path(firstSeq)
    const segment: Segment = {
      firstSeq,
      lastSeq: firstSeq - 1,
      lastAt: this.#segments.at(-1)?.lastAt ?? 0,
      created: this.#o.now(),
    }
    this.#segments.push(segment)
    let file: SegmentFile | undefined
    try {
      file = SegmentFile.open(path, firstSeq)
      if (last && this.#o.unclean) file.check()
      const { lastSeq, lastAt, created } = file.facts()
      Object.assign(segment, { lastSeq, lastAt: Math.max(lastAt, segment.lastAt), created })
      if (last) {
        this.#active = file
        this.#activeBytes = file.logicalBytes()
        return true
      }
      file.close()
      this.#sizes.set(firstSeq, fileBytes(path))
      return true
    } catch (error) {
      quietly(() => file?.close())
      if (!(error instanceof LoomError) || error.code !== 'JOURNAL_CORRUPT') throw error
      return false
    }
  }

  #start(firstSeq: number, at: number, created: number): void {
    const path = this.#path(firstSeq)
    // Under another name until it is whole: an empty `.db` is damage, not a start that a crash cut off.
    const unfinished = `${path}.new`
    this.#guard(firstSeq, () => {
      removeDatabase(unfinished)
      SegmentFile.create(unfinished, firstSeq, { created, floor: at }).close()
      renameSync(unfinished, path)
      syncFolder(this.#o.folder)
    })
    this.#active = SegmentFile.open(path, firstSeq)
    this.#activeBytes = 0
    this.#segments.push({ firstSeq, lastSeq: firstSeq - 1, lastAt: at, created })
  }

  #file(firstSeq: number): SegmentFile {
    if (firstSeq === this.#active.firstSeq) return this.#active
    let file = this.#readers.get(firstSeq)
    if (file) this.#readers.delete(firstSeq)
    else {
      file = SegmentFile.open(this.#path(firstSeq), firstSeq)
      for (const oldest of this.#readers.keys()) {
        if (this.#readers.size < openReaders) break
        this.#closeReader(oldest)
      }
    }
    this.#readers.set(firstSeq, file)
    return file
  }

  #closeReader(firstSeq: number): void {
    const file = this.#readers.get(firstSeq)
    this.#readers.delete(firstSeq)
    quietly(() => file?.close())
  }

  /** The last segment that begins at or before `seq`, else the first. */
  #indexOf(seq: number): number {
    let index = this.#segments.length - 1
    while (index > 0 && this.#segments[index]!.firstSeq > seq) index--
    return index
  }

  #path(firstSeq: number): string {
    return join(this.#o.folder, `${firstSeq}.db`)
  }

  #guard<T>(firstSeq: number, work: () => T): T {
    try {
      return work()
    } catch (error) {
      throw journalFailure(error, `${firstSeq}.db`, firstSeq)
    }
  }
}

/** A repair that a crash cut off between its two renames: the copy is complete once the damaged file is gone. */
function finishRepairs(folder: string): void {
  for (const name of readdirSync(folder)) {
    if (!/^\d+\.db\.tmp$/.test(name)) continue
    const path = join(folder, name.slice(0, -4))
    if (existsSync(path)) removeDatabase(`${path}.tmp`)
    else replaceDamaged(path)
  }
  for (const name of readdirSync(folder)) if (/\.(tmp|new)(-wal|-shm)?$/.test(name)) rmSync(join(folder, name), { force: true })
}

function syncFolder(folder: string): void {
  // Windows cannot open folders; there a rename is as durable as the file system makes it.
  if (process.platform === 'win32') return
  const handle = openSync(folder, 'r')
  try {
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
}

function quietly(work: () => void): void {
  try {
    work()
  } catch {
    // A connection to a damaged file may not close cleanly; the file is set aside anyway.
  }
}
