import { randomBytes } from 'node:crypto'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { createServer as createTlsServer, type Server as TlsServer, type TLSSocket } from 'node:tls'
import { LoomError } from '../errors.ts'
import type { BrokerGate, ListenerOptions, Listening, TlsMaterial } from './broker-port.ts'
import type { ConnectRate } from './connect-rate.ts'
import { firstByteOf } from './first-byte.ts'
import { HttpLoad, serveRequest } from './http-front.ts'
import type { Origin } from './link.ts'
import { peerCertificateOf } from './peer-certificate.ts'
import { secureContextOf, tlsOptionsOf } from './tls-context.ts'
import { webSocketFront } from './websocket-front.ts'

const backlog = 4096
const firstByteMs = 10_000
/** Memory and file descriptors are the process's: all listeners share it. */
const processLoad = new HttpLoad()
const mqttProtocols = new Set(['x-amzn-mqtt-ca', 'mqtt'])

export interface ListenerParts {
  tls?: TlsMaterial | undefined
  rate: ConnectRate
  maxFrameBytes: number
  /** A byte stream of MQTT. */
  accept(conn: Duplex, origin: Origin): void
  /** A device request over HTTPS; absent: such listeners take WebSockets only. */
  request?: BrokerGate['request']
  /** What device requests over HTTPS may hold; default one for the process. */
  load?: HttpLoad
  /** A socket that never got as far. */
  refused(remoteAddress: string, reason: string): void
}

export interface OpenListener {
  listening: Listening
  setTls(material: TlsMaterial): void
  /** New keys for session tickets: what was sealed with older ones needs a full handshake. */
  rotateTickets(): void
  /** No more accepts. */
  stop(): void
  /** Closes what is still connected. */
  close(): void
}

/** Opens one listener. Never rejects: what went wrong is in `listening`. */
export async function openListener(options: ListenerOptions, parts: ListenerParts): Promise<OpenListener> {
  const sockets = new Set<Socket>()
  const { kind, host, port } = options
  const secure = kind !== 'mqtt' && kind !== 'ws'
  let server: Server | undefined
  let tls: TlsServer | undefined

  const originOf = (socket: Socket): Origin => ({
    listener: kind,
    remoteAddress: socket.remoteAddress ?? '',
    dialled: dialledBy(socket),
    certificate: secure ? peerCertificateOf(socket as TLSSocket) : undefined,
  })
  const { request, load = processLoad } = parts
  const serves = request && (kind === 'https' || kind === 'shared')
  const web =
    kind === 'mqtt' || kind === 'mqtts'
      ? undefined
      : webSocketFront({
          maxFrameBytes: parts.maxFrameBytes,
          accept: (conn, socket) => {
            load.leave(socket)
            parts.accept(conn, originOf(socket))
          },
          ...(serves && {
            request: (incoming, response) => {
              const { remoteAddress, dialled, certificate } = originOf(incoming.socket)
              const peer = { remoteAddress, ...(dialled !== undefined && { dialled }), ...(certificate && { certificate }) }
              return serveRequest(incoming, response, asked => request(asked, peer), load)
            },
          }),
        })
  const take = (socket: Socket): void => {
    if (!web) return void parts.accept(socket, originOf(socket))
    if (serves) {
      const address = socket.remoteAddress ?? ''
      if (socket.destroyed) return
      if (!load.enter(socket, address)) {
        parts.refused(address, 'too many HTTP connections')
        return void socket.destroy()
      }
      socket.once('close', () => load.leave(socket))
    }
    web.open(socket)
  }
  const tell = async (socket: Socket): Promise<void> => {
    const protocol = (socket as TLSSocket).alpnProtocol
    const named = protocol && (mqttProtocols.has(protocol) ? 'mqtt' : 'http')
    const spoken = named || (await firstByteOf(socket, firstByteMs))
    if (spoken === 'mqtt') parts.accept(socket, originOf(socket))
    else if (spoken) take(socket)
    else {
      parts.refused(socket.remoteAddress ?? '', 'neither MQTT nor HTTP')
      socket.destroy()
    }
  }

  try {
    refusePlaintext(options)
    if (secure) {
      if (!parts.tls) throw new LoomError('HUB_CONFIG_INVALID', `the ${kind} listener has no server certificate`)
      tls = createTlsServer(tlsOptionsOf(parts.tls), kind === 'shared' ? socket => void tell(socket) : take)
      tls.on('tlsClientError', (error, socket) => parts.refused(socket.remoteAddress ?? '', `TLS handshake: ${error.message}`))
    }
    server = createServer({ pauseOnConnect: secure, allowHalfOpen: !tls, noDelay: true, keepAlive: true }, socket => {
      sockets.add(socket)
      socket.once('close', () => sockets.delete(socket))
      socket.on('error', () => {})
      if (tls) parts.rate.admit(socket, () => tls!.emit('connection', socket))
      else take(socket)
    })
    await listen(server, options)
    return {
      listening: { ...options, port: (server.address() as AddressInfo).port, state: 'open' },
      setTls: material => tls?.setSecureContext(secureContextOf(material)),
      rotateTickets: () => tls?.setTicketKeys(randomBytes(48)),
      stop: () => void server!.close(),
      close() {
        web?.close()
        for (const socket of sockets) socket.destroy()
      },
    }
  } catch (thrown) {
    server?.close()
    const error =
      thrown instanceof LoomError ? thrown : new LoomError('HUB_CONFIG_INVALID', `${kind} ${host}:${port}`, { cause: thrown })
    return failedListener(options, error)
  }
}

/** A client that dials an address sends no name [RFC 6066 section 3]; IPv4 on a listener for both is told as IPv4. */
function dialledBy(socket: Socket): string | undefined {
  const { servername } = socket as TLSSocket & { servername?: string | false }
  return (servername || socket.localAddress)?.replace(/^::ffff:(?=[\d.]+$)/i, '').toLowerCase()
}

export const failedListener = (options: ListenerOptions, { code, message }: LoomError): OpenListener => ({
  listening: { ...options, state: 'failed', error: { code, message } },
  setTls() {},
  rotateTickets() {},
  stop() {},
  close() {},
})

const listen = (server: Server, { kind, host, port }: ListenerOptions): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const why = error.code === 'EADDRINUSE' ? 'it is in use' : error.message
      reject(new LoomError('BROKER_PORT_TAKEN', `${kind} ${host}:${port}: ${why}`, { cause: error, hint: 'choose another port' }))
    })
    server.listen({ host, port, backlog }, () => {
      server.removeAllListeners('error')
      // An accept may fail later (no more file descriptors); the listener goes on.
      server.on('error', () => {})
      resolve()
    })
  })

function refusePlaintext({ kind, host, port, allowPlaintext }: ListenerOptions): void {
  if ((kind === 'mqtt' || kind === 'ws') && !allowPlaintext && !isLoopback(host))
    throw new LoomError('BROKER_PLAINTEXT', `${kind} ${host}:${port}`, {
      hint: 'use mqtts or wss, listen on 127.0.0.1, or allow it',
    })
}

/** Names are not resolved: only what is certainly this machine counts. */
export const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host)
