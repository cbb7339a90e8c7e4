import { aggregator, type FleetRow } from '../topology/fleet-query/aggregate.ts'
import { type FleetQuery, limitFault, syntaxFault } from '../topology/fleet-query/ast.ts'
import { compileQuery, type FleetMemberships } from '../topology/fleet-query/compile.ts'
import { getterOf } from '../topology/fleet-query/fields.ts'
import { pathsOfQuery } from '../topology/fleet-query/parse-query.ts'
import type { FleetDoc } from '../topology/fleet-doc.ts'
import type { FleetIndex } from '../topology/fleet-index.ts'

export interface Asked {
  limit?: number
  cursor?: string
}

/** Devices that hold a condition, by id, behind the cursor. QUERY_LIMIT, QUERY_SYNTAX. */
export async function pageOfDevices(
  index: FleetIndex,
  holds: (doc: FleetDoc) => boolean,
  { limit = 100, cursor }: Asked,
  top?: number,
): Promise<{ items: FleetDoc[]; next?: string }> {
  if (!Number.isInteger(limit) || limit < 1 || limit > 1000) throw limitFault(`limit ${String(limit)}: it is 1 to 1000`, 'limit')
  const from = cursor === undefined ? undefined : placeOf(cursor)
  const left = from?.left ?? top
  const wanted = Math.min(limit, left ?? limit)
  const items: FleetDoc[] = []
  let more = false as boolean
  await index.scan(doc => {
    if (!holds(doc)) return true
    more = items.length === wanted
    if (!more) items.push(doc)
    return !more
  }, from?.id)
  const still = left === undefined ? undefined : left - items.length
  return { items, ...(more && still !== 0 && { next: cursorOf(items.at(-1)!.id, still) }) }
}

/** Rows of a query, whatever it asks for. */
export async function rowsOf(
  index: FleetIndex,
  query: FleetQuery,
  memberships: FleetMemberships,
  asked: Asked,
): Promise<{ items: FleetRow[]; next?: string }> {
  index.check(pathsOfQuery(query))
  const holds = compileQuery(query.where, memberships)
  if (query.aggregate) {
    const figures = aggregator(query.aggregate)
    await index.scan(doc => void (holds(doc) && figures.add(doc)))
    return { items: figures.rows().slice(0, query.top) }
  }
  const { items, next } = await pageOfDevices(index, holds, asked, query.top)
  const columns = query.select?.map(({ name, path }) => ({ name, get: getterOf(path) }))
  const rows = items.map(doc => (columns ? columnsOf(doc, columns) : wholeOf(doc)))
  // What is held must not be changed by who asked in the same thread.
  return { items: structuredClone(rows), ...(next !== undefined && { next }) }
}

const columnsOf = (doc: FleetDoc, columns: readonly { name: string; get(doc: object): unknown }[]): FleetRow =>
  Object.fromEntries(
    columns.flatMap(({ name, get }): [string, unknown][] => {
      const value = get(doc)
      return value === undefined ? [] : [[name, value]]
    }),
  )

function wholeOf({ twin, shadows, ...doc }: FleetDoc): FleetRow {
  const { etag: _, ...main } = twin
  const named = Object.entries<FleetDoc['twin']>(shadows).map(([name, { etag: _, ...shadow }]) => [name, shadow])
  return { ...doc, twin: main, shadows: Object.fromEntries(named) }
}

const cursorOf = (id: string, left: number | undefined): string => Buffer.from(`${left ?? ''}|${id}`).toString('base64url')

function placeOf(cursor: string): { id: string; left?: number } {
  const [, left = '', id] = /^(\d*)\|([\s\S]+)$/.exec(Buffer.from(String(cursor), 'base64url').toString()) ?? []
  if (id === undefined) throw syntaxFault('the cursor is none of a fleet query', 'cursor')
  return { id, ...(left && { left: Number(left) }) }
}
