import type { ServerResponse } from 'node:http'
import type { Hub } from '../../hub/hub.ts'
import type { Hubs } from '../hubs.ts'
import type { RawBody, RawFile } from './raw-body.ts'
import type { Schema } from './schema.ts'

export type Permission = 'thingloom.read' | 'thingloom.write' | 'thingloom.admin.write'

/** Where a route runs: one hub, or the runtime with all of them. */
export interface Call<Scope> {
  /** The hub, or the hubs of a route without `{hub}`. */
  on: Scope
  /** decoded path and query parameters, as their schemas say */
  args: Record<string, unknown>
  body: unknown
  /** of a route that takes one */
  file?: RawFile
  /** If-Match without quotes */
  etag?: string
  /** who asks, as the audit log shows it */
  by: string
}

export interface Answer {
  status?: number
  /** JSON body; none for 204 */
  body?: unknown
  text?: { type: string; text: string }
  /** A file to be saved under that name. */
  file?: { type: string; name: string; bytes: Uint8Array }
  /** A body that goes on until the client leaves; the returned function ends it. */
  stream?: (response: ServerResponse) => () => void
  etag?: string
}

/**
 * Another kind of JSON than ours, for clients of another API. As they expect it, Booleans of a query are taken in any case, and what is not known in it is
 * passed over.
 */
export interface JsonForm {
  /** The path below which all is of this form, also what no route takes. */
  root: string
  /** of answers */
  mediaType: string
  /** of bodies, beside plain JSON */
  types: readonly string[]
  failure(thrown: unknown): { status: number; body: unknown }
}

interface RouteOf<Scope> {
  method: 'get' | 'post' | 'put' | 'patch' | 'delete'
  /** Below the admin root, OpenAPI form. */
  path: string
  id: string
  summary: string
  permission: Permission
  query?: Readonly<Record<string, Schema>>
  body?: Schema
  /** No body is the same as `{}`. */
  bodyOptional?: boolean
  /** A body that is no JSON, in `file`. */
  raw?: RawBody
  form?: JsonForm
  /** By status: what the answer holds; a `contentType` other than JSON, `or` one that it may have instead. */
  answers: Readonly<Record<number, { description: string; schema?: Schema; contentType?: string; or?: string }>>
  /** The answer holds key material: no cache may keep it. */
  secret?: boolean
  /** Takes If-Match. */
  conditional?: boolean
  run(call: Call<Scope>): Promise<Answer>
}
export type HubRoute = RouteOf<Hub>
export type RuntimeRoute = RouteOf<Hubs>
export type Route = HubRoute | RuntimeRoute

export const isHubRoute = (route: Route): route is HubRoute => route.path.startsWith('/thingloom/{hub}/')

/** Parameters that stand in the path. */
export const pathParameters = (path: string): string[] => [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name!)

export const pathSchemas: Readonly<Record<string, Schema>> = {
  hub: { type: 'string', maxLength: 64, description: 'hub id' },
  id: { type: 'string', maxLength: 128, description: 'device id' },
  cid: { type: 'string', maxLength: 128, description: 'credential id' },
  name: { type: 'string', maxLength: 200, description: 'name of the consumer' },
  letter: { type: 'integer', minimum: 1, description: 'number of the dead letter' },
  issuer: { type: 'string', maxLength: 63, description: 'id of the token issuer' },
  ca: { type: 'string', maxLength: 128, description: 'id of the CA' },
  node: { type: 'string', maxLength: 128, description: 'id of the node' },
  model: { type: 'string', maxLength: 128, description: 'id of the device model' },
  subject: { type: 'string', maxLength: 255, description: 'subject of the schema registry' },
  version: { type: 'string', maxLength: 20, description: 'number of the version, or `latest`' },
  schema: { type: 'integer', minimum: 1, description: 'id of the schema' },
  table: { type: 'string', maxLength: 64, description: 'name of the reference table' },
  policy: { type: 'string', maxLength: 128, description: 'policy id' },
  group: { type: 'string', maxLength: 128, description: 'group id' },
  configuration: { type: 'string', maxLength: 128, description: 'id of the fleet configuration' },
  shadow: { type: 'string', maxLength: 135, description: 'name of the twin; `module:{module}` for that of a module' },
  enrolment: { type: 'string', maxLength: 128, description: 'enrolment id' },
  registration: { type: 'string', maxLength: 128, description: 'registration id' },
  template: { type: 'string', maxLength: 36, description: 'name of the template' },
  claim: { type: 'string', maxLength: 64, description: 'claim id' },
  pairing: { type: 'string', maxLength: 64, description: 'id of the pairing code, not the code' },
  list: { type: 'string', maxLength: 64, description: 'name of the list' },
  request: { type: 'string', maxLength: 256, description: 'id of what waits' },
  operation: { type: 'string', maxLength: 64, description: 'operation id' },
  run: { type: 'string', maxLength: 64, description: 'id of the operation of a command' },
  method: { type: 'string', maxLength: 64, description: 'name of the method' },
}

export const paging = {
  limit: { type: 'integer', minimum: 1, maximum: 1000, description: 'items a page, default 100' },
  cursor: { type: 'string', maxLength: 4096, description: '`next` of the page before' },
} as const satisfies Record<string, Schema>

/** The page that the query asks for. */
export const pageAsked = ({ limit, cursor }: Record<string, unknown>): { limit?: number; cursor?: string } => ({
  ...(limit !== undefined && { limit: limit as number }),
  ...(cursor !== undefined && { cursor: cursor as string }),
})
