import type { CompatibilityMode } from '../codec/registry/compatibility.ts'
import type { Deletion } from '../codec/registry/deletion.ts'
import type {
  CompatibilityVerdict,
  NewSchema,
  SchemaAsked,
  SchemaDetail,
  SchemaVersion,
  SubjectView,
} from '../codec/registry/registered-schema.ts'
import type { RegistrySettings } from '../codec/registry/registry-book.ts'
import type { SchemaType } from '../codec/schema-text.ts'
import type { Fingerprints } from '../codec/avro/avro-canonical.ts'

export type SchemaEvent = NewVersionEvent | UnknownSchemaEvent

/** A payload names a schema that nobody has registered; once an hour for each fingerprint or `id:n`. */
interface UnknownSchemaEvent {
  type: 'schema-unknown'
  at: number
  key: string
  device: string
  topic: string
}

/** A version of a subject that was not there before. */
interface NewVersionEvent {
  type: 'schema'
  at: number
  subject: string
  version: number
  id: number
  schemaType: SchemaType
  fingerprints: Fingerprints
  /** Dead letters that waited for this schema and are on their way again; of the setting `start`. */
  replayed?: number
}

/** The registry of schemas. SCHEMA_NOT_FOUND, SCHEMA_INVALID, SCHEMA_LIMIT; CODEC_UNAVAILABLE without the package of a format. */
export interface SchemasApi {
  /** The same schema again is no change and answers the version that it is. SCHEMA_INCOMPATIBLE with path and reason. */
  register(o: NewSchema & { by?: string }): Promise<SchemaVersion>
  /** With the texts of what it refers to. Those that were deleted are found by id and fingerprint. */
  get(o: SchemaAsked): Promise<SchemaDetail | undefined>
  /** The version of the subject that the schema is. */
  find(o: NewSchema): Promise<SchemaVersion | undefined>
  /** Subjects by name. */
  list(o: { prefix?: string; limit?: number; cursor?: string }): Promise<{ items: SubjectView[]; next?: string }>
  /**
   * One version or all of them; answers which. SCHEMA_DELETED of what is deleted already; with `permanent` SCHEMA_NOT_DELETED of what is not, and SCHEMA_REFERENCED. `position`:
   * whether it is the `subject` or the `version`.
   */
  delete(o: Deletion & { by?: string }): Promise<{ versions: number[] }>
  /** What counts for a subject, or for all that have nothing of their own. */
  compatibility(o: { subject?: string }): Promise<{ mode: CompatibilityMode; own: boolean }>
  /** null: as all others. */
  setCompatibility(o: { subject: string; mode: CompatibilityMode | null; by?: string }): Promise<void>
  /** Whether it could be registered, or how it stands to one version; nothing is stored. */
  check(o: NewSchema & { version?: number | 'latest' }): Promise<CompatibilityVerdict>
  settings(o: Record<string, never>): Promise<RegistrySettings>
  setSettings(o: Partial<RegistrySettings> & { by?: string }): Promise<RegistrySettings>
}
