import { LoomError } from '../../errors.ts'
import { Lru } from '../../identity/lru.ts'
import type { StateStore, Write } from '../../storage/state-store.ts'
import { sha256Of } from '../avro/avro-canonical.ts'
import { type SchemaText, schemaTypes } from '../schema-text.ts'
import { type CompatibilityMode, compatibilityModes, incompatibilities, shownIncompatibility } from './compatibility.ts'
import { type Deletion, versionsToDelete } from './deletion.ts'
import {
  type CompatibilityVerdict,
  type NewSchema,
  registryLimits,
  type SchemaAsked,
  type SchemaDetail,
  type SchemaReference,
  type SchemaVersion,
  type SubjectView,
} from './registered-schema.ts'
import {
  identityKey,
  note,
  type RegistrySettings,
  readBook,
  schemaDocId,
  schemasColl,
  settingsColl,
  settingsId,
  type StoredSchema,
  type StoredSubject,
  type StoredVersion,
  subjectsColl,
} from './registry-book.ts'
import type { LoadFormat, ReadSchema } from './schema-format.ts'

export interface RegistryOptions {
  state: StateStore
  load: LoadFormat
  now: () => number
  /** A record of what was done, to be stored with it. */
  audit(deed: { by?: string; action: string; target: string; detail?: Record<string, unknown> }): Write
}

const keptSchemas = 500
/** A document of the store holds no more; quotes and the like take more room there than here. */
const mostStoredChars = 250_000

/**
 * Subjects with versions of schemas. SCHEMA_INVALID with the place in the schema or the name of the field, SCHEMA_LIMIT, SCHEMA_INCOMPATIBLE with path and reason,
 * SCHEMA_NOT_FOUND, CODEC_UNAVAILABLE without the package of a format. It must be the only writer of its collections.
 */
