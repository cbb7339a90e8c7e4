import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { LoomError } from '../errors.ts'
import type { JournalEvent } from '../journal/journal-event.ts'
import type { JournalPort } from '../journal/journal-port.ts'
import type { SpoolPort } from '../routing/action/spool-port.ts'
import type { StateStore } from '../storage/state-store.ts'
import type { WarmStore } from '../storage/warm-store.ts'
import { openJsonStateStore } from '../stores/json/state-store.ts'
import { loadHubKey } from '../stores/key-file.ts'
import { lockDataDir } from '../stores/lock.ts'
import { openMemoryJournal } from '../stores/memory/journal.ts'
import { openMemorySpool } from '../stores/memory/spool.ts'
import { openMemoryStateStore } from '../stores/memory/state-store.ts'
import { openMemoryWarmStore } from '../stores/memory/warm-store.ts'
import { openSqliteJournal } from '../stores/sqlite/journal.ts'
import { openSqliteSpool } from '../stores/sqlite/spool.ts'
import { openSqliteStateStore } from '../stores/sqlite/state-store.ts'
import { openSqliteWarmStore } from '../stores/sqlite/warm-store.ts'
import { limitsOf } from './checked-options.ts'
import type { HubOptions } from './options.ts'

export interface Stores {
  key: Buffer
  state: StateStore
  identities: StateStore
  sessions: StateStore
  audit: StateStore
  journal: JournalPort
  warm: WarmStore
  spool: SpoolPort
  /** In reverse order of opening; each is tried, the first failure is thrown at the end. */
  close(): Promise<void>
}

/** Opens everything a hub keeps, behind the lock of its data folder; what was opened is closed again if a later one fails. */
export async function openStores(
  options: HubOptions,
  o: { now: () => number; journalEvent(event: JournalEvent): void; warn(message: string): void },
): Promise<Stores> {
  const { now, warn } = o
  const { dataDir, store } = options
  const limits = limitsOf(options)
  const opened: { close(): Promise<void> }[] = []
  const keep = <T extends { close(): Promise<void> }>(what: T): T => {
    opened.push(what)
    return what
  }
  const close = async (): Promise<void> => {
    let failure: unknown
    for (const each of opened.splice(0).reverse()) await each.close().catch(error => (failure ??= error))
    if (failure) throw failure
  }
  const documents = (name: string): Promise<StateStore> => {
    if (store === 'memory') return openMemoryStateStore({ now })
    // Sessions change with every subscription of every device, the audit log grows for ever: the whole-file store would write itself to death.
    if (store === 'sqlite' || name === 'sessions' || name === 'audit')
      // Details of the audit log are deleted for the sake of persons.
      return openSqliteStateStore({ path: join(dataDir, `${name}.db`), now, overwrite: name === 'audit' })
    const limited = { state: 'devices', identity: 'identities' }[name]
    return openJsonStateStore({
      path: join(dataDir, `${name}.json`),
      now,
      warn,
      ...(limited && { limit: { coll: limited, warnAt: 1000, refuseAt: 10_000 } }),
    })
  }
  try {
    if (store === 'memory') {
      const key = options.key ? Buffer.from(options.key, 'base64') : randomBytes(32)
      if (key.length !== 32) throw new LoomError('HUB_CONFIG_INVALID', 'the key is not 32 bytes in base64')
      const [state, identities, sessions, audit] = [
        keep(await documents('state')),
        keep(await documents('identity')),
        keep(await documents('sessions')),
        keep(await documents('audit')),
      ]
      return {
        key,
        state,
        identities,
        sessions,
        audit,
        journal: keep(openMemoryJournal({ now })),
        warm: keep(await openMemoryWarmStore({ now })),
        spool: keep(openMemorySpool()),
        close,
      }
    }
    const lock = await lockDataDir(dataDir)
    keep({ close: () => lock.release() })
    const key = await loadHubKey({ dataDir, ...(options.key !== undefined && { key: options.key }), env: process.env })
    const state = keep(await documents('state'))
    const identities = keep(await documents('identity'))
    const sessions = keep(await documents('sessions'))
    const audit = keep(await documents('audit'))
    const warm = keep(await openSqliteWarmStore({ folder: join(dataDir, 'warm'), now, onDamage: warn }))
    const spool = keep(await openSqliteSpool({ path: join(dataDir, 'spool.db') }))
    const journal = keep(
      await openSqliteJournal({
        folder: join(dataDir, 'journal'),
        now,
        ...(limits.journalBytes > 0 && { maxBytes: limits.journalBytes }),
        full: limits.journalFull,
        keepMs: limits.journalKeepMs,
        segmentBytes: limits.segmentBytes,
        reserveFile: join(dataDir, 'reserve.bin'),
        onEvent: o.journalEvent,
      }),
    )
    return { key, state, identities, sessions, audit, journal, warm, spool, close }
  } catch (error) {
    await close().catch(() => {})
    throw error
  }
}
