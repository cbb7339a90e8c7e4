import type { ReferenceView } from '../../hub/hub.ts'
import { referenceLimits } from '../../storage/reference-table.ts'
import { keyColumn, newTable, oneTable, rowsFound, tableKeys } from './reference-schemas.ts'
import { type HubRoute, pageAsked, paging } from './route.ts'
import { pageOf, refTo, textTo } from './shapes.ts'

const read = 'thingloom.read'
const write = 'thingloom.write'
const formats: Readonly<Record<string, 'csv' | 'jsonl'>> = {
  'text/csv': 'csv',
  'application/x-ndjson': 'jsonl',
  'application/jsonl': 'jsonl',
}
const keyed = (given: unknown): { key?: string } => (given === undefined ? {} : { key: given as string })

/** Reference tables: what readings are enriched with, and rules look up. */
export const referenceRoutes: HubRoute[] = [
  {
    method: 'get',
    path: '/thingloom/{hub}/reference',
    id: 'listReferenceTables',
    summary: 'Reference tables by name',
    permission: read,
    query: { prefix: textTo(64), ...paging },
    answers: { 200: { description: 'a page', schema: pageOf(refTo('ReferenceTable')) } },
    run: async ({ on: hub, args }) => {
      const { prefix } = args as { prefix?: string }
      return { body: await hub.reference.list({ ...(prefix !== undefined && { prefix }), ...pageAsked(args) }) }
    },
  },
  {
    method: 'post',
    path: '/thingloom/{hub}/reference',
    id: 'putReferenceTable',
    summary: 'Puts a reference table of rows, or of a SQLite file in the data folder; one of that name is replaced at once',
    permission: write,
    body: newTable,
    answers: { 201: oneTable },
    run: async ({ on: hub, body, by }) => {
      const { name, key, rows, sqlite } = body as { name: string; key?: string; rows?: unknown; sqlite?: ReferenceView['sqlite'] }
      const given = sqlite ? { sqlite } : { rows }
      return { status: 201, body: await hub.reference.put({ name, by, ...keyed(key), ...given }) }
    },
  },
  {
    method: 'get',
    path: '/thingloom/{hub}/reference/{table}',
    id: 'getReferenceTable',
    summary: 'A reference table, without its rows',
    permission: read,
    answers: { 200: oneTable },
    run: async ({ on: hub, args }) => ({ body: await hub.reference.get({ name: args.table as string }) }),
  },
  {
    method: 'put',
    path: '/thingloom/{hub}/reference/{table}',
    id: 'putReferenceRows',
    summary: 'Puts a reference table from CSV with a header, or from JSON lines; one of that name is replaced at once',
    permission: write,
    query: { key: keyColumn },
    raw: { types: Object.keys(formats), maxBytes: 2 * referenceLimits.bytes },
    answers: { 200: oneTable },
    run: async ({ on: hub, args, file, by }) => {
      const { type, text } = file!
      const rows = { text, format: formats[type]! }
      return { body: await hub.reference.put({ name: args.table as string, by, ...keyed(args.key), ...rows }) }
    },
  },
  {
    method: 'delete',
    path: '/thingloom/{hub}/reference/{table}',
    id: 'deleteReferenceTable',
    summary: 'Removes a reference table; a SQLite file stays',
    permission: write,
    answers: { 204: { description: 'deleted' } },
    run: async ({ on: hub, args, by }) => {
      await hub.reference.delete({ name: args.table as string, by })
      return { status: 204 }
    },
  },
  {
    method: 'post',
    path: '/thingloom/{hub}/reference/{table}/lookup',
    id: 'lookUpReference',
    summary: 'Rows of a reference table by their keys; keys without a row are not in the answer',
    permission: read,
    body: tableKeys,
    answers: { 200: rowsFound },
    run: async ({ on: hub, args, body }) => {
      const { keys } = body as { keys: string[] }
      return { body: await hub.reference.lookup({ table: args.table as string, keys }) }
    },
  },
]
