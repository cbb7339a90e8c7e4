import type { Page, StateStore } from '../../storage/state-store.ts'
import type { Fingerprints } from '../avro/avro-canonical.ts'
import type { SchemaType } from '../schema-text.ts'
import type { CompatibilityMode } from './compatibility.ts'
import type { SchemaReference } from './registered-schema.ts'

export const schemasColl = 'schemas'
export const subjectsColl = 'schema_subjects'
export const settingsColl = 'schema_settings'
export const settingsId = 'registry'

export interface StoredSchema {
  type: SchemaType
  schema: string
  references: SchemaReference[]
  /** SHA-256 of what makes schemas the same */
  identity: string
  fingerprints: Fingerprints
}
export interface StoredVersion {
  version: number
  id: number
  /** epoch ms */
  at: number
  by?: string
  deleted?: true
}
export interface StoredSubject {
  versions: StoredVersion[]
  mode?: CompatibilityMode
}
export interface RegistrySettings {
  /** of subjects that have none of their own */
  compatibility: CompatibilityMode
  /** What happens to letters that wait for a schema when it is registered: `offer`, an event; `start`, they are replayed. */
  replay: 'offer' | 'start'
}

export const usualSettings: RegistrySettings = { compatibility: 'BACKWARD', replay: 'offer' }

/** As documents are called: in the order of their numbers. */
export const schemaDocId = (id: number): string => String(id).padStart(10, '0')

/** What a registry keeps in memory: all but the texts. */
export interface RegistryBook {
  subjects: Map<string, StoredSubject>
  types: Map<number, SchemaType>
  /** by type and identity */
  ids: Map<string, number>
  /** the schemas of a fingerprint, the newest last */
  byFingerprint: Map<string, number[]>
  /** of schemas that have some */
  references: Map<number, readonly SchemaReference[]>
  settings: RegistrySettings
}

export const identityKey = ({ type, identity }: Pick<StoredSchema, 'type' | 'identity'>): string => `${type} ${identity}`

export function note(book: RegistryBook, id: number, stored: StoredSchema): void {
  book.types.set(id, stored.type)
  book.ids.set(identityKey(stored), id)
  if (stored.references.length) book.references.set(id, stored.references)
  else book.references.delete(id)
  const { crc64, sha256 } = stored.fingerprints
  for (const fingerprint of crc64 === undefined ? [sha256] : [crc64, sha256]) {
    const same = book.byFingerprint.get(fingerprint) ?? []
    if (!same.includes(id)) book.byFingerprint.set(fingerprint, [...same, id])
  }
}

export async function readBook(state: StateStore): Promise<RegistryBook> {
  for (const coll of [schemasColl, subjectsColl, settingsColl]) await state.declare(coll, {})
  const settings = await state.get<RegistrySettings>(settingsColl, settingsId)
  const book: RegistryBook = {
    subjects: new Map(),
    types: new Map(),
    ids: new Map(),
    byFingerprint: new Map(),
    references: new Map(),
    settings: { ...usualSettings, ...settings?.doc },
  }
  for await (const { id, doc } of all<StoredSchema>(state, schemasColl, 20)) note(book, Number(id), doc)
  for await (const { id, doc } of all<StoredSubject>(state, subjectsColl, 200)) book.subjects.set(id, doc)
  return book
}

async function* all<T extends object>(state: StateStore, coll: string, limit: number) {
  let cursor: string | undefined
  do {
    const page: Page<T> = await state.query(coll, { limit, ...(cursor !== undefined && { cursor }) })
    yield* page.items
    cursor = page.next
  } while (cursor !== undefined)
}
