import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { Agent, request } from 'node:https'
import { join } from 'node:path'
import type { SecureVersion, TLSSocket } from 'node:tls'
import { needOpenssl } from '../pki/openssl.ts'
import { craft, type Crafted } from '../pki/craft.ts'
import { connectPacket } from '../mqtt-wire.ts'
import { start, stopAll, tempFolder, until } from '../processes.ts'
import { endAll, type LiveHub, liveHub } from './live-hub.ts'
import { dialTls, endDialled, type TlsDevice } from './tls-device.ts'

const day = 86_400_000
const limitMs = 30_000
const versions = ['TLSv1.2', 'TLSv1.3'] as const
const listeners = (['mqtt', 'mqtts', 'https'] as const).map(kind => ({ kind, host: '127.0.0.1', port: 0 }))
const certSign = 0x04
const now = Date.now()
const dates = { notBefore: now - day, notAfter: now + 100 * day }
const keyPem = ({ privateKey }: Crafted) => privateKey.export({ type: 'pkcs8', format: 'pem' }) as string

/** A device whose certificate the hub issued. */
async function issued(
  { hub, port, register }: LiveHub,
  id: string,
  version: SecureVersion,
): Promise<TlsDevice & { cid: string }> {
  const { certificatePem, privateKeyPem, caPem, cid } = await register(id, { kind: 'x509' })
  assert((await hub.devices.get({ id })).credentials.some(one => one.cid === cid))
  return { port: await port('mqtts'), ca: caPem, cert: certificatePem!, key: privateKeyPem!, clientId: id, version, cid }
}

/** A device that comes by the certificate of a registered authority, and how to switch that off. */
async function vouched({ hub, port, register }: LiveHub, id: string, version: SecureVersion, intermediate = false) {
  const root = await craft({ name: `root of ${id}`, ca: true, keyUsage: certSign, ...dates })
  const middle = intermediate ? await craft({ name: `middle of ${id}`, by: root, ca: true, keyUsage: certSign, ...dates }) : root
  const leaf = await craft({ name: id, by: middle, ...dates })
  const { id: caId } = await hub.pki.registerCa({ pem: root.pem, trust: 'operator' })
  const { caPem } = await register(id, { kind: 'x509-group', caId })
  const cert = intermediate ? leaf.pem + middle.pem : leaf.pem
  const device: TlsDevice = { port: await port('mqtts'), ca: caPem, cert, key: keyPem(leaf), clientId: id, version }
  return { device, setActive: (active: boolean) => hub.pki.setCaActive({ id: caId, active }) }
}

