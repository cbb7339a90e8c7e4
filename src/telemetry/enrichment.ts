import { LoomError } from '../errors.ts'
import { enrichmentOf } from '../routing/enrichment.ts'
import { type EnrichmentRow, enrichmentFault, enrichmentTemplate } from '../routing/enrichment-row.ts'
import { toText } from '../routing/values.ts'
import { type DeviceFacts, type FactName, factNames } from './device-facts.ts'
import type { Reading } from './reading.ts'

/** What rows find their values in. */
export interface Surroundings {
  hubName?: string | undefined
  /** of the device of the reading */
  facts?: DeviceFacts | undefined
  /** The row of a table, with its key, or a variable of the flow. */
  found(from: 'table' | 'flow' | 'global', name: string, key: string | undefined): unknown
  /** the message that the reading came in */
  msg: object
}

export interface Enriched {
  reading: Reading
  /** targets that no value was found for, whatever then became of them */
  missing: string[]
  /** why the reading fails: ENRICH_MISSING, or READING_VALUES where the target lies in what is no object */
  fault?: LoomError
}

/** NODE_CONFIG naming the row, from 1, and its member. */
export function checkEnrichments(rows: readonly Partial<EnrichmentRow>[]): void {
  rows.forEach((row, i) => {
    const wrong = enrichmentFault(row)
    if (wrong)
      throw new LoomError('NODE_CONFIG', `row ${i + 1}: ${wrong} ${JSON.stringify(row[wrong])?.slice(0, 60)}`, {
        position: i + 1,
      })
  })
}

/** What has to be known of the device. */
export function factsNeeded(rows: readonly EnrichmentRow[]): FactName[] {
  const needed = new Set<FactName>()
  for (const { from, path } of rows) {
    if (factNames.includes(from as FactName)) needed.add(from as FactName)
    const ofTwin = from === 'text' ? /^\$twin\.(?:(tags)|properties\.(desired|reported))(?:\.|$)/i.exec(path) : null
    if (ofTwin) needed.add((ofTwin[1] ?? ofTwin[2])!.toLowerCase() as FactName)
  }
  return [...needed]
}

/** The key of a row for a reading; undefined if there is none, or it is no text, number or Boolean. */
export function keyOfRow({ key, keyType }: EnrichmentRow, reading: Reading, msg: object): string | undefined {
  const value = keyType === 'str' ? key : memberAt(keyType === 'msg' ? msg : reading, key)
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? String(value) : undefined
}

/** A reading with what the rows add to it, in their order; the one that is given stays as it is. */
export function enriched(reading: Reading, rows: readonly EnrichmentRow[], around: Surroundings): Enriched {
  let { values } = reading
  let properties = reading.properties
  const missing: string[] = []
  const failing: string[] = []
  for (const row of rows) {
    const { to, into } = row
    let value = valueFor(row, reading, around)
    if (into === 'properties') value = toText(value)
    if (value === undefined) {
      missing.push(to)
      if (row.missing === 'fail') failing.push(to)
      if (row.missing === 'null') value = into === 'values' ? null : 'null'
      if (row.missing === 'text') value = enrichmentTemplate(row)
      if (value === undefined) continue
    }
    if (into === 'properties') properties = { ...properties, [to]: value as string }
    else {
      const made = withMember(values, to.split('.'), value)
      if (!made)
        return {
          reading,
          missing,
          fault: new LoomError('READING_VALUES', `${to} of ${reading.device.slice(0, 100)} lies in what is no object`),
        }
      values = made
    }
  }
  const made = { ...reading, values, ...(properties && { properties }) }
  if (!failing.length) return { reading: made, missing }
  const detail = `${failing.join(', ').slice(0, 80)} of ${reading.device.slice(0, 100)}`
  return { reading: made, missing, fault: new LoomError('ENRICH_MISSING', detail) }
}

function valueFor(row: EnrichmentRow, reading: Reading, { hubName, facts, found, msg }: Surroundings): unknown {
  const { from, path, name, key } = row
  switch (from) {
    case 'text':
      return enrichmentOf(path, {
        ...(hubName !== undefined && { hubName }),
        ...(facts && { twin: { tags: facts.tags, properties: { desired: facts.desired, reported: facts.reported } } }),
      })
    case 'table':
    case 'flow':
    case 'global': {
      if (!key) return memberAt(found(from, name, undefined), path)
      const at = keyOfRow(row, reading, msg)
      return at === undefined ? undefined : memberAt(found(from, name, at), path)
    }
    default:
      return memberAt(facts?.[from], path)
  }
}

/** A member by its name, also one with dots in it, or by names joined by dots; '' is all of it. Inherited members are none. */
export function memberAt(value: unknown, path: string): unknown {
  if (path === '') return value
  const direct = ownMember(value, path)
  if (direct !== undefined || !path.includes('.')) return direct
  let at = value
  for (const name of path.split('.')) at = ownMember(at, name)
  return at
}

/** Inherited members are none. */
export const ownMember = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null && Object.hasOwn(value, name) ? (value as Record<string, unknown>)[name] : undefined

/** A copy as far as it differs; undefined where the path leads through something else than objects. */
function withMember(
  object: Record<string, unknown>,
  steps: readonly string[],
  value: unknown,
): Record<string, unknown> | undefined {
  const [name, ...rest] = steps as [string, ...string[]]
  if (!rest.length) return { ...object, [name]: value }
  const inner = ownMember(object, name) ?? {}
  if (typeof inner !== 'object' || Array.isArray(inner) || ArrayBuffer.isView(inner)) return undefined
  const made = withMember(inner as Record<string, unknown>, rest, value)
  return made && { ...object, [name]: made }
}
