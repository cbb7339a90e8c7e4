import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { createWebSocketStream, WebSocketServer } from 'ws'

const paths = new Set(['/mqtt', '/$iothub/websocket', '/'])
const upgradeMs = 10_000
const bodyMs = 30_000
const idleMs = 60_000

/**
 * MQTT over WebSocket [MQTT-6.0.0]: subprotocol `mqtt`, binary frames. `open` feeds it a socket, TLS already ended; `accept` gets the stream and
 * the socket it came over. `request` answers what is no upgrade.
 */
export function webSocketFront({
  maxFrameBytes,
  accept,
  request: serve,
}: {
  maxFrameBytes: number
  accept(conn: Duplex, socket: Socket): void
  request?: (request: IncomingMessage, response: ServerResponse) => Promise<void>
}): {
  open(socket: Socket): void
  close(): void
} {
  const upgrades = new WebSocketServer({
    noServer: true,
    maxPayload: maxFrameBytes,
    perMessageDeflate: false,
    handleProtocols: () => 'mqtt',
  })
  const waiting = new Map<Duplex, NodeJS.Timeout>()
  const begun = (socket: Duplex): void => {
    clearTimeout(waiting.get(socket))
    waiting.delete(socket)
  }
  const http = createServer({ maxHeaderSize: 16_384 }, (request, response) => {
    begun(request.socket)
    if (!serve)
      return void response.writeHead(426, { connection: 'close', upgrade: 'websocket' }).end('MQTT over WebSocket only\n')
    // This server never listens itself, so its own limits of time do not run.
    const slow = setTimeout(() => request.destroy(), bodyMs).unref()
    request.once('close', () => clearTimeout(slow))
    request.socket.setTimeout(idleMs, () => request.socket.destroy())
    serve(request, response).catch(() => response.destroy())
  })
  http.on('clientError', (_error, socket) => socket.destroy())
  http.on('upgrade', (request, socket, head) => {
    const path = (request.url ?? '').split('?', 1)[0]!
    const protocols = (request.headers['sec-websocket-protocol'] ?? '').split(',').map(name => name.trim())
    if (!paths.has(path)) return answer(socket, '404 Not Found')
    if (!protocols.includes('mqtt')) return answer(socket, '400 Bad Request')
    upgrades.handleUpgrade(request, socket, head, webSocket => {
      begun(socket)
      ;(socket as Socket).setTimeout(0)
      webSocket.on('message', (_data, isBinary) => {
        if (!isBinary) webSocket.close(1003)
      })
      accept(createWebSocketStream(webSocket), socket as Socket)
    })
  })
  return {
    open(socket) {
      const timer = setTimeout(() => socket.destroy(), upgradeMs).unref()
      waiting.set(socket, timer)
      socket.once('close', () => begun(socket))
      http.emit('connection', socket)
    },
    close() {
      for (const socket of waiting.keys()) socket.destroy()
    },
  }
}

const answer = (socket: Duplex, status: string): void => {
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
}
