import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import express from 'express'
import type { NodeAPI } from 'node-red'
import type { Hub } from '../../src/hub/hub.ts'
import { startHub } from '../../src/hub/start-hub.ts'
import { serveAdmin } from '../../src/nodered/admin/serve.ts'
import { Hubs } from '../../src/nodered/hubs.ts'

export interface AdminHub {
  readonly hub: Hub
  /** The variables that the snippets of README.md read. */
  readonly env: { HUB_URL: string; HUB_HOST: string; HUB_PORT: string; HUB_CA: string }
  close(): Promise<void>
}

/** A hub with a TLS listener and the admin API, as an open Node-RED serves them. */
export async function startAdminHub(dataDir: string): Promise<AdminHub> {
  const hubs = new Hubs({ start: options => startHub({ ...options, threaded: false }) })
  const hub = await hubs.attach('readme', () => ({
    hubId: 'demo',
    dataDir,
    store: 'sqlite',
    broker: 'embedded',
    listeners: [{ kind: 'mqtts', host: '127.0.0.1', port: 0 }],
  })).hub
  const app = express()
  app.use(express.json())
  const RED = {
    settings: {},
    httpAdmin: app,
    log: { info() {} },
    auth: { needsPermission: () => (_request: unknown, _response: unknown, next: () => void) => next() },
  }
  serveAdmin(RED as unknown as NodeAPI, hubs)
  const server = createServer(app).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { listeners } = await hub.health.get({})
  return {
    hub,
    env: {
      HUB_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}/thingloom/demo`,
      HUB_HOST: '127.0.0.1',
      HUB_PORT: String(listeners[0]!.port),
      HUB_CA: join(dataDir, 'ca.pem'),
    },
    async close() {
      server.closeAllConnections()
      server.close()
      await hubs.endAll()
    },
  }
}
