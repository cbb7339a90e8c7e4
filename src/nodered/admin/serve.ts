import type { Server } from 'node:http'
import { createRequire } from 'node:module'
import type { Request, RequestHandler, Response, Router } from 'express'
import type { NodeAPI } from 'node-red'
import { LoomError } from '../../errors.ts'
import { sharedRoot } from '../http-roots.ts'
import type { Hubs } from '../hubs.ts'
import { actorOf } from './actor.ts'
import { keepBodies, refuseRepeated, refuseRepeatedIn } from './body-text.ts'
import { fail, parserFailure } from './failure.ts'
import { noRoute } from './no-route.ts'
import { rawBodyOf } from './raw-body.ts'
import { openapiOf } from './openapi.ts'
import { type Answer, isHubRoute, pathParameters, pathSchemas, type Route } from './route.ts'
import { routes } from './routes.ts'
import { check, parameterOf } from './schema.ts'

const maxBodyBytes = 262_144
const { version } = createRequire(import.meta.url)('@thingloom/node-red-iot/package.json') as { version: string }
const served = new WeakSet<object>()

/** Puts the admin API on the editor's server. Without one (`httpAdminRoot: false`) says so once. */
export function serveAdmin(RED: NodeAPI, hubs: Hubs): void {
  if ((RED.settings as { httpAdminRoot?: string | false }).httpAdminRoot === false || !RED.httpAdmin?.use) {
    RED.log.info('[thingloom] httpAdminRoot is off: no admin API')
    return
  }
  if (served.has(RED.httpAdmin)) return
  served.add(RED.httpAdmin)
  const server = RED.server as Server | undefined
  if (server) keepBodies(server, maxBodyBytes)
  const app = RED.httpAdmin as unknown as Router & { parent?: Router }
  const openapi = '/thingloom/openapi.json'
  app.get(openapi, RED.auth.needsPermission('thingloom.read'), (request, response) => {
    response.json(openapiOf(routes, { version, server: request.baseUrl || '/' }))
  })
  for (const route of routes) {
    const path = route.path.replace(/\{(\w+)\}/g, ':$1')
    app[route.method](path, RED.auth.needsPermission(route.permission), handlerOf(route, hubs))
  }
  // Without these the server answers with a page that shows a stack trace.
  app.use(
    '/thingloom',
    noRoute([...routes, { method: 'get', path: openapi }], { others: sharedRoot(RED.settings) !== undefined }),
  )
  const failure = parserFailure(error => RED.log.error(`[thingloom] ${error instanceof Error ? error.stack : String(error)}`))
  app.use('/thingloom', failure)
  // Node-RED hands out an app inside the one that parses bodies, whose failures never come in here.
  app.parent?.use('/thingloom', failure)
}

const handlerOf =
  (route: Route, hubs: Hubs): RequestHandler =>
  async (request, response) => {
    try {
      reply(response, route, await answerOf(route, hubs, request))
    } catch (thrown) {
      fail(response, thrown, route.form)
    }
  }

/** A browser says which site made it ask. Without a login nothing else keeps a stranger's page from changing what its visitor's Node-RED has. */
function refuseForeign({ headers }: Request, { method }: Route): void {
  if (method === 'get' || headers.authorization !== undefined || headers['sec-fetch-site'] !== 'cross-site') return
  throw new LoomError('REQUEST_FOREIGN', `${String(headers.origin ?? 'a page').slice(0, 100)}`, {
    hint: 'use the editor, a program, or a token of adminAuth',
  })
}

async function answerOf(route: Route, hubs: Hubs, request: Request): Promise<Answer> {
  refuseForeign(request, route)
  const args: Record<string, unknown> = {}
  for (const name of pathParameters(route.path)) args[name] = parameterOf(String(request.params[name]), pathSchemas[name]!, name)
  for (const [name, value] of Object.entries(request.query)) {
    const schema = route.query && Object.hasOwn(route.query, name) ? route.query[name] : undefined
    if (!schema && route.form) continue
    if (!schema) throw new LoomError('REQUEST_INVALID', `unknown parameter ${name.slice(0, 64)}`)
    const text = Array.isArray(value) ? value.join(',') : String(value)
    args[name] = parameterOf(route.form && schema.type === 'boolean' ? text.toLowerCase() : text, schema, name)
  }
  const file = route.raw && (await rawBodyOf(request, route.raw))
  if (!file && Number(request.headers['content-length'] ?? 0) > maxBodyBytes)
    throw new LoomError('REQUEST_TOO_LARGE', `at most ${maxBodyBytes} bytes`)
  const body = route.body && !(route.bodyOptional && isEmpty(request)) ? await jsonIn(request, route) : {}
  if (route.body) check(body, route.body)
  const etag = request.headers['if-match']?.replace(/^(W\/)?"(.*)"$/, '$2')
  const call = { args, body, by: actorOf(request), ...(file && { file }), ...(etag && etag !== '*' && { etag }) }
  if (!isHubRoute(route)) return route.run({ ...call, on: hubs })
  return route.run({ ...call, on: await hubs.byId(args.hub as string) })
}

const isEmpty = ({ headers }: Request): boolean =>
  !Number(headers['content-length'] ?? 0) && headers['transfer-encoding'] === undefined

/** JSON, also of a kind that the server does not know as such. */
async function jsonIn(request: Request, { form }: Route): Promise<unknown> {
  if (!form || isEmpty(request) || request.is('application/json')) return jsonOf(request)
  const { text } = await rawBodyOf(request, { types: form.types, maxBytes: maxBodyBytes })
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw new LoomError('REQUEST_INVALID', 'the body is not valid JSON', { cause })
  }
  refuseRepeatedIn(text)
  return value
}

/** The server parses what says that it is JSON and makes an empty object of everything else. */
function jsonOf(request: Request): unknown {
  const { headers, body } = request
  const hint = 'send JSON with the header content-type: application/json'
  if (isEmpty(request)) throw new LoomError('REQUEST_INVALID', 'the body is missing', { hint })
  const type = /^[^;]*/
    .exec(headers['content-type'] ?? '')![0]
    .trim()
    .toLowerCase()
  if (type !== 'application/json')
    throw new LoomError('REQUEST_TYPE', type ? `${type.slice(0, 60)} instead of application/json` : 'none is given', { hint })
  refuseRepeated(request, maxBodyBytes)
  return body
}

function reply(response: Response, route: Route, { status = 200, body, text, file, stream, etag }: Answer): void {
  if (stream) {
    const end = stream(response)
    response.on('close', end)
    if (response.destroyed) end()
    return
  }
  response.status(status)
  response.set('Cache-Control', route.secret ? 'no-store' : 'no-cache')
  if (etag) response.set('ETag', `"${etag}"`)
  if (text) response.set('Content-Type', text.type).end(text.text)
  else if (file)
    response.set({ 'Content-Type': file.type, 'Content-Disposition': `attachment; filename="${file.name}"` }).end(file.bytes)
  else if (body === undefined) response.end()
  else if (route.form) response.type(route.form.mediaType).send(JSON.stringify(body))
  else response.json(body)
}
