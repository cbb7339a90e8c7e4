import { once } from 'node:events'
import { connect, type SecureVersion } from 'node:tls'
import { connectPacket, packetTypes, type Talk, talk } from '../mqtt-wire.ts'

/** A device with a certificate that dials over TLS and may bring a session that it saved. */
export interface TlsDevice {
  port: number
  ca: string
  /** its certificate, and those of its issuers behind it */
  cert: string
  key: string
  clientId: string
  version?: SecureVersion
  username?: string
  /** of OpenSSL, for keys that it would not offer */
  ciphers?: string
}

export interface Dialled {
  /** of the CONNACK; undefined: the connection ended without one */
  code: number | undefined
  /** the TLS session that was brought was taken up again */
  reused: boolean
  peer: Talk
  /** the newest session that the server gave; undefined: none so far */
  saved(): Buffer | undefined
}

const opened = new Set<Talk>()

/** Ends what `dialTls` opened; for `afterEach`. */
export function endDialled(): void {
  for (const peer of opened) peer.end()
  opened.clear()
}

export async function dialTls(device: TlsDevice, session?: Buffer): Promise<Dialled> {
  const { port, ca, cert, key, clientId, username, ciphers, version = 'TLSv1.3' } = device
  const socket = connect({
    host: '127.0.0.1',
    port,
    ca,
    cert,
    key,
    servername: '',
    minVersion: version,
    maxVersion: version,
    ...(session && { session }),
    ...(ciphers && { ciphers }),
  })
  let newest: Buffer | undefined
  socket.on('session', (given: Buffer) => {
    newest = given
  })
  const peer = talk(socket)
  opened.add(peer)
  const secured = await once(socket, 'secureConnect').then(
    () => true,
    () => false,
  )
  const reused = secured && socket.isSessionReused()
  peer.send(connectPacket({ clientId, ...(username !== undefined && { username }) }))
  const code = await peer.next(packetTypes.connack, 30_000).then(
    ({ body }) => body[1],
    () => undefined,
  )
  return { code, reused, peer, saved: () => newest }
}
