import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { join } from 'node:path'
import type { CredentialRequest, DeviceSecrets, DeviceView, HubHealth, HubOptions } from '../../src/hub/hub.ts'
import { type ConnectFields, connectPacket, packetTypes, type Talk, talk } from '../mqtt-wire.ts'
import { stopAll, tempFolder } from '../processes.ts'
import { sasLogin } from '../sas-token.ts'
import { until } from '../until.ts'
import { startSteppedHub, type SteppedHub } from './stepped-hub.ts'
import { dialTls, endDialled } from './tls-device.ts'

const minute = 60_000
const day = 86_400_000
const limitMs = 30_000

const id = 'pump'

/** A hub that is killed and started again on the same folder, its clock where it was or later, and one device with what it holds. */
function house() {
  const options: HubOptions = {
    hubId: 'rotation',
    dataDir: join(tempFolder('rotation'), 'data'),
    store: 'sqlite',
    broker: 'embedded',
    listeners: (['mqtt', 'mqtts'] as const).map(kind => ({ kind, host: '127.0.0.1', port: 0 })),
    limits: { connectsPerSecond: 0, connectsPerSecondPerAddress: 0, connectsPerSecondPerDevice: 0 },
  }
  let hub: SteppedHub
  let aheadMs = 0
  const peers: Talk[] = []
  const ports = async () => {
    const { listeners } = (await hub.call('health', 'get', {})) as HubHealth
    return Object.fromEntries(listeners.map(({ kind, port }) => [kind, port])) as Record<'mqtt' | 'mqtts', number>
  }
  const dial = async (fields: ConnectFields): Promise<{ code: number | undefined; peer: Talk }> => {
    const socket = connect((await ports()).mqtt, '127.0.0.1')
    const peer = talk(socket)
    peers.push(peer)
    socket.once('connect', () => peer.send(connectPacket(fields)))
    const { body } = await peer.next(packetTypes.connack, limitMs)
    return { code: body[1], peer }
  }
  return {
    async begin() {
      hub = await startSteppedHub(options, { aheadMs })
    },
    /** The hub loses power; it is back `laterMs` later. */
    async crash(laterMs = 0) {
      await hub.kill()
      aheadMs += laterMs
      hub = await startSteppedHub(options, { aheadMs })
    },
    /** It dies with the command on its way, which may or may not have been carried out. */
    async crashDuring(method: string, arg: object) {
      hub.send('identity', method, arg)
      await this.crash()
    },
    async pass(ms: number) {
      aheadMs += ms
      await hub.advance(ms)
    },
    register: async (credentials: CredentialRequest) =>
      ((await hub.call('devices', 'register', { id, credentials })) as { secrets: DeviceSecrets }).secrets,
    rotate: async (credential: CredentialRequest, overlapMs?: number): Promise<DeviceSecrets> =>
      hub.call('identity', 'rotate', { id, credential, ...(overlapMs !== undefined && { overlapMs }) }),
    regenerate: async (cid: string, slot: 'primary' | 'secondary'): Promise<DeviceSecrets> =>
      hub.call('identity', 'regenerateKey', { id, cid, slot }),
    status: async (cid: string) =>
      ((await hub.call('devices', 'get', { id })) as DeviceView).credentials.find(one => one.cid === cid)?.status,
    told: (event: string, cid: string) => hub.output().includes(`EVENT ${id} ${event} ${cid}`),
    /** The device connects with what it was once given. */
    async connect(held: DeviceSecrets, slot: 'primaryKey' | 'secondaryKey' = 'primaryKey') {
      const { caPem: ca, certificatePem: cert, privateKeyPem: key, password, username } = held
      if (cert && key) return dialTls({ port: (await ports()).mqtts, ca, cert, key, clientId: id })
      if (password) return dial({ clientId: id, username: username ?? id, password })
      return dial(sasLogin(id, held[slot]!, { expiresS: Math.floor((Date.now() + aheadMs) / 1000) + 3600 }))
    },
    async lets(held: DeviceSecrets, slot?: 'primaryKey' | 'secondaryKey'): Promise<boolean> {
      const { code, peer } = await this.connect(held, slot)
      peer.end()
      assert(code === 0 || code === 5, `CONNACK ${code}`)
      return code === 0
    },
    end() {
      for (const peer of peers) peer.end()
    },
  }
}

