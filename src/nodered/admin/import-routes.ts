import { LoomError } from '../../errors.ts'
import type { BulkOperation } from '../../provisioning/bulk-port.ts'
import { type HubRoute, pageAsked, paging } from './route.ts'
import { pageOf, refTo } from './shapes.ts'

/** 64 MiB: some hundred thousand rows. */
const maxFileBytes = 64 * 1024 ** 2
const formats: Readonly<Record<string, 'csv' | 'jsonl'>> = {
  'text/csv': 'csv',
  'application/x-ndjson': 'jsonl',
  'application/jsonl': 'jsonl',
}
const raw = { types: Object.keys(formats), maxBytes: maxFileBytes }

/** Many devices in one go. */
export const importRoutes: HubRoute[] = [
  {
    method: 'post',
    path: '/thingloom/{hub}/devices/import',
    id: 'importDevices',
    summary: 'Starts an import from CSV with a header, or from JSON lines; a wrong row stops no other',
    permission: 'thingloom.admin.write',
    query: {
      op: { type: 'string', enum: ['create', 'upsert', 'delete'], description: 'default upsert' },
      dryRun: { type: 'boolean', description: 'says what would become of the rows, and writes nothing' },
    },
    raw,
    answers: { 202: { description: 'the operation, to be asked about', schema: refTo('Import') } },
    run: async ({ on: hub, args, file, by }) => {
      const { op, dryRun } = args as { op?: BulkOperation; dryRun?: boolean }
      const { type, text } = file!
      const started = await hub.imports.start({ text, format: formats[type]!, by, ...(op && { op }), ...(dryRun && { dryRun }) })
      return { status: 202, body: started }
    },
  },
  {
    method: 'get',
    path: '/thingloom/{hub}/operations',
    id: 'listOperations',
    summary: 'Imports, newest first',
    permission: 'thingloom.read',
    query: paging,
    answers: { 200: { description: 'a page', schema: pageOf(refTo('Import')) } },
    run: async ({ on: hub, args }) => ({ body: await hub.imports.list(pageAsked(args)) }),
  },
  {
    method: 'get',
    path: '/thingloom/{hub}/operations/{operation}',
    id: 'getOperation',
    summary: 'How far an import is',
    permission: 'thingloom.read',
    answers: { 200: { description: 'the operation', schema: refTo('Import') } },
    run: async ({ on: hub, args }) => {
      const found = await hub.imports.get({ id: args.operation as string })
      if (!found) throw new LoomError('NOT_FOUND', `operation ${args.operation as string}`)
      return { body: found }
    },
  },
  {
    method: 'post',
    path: '/thingloom/{hub}/operations/{operation}/cancel',
    id: 'cancelOperation',
    summary: 'Asks an import to stop; what is done stays done',
    permission: 'thingloom.admin.write',
    answers: { 204: { description: 'asked' } },
    run: async ({ on: hub, args, by }) => {
      await hub.imports.cancel({ id: args.operation as string, by })
      return { status: 204 }
    },
  },
  {
    method: 'post',
    path: '/thingloom/{hub}/operations/{operation}/resume',
    id: 'resumeOperation',
    summary: 'Goes on with an import after a stop or crash; the same file again',
    permission: 'thingloom.admin.write',
    raw,
    answers: { 202: { description: 'the operation', schema: refTo('Import') } },
    run: async ({ on: hub, args, file, by }) => ({
      status: 202,
      body: await hub.imports.resume({ id: args.operation as string, text: file!.text, by }),
    }),
  },
  {
    method: 'get',
    path: '/thingloom/{hub}/operations/{operation}/report',
    id: 'getReport',
    summary: 'What became of each row, CSV; kept ten minutes after the end',
    permission: 'thingloom.read',
    answers: { 200: { description: 'a line a row', contentType: 'text/csv' } },
    run: async ({ on: hub, args }) => {
      const { csv } = await hub.imports.report({ id: args.operation as string })
      return { text: { type: 'text/csv; charset=utf-8', text: csv } }
    },
  },
  {
    method: 'post',
    path: '/thingloom/{hub}/operations/{operation}/secrets',
    id: 'takeSecrets',
    summary: 'Key material that the import made, JSON lines; each is given out once',
    permission: 'thingloom.admin.write',
    answers: { 200: { description: 'a line a device', contentType: 'application/x-ndjson' } },
    secret: true,
    run: async ({ on: hub, args, by }) => {
      const { lines } = await hub.imports.secrets({ id: args.operation as string, by })
      return { text: { type: 'application/x-ndjson; charset=utf-8', text: lines } }
    },
  },
]
