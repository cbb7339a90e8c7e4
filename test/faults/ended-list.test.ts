import assert from 'node:assert/strict'
import { join } from 'node:path'
import type { CaView } from '../../src/pki/ca-view.ts'
import type { DeviceSecrets, HubHealth } from '../../src/hub/hub.ts'
import { readCrl } from '../../src/pki/crl-reader.ts'
import { packetTypes, publishPacket } from '../mqtt-wire.ts'
import { stopAll, tempFolder } from '../processes.ts'
import { until } from '../until.ts'
import { startSteppedHub, type SteppedHub } from './stepped-hub.ts'
import { dialTls, endDialled } from './tls-device.ts'

const day = 86_400_000
/** Less than the hour after which lists are looked at: what comes each hour does not come. */
const stepMs = 59 * 60_000
const limitMs = 30_000

describe('revocation lists of the hub that ended', function () {
  this.timeout(180_000)
  afterEach(async () => {
    endDialled()
    await stopAll()
  })

  it('lock out no device with a good certificate, let in none that is revoked, and are made anew an hour later', async () => {
    const hub: SteppedHub = await startSteppedHub({
      hubId: 'lists',
      dataDir: join(tempFolder('lists'), 'data'),
      store: 'sqlite',
      broker: 'embedded',
      listeners: [{ kind: 'mqtts', host: '127.0.0.1', port: 0 }],
      limits: { connectsPerSecond: 0, connectsPerSecondPerAddress: 0, connectsPerSecondPerDevice: 0 },
    })
    const { listeners } = (await hub.call('health', 'get', {})) as HubHealth
    const port = listeners[0]!.port
    const register = async (id: string): Promise<DeviceSecrets> =>
      ((await hub.call('devices', 'register', { id, credentials: { kind: 'x509' } })) as { secrets: DeviceSecrets }).secrets
    const dial = (id: string, { caPem, certificatePem, privateKeyPem }: DeviceSecrets) =>
      dialTls({ port, ca: caPem, cert: certificatePem!, key: privateKeyPem!, clientId: id })
    const revoke = (id: string, { cid }: DeviceSecrets) =>
      hub.call('identity', 'revokeCredential', { id, cid, reason: 'keyCompromise' })
    const lists = async () =>
      ((await hub.call('pki', 'cas', {})) as CaView[]).flatMap(({ id, crlNumber, nextUpdate }) =>
        crlNumber === undefined ? [] : [{ id, crlNumber, nextUpdate: nextUpdate! }],
      )

    const [good, late, bad] = [await register('good'), await register('late'), await register('bad')]
    const live = await dial('good', good)
    assert.deepEqual([live.code, (await dial('bad', bad)).code], [0, 0])
    const before = await lists()
    assert.equal(before.length, 2, 'of the root and of the issuing authority')
    await revoke('bad', bad)
    const listed = await until(async () => {
      const now = await lists()
      return now.some(({ id, crlNumber }) => crlNumber > before.find(one => one.id === id)!.crlNumber) && now
    }, limitMs)
    const revokedIn = async () => {
      const views = await Promise.all(
        (await lists()).map(async ({ id }) => (await hub.call('pki', 'ca', { id })) as { crlPem: string }),
      )
      return views.reduce((sum, { crlPem }) => sum + readCrl(crlPem).entries.length, 0)
    }
    assert.equal(await revokedIn(), 1)

    let aheadMs = 0
    for (; aheadMs < 8 * day; aheadMs += stepMs) await hub.advance(stepMs)
    const ended = await lists()
    assert.deepEqual(ended, listed, 'nothing made them anew')
    assert.ok(ended.every(({ nextUpdate }) => nextUpdate < Date.now() + aheadMs))

    // who is connected is served, who has a good certificate comes, who is revoked does not
    live.peer.send(publishPacket({ topic: 'devices/good/telemetry', payload: '{"a":1}', qos: 1 }))
    await live.peer.next(packetTypes.puback, limitMs)
    const codes = await Promise.all([dial('good', good), dial('late', late), dial('bad', bad)])
    assert.deepEqual(
      codes.map(({ code }) => code),
      [0, 0, 5],
    )
    const staying = codes[1]!
    await revoke('late', late)
    await staying.peer.closed(limitMs)
    assert.equal((await dial('late', late)).code, 5)

    await hub.advance(3_600_000)
    await until(
      async () => (await lists()).every(({ nextUpdate }) => nextUpdate > Date.now() + aheadMs + 3_600_000 + 6 * day),
      limitMs,
    )
    assert.equal(await revokedIn(), 2)
    assert.equal((await dial('good', good)).code, 0)
  })
})