describe('the renewal of a credential, with the hub killed between all steps', function () {
  this.timeout(180_000)
  let at: ReturnType<typeof house>
  beforeEach(async () => {
    at = house()
    await at.begin()
  })
  afterEach(async () => {
    at.end()
    endDialled()
    await stopAll()
  })

  for (const kind of ['x509', 'sas'] as const) {
    it(`locks no device out whose answer got lost (${kind})`, async () => {
      const old = await at.register({ kind })
      for (let times = 0; times < 2; times++) {
        await at.crashDuring('rotate', { id, credential: { kind } })
        assert(await at.lets(old))
      }
      // made and never heard of: the hub dies when it is on disk, the device asks again and gets another
      const lost = await at.rotate({ kind })
      await at.crash()
      assert.deepEqual([await at.status(lost.cid), await at.lets(old)], ['pending', true])
      const fresh = await at.rotate({ kind })
      await at.crash()
      assert.deepEqual([await at.lets(old), await at.lets(fresh), await at.lets(old)], [true, true, true])
      await at.crash(30 * day)
      await at.pass(minute)
      await until(() => at.told('dropped', lost.cid), limitMs)
      assert.deepEqual([await at.lets(old), await at.lets(fresh), await at.lets(lost)], [false, true, false])
    })

    it(`goes on where it was: unused, used, overlap, end (${kind})`, async () => {
      const old = await at.register({ kind })
      const fresh = await at.rotate({ kind }, 2 * day)
      // the device crashed before it used the new one, and then the hub
      await at.crash()
      assert.deepEqual([await at.status(old.cid), await at.status(fresh.cid), await at.lets(old)], ['active', 'pending', true])
      await at.crash(5 * day)
      assert.equal(await at.lets(old), true)
      // the first use counts when the device is told so, whatever becomes of the hub
      const first = await at.connect(fresh)
      assert.equal(first.code, 0)
      await at.crash()
      assert.deepEqual([await at.status(old.cid), await at.status(fresh.cid)], ['active', 'active'])
      assert.deepEqual([await at.lets(old), await at.lets(fresh)], [true, true])
      // half of the overlap is over
      await at.crash(day)
      await at.pass(minute)
      assert.deepEqual([await at.lets(old), await at.lets(fresh)], [true, true])
      // its end comes with a live connection of the old one, and one of the new
      const [by, beside] = [await at.connect(old), await at.connect(fresh, 'secondaryKey')]
      assert.equal(by.code, 0)
      await at.pass(day)
      await by.peer.closed(limitMs)
      await until(() => at.told('superseded', old.cid), limitMs)
      assert.equal(beside.code, 0)
      for (let times = 0; times < 2; times++) {
        assert.deepEqual([await at.lets(old), await at.lets(fresh)], [false, true])
        await at.crash()
      }
    })

    it(`is made up for when the overlap ended without a hub (${kind})`, async () => {
      const old = await at.register({ kind })
      const fresh = await at.rotate({ kind }, day)
      assert(await at.lets(fresh))
      await at.crash(2 * day)
      assert.equal(await at.lets(fresh), true)
      await at.pass(minute)
      await until(() => at.told('superseded', old.cid), limitMs)
      assert.deepEqual([await at.lets(old), await at.lets(fresh)], [false, true])
    })

    it(`drops a replacement that nobody used, and the old one goes on (${kind})`, async () => {
      const old = await at.register({ kind })
      const fresh = await at.rotate({ kind })
      await at.crash(30 * day - minute)
      assert.equal(await at.lets(old), true)
      await at.pass(minute)
      await until(() => at.told('dropped', fresh.cid), limitMs)
      for (let times = 0; times < 2; times++) {
        assert.deepEqual([await at.lets(fresh), await at.lets(old)], [false, true])
        await at.crash()
      }
    })
  }

  it('keeps a replacement that nobody used yet when it is all that the device has left', async () => {
    const old = await at.register({ kind: 'x509', days: 10 })
    await at.pass(7 * day)
    const fresh = await at.rotate({ kind: 'x509' })
    // in a drawer for forty days
    await at.crash(40 * day)
    await at.pass(minute)
    await until(async () => (await at.status(fresh.cid)) === 'active', limitMs)
    assert.deepEqual([await at.lets(old), await at.lets(fresh)], [false, true])
    await at.crash()
    assert.equal(await at.lets(fresh), true)
  })

  it('of one of two keys leaves the other, whatever of the answer arrives', async () => {
    const made = await at.register({ kind: 'sas' })
    await at.crashDuring('regenerateKey', { id, cid: made.cid, slot: 'secondary' })
    assert.equal(await at.lets(made, 'primaryKey'), true)
    const second = await at.regenerate(made.cid, 'secondary')
    await at.crash()
    assert.deepEqual([await at.lets(made), await at.lets(made, 'secondaryKey')], [true, false])
    assert.equal(await at.lets(second, 'secondaryKey'), true)
    await at.crashDuring('regenerateKey', { id, cid: made.cid, slot: 'primary' })
    assert.equal(await at.lets(second, 'secondaryKey'), true)
    const first = await at.regenerate(made.cid, 'primary')
    await at.crash()
    assert.deepEqual([await at.lets(first), await at.lets(second, 'secondaryKey'), await at.lets(made)], [true, true, false])
  })
})