export async function openSchemaRegistry({ state, load, now, audit }: RegistryOptions) {
  const book = await readBook(state)
  const schemas = new Lru<number, StoredSchema>(keptSchemas)
  const reads = new Lru<number, ReadSchema>(keptSchemas)
  let queue: Promise<unknown> = Promise.resolve()

  const inOrder = <T>(work: () => Promise<T>): Promise<T> => {
    const turn = queue.then(work)
    queue = turn.catch(() => {})
    return turn
  }
  const author = (by: string | undefined) => (by === undefined ? {} : { by })

  const storedOf = async (id: number): Promise<StoredSchema> => {
    const known = schemas.get(id)
    if (known) return known
    const found = await state.get<StoredSchema>(schemasColl, schemaDocId(id))
    if (!found) throw new LoomError('SCHEMA_NOT_FOUND', `id ${id}`)
    schemas.set(id, found.doc)
    return found.doc
  }
  const alive = (subject: string): StoredVersion[] => book.subjects.get(subject)?.versions.filter(one => !one.deleted) ?? []
  const versionIn = (subject: string, version: number | 'latest' = 'latest', deleted = false): StoredVersion | undefined => {
    const list = deleted ? (book.subjects.get(subject)?.versions ?? []) : alive(subject)
    return version === 'latest' ? list.at(-1) : list.find(one => one.version === version)
  }
  const needVersion = (subject: string, version?: number | 'latest', deleted = false): StoredVersion => {
    const found = versionIn(subject, version, deleted)
    if (!found)
      throw new LoomError('SCHEMA_NOT_FOUND', `${subject.slice(0, 100)}${version === undefined ? '' : `, version ${version}`}`)
    return found
  }

  /** All that references need, dependencies first, each schema once. */
  async function textsOf(references: readonly SchemaReference[]): Promise<{ name: string; schema: string }[]> {
    const texts = new Map<number, { name: string; schema: string }>()
    const visit = async (list: readonly SchemaReference[]): Promise<void> => {
      for (const { name, subject, version } of list) {
        const { id } = needVersion(subject, version, true)
        if (texts.has(id)) continue
        if (texts.size >= registryLimits.references)
          throw new LoomError('SCHEMA_LIMIT', `more than ${registryLimits.references} references`)
        const { schema, references: more } = await storedOf(id)
        await visit(more)
        texts.set(id, { name, schema })
      }
    }
    await visit(references)
    return [...texts.values()]
  }

  const readStored = async (id: number): Promise<ReadSchema> => {
    const known = reads.get(id)
    if (known) return known
    const { type, schema, references } = await storedOf(id)
    const read = (await load(type)).read({ type, schema, references: await textsOf(references) })
    reads.set(id, read)
    return read
  }
  const viewOf = (subject: string, one: StoredVersion, stored: StoredSchema): SchemaVersion => {
    const { version, id, at, by, deleted } = one
    const { type, schema, references, fingerprints } = stored
    return {
      ...{ id, subject, version, type, schema, references, fingerprints, createdAt: at },
      ...(by !== undefined && { by }),
      ...(deleted && { deleted }),
    }
  }

  /** A schema that is offered, read, and the id of the one that it is, if it is known. */
  async function judged({ schema, type = 'AVRO', references = [] }: Omit<NewSchema, 'subject'>) {
    if (!schemaTypes.includes(type))
      throw new LoomError('SCHEMA_INVALID', `type ${String(type).slice(0, 40)}`, { hint: `one of ${schemaTypes.join(', ')}` })
    if (typeof schema !== 'string' || JSON.stringify(schema).length > mostStoredChars)
      throw new LoomError(typeof schema === 'string' ? 'SCHEMA_LIMIT' : 'SCHEMA_INVALID', 'schema', { hint: 'give a text' })
    const own = references.map(({ name, subject, version }) => ({ name, subject, version }))
    const text: SchemaText = { type, schema, references: await textsOf(own) }
    const read = (await load(type)).read(text)
    const stored: StoredSchema = {
      ...{ type, schema, references: own, identity: sha256Of(read.identity) },
      fingerprints: read.fingerprints,
    }
    return { read, stored, id: book.ids.get(identityKey(stored)) }
  }

  const assertRoom = (subject: string): void => {
    if (!book.subjects.has(subject) && book.subjects.size >= registryLimits.subjects)
      throw new LoomError('SCHEMA_LIMIT', `${book.subjects.size} subjects`, { hint: `at most ${registryLimits.subjects}` })
  }
  const modeOf = (subject: string): CompatibilityMode => book.subjects.get(subject)?.mode ?? book.settings.compatibility
  const faultsOf = (
    subject: string,
    { read, stored }: { read: ReadSchema; stored: StoredSchema },
    earlier: readonly StoredVersion[],
  ) =>
    incompatibilities({
      mode: modeOf(subject),
      next: read,
      earlier: earlier.map(({ version }) => version),
      read: async version => {
        const { id } = needVersion(subject, version)
        return book.types.get(id) === stored.type ? readStored(id) : undefined
      },
    })

  return {
    get settings(): RegistrySettings {
      return book.settings
    },

    /** The version that it is now, and whether it is new. The same schema again is no change, whatever the mode. */
    register: ({ subject, by, ...o }: NewSchema & { by?: string }): Promise<{ version: SchemaVersion; created: boolean }> =>
      inOrder(async () => {
        assertSubject(subject)
        const offered = await judged(o)
        const versions = alive(subject)
        const same = versions.findLast(({ id }) => id === offered.id)
        if (same) return { version: viewOf(subject, same, await storedOf(same.id)), created: false }
        const faults = await faultsOf(subject, offered, versions.toReversed())
        if (faults.length)
          throw new LoomError('SCHEMA_INCOMPATIBLE', faults.slice(0, 3).map(shownIncompatibility).join('; ').slice(0, 400), {
            position: faults[0]!.path,
          })
        const before: StoredSubject = book.subjects.get(subject) ?? { versions: [] }
        if (before.versions.length >= registryLimits.versionsOfSubject)
          throw new LoomError('SCHEMA_LIMIT', `versions of ${subject.slice(0, 60)}`)
        assertRoom(subject)
        if (offered.id === undefined && book.types.size >= registryLimits.schemas)
          throw new LoomError('SCHEMA_LIMIT', `${book.types.size} schemas`, { hint: `at most ${registryLimits.schemas}` })
        const id = offered.id ?? book.types.size + 1
        // Of one that was deleted for good, the references may be gone as well
        const writes = offered.id === undefined || !placeOf(id)
        const version = (before.versions.at(-1)?.version ?? 0) + 1
        const made: StoredVersion = { version, id, at: now(), ...author(by) }
        const after: StoredSubject = { ...before, versions: [...before.versions, made] }
        const { type, fingerprints } = offered.stored
        await state.tx(
          [
            ...(writes ? [{ op: 'put', coll: schemasColl, id: schemaDocId(id), doc: offered.stored } as const] : []),
            { op: 'put', coll: subjectsColl, id: subject, doc: after },
            audit({ ...author(by), action: 'schema.register', target: subject, detail: { id, version, type, ...fingerprints } }),
          ],
          author(by),
        )
        if (writes) {
          schemas.set(id, offered.stored)
          reads.set(id, offered.read)
          note(book, id, offered.stored)
        }
        book.subjects.set(subject, after)
        return { version: viewOf(subject, made, await storedOf(id)), created: true }
      }),

    async get(asked: SchemaAsked): Promise<SchemaDetail | undefined> {
      const found = locate(asked)
      if (!found) return undefined
      const stored = await storedOf(found.one.id)
      return { ...viewOf(found.subject, found.one, stored), texts: await textsOf(stored.references) }
    },

    /** The version of a subject that a schema is. */
    async find({ subject, ...o }: NewSchema): Promise<SchemaVersion | undefined> {
      const { id } = await judged(o)
      const one = alive(subject).findLast(version => version.id === id)
      return one && viewOf(subject, one, await storedOf(one.id))
    },

    list({ prefix = '', limit = 100, cursor }: { prefix?: string; limit?: number; cursor?: string }) {
      const names = [...book.subjects.keys()]
        .filter(name => name.startsWith(prefix) && alive(name).length > 0 && (cursor === undefined || name > cursor))
        .sort()
      const page = names.slice(0, Math.min(Math.max(limit, 1), 1000))
      const items = page.map((subject): SubjectView => {
        const [versions, mode] = [alive(subject), book.subjects.get(subject)?.mode]
        return {
          subject,
          type: book.types.get(versions.at(-1)!.id)!,
          versions: versions.map(({ version }) => version),
          ...(mode && { compatibility: mode }),
        }
      })
      return { items, ...(page.length < names.length && { next: page.at(-1)! }) }
    },

    /**
     * One version or all; what was deleted. They are no longer latest nor compared; who has the id or a fingerprint still finds them, until they are deleted for good: their numbers are
     * free again then, with the last one the subject's mode goes, and a schema that is registered again has its id again.
     */
    delete: ({ by, ...o }: Deletion & { by?: string }): Promise<number[]> =>
      inOrder(async () => {
        const { subject, permanent = false } = o
        const gone = versionsToDelete(book, o)
        const before = book.subjects.get(subject)!
        const left = before.versions.filter(one => !gone.includes(one))
        const after: StoredSubject = {
          ...before,
          versions: permanent ? left : before.versions.map(one => (gone.includes(one) ? { ...one, deleted: true } : one)),
        }
        const nothing = !after.versions.length
        const versions = gone.map(one => one.version)
        const detail = { versions, ...(permanent && { permanent }) }
        await state.tx(
          [
            nothing
              ? { op: 'delete', coll: subjectsColl, id: subject }
              : { op: 'put', coll: subjectsColl, id: subject, doc: after },
            audit({ ...author(by), action: 'schema.delete', target: subject, detail }),
          ],
          author(by),
        )
        if (nothing) book.subjects.delete(subject)
        else book.subjects.set(subject, after)
        return versions
      }),

    /** Of a subject what counts for it, `own` if it says so itself. */
    compatibility({ subject }: { subject?: string }): { mode: CompatibilityMode; own: boolean } {
      const own = subject !== undefined && book.subjects.get(subject)?.mode !== undefined
      return { mode: subject === undefined ? book.settings.compatibility : modeOf(subject), own }
    },

    /** Of a subject, which need not have versions; null: as the registry's. */
    setCompatibility: (o: { subject: string; mode: CompatibilityMode | null; by?: string }): Promise<void> =>
      inOrder(async () => {
        const { subject, mode, by } = o
        assertSubject(subject)
        if (mode !== null) assertMode(mode)
        assertRoom(subject)
        const { mode: _, ...before } = book.subjects.get(subject) ?? { versions: [] }
        const after: StoredSubject = { ...before, ...(mode !== null && { mode }) }
        const deed = audit({ ...author(by), action: 'schema.compatibility', target: subject, detail: { mode } })
        await state.tx([{ op: 'put', coll: subjectsColl, id: subject, doc: after }, deed], author(by))
        book.subjects.set(subject, after)
      }),

    setSettings: ({ by, ...change }: Partial<RegistrySettings> & { by?: string }): Promise<RegistrySettings> =>
      inOrder(async () => {
        const next = { ...book.settings, ...change }
        assertMode(next.compatibility)
        if (next.replay !== 'offer' && next.replay !== 'start')
          throw new LoomError('SCHEMA_INVALID', `replay ${String(next.replay).slice(0, 40)}`, {
            hint: 'offer or start',
            position: 'replay',
          })
        const deed = audit({ ...author(by), action: 'schema.settings', target: 'registry', detail: { ...next } })
        await state.tx([{ op: 'put', coll: settingsColl, id: settingsId, doc: next }, deed], author(by))
        return (book.settings = next)
      }),

    /** What a schema would be told if it was registered, or against one version. Nothing is stored. */
    async check(o: NewSchema & { version?: number | 'latest' }): Promise<CompatibilityVerdict> {
      const { subject, version, ...offer } = o
      const offered = await judged(offer)
      const earlier = version === undefined ? alive(subject).toReversed() : [needVersion(subject, version)]
      const faults = await faultsOf(subject, offered, earlier)
      return { compatible: !faults.length, faults }
    },
  }

  function locate(asked: SchemaAsked): { subject: string; one: StoredVersion } | undefined {
    if ('subject' in asked) {
      const one = versionIn(asked.subject, asked.version)
      return one && { subject: asked.subject, one }
    }
    if ('id' in asked) return placeOf(asked.id)
    const [place] = (book.byFingerprint.get(asked.fingerprint.toLowerCase()) ?? []).toReversed().flatMap(id => placeOf(id) ?? [])
    return place
  }

  /** A version that a schema is, one that is not deleted first. */
  function placeOf(id: number): { subject: string; one: StoredVersion } | undefined {
    let gone: { subject: string; one: StoredVersion } | undefined
    for (const [subject, { versions }] of book.subjects)
      for (const one of versions) {
        if (one.id !== id) continue
        if (!one.deleted) return { subject, one }
        gone ??= { subject, one }
      }
    return gone
  }
}

export type SchemaRegistry = Awaited<ReturnType<typeof openSchemaRegistry>>

function assertSubject(subject: unknown): void {
  if (typeof subject === 'string' && subject && subject.length <= registryLimits.subjectChars && !/\p{Cc}/u.test(subject)) return
  throw new LoomError('SCHEMA_INVALID', `subject ${JSON.stringify(subject)?.slice(0, 60)}`, { position: 'subject' })
}

function assertMode(mode: CompatibilityMode): void {
  if (compatibilityModes.includes(mode)) return
  throw new LoomError('SCHEMA_INVALID', `compatibility ${JSON.stringify(mode)?.slice(0, 40)}`, {
    hint: `one of ${compatibilityModes.join(', ')}`,
    position: 'compatibility',
  })
}
