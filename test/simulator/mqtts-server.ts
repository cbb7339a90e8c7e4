import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createServer, type TLSSocket } from 'node:tls'
import { Aedes } from 'aedes'

export interface Seen {
  client: string
  /** of the certificate that TLS verified */
  commonName: string
  topic: string
  qos: number
  body: { time: number; seq: number; values: Record<string, unknown> }
}

/** An MQTT broker over TLS that admits verified client certificates only and notes every PUBLISH, in the order of the wire. */
export async function mqttsServer(o: { caPem: string; server: { cert: string; key: string } }) {
  const broker = await Aedes.createBroker({ concurrency: 0 })
  const seen: Seen[] = []
  const refused = new Set<string>()
  let connects = 0
  broker.authenticate = (client, _user, _password, done) => {
    const error = Object.assign(new Error('not authorized'), { returnCode: 5 })
    if (refused.has(client.id)) done(error as never, false)
    else done(null, true)
  }
  broker.authorizePublish = (client, packet, done) => {
    const { subject } = (client!.conn as TLSSocket).getPeerCertificate()
    const body = JSON.parse(packet.payload.toString())
    seen.push({ client: client!.id, commonName: String(subject.CN), topic: packet.topic, qos: packet.qos, body })
    done(null)
  }
  const server = createServer({ ...o.server, ca: o.caPem, requestCert: true, rejectUnauthorized: true }, socket => {
    connects++
    broker.handle(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    seen,
    /** client ids answered with CONNACK 5 */
    refused,
    connects: () => connects,
    connected: () => broker.connectedClients,
    endpoint: { host: '127.0.0.1', port: (server.address() as AddressInfo).port, caPem: o.caPem },
    async close() {
      const closed = once(server, 'close')
      server.close()
      await new Promise<void>(resolve => broker.close(resolve))
      await closed
    },
  }
}
