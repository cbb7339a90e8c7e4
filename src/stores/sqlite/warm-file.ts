import { existsSync, renameSync, rmSync } from 'node:fs'
import type { DatabaseSync } from 'node:sqlite'
import { fileError } from '../folder.ts'
import { databaseError, isDamage, openDatabase, Statements } from './database.ts'
import { WarmLatest } from './warm-latest.ts'
import { createWarmTables } from './warm-schema.ts'
import { WarmSeries } from './warm-series.ts'
import { WarmUnwritten } from './warm-unwritten.ts'
import { WarmWriter } from './warm-writer.ts'

export interface WarmParts {
  db: DatabaseSync
  path: string
  statements: Statements
  series: WarmSeries
  unwritten: WarmUnwritten
  writer: WarmWriter
}

export interface WarmFileOptions {
  now: () => number
  maxBytes?: number
  recentMs?: number
  /** The file was set aside, or something in it cannot be written any more: that is told once. */
  onDamage?(message: string): void
}

const mostSetAside = 9

/**
 * Opens or creates the file without reading through it: it may hold many gigabytes, and a hub has to start. One that cannot even be opened is renamed to
 * `.corrupt` and an empty one takes its place. STORE_READ_ONLY, STORE_CORRUPT for an unknown format.
 */
export function openWarmFile(path: string, options: WarmFileOptions): WarmParts {
  try {
    return partsOf(path, options)
  } catch (error) {
    if (!isDamage(error)) throw error
    const aside = setAside(path)
    const parts = partsOf(path, options)
    const { message } = ((error as Error).cause ?? error) as Error
    options.onDamage?.(`${path} is damaged (${message.slice(0, 100)}): it is kept as ${aside}, readings go to an empty file`)
    return parts
  }
}

function partsOf(path: string, { now, maxBytes, recentMs, onDamage }: WarmFileOptions): WarmParts {
  const db = openDatabase(path, { maxBytes, checked: false })
  try {
    createWarmTables(db, path)
    const statements = new Statements(db)
    touch(statements)
    const series = new WarmSeries(statements)
    let told = false
    const damaged = (error: unknown): void => {
      if (!told) onDamage?.(`${path} is damaged (${(error as Error).message.slice(0, 100)}): some last values are not kept`)
      told = true
    }
    const unwritten = new WarmUnwritten({ statements, latest: new WarmLatest(statements), now, recentMs, damaged })
    return { db, path, statements, series, unwritten, writer: new WarmWriter({ db, path, statements, series, unwritten }) }
  } catch (error) {
    db.close()
    throw databaseError(error, path)
  }
}

/** Every append goes through the roots of the tables and the cursors: damage there shows now, not at each of them. */
function touch(statements: Statements): void {
  statements.of('SELECT sum(length(consumer)), sum(seq) FROM cursors').get()
  statements.of('SELECT sid FROM rows LIMIT 1').get()
  statements.of('SELECT sid FROM latest_values LIMIT 1').get()
  statements.of('SELECT sid FROM latest_unwritten LIMIT 1').get()
  statements.of('SELECT device FROM series ORDER BY device LIMIT 1').get()
}

/** With its log, which belongs to it. The earlier ones stay; of more than a few the last is replaced. */
function setAside(path: string): string {
  let aside = `${path}.corrupt`
  for (let n = 2; n <= mostSetAside && existsSync(aside); n++) aside = `${path}.corrupt-${n}`
  try {
    for (const suffix of ['-wal', '-shm']) rmSync(aside + suffix, { force: true })
    renameSync(path, aside)
    if (existsSync(`${path}-wal`)) renameSync(`${path}-wal`, `${aside}-wal`)
    rmSync(`${path}-shm`, { force: true })
  } catch (error) {
    throw fileError(error, path)
  }
  return aside
}
