import { validVersion } from '../../src/fields/codec-fields.ts'

export const type = 'loom-schema'

export interface SchemaRuleField {
  kind: 'topic' | 'firmware' | 'model'
  match: string
  subject: string
  /** empty: the latest */
  version: string
  /** of Protobuf; empty: the first */
  message: string
}

export interface SchemaConfig {
  name: string
  hub: string
  rules: SchemaRuleField[]
  /** of messages that no rule is for; empty: none */
  subject: string
  version: string
  message: string
  reader: 'latest' | 'writer' | 'pinned'
  readerSubject: string
  readerVersion: string
  /** `hub`: as the registry has it */
  compatibility: 'hub' | (typeof modes)[number]
  firmwarePath: string
}

export const modes = [
  'BACKWARD',
  'BACKWARD_TRANSITIVE',
  'FORWARD',
  'FORWARD_TRANSITIVE',
  'FULL',
  'FULL_TRANSITIVE',
  'NONE',
] as const

export const validRules = (rules: Partial<SchemaRuleField>[] | undefined): boolean =>
  (rules ?? []).every(
    ({ kind, match, subject, version }) =>
      ['topic', 'firmware', 'model'].includes(kind ?? '') && Boolean(match && subject) && validVersion(version),
  )
