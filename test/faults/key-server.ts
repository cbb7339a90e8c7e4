import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'

/** A web server whose answers a test decides; by default a key set. */
export interface KeyServer {
  url: string
  asked: number
  answer: (request: IncomingMessage, response: ServerResponse) => void
  keys: object[]
  /** The port refuses connections from then on. */
  close(): Promise<void>
}

const running = new Set<KeyServer>()

/** For `afterEach`. */
export async function closeKeyServers(): Promise<void> {
  for (const server of running) await server.close()
}

export async function keyServer(tls?: { certPem: string; keyPem: string }): Promise<KeyServer> {
  const sockets = new Set<Socket>()
  const listener: RequestListener = (request, response) => {
    served.asked++
    response.on('error', () => {})
    served.answer(request, response)
  }
  const server = tls ? createSecureServer({ cert: tls.certPem, key: tls.keyPem }, listener) : createServer(listener)
  server.on('connection', socket => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  server.on('tlsClientError', () => {})
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const served: KeyServer = {
    url: `${tls ? 'https' : 'http'}://127.0.0.1:${(server.address() as AddressInfo).port}/keys`,
    asked: 0,
    keys: [],
    answer: (_request, response) =>
      void response.setHeader('content-type', 'application/json').end(JSON.stringify({ keys: served.keys })),
    async close() {
      running.delete(served)
      for (const socket of sockets) socket.destroy()
      await new Promise(resolve => server.close(resolve))
    },
  }
  running.add(served)
  return served
}
