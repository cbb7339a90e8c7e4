import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import express from 'express'
import type { NodeAPI } from 'node-red'
import type { Hub, HubOptions } from '../../src/hub/hub.ts'
import { startHub } from '../../src/hub/start-hub.ts'
import { serveAdmin } from '../../src/nodered/admin/serve.ts'
import { Hubs } from '../../src/nodered/hubs.ts'

export interface Answer {
  status: number
  headers: Headers
  body: any
}

export interface RealHub {
  hub: Hub
  /** A request to the admin API of that hub; `as`: the user that Node-RED has authenticated. */
  call(
    method: string,
    path: string,
    o?: { body?: unknown; as?: string | undefined; headers?: Record<string, string> },
  ): Promise<Answer>
  url(path: string): string
  /** Bytes of an answer that is no JSON. */
  download(path: string, body: unknown): Promise<{ status: number; headers: Headers; bytes: Buffer }>
  close(): Promise<void>
}

/** A hub in memory with all its services, behind the admin API of a Node-RED whose users are named by a header. */
export async function realHub(more: Partial<HubOptions> = {}): Promise<RealHub> {
  const hubs = new Hubs({ start: options => startHub({ ...options, threaded: false }) })
  const options = { hubId: 'demo', dataDir: '/nowhere', store: 'memory', broker: 'none', listeners: [] } as const
  const hub = await hubs.attach('n', () => ({ ...options, listeners: [], ...more })).hub
  const app = express()
  app.use(express.json())
  const needsPermission = () => (request: any, _response: unknown, next: () => void) => {
    const name = request.headers['x-user']
    if (name) request.user = { username: name }
    next()
  }
  const server = createServer(app)
  const RED = { settings: {}, server, httpAdmin: app, log: { info() {}, error() {} }, auth: { needsPermission } }
  serveAdmin(RED as unknown as NodeAPI, hubs)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = (path: string) => `http://127.0.0.1:${(server.address() as AddressInfo).port}/thingloom/demo${path}`
  const send = (method: string, path: string, body: unknown, headers: Record<string, string> = {}) =>
    fetch(url(path), {
      method,
      headers: { ...headers, ...(body !== undefined && { 'content-type': 'application/json' }) },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
  return {
    hub,
    url,
    async call(method, path, { body, as, headers } = {}) {
      const response = await send(method, path, body, { ...headers, ...(as && { 'x-user': as }) })
      const text = await response.text()
      const json = response.headers.get('content-type')?.includes('json')
      return { status: response.status, headers: response.headers, body: json ? JSON.parse(text) : text }
    },
    async download(path, body) {
      const response = await send('POST', path, body)
      return { status: response.status, headers: response.headers, bytes: Buffer.from(await response.arrayBuffer()) }
    },
    async close() {
      server.closeAllConnections()
      server.close()
      await hubs.endAll()
    },
  }
}
