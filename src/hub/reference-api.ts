import { isAbsolute } from 'node:path'
import { LoomError } from '../errors.ts'
import { readReference, referenceKey, referenceLimits } from '../storage/reference-table.ts'
import type { HubEvent } from './hub.ts'
import type { ReferenceApi, SqliteSource } from './hub-reference.ts'
import type { ReferenceStore } from './reference-store.ts'

/** Tables in files of their own; REFERENCE_INVALID where the hub has no folder. */
export interface ReferenceFiles {
  describe(source: SqliteSource, key: string | undefined): { key: string; columns: string[]; rows: number }
  lookup(name: string, source: SqliteSource, key: string, keys: readonly string[]): Map<string, unknown>
  forget(name: string): void
}

interface Parts {
  store: ReferenceStore
  files: ReferenceFiles
  devices: ReferenceApi['devices']
  emit(event: HubEvent): void
  /** What is left of older tables can go. */
  cleaned(work: Promise<void>): void
  now: () => number
}

export function createReferenceApi({ store, files, devices, emit, cleaned, now }: Parts): ReferenceApi {
  return {
    async put({ name, key, by = 'hub', ...given }) {
      if (key !== undefined && (typeof key !== 'string' || key === ''))
        throw new LoomError('REFERENCE_INVALID', 'the key is the name of a column')
      let content: Parameters<ReferenceStore['put']>[0]['content']
      if ('sqlite' in given) {
        const sqlite = sourceOf(given.sqlite)
        const { rows: count, ...found } = files.describe(sqlite, key)
        content = { ...found, count, sqlite }
      } else content = readReference(given, key)
      const view = await store.put({ name, by, content })
      files.forget(name)
      emit({ type: 'reference', at: now(), table: name, change: 'put', version: view.version })
      cleaned(store.clean())
      return view
    },
    get: async ({ name }) => store.need(name),
    list: async o => store.list(o),
    async delete({ name, by = 'hub' }) {
      await store.delete({ name, by })
      files.forget(name)
      emit({ type: 'reference', at: now(), table: name, change: 'deleted' })
      cleaned(store.clean())
    },
    async lookup({ table, keys }) {
      const wanted = keysAsked(keys, 'keys')
      const { version, key, sqlite } = store.need(table)
      if (!sqlite) return store.lookup(table, wanted)
      return { version, items: [...files.lookup(table, sqlite, key, wanted)].map(([key, row]) => ({ key, row })) }
    },
    devices,
  }
}

/** Each once, as text. REFERENCE_LIMIT, REFERENCE_INVALID. */
export function keysAsked(given: unknown, what: string): string[] {
  if (!Array.isArray(given)) throw new LoomError('REFERENCE_INVALID', `${what} is no list`)
  if (given.length > referenceLimits.asked)
    throw new LoomError('REFERENCE_LIMIT', `${given.length} ${what} at once, at most ${referenceLimits.asked}`)
  const keys = new Set<string>()
  for (const value of given) {
    const key = referenceKey(value)
    if (key === undefined) throw new LoomError('REFERENCE_INVALID', `${what} are texts, numbers or Booleans`)
    keys.add(key)
  }
  return [...keys]
}

function sourceOf(given: unknown): SqliteSource {
  const { file, table } = (given ?? {}) as Partial<SqliteSource>
  if (typeof file !== 'string' || !file || typeof table !== 'string' || !table || isAbsolute(file) || file.includes('\0'))
    throw new LoomError('REFERENCE_INVALID', 'sqlite needs a file, by its path in the folder "reference", and a table')
  return { file, table }
}
