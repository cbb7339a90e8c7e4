import type { IncomingMessage, Server } from 'node:http'
import type { Request, RequestHandler, Response } from 'express'
import type { NodeAPI } from 'node-red'
import { LoomError } from '../errors.ts'
import type { HttpAnswer } from '../telemetry/http-exchange.ts'
import { fail } from './admin/failure.ts'
import { allowed } from './admin/no-route.ts'
import { routes } from './admin/routes.ts'
import type { Hubs } from './hubs.ts'
import { sharedRoot } from './http-roots.ts'
import { discardBody, requestBody } from './request-body.ts'

const served = new WeakSet<object>()

/**
 * The second door of the device API: `/thingloom/{hub}/..` on the server of the flows, without client certificates; the hub's `https` listener is the
 * first. Where flows have no server (`httpNodeRoot: false`) says so once.
 */
export function serveDevices(RED: NodeAPI, hubs: Hubs): void {
  const { httpNodeRoot } = RED.settings as { httpNodeRoot?: string | false }
  if (httpNodeRoot === false || !RED.httpNode?.use) {
    RED.log.info('[thingloom] httpNodeRoot is off: no device API beside the https listeners')
    return
  }
  if (served.has(RED.httpNode)) return
  served.add(RED.httpNode)
  const root = sharedRoot(RED.settings)
  const server = RED.server as Server | undefined
  if (root !== undefined && server?.prependListener) keepBodies(server, root)
  RED.httpNode.use(
    '/thingloom',
    doorOf(hubs, error => RED.log.error(`[thingloom] ${error instanceof Error ? error.stack : String(error)}`)),
  )
}

/** The editor's parser is in front of the flows where both share a root. It takes a body that is marked so for one that was read, and the bytes stay whole. */
function keepBodies(server: Server, root: string): void {
  const devicePath = new RegExp(`^${root.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}(thingloom/[^/?]+/[^?]+)`, 'i')
  server.prependListener('request', (request: IncomingMessage & { _body?: boolean }) => {
    const path = devicePath.exec(request.url ?? '')?.[1]
    if (path !== undefined && !allowed(routes, `/${path}`)) request._body = true
  })
}

const doorOf =
  (hubs: Hubs, unexpected: (error: unknown) => void): RequestHandler =>
  async (request, response, next) => {
    const [, hubId, path, query = ''] = /^\/([^/?]+)(\/[^?]*)(?:\?(.*))?$/s.exec(request.url) ?? []
    if (hubId === undefined || path === undefined) return next()
    try {
      const hub = await hubs.byId(decoded(hubId))
      const body = await requestBody(request)
      const asked = { method: request.method, path, query, headers: headersOf(request), body }
      reply(response, await hub.deviceHttp.handle({ request: asked, peer: peerOf(request) }))
    } catch (thrown) {
      // A client that went away while it was sending gets no answer.
      if (response.destroyed) return
      if (!(thrown instanceof LoomError)) unexpected(thrown)
      discardBody(request)
      if (thrown instanceof LoomError && thrown.status === 503) response.set('Retry-After', '2')
      response.set('Cache-Control', 'no-store')
      fail(response, thrown instanceof LoomError ? thrown : new LoomError('NODE_FAULT'))
    }
  }

function decoded(hubId: string): string {
  try {
    return decodeURIComponent(hubId)
  } catch {
    throw new LoomError('REQUEST_INVALID', 'the path is not percent-encoded UTF-8')
  }
}

function headersOf({ headers }: Request): Record<string, string> {
  const out: Record<string, string> = {}
  for (const [name, value] of Object.entries(headers))
    if (value !== undefined) out[name] = Array.isArray(value) ? value.join(', ') : value
  return out
}

/**
 * Credentials travel under TLS, or stay on this machine. What proxies say counts only where express is told to trust them (`trust proxy`): then a request
 * that came through one is as secure as the proxy says.
 */
function peerOf(request: Request): { address: string; secure: boolean } {
  const { remoteAddress = '' } = request.socket
  return { address: request.ip ?? remoteAddress, secure: request.secure || (isLoopback(remoteAddress) && !request.ips.length) }
}

const isLoopback = (address: string): boolean => address === '::1' || /^(::ffff:)?127\./.test(address)

function reply(response: Response, { status, headers, body, bytes }: HttpAnswer): void {
  if (response.destroyed) return
  response.writeHead(status, {
    'cache-control': 'no-store',
    ...headers,
    'content-length': bytes?.length ?? Buffer.byteLength(body),
  })
  response.end(bytes ?? body)
}
