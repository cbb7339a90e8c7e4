import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { connect, createServer, type TLSSocket } from 'node:tls'
import { openAuthority } from '../../src/pki/authority.ts'
import { fingerprintOf } from '../../src/pki/certificate.ts'
import { openMemoryStateStore } from '../../src/stores/memory/state-store.ts'
import { random, sealerOf } from './make.ts'

describe('certificates in TLS', () => {
  const openReal = async () =>
    openAuthority({
      hubId: 'house',
      store: await openMemoryStateStore({ now: Date.now }),
      sealer: sealerOf(),
      now: Date.now,
      random,
    })

  for (const version of ['TLSv1.2', 'TLSv1.3'] as const)
    it(`device and hub know each other by them, ${version}`, async () => {
      const authority = await openReal()
      const { certPem, keyPem } = await authority.serverCertificate({ names: ['localhost', '127.0.0.1'] })
      const device = await authority.issueDevice({ id: 'pump' })
      const server = createServer({
        cert: certPem,
        key: keyPem,
        ca: [authority.rootPem, authority.issuingPem],
        requestCert: true,
        rejectUnauthorized: false,
        minVersion: version,
        maxVersion: version,
      })
      server.listen(0, '127.0.0.1')
      await once(server, 'listening')
      try {
        const { port } = server.address() as AddressInfo
        const accepted = once(server, 'secureConnection') as Promise<[TLSSocket]>
        const client = connect({
          host: '127.0.0.1',
          port,
          ca: authority.rootPem,
          cert: device.certificatePem,
          key: device.privateKeyPem!,
        })
        await once(client, 'secureConnect')
        const [socket] = await accepted
        assert.equal(client.authorized, true)
        assert.equal(socket.authorized, true)
        const peer = socket.getPeerCertificate()
        assert.equal(fingerprintOf(peer.raw), device.fingerprint)
        assert.equal(peer.subject.CN, 'pump')
        client.destroy()
        socket.destroy()
      } finally {
        server.close()
      }
    })

  it("another hub's root does not vouch for this server", async () => {
    const [authority, other] = await Promise.all([openReal(), openReal()])
    const { certPem, keyPem } = await authority.serverCertificate({ names: ['127.0.0.1'] })
    const server = createServer({ cert: certPem, key: keyPem })
    server.on('tlsClientError', () => {})
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    try {
      const client = connect({ host: '127.0.0.1', port: (server.address() as AddressInfo).port, ca: other.rootPem })
      const [error] = (await once(client, 'error')) as [NodeJS.ErrnoException]
      assert.match(String(error.code), /SELF_SIGNED|UNABLE_TO|CERT_SIGNATURE_FAILURE/)
    } finally {
      server.close()
    }
  })
})