describe('a saved TLS session', function () {
  this.timeout(120_000)
  let live: LiveHub
  before(async () => {
    live = await liveHub({ threaded: true, listeners, limits: { connectsPerSecond: 0 } })
  })
  afterEach(() => {
    endDialled()
    return stopAll()
  })
  after(endAll)

  /** Connects, saves the session, comes back by it: it does save the handshake, or the refusals below would prove nothing. */
  async function savedBy(device: TlsDevice): Promise<Buffer> {
    const first = await dialTls(device)
    assert.deepEqual([first.code, first.reused], [0, false])
    const session = await until('a session to save', first.saved, limitMs)
    first.peer.end()
    const again = await dialTls(device, session)
    assert.deepEqual([again.code, again.reused], [0, true])
    again.peer.end()
    return session
  }

  /** A live session ends with `act`, and neither the saved session nor a new handshake brings the device back. */
  async function keepsOut(device: TlsDevice, act: () => Promise<unknown>): Promise<Buffer> {
    const session = await savedBy(device)
    const connected = await dialTls(device, session)
    assert.deepEqual([connected.code, connected.reused], [0, true])
    await act()
    await connected.peer.closed(limitMs)
    for (const brought of [session, undefined]) {
      const { code, reused, peer } = await dialTls(device, brought)
      assert.deepEqual({ code, reused }, { code: 5, reused: brought !== undefined })
      await peer.closed(limitMs)
    }
    return session
  }

  for (const version of versions) {
    it(`does not bring back whose certificate was revoked (${version})`, async () => {
      const device = await issued(live, `revoked-${version}`, version)
      await keepsOut(device, () => live.hub.identity.revokeCredential({ id: device.clientId, cid: device.cid }))
    })

    it(`does not bring back who was disabled, until he is enabled again (${version})`, async () => {
      const device = await issued(live, `disabled-${version}`, version)
      const id = device.clientId
      const session = await keepsOut(device, () => live.hub.devices.update({ id, enabled: false }))
      await live.hub.devices.update({ id, enabled: true })
      const { code, reused } = await dialTls(device, session)
      assert.deepEqual([code, reused], [0, true])
    })

    it(`does not bring back who was deleted, nor lets him in as the next device of that name (${version})`, async () => {
      const device = await issued(live, `deleted-${version}`, version)
      const session = await keepsOut(device, () => live.hub.devices.delete({ id: device.clientId }))
      const next = await issued(live, device.clientId, version)
      const { code, reused } = await dialTls(device, session)
      assert.deepEqual([code, reused], [5, true])
      assert.equal((await dialTls(next)).code, 0)
    })

    it(`does not bring back who was retired (${version})`, async () => {
      const device = await issued(live, `retired-${version}`, version)
      await keepsOut(device, () => live.hub.devices.retire({ id: device.clientId }))
    })

    it(`does not bring back by an authority that is not active, until it is again (${version})`, async () => {
      const { device, setActive } = await vouched(live, `vouched-${version}`, version)
      const session = await keepsOut(device, () => setActive(false))
      await setActive(true)
      const { code, reused } = await dialTls(device, session)
      assert.deepEqual([code, reused], [0, true])
    })

    it(`says nothing of issuers, and still lets in by an authority above them (${version})`, async () => {
      const { device, setActive } = await vouched(live, `chained-${version}`, version, true)
      const session = await savedBy(device)
      // any change of authorities makes the hub look at chains anew
      const other = await vouched(live, `other-${version}`, version)
      const { code, reused } = await dialTls(device, session)
      assert.deepEqual([code, reused], [0, true])
      await other.setActive(false)
      await keepsOut(device, () => setActive(false))
    })

    it(`is no way in by HTTPS after a revocation, nor is a connection that stayed open (${version})`, async () => {
      const { hub } = live
      const { clientId: id, cid, ca, cert, key } = await issued(live, `https-${version}`, version)
      const { port } = (await hub.health.get({})).listeners.find(({ kind }) => kind === 'https')!
      const agent = new Agent({ keepAlive: true, maxSockets: 1, ca, cert, key, minVersion: version, maxVersion: version })
      const post = () =>
        new Promise<{ status: number; socket: TLSSocket; kept: boolean; reused: boolean }>((resolve, reject) => {
          const to = { host: '127.0.0.1', port, method: 'POST', path: `/v1/devices/${id}/telemetry`, agent }
          const sent = request(to, response => {
            const socket = response.socket as TLSSocket
            const [kept, reused] = [sent.reusedSocket, socket.isSessionReused()]
            response.resume().once('end', () => resolve({ status: response.statusCode!, socket, kept, reused }))
          })
          sent.once('error', reject).end('{"a":1}')
        })
      const closed = async ({ socket }: { socket: TLSSocket }) => {
        socket.destroy()
        await until('the end of the connection', () => socket.closed, limitMs)
      }
      try {
        await closed(await post())
        const resumed = await post()
        assert.deepEqual([resumed.status, resumed.kept, resumed.reused], [204, false, true])
        const open = await post()
        assert.deepEqual([open.status, open.kept], [204, true])
        await hub.identity.revokeCredential({ id, cid })
        const refused = await post()
        assert.deepEqual([refused.status, refused.kept], [401, true])
        await closed(refused)
        const again = await post()
        assert.deepEqual([again.status, again.kept, again.reused], [401, false, true])
      } finally {
        agent.destroy()
      }
    })

    it(`is of no use to openssl either after a revocation (${version})`, async function () {
      needOpenssl(this)
      const device = await issued(live, `openssl-${version}`, version)
      const folder = tempFolder('tickets')
      const path = (name: string) => join(folder, name)
      for (const [name, text] of Object.entries({ 'ca.pem': device.ca, 'cert.pem': device.cert, 'key.pem': device.key }))
        writeFileSync(path(name), text, { mode: 0o600 })
      const dial = async (...more: string[]) => {
        const client = start('openssl', [
          ...['s_client', '-connect', `127.0.0.1:${device.port}`, '-CAfile', path('ca.pem'), '-cert', path('cert.pem')],
          ...['-key', path('key.pem'), version === 'TLSv1.2' ? '-tls1_2' : '-tls1_3', '-ign_eof', ...more],
        ])
        const [, how] = await client.says(/^(New|Reused), TLSv/m, limitMs)
        client.write(connectPacket({ clientId: device.clientId }).toString('latin1'))
        // biome-ignore lint/suspicious/noControlCharactersInRegex: a CONNACK [MQTT-3.2.1]
        const [, code] = await client.says(/\x20\x02\x00([\x00-\x05])/, limitMs)
        return { client, how, code: code!.charCodeAt(0) }
      }
      const first = await dial('-sess_out', path('session.pem'))
      assert.deepEqual([first.how, first.code], ['New', 0])
      await until('a session to save', () => /BEGIN SSL SESSION/.test(readFileSync(path('session.pem'), 'latin1')), limitMs)
      await first.client.stop()
      const second = await dial('-sess_in', path('session.pem'))
      assert.deepEqual([second.how, second.code], ['Reused', 0])
      await live.hub.identity.revokeCredential({ id: device.clientId, cid: device.cid })
      await second.client.exited
      for (const [session, how] of [
        [['-sess_in', path('session.pem')], 'Reused'],
        [[], 'New'],
      ] as const) {
        const refused = await dial(...session)
        assert.deepEqual([refused.how, refused.code], [how, 5])
      }
    })
  }
})
