import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { connect, type TLSSocket } from 'node:tls'
import { generate, parser } from 'mqtt-packet'
import { type Authority, type DeviceCertificate, openAuthority } from '../../src/pki/authority.ts'
import { openMemoryStateStore } from '../../src/stores/memory/state-store.ts'
import { type Child, freePorts, maySkip, start, stopAll, tempFolder, until } from '../processes.ts'
import { days, random, sealerOf } from './make.ts'

const missing = spawnSync('mosquitto', ['-h']).error

/** What a broker with `require_certificate` and `crlfile` makes of a device. */
async function attempt(port: number, authority: Authority, device: DeviceCertificate): Promise<'accepted' | 'refused'> {
  const socket: TLSSocket = connect({
    host: '127.0.0.1',
    port,
    ca: authority.rootPem,
    cert: device.chainPem,
    key: device.privateKeyPem!,
  })
  // with TLS 1.3 the refusal comes after the handshake
  const answer = new Promise<'accepted' | 'refused'>(resolve => {
    const packets = parser()
    packets.on('packet', ({ cmd }) => cmd === 'connack' && resolve('accepted'))
    socket.on('data', data => packets.parse(data))
    socket.once('error', () => resolve('refused'))
    socket.once('close', () => resolve('refused'))
  })
  socket.once('secureConnect', () =>
    socket.write(
      generate({ cmd: 'connect', protocolId: 'MQTT', protocolVersion: 4, clientId: device.serial, clean: true, keepalive: 60 }),
    ),
  )
  const verdict = await answer
  socket.destroy()
  return verdict
}

describe('Mosquitto with certificates and revocation lists of the hub', function () {
  this.timeout(120_000)
  let broker: Child | undefined

  before(function () {
    if (missing) return void (maySkip('mosquitto') && this.skip())
  })
  after(() => stopAll())

  /** A broker on the hub's CA, with the lists of that moment. */
  async function brokerOf(authority: Authority): Promise<{ port: number; reload: () => Promise<void> }> {
    const folder = tempFolder('mosquitto')
    const [port] = (await freePorts(1)) as [number]
    const { certPem, keyPem } = await authority.serverCertificate({ names: ['127.0.0.1'] })
    const write = async () => {
      const lists = (await authority.crlPem('root')) + (await authority.crlPem('issuing-1'))
      writeFileSync(join(folder, 'crl.pem'), lists)
    }
    await write()
    writeFileSync(join(folder, 'ca.pem'), authority.rootPem + authority.issuingPem)
    writeFileSync(join(folder, 'server.pem'), certPem)
    writeFileSync(join(folder, 'server.key'), keyPem)
    const lines = [
      `listener ${port} 127.0.0.1`,
      `cafile ${join(folder, 'ca.pem')}`,
      `certfile ${join(folder, 'server.pem')}`,
      `keyfile ${join(folder, 'server.key')}`,
      `crlfile ${join(folder, 'crl.pem')}`,
      'require_certificate true',
      'use_identity_as_username true',
      'allow_anonymous true',
      'persistence false',
      'log_type all',
      ...(process.getuid?.() === 0 ? ['user root'] : []),
    ]
    writeFileSync(join(folder, 'mosquitto.conf'), `${lines.join('\n')}\n`)
    const run = async () => {
      broker = start('mosquitto', ['-c', join(folder, 'mosquitto.conf')])
      await broker.says(/mosquitto version .* running/)
    }
    await run()
    return {
      port,
      async reload() {
        await broker!.stop()
        await write()
        await run()
      },
    }
  }

  const openAt = async (clock: { now: number }) =>
    openAuthority({
      hubId: 'house',
      store: await openMemoryStateStore({ now: () => clock.now }),
      sealer: sealerOf(),
      now: () => clock.now,
      random,
    })

  it('a device is accepted before its revocation and refused after, another goes on', async () => {
    const authority = await openAt({ now: Date.now() })
    const [pump, valve] = [await authority.issueDevice({ id: 'pump' }), await authority.issueDevice({ id: 'valve' })]
    const { port, reload } = await brokerOf(authority)
    assert.deepEqual([await attempt(port, authority, pump), await attempt(port, authority, valve)], ['accepted', 'accepted'])
    const { serial, issuerId, notAfter } = pump
    await authority.revoke([{ serial, issuerId, notAfter, at: Date.now(), reason: 'keyCompromise' }])
    await reload()
    assert.deepEqual([await attempt(port, authority, pump), await attempt(port, authority, valve)], ['refused', 'accepted'])
    await until('the broker says why', () => /certificate revoked|sslv3 alert|certificate verify failed/i.test(broker!.output()))
  })

  it('an unnamed device is accepted too, one of another hub never', async () => {
    const authority = await openAt({ now: Date.now() })
    const other = await openAt({ now: Date.now() })
    const { port } = await brokerOf(authority)
    assert.equal(await attempt(port, authority, await authority.issueUnnamed({})), 'accepted')
    assert.equal(await attempt(port, authority, await other.issueDevice({ id: 'pump' })), 'refused')
  })

  it('a list that has ended locks everyone out, until it is renewed', async () => {
    const clock = { now: Date.now() - days(8) }
    const authority = await openAt(clock)
    const pump = await authority.issueDevice({ id: 'pump' })
    const { port, reload } = await brokerOf(authority)
    assert.equal(await attempt(port, authority, pump), 'refused')
    clock.now = Date.now()
    assert.deepEqual(
      authority.crlAlarms().map(({ issuerId }) => issuerId),
      ['root', 'issuing-1'],
    )
    await authority.renewCrls()
    await reload()
    assert.equal(await attempt(port, authority, pump), 'accepted')
  })
})
