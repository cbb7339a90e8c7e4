import { readAggregation } from './aggregate.ts'
import { type FleetCondition, type FleetDialect, type FleetPath, type FleetQuery, fleetDialects, syntaxFault } from './ast.ts'
import { parseAwsQuery } from './aws.ts'
import { parseAzureQuery } from './azure.ts'
import { pathsOf } from './compile.ts'
import { sourceOf } from './fields.ts'
import { readCondition } from './json.ts'

export interface FleetQueryText {
  /** default `json` for an `ast`, else `aws` */
  dialect?: FleetDialect
  text?: string
  /** a condition as JSON, instead of the text */
  ast?: unknown
}

/** QUERY_SYNTAX, QUERY_LIMIT; `position` is an offset in the text, or a place in the JSON. */
export function parseQuery({ dialect, text, ast }: FleetQueryText, aggregate?: unknown): FleetQuery {
  const query = queryOf(dialect ?? (ast === undefined ? 'aws' : 'json'), text, ast)
  if (aggregate === undefined) return query
  if (query.aggregate) throw syntaxFault('figures are in the text and beside it', 'aggregate')
  return { where: query.where, aggregate: readAggregation(aggregate) }
}

function queryOf(dialect: FleetDialect, text: unknown, ast: unknown): FleetQuery {
  if (!fleetDialects.includes(dialect))
    throw syntaxFault(`no dialect ${String(dialect).slice(0, 40)}`, 'dialect', `one of ${fleetDialects.join(', ')}`)
  if (dialect === 'json') return { where: readCondition(ast ?? jsonOf(text)) }
  if (typeof text !== 'string') throw syntaxFault('a text is expected', 'text')
  return dialect === 'aws' ? { where: parseAwsQuery(text) } : parseAzureQuery(text)
}

function jsonOf(text: unknown): unknown {
  if (text === undefined || text === '') return undefined
  try {
    return JSON.parse(String(text))
  } catch (error) {
    throw syntaxFault(`no JSON: ${(error as Error).message.slice(0, 100)}`, 0)
  }
}

/** The condition alone, as a group keeps it. QUERY_SYNTAX if it asks for figures or columns. */
export function parseCondition(query: FleetQueryText): FleetCondition {
  const { where, select, aggregate, top } = parseQuery(query)
  if (select || aggregate || top !== undefined)
    throw syntaxFault('a group takes whole devices', 0, 'SELECT * FROM devices WHERE ..')
  return where
}

/** All that is read of a device to answer. */
export function pathsOfQuery({ where, select = [], aggregate }: FleetQuery): FleetPath[] {
  const columns = [...select, ...(aggregate?.group ?? []), ...(aggregate?.figures ?? [])]
  return [...pathsOf(where), ...columns.flatMap(({ path }) => (path ? [sourceOf(path)] : []))]
}
