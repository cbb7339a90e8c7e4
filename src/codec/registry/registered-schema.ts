import type { Fingerprints } from '../avro/avro-canonical.ts'
import type { SchemaType } from '../schema-text.ts'
import type { CompatibilityMode, Incompatibility } from './compatibility.ts'

export const registryLimits = {
  /** schemas, however many versions of subjects they are; none is ever forgotten */
  schemas: 10_000,
  subjects: 10_000,
  versionsOfSubject: 1000,
  /** of one schema, with those that they need */
  references: 100,
  subjectChars: 255,
} as const

/** What a schema imports or names: another, under the name by which its text knows it. */
export interface SchemaReference {
  name: string
  subject: string
  version: number
}

export interface NewSchema {
  subject: string
  schema: string
  /** default AVRO */
  type?: SchemaType
  references?: readonly SchemaReference[]
}

/** One version of a subject. Versions do not change; a deleted one is still found by its id and fingerprints. */
export interface SchemaVersion {
  /** of the schema, the same in every subject */
  id: number
  subject: string
  /** 1, 2, .. */
  version: number
  type: SchemaType
  schema: string
  references: SchemaReference[]
  fingerprints: Fingerprints
  /** epoch ms */
  createdAt: number
  by?: string
  deleted?: true
}

/** With the texts that it refers to, those first that others need: what a codec wants to know. */
export interface SchemaDetail extends SchemaVersion {
  texts: { name: string; schema: string }[]
}

/** A version as a text says it; undefined if it is none. */
export const versionNumberOf = (text: string | undefined): number | undefined =>
  text !== undefined && /^[1-9]\d{0,8}$/.test(text) ? Number(text) : undefined

export interface SubjectView {
  subject: string
  type: SchemaType
  versions: number[]
  /** its own mode, if it has one */
  compatibility?: CompatibilityMode
}

/** Which schema: by id, by a fingerprint in hexadecimal, or a version of a subject, by default the latest. */
export type SchemaAsked = { id: number } | { fingerprint: string } | { subject: string; version?: number | 'latest' }

export interface CompatibilityVerdict {
  compatible: boolean
  faults: Incompatibility[]
}
