import type { NamedSchema, SchemaRule } from '../codec/registry/choose-schema.ts'
import { schemaRuleKinds } from '../codec/registry/choose-schema.ts'
import { type CompatibilityMode, compatibilityModes } from '../codec/registry/compatibility.ts'
import { versionNumberOf } from '../codec/registry/registered-schema.ts'
import { versionRange } from '../codec/registry/version-range.ts'
import { LoomError } from '../errors.ts'
import type { Hub } from '../hub/hub.ts'
import type { SchemaSourceOptions } from './schema-source.ts'

/** What the fields of a config node hold, which also come from files that nobody checked. */
export interface SchemaFields {
  rules?: readonly { kind: string; match: string; subject: string; version?: string; message?: string }[]
  subject?: string
  version?: string
  message?: string
  reader?: string
  readerSubject?: string
  readerVersion?: string
  firmwarePath?: string
}

const invalid = (detail: string, hint: string): LoomError => new LoomError('NODE_CONFIG', detail, { hint })

/** NODE_CONFIG with the rule and what is wrong with it. */
export function schemaSettings(fields: SchemaFields): SchemaSourceOptions {
  const { rules = [], subject = '', reader = 'latest', readerSubject = '', firmwarePath } = fields
  const named = { subject, ...versionOf(fields.version, 'version'), ...(fields.message && { message: fields.message }) }
  if (!['latest', 'writer', 'pinned'].includes(reader)) throw invalid(`reader ${reader.slice(0, 40)}`, 'latest, writer or pinned')
  if (reader === 'pinned' && !readerSubject) throw invalid('reader', 'name the subject that it is pinned to')
  return {
    rules: rules.map((rule, i) => ruleOf(rule, `rule ${i + 1}`)),
    ...(subject && { fallback: named }),
    reader:
      reader === 'pinned'
        ? { subject: readerSubject, ...versionOf(fields.readerVersion, 'version of the reader') }
        : (reader as 'latest' | 'writer'),
    firmwarePath: firmwarePath || 'firmware',
  }
}

function ruleOf(
  { kind, match, subject, version, message }: NonNullable<SchemaFields['rules']>[number],
  where: string,
): SchemaRule {
  const known = schemaRuleKinds.find(one => one === kind)
  if (!known) throw invalid(`${where}: ${String(kind).slice(0, 40)}`, `one of ${schemaRuleKinds.join(', ')}`)
  if (!match || !subject) throw invalid(where, 'it needs what it is for, and a subject')
  if (known === 'firmware' && !versionRange(match))
    throw invalid(`${where}: ${match.slice(0, 60)}`, 'a range of versions, such as >=2.0.0 <3.0.0')
  return { kind: known, match, subject, ...versionOf(version, where), ...(message && { message }) }
}

function versionOf(version: string | undefined, where: string): Pick<NamedSchema, 'version'> {
  if (!version) return {}
  const known = versionNumberOf(version)
  if (known !== undefined) return { version: known }
  throw invalid(`${where}: version ${version.slice(0, 20)}`, 'a number from 1 on, or nothing for the latest')
}

/** Gives the subjects that the settings name their mode; `hub` leaves them as they are. */
export async function setCompatibilities(
  hub: () => Promise<Hub>,
  { rules, fallback, mode, by }: Pick<SchemaSourceOptions, 'rules' | 'fallback'> & { mode?: string; by: string },
): Promise<void> {
  if (mode === undefined || mode === 'hub') return
  const wanted = compatibilityModes.find(one => one === mode)
  if (!wanted) throw invalid(`compatibility ${mode.slice(0, 40)}`, `hub or one of ${compatibilityModes.join(', ')}`)
  const { schemas } = await hub()
  for (const subject of new Set([...rules, ...(fallback ? [fallback] : [])].map(({ subject }) => subject))) {
    const now = await schemas.compatibility({ subject })
    if (!now.own || now.mode !== wanted) await schemas.setCompatibility({ subject, mode: wanted as CompatibilityMode, by })
  }
}
