import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Got {
  path: string
  headers: IncomingHttpHeaders
  body: string
}

export interface WebhookServer {
  readonly url: string
  /** What it took with a status below 300, in order. */
  readonly taken: Got[]
  /** All that came. */
  readonly got: Got[]
  /** The status of the next answers. */
  status: number
  close(): Promise<void>
}

/** A receiver of webhooks on this machine that answers as it is told. */
export async function webhookServer(port = 0): Promise<WebhookServer> {
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    try {
      for await (const chunk of request) chunks.push(chunk)
    } catch {
      return // who sent it is gone
    }
    const one = { path: request.url!, headers: request.headers, body: Buffer.concat(chunks).toString() }
    self.got.push(one)
    if (self.status < 300) self.taken.push(one)
    response.writeHead(self.status, { 'content-type': 'application/json' }).end('{"thanks":true}')
  }).listen(port, '127.0.0.1')
  await once(server, 'listening')
  const self: WebhookServer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    taken: [],
    got: [],
    status: 200,
    async close() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
  return self
}
