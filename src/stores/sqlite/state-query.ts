import type { Plan, PlannedCondition } from '../../storage/query.ts'
import { expressionOf, tableOf } from './state-schema.ts'

type Value = string | number

/** SELECT of a planned query: rows `{id, ver, doc, k}`, k being the value ordered by, one row more than the page. */
export function selectOf(coll: string, plan: Plan): { sql: string; values: Value[] } {
  const by = expressionOf(plan.by)
  const values: Value[] = []
  const conditions = plan.where.map(condition => conditionOf(condition, values))
  if (plan.after) conditions.push(afterOf(plan, by, plan.after, values))
  const direction = plan.desc ? ' DESC' : ''
  const order = plan.by === 'id' ? `id${direction}` : `${by}${direction}, id${direction}`
  const where = conditions.length ? `WHERE ${conditions.join(' AND ')}` : ''
  values.push(plan.limit + 1)
  return { sql: `SELECT id, ver, doc, ${by} AS k FROM ${tableOf(coll)} ${where} ORDER BY ${order} LIMIT ?`, values }
}

/** SQLite puts every number below every text; a comparison must hold within the operand's type only. '' is the least text. */
function conditionOf({ path, op, value, end }: PlannedCondition, values: Value[]): string {
  const x = expressionOf(path)
  if (op === 'in') {
    values.push(JSON.stringify(value))
    return `${x} IN (SELECT value FROM json_each(?))`
  }
  values.push(value as Value)
  if (op === 'prefix') {
    if (end === undefined) return `${x} >= ?`
    values.push(end)
    return `${x} >= ? AND ${x} < ?`
  }
  if (op.startsWith('>') && typeof value === 'number') return `${x} ${op} ? AND ${x} < ''`
  if (op.startsWith('<') && typeof value === 'string') return `${x} ${op} ? AND ${x} >= ''`
  return `${x} ${op} ?`
}

function afterOf({ by: path, desc }: Plan, by: string, { key, id }: NonNullable<Plan['after']>, values: Value[]): string {
  if (path === 'id' || key === null) {
    values.push(id)
    if (path === 'id') return desc ? 'id < ?' : 'id > ?'
    return desc ? `(${by} IS NULL AND id < ?)` : `(${by} IS NOT NULL OR id > ?)`
  }
  values.push(key, key, id)
  return desc ? `(${by} IS NULL OR ${by} < ? OR (${by} = ? AND id < ?))` : `${by} >= ? AND (${by} > ? OR id > ?)`
}
