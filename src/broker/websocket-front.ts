import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { createWebSocketStream, WebSocketServer } from 'ws'

const paths = new Set(['/mqtt', '/$iothub/websocket', '/'])
const upgradeMs = 10_000
const bodyMs = 30_000
const idleMs = 60_000

const afterByTimer = (ms: number, fn: () => void): (() => void) => {
  const timer = setTimeout(fn, ms).unref()
  return () => clearTimeout(timer)
}

interface Exchange {
  /** Requests whose answers are not out. */
  busy: number
  /** Ends the deadline that runs for an upgrade or the header of a request. */
  stop?: (() => void) | undefined
}

/**
 * MQTT over WebSocket [MQTT-6.0.0]: subprotocol `mqtt`, binary frames. `open` feeds it a socket, TLS already ended; `accept` gets the stream and
 * the socket it came over. `request` answers what is no upgrade. `after` runs something later until told not to; default a timer.
 */
export function webSocketFront({
  maxFrameBytes,
  accept,
  request: serve,
  after = afterByTimer,
}: {
  maxFrameBytes: number
  accept(conn: Duplex, socket: Socket): void
  request?: (request: IncomingMessage, response: ServerResponse) => Promise<void>
  after?: (ms: number, fn: () => void) => () => void
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
  const exchanges = new Map<Duplex, Exchange>()
  const expect = (socket: Duplex): void => {
    const exchange = exchanges.get(socket)
    if (exchange && !exchange.busy) exchange.stop ??= after(upgradeMs, () => socket.destroy())
  }
  const begun = (exchange: Exchange | undefined): void => {
    exchange?.stop?.()
    if (exchange) exchange.stop = undefined
  }
  const forget = (socket: Duplex): void => {
    begun(exchanges.get(socket))
    exchanges.delete(socket)
  }
  const http = createServer({ maxHeaderSize: 16_384 }, (request, response) => {
    const { socket } = request
    const exchange = exchanges.get(socket)
    begun(exchange)
    if (!serve)
      return void response.writeHead(426, { connection: 'close', upgrade: 'websocket' }).end('MQTT over WebSocket only\n')
    // This server never listens itself, so its own limits of time do not run.
    request.once(
      'close',
      after(bodyMs, () => request.destroy()),
    )
    socket.setTimeout(idleMs)
    if (exchange) {
      exchange.busy++
      response.once('close', () => void exchange.busy--)
    }
    serve(request, response).catch(() => response.destroy())
  })
  http.on('clientError', (_error, socket) => socket.destroy())
  http.on('upgrade', (request, socket, head) => {
    expect(socket)
    const path = (request.url ?? '').split('?', 1)[0]!
    const protocols = (request.headers['sec-websocket-protocol'] ?? '').split(',').map(name => name.trim())
    if (!paths.has(path)) return answer(socket, '404 Not Found')
    if (!protocols.includes('mqtt')) return answer(socket, '400 Bad Request')
    upgrades.handleUpgrade(request, socket, head, webSocket => {
      forget(socket)
      ;(socket as Socket).setTimeout(0)
      webSocket.on('message', (_data, isBinary) => {
        if (!isBinary) webSocket.close(1003)
      })
      accept(createWebSocketStream(webSocket), socket as Socket)
    })
  })
  return {
    open(socket) {
      exchanges.set(socket, { busy: 0 })
      expect(socket)
      socket.once('close', () => forget(socket))
      socket.once('timeout', () => socket.destroy())
      http.emit('connection', socket)
      // After the parser's own listener: a request that these bytes complete has begun by then.
      if (serve) socket.on('data', () => expect(socket))
    },
    close() {
      for (const socket of exchanges.keys()) socket.destroy()
    },
  }
}

const answer = (socket: Duplex, status: string): void => {
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
}
