export const enrichmentSources = [
  'tags',
  'attributes',
  'desired',
  'reported',
  'groups',
  'gateway',
  'table',
  'flow',
  'global',
  'text',
] as const
export type EnrichmentSource = (typeof enrichmentSources)[number]
export const enrichmentKeys = ['reading', 'msg', 'str'] as const
export const missingPolicies = ['omit', 'null', 'text', 'fail'] as const

/** What one value of a reading is made of. Paths are names joined by dots. */
export interface EnrichmentRow {
  /** path in the values; as one name in the properties */
  to: string
  /** Properties are texts, as Azure writes them; values keep their type. */
  into: 'values' | 'properties'
  from: EnrichmentSource
  /** where the value stands in what was found, '' for all of it; of `text` the text itself, `$iothubname` or `$twin.` and a path */
  path: string
  /** of the table, or of the variable of `flow` and `global` */
  name: string
  /** The member of the table, or of the variable unless it is '': a path in the reading (`device`, `values.site`) or in the message, or the key itself. */
  key: string
  keyType: (typeof enrichmentKeys)[number]
  /** When there is no value: nothing, null, the text of the template as Azure does, or the reading fails. */
  missing: (typeof missingPolicies)[number]
}

const named: ReadonlySet<string> = new Set(['table', 'flow', 'global'])

/** The member of a row that cannot be used, for the editor and at run time alike. */
export function enrichmentFault(row: Partial<EnrichmentRow>): keyof EnrichmentRow | undefined {
  const { to, into, from, path, name, key, keyType, missing } = row
  if (typeof to !== 'string' || !to.trim() || (into === 'values' && to.split('.').includes(''))) return 'to'
  if (into !== 'values' && into !== 'properties') return 'into'
  if (!from || !enrichmentSources.includes(from)) return 'from'
  if (typeof path !== 'string' || (from === 'text' && path === '')) return 'path'
  if (named.has(from) && !name) return 'name'
  if (from === 'table' && !key) return 'key'
  if (named.has(from) && key && !enrichmentKeys.includes(keyType as never)) return 'keyType'
  return missing && missingPolicies.includes(missing) ? undefined : 'missing'
}

/** The text that stands for a value that there is not: of `text` the text itself, as Azure does; of others in the same form. */
export function enrichmentTemplate({ from, path, name }: EnrichmentRow): string {
  const at = path ? `.${path}` : ''
  switch (from) {
    case 'text':
      return path
    case 'tags':
      return `$twin.tags${at}`
    case 'desired':
    case 'reported':
      return `$twin.properties.${from}${at}`
    case 'table':
    case 'flow':
    case 'global':
      return `$${from}.${name}${at}`
    default:
      return `$${from}${at}`
  }
}
