import { existsSync, renameSync, rmSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import type { LogRow, SeqRange } from '../../journal/segment-port.ts'
import { segmentColumns } from './journal-row-insert.ts'
import { fileBytes, SegmentFile, soundRow } from './journal-segment-file.ts'

/** Point reads across a hole that neither end of the table could be read over. */
const probes = 200_000
const copyRows = 1000
const holes = 1000

/**
 * Copies what can be read of a damaged segment into `{path}.tmp`: forwards from the first seq, backwards from the last, then point by point over what lies
 * between. `path` itself is not touched; `replaceDamaged` puts the copy in its place.
 */
export function salvageSegment(path: string, firstSeq: number): { kept: number; lastSeq: number; holes: SeqRange[] } {
  const target = `${path}.tmp`
  removeDatabase(target)
  const rows = readable(path, firstSeq)
  const fresh = SegmentFile.create(target, firstSeq, { created: rows.created, floor: rows.floor })
  try {
    for (let i = 0; i < rows.found.length; i += copyRows) fresh.append(rows.found.slice(i, i + copyRows))
  } finally {
    fresh.close()
  }
  return { kept: rows.found.length, lastSeq: rows.found.at(-1)?.seq ?? firstSeq - 1, holes: holesOf(rows.found, firstSeq) }
}

/** Sets the damaged file aside as `.corrupt` and the copy in its place; going on after a crash in between is safe. Returns the new name. */
export function replaceDamaged(path: string): string {
  const aside = freeName(path)
  if (existsSync(path)) renameSync(path, aside)
  // A write-ahead file of the old database beside the new one would be played into it.
  if (existsSync(`${path}-wal`)) renameSync(`${path}-wal`, `${aside}-wal`)
  rmSync(`${path}-shm`, { force: true })
  renameSync(`${path}.tmp`, path)
  return aside
}

export function removeDatabase(path: string): void {
  for (const suffix of ['', '-wal', '-shm']) rmSync(path + suffix, { force: true })
}

/** A seq that the damaged active segment cannot have reached: no stored record is smaller than 16 bytes. */
export const pastEverySeq = (path: string, firstSeq: number, segmentBytes: number): number =>
  firstSeq + Math.ceil(Math.max(fileBytes(path), segmentBytes) / 16) + 1

function freeName(path: string): string {
  for (let n = 1; n < 1000; n++) {
    const name = n === 1 ? `${path}.corrupt` : `${path}.corrupt${n}`
    if (!existsSync(name)) return name
  }
  return `${path}.corrupt`
}

function readable(path: string, firstSeq: number): { found: LogRow[]; created: number; floor: number } {
  let db: DatabaseSync | undefined
  const lost = { found: [], created: 0, floor: 0 }
  try {
    db = new DatabaseSync(path, { readOnly: true })
    const info = attempt(() => db!.prepare('SELECT created, floor FROM info').get())
    const found = readableRows(db, firstSeq)
    return { found, created: Number(info?.created ?? 0), floor: Number(info?.floor ?? 0) }
  } catch {
    return lost
  } finally {
    attempt(() => db?.close())
  }
}

function readableRows(db: DatabaseSync, firstSeq: number): LogRow[] {
  const forwards = walk(db, `SELECT ${segmentColumns} FROM records ORDER BY seq`)
  if (forwards.complete) return forwards.rows
  const last = forwards.rows.at(-1)?.seq ?? firstSeq - 1
  const backwards = walk(db, `SELECT ${segmentColumns} FROM records WHERE seq > ${last} ORDER BY seq DESC`).rows.reverse()
  const end = backwards[0]?.seq ?? last + probes
  const one = db.prepare(`SELECT ${segmentColumns} FROM records WHERE seq = ?`)
  const between: LogRow[] = []
  for (let seq = last + 1; seq < Math.min(end, last + probes); seq++) {
    const row = attempt(() => one.get(seq))
    const sound = row && attempt(() => soundRow(row))
    if (sound) between.push(sound)
  }
  return [...forwards.rows, ...between, ...backwards]
}

function walk(db: DatabaseSync, sql: string): { rows: LogRow[]; complete: boolean } {
  const rows: LogRow[] = []
  try {
    for (const row of db.prepare(sql).iterate() as Iterable<Record<string, unknown>>) rows.push(soundRow(row))
    return { rows, complete: true }
  } catch {
    return { rows, complete: false }
  }
}

function holesOf(rows: readonly LogRow[], firstSeq: number): SeqRange[] {
  const found: SeqRange[] = []
  let next = firstSeq
  for (const { seq } of rows) {
    if (seq > next) {
      if (found.length < holes) found.push({ from: next, to: seq - 1 })
      else found.at(-1)!.to = seq - 1
    }
    next = seq + 1
  }
  return found
}

function attempt<T>(work: () => T): T | undefined {
  try {
    return work()
  } catch {
    return undefined
  }
}
