import { LoomError } from '../../errors.ts'
import { type ConditionSource, conditionSources } from '../../routing/rule-text.ts'
import type { RuleRow } from '../../routing/rule-row.ts'

const most = 20_000
const longestName = 128

/** A rule as messages and the admin API give it. `output` counts from 1. */
interface Given {
  id?: unknown
  name?: unknown
  enabled?: unknown
  language?: unknown
  text?: unknown
  sql?: unknown
  condition?: unknown
  source?: unknown
  topicTemplate?: unknown
  output?: unknown
}

export interface HotRules {
  rows: RuleRow[]
  /** By row id, of those that name one, from 0. */
  outputs: Map<string, number>
}

/** Rules that come while the node runs, in the place of those it has. A known id or name keeps its row and so its output. NODE_CONFIG; texts are not read yet. */
export function hotRulesOf(given: unknown, before: readonly RuleRow[]): HotRules {
  if (!Array.isArray(given)) throw invalid('rules', 'is not a list')
  if (given.length > most) throw invalid('rules', `has ${given.length} entries, at most ${most}`)
  const byName = new Map(before.map(row => [row.name, row.id]))
  const outputs = new Map<string, number>()
  const ids = new Set<string>()
  const rows = given.map((each: unknown, i) => {
    const row = rowOf(each, `rules[${i}]`, byName)
    if (ids.has(row.id)) throw invalid(`rules[${i}]`, `is the second ${row.id.slice(0, 60)}`)
    ids.add(row.id)
    const { output } = each as Given
    if (output === undefined) return row
    if (!Number.isInteger(output) || (output as number) < 1) throw invalid(`rules[${i}].output`, 'is no whole number from 1')
    outputs.set(row.id, (output as number) - 1)
    return row
  })
  return { rows, outputs }
}

/** Rules as a flow file holds them, which may be of any age and origin; without a name they have that of their id. NODE_CONFIG. */
export function savedRulesOf(saved: unknown): RuleRow[] {
  const rows = (Array.isArray(saved) ? saved : []) as (Given | null)[]
  return hotRulesOf(
    rows.map(row => ({ ...row, name: row?.name || row?.id, output: undefined })),
    [],
  ).rows
}

function rowOf(given: unknown, place: string, byName: ReadonlyMap<string, string>): RuleRow {
  if (typeof given !== 'object' || given === null) throw invalid(place, 'is no rule')
  const { id, name = id, enabled = true, sql, condition, source, topicTemplate } = given as Given
  const { language = condition === undefined ? 'sql' : 'condition', text = language === 'sql' ? sql : condition } = given as Given
  if (!isName(name)) throw invalid(`${place}.name`, `is no text of 1 to ${longestName} characters`)
  if (id !== undefined && !isName(id)) throw invalid(`${place}.id`, `is no text of 1 to ${longestName} characters`)
  if (language !== 'sql' && language !== 'condition') throw invalid(`${place}.language`, 'is neither sql nor condition')
  if (typeof text !== 'string') throw invalid(`${place}.text`, 'is no text')
  if (source && !conditionSources.includes(source as ConditionSource))
    throw invalid(`${place}.source`, `is none of ${conditionSources.join(', ')}`)
  if (topicTemplate !== undefined && typeof topicTemplate !== 'string') throw invalid(`${place}.topicTemplate`, 'is no text')
  return {
    id: id ?? byName.get(name) ?? name,
    name,
    enabled: enabled !== false,
    language,
    text,
    ...(source ? { source: source as ConditionSource } : {}),
    ...(topicTemplate ? { topicTemplate } : {}),
  }
}

const isName = (value: unknown): value is string => typeof value === 'string' && value !== '' && value.length <= longestName

const invalid = (place: string, what: string): LoomError =>
  new LoomError('NODE_CONFIG', `${place} ${what}`, {
    position: place,
    hint: 'such as [{"name": "hot", "sql": "SELECT * WHERE t > 30"}]',
  })
