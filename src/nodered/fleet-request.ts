import { LoomError } from '../errors.ts'
import { type FleetDialect, fleetDialects } from '../topology/fleet-query/ast.ts'

export interface FleetRequest {
  dialect: FleetDialect
  limit: number
  cursor?: string
  text?: string
  ast?: object
}

/** The settings of a node, with what `msg.query` says in their place. NODE_CONFIG. */
export function fleetRequestOf(o: { dialect: FleetDialect; limit: number; given: unknown; asked: unknown }): FleetRequest {
  const asked = typeof o.asked === 'object' && o.asked !== null ? (o.asked as Record<string, unknown>) : {}
  const question = questionOf(o.dialect, asked.ast ?? asked.text ?? o.given, asked.dialect)
  const { limit = o.limit, cursor } = asked
  if (!Number.isInteger(limit) || Number(limit) < 1 || Number(limit) > 1000)
    throw new LoomError('NODE_CONFIG', `limit ${String(limit).slice(0, 40)}`, { hint: 'it is 1 to 1000' })
  if (cursor !== undefined && typeof cursor !== 'string')
    throw new LoomError('NODE_CONFIG', 'cursor is no text', { hint: 'pass msg.query.next of the page before' })
  return { ...question, limit: Number(limit), ...(cursor !== undefined && { cursor }) }
}

/** A text is of the dialect that is set or asked for; an object is a condition as JSON, whatever is set. NODE_CONFIG. */
export function questionOf(
  set: FleetDialect,
  query: unknown,
  asked: unknown = undefined,
): Pick<FleetRequest, 'dialect' | 'text' | 'ast'> {
  if (typeof query === 'object' && query !== null) return { dialect: 'json', ast: query }
  const dialect = fleetDialects.find(one => one === (asked ?? set))
  if (!dialect)
    throw new LoomError('NODE_CONFIG', `dialect ${String(asked ?? set).slice(0, 40)}`, {
      hint: `one of ${fleetDialects.join(', ')}`,
    })
  if (typeof query === 'string' && query.trim()) return { dialect, text: query }
  throw new LoomError('NODE_CONFIG', `the query is ${query === '' ? 'empty' : typeof query}`, {
    hint: 'a text such as thingName:pump*, or a condition as an object',
  })
}
