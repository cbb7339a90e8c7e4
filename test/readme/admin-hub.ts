import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import express from 'express'
import type { NodeAPI } from 'node-red'
import type { Hub } from '../../src/hub/hub.ts'
import { startHub } from '../../src/hub/start-hub.ts'
import { serveAdmin } from '../../src/nodered/admin/serve.ts'
import { serveDevices } from '../../src/nodered/device-api.ts'
import { Hubs } from '../../src/nodered/hubs.ts'

export interface AdminHub {
  readonly hub: Hub
  /** The variables that the snippets of the pages read. */
  readonly env: Record<'HUB_URL' | 'HUB_HOST' | 'HUB_PORT' | 'HUB_CA' | 'DEVICE_URL' | 'FLOWS_URL', string>
  close(): Promise<void>
}

/** A hub with TLS listeners, the admin API and the device API of the flows' server, as an open Node-RED serves them. */
export async function startAdminHub(dataDir: string): Promise<AdminHub> {
  const hubs = new Hubs({ start: options => startHub({ ...options, threaded: false }) })
  const hub = await hubs.attach('readme', () => ({
    hubId: 'demo',
    dataDir,
    store: 'sqlite',
    broker: 'embedded',
    listeners: [
      { kind: 'mqtts', host: '127.0.0.1', port: 0 },
      { kind: 'https', host: '127.0.0.1', port: 0 },
    ],
  })).hub
  const [app, httpNode] = [express(), express()]
  app.use('/api', httpNode)
  app.use(express.json())
  const RED = {
    settings: { httpAdminRoot: '/', httpNodeRoot: '/api' },
    httpAdmin: app,
    httpNode,
    log: { info() {} },
    auth: { needsPermission: () => (_request: unknown, _response: unknown, next: () => void) => next() },
  }
  serveAdmin(RED as unknown as NodeAPI, hubs)
  serveDevices(RED as unknown as NodeAPI, hubs)
  const server = createServer(app).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { listeners } = await hub.health.get({})
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    hub,
    env: {
      HUB_URL: `${url}/thingloom/demo`,
      HUB_HOST: '127.0.0.1',
      HUB_PORT: String(listeners[0]!.port),
      HUB_CA: join(dataDir, 'ca.pem'),
      DEVICE_URL: `https://127.0.0.1:${listeners[1]!.port}`,
      FLOWS_URL: `${url}/api/thingloom/demo`,
    },
    async close() {
      server.closeAllConnections()
      server.close()
      await hubs.endAll()
    },
  }
}
