import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import { connectPacket, packetTypes, pingPacket, publishPacket, remainingLength } from '../mqtt-wire.ts'
import { until } from '../processes.ts'
import { sasLogin } from '../sas-token.ts'
import { azureTopic, endAll, liveHub } from './live-hub.ts'
import { startHub } from '../../src/hub/start-hub.ts'
import type { HubEvent } from '../../src/hub/hub.ts'

const inSeconds = (s: number) => Math.floor(Date.now() / 1000) + s

describe('bad input over real sockets', function () {
  this.timeout(40_000)
  afterEach(endAll)

  const broken: Record<string, Buffer> = {
    'another protocol name': Buffer.from('101000044d515858040200 3c000464657631'.replace(/ /g, ''), 'hex'),
    'the reserved connect flag set': Buffer.from('101000044d515454040300 3c000464657631'.replace(/ /g, ''), 'hex'),
    'a client id longer than the packet': Buffer.from('100e00044d515454040200 3cffff6162'.replace(/ /g, ''), 'hex'),
    'a remaining length of five bytes': Buffer.from([0x10, 0xff, 0xff, 0xff, 0xff, 0x7f]),
    'a PUBLISH before CONNECT': publishPacket({ topic: 'devices/d/telemetry', payload: '{}', qos: 1 }),
    'an HTTP request': Buffer.from('GET / HTTP/1.1\r\nHost: hub\r\n\r\n'),
    'bytes of nothing': Buffer.alloc(64, 0xff),
  }
  for (const [what, bytes] of Object.entries(broken))
    it(`closes a connection that starts with ${what}`, async () => {
      const live = await liveHub()
      const peer = await live.raw()
      peer.send(bytes)
      await peer.closed()
      assert(!peer.received.some(({ type, body }) => type === packetTypes.connack && body[1] === 0))
      await live.serves()
    })

  it('closes at a claim of 256 MB before it takes the bytes, before CONNECT and after', async () => {
    const live = await liveHub()
    const claim = remainingLength(268_435_455)
    const early = await live.raw()
    early.send(Buffer.concat([Buffer.from([0x10]), claim, Buffer.alloc(32)]))
    await early.closed()
    assert.deepEqual(early.received, [])
    const late = await live.device('claims')
    late.send(Buffer.concat([Buffer.from([0x32]), claim, Buffer.alloc(32)]))
    await late.closed()
    await live.serves()
  })

  it('closes a CONNECT of more than 16 KiB', async () => {
    const live = await liveHub()
    const peer = await live.raw()
    peer.send(connectPacket({ clientId: 'd', username: 'u', password: Buffer.alloc(17_000, 65) }))
    await peer.closed()
    assert.deepEqual(peer.received, [])
    await live.serves()
  })

  it('answers a wrong SAS key, a wrong device in it and none at all with CONNACK 5', async () => {
    const live = await liveHub()
    const { primaryKey } = await live.register('d1')
    await live.register('d2')
    const otherKey = Buffer.alloc(32, 1).toString('base64')
    const { username } = sasLogin('d2', primaryKey!)
    for (const fields of [
      sasLogin('d1', otherKey),
      { ...sasLogin('d1', primaryKey!), clientId: 'd2', username },
      { ...sasLogin('d1', primaryKey!), password: 'SharedAccessSignature sr=x' },
      { clientId: 'd1', username: sasLogin('d1', primaryKey!).username },
      { clientId: 'd1' },
    ]) {
      const { peer, code } = await live.dial(fields)
      assert.equal(code, 5)
      await peer.closed()
    }
    await live.serves()
  })

  it('answers an expired SAS token with CONNACK 5, one within the clock skew with 0', async () => {
    const live = await liveHub()
    const { primaryKey } = await live.register('d1')
    assert.equal((await live.dial(sasLogin('d1', primaryKey!, { expiresS: inSeconds(-310) }))).code, 5)
    assert.equal((await live.dial(sasLogin('d1', primaryKey!, { expiresS: inSeconds(-100) }))).code, 0)
    await live.serves()
  })

  it('answers an unknown device with CONNACK 5', async () => {
    const live = await liveHub()
    assert.equal((await live.dial(sasLogin('nobody', Buffer.alloc(32, 1).toString('base64')))).code, 5)
    assert.equal((await live.dial({ clientId: 'nobody', username: 'nobody', password: 'secret' })).code, 5)
    await live.serves()
  })

  it('answers a certificate of another CA with CONNACK 5, its own with 0', async () => {
    const listeners = [
      { kind: 'mqtt' as const, host: '127.0.0.1', port: 0 },
      { kind: 'mqtts' as const, host: '127.0.0.1', port: 0 },
    ]
    const live = await liveHub({ listeners })
    const foreign = await liveHub({ store: 'memory', hubId: 'foreign' })
    const code = async ({ certificatePem, privateKeyPem, chainPem }: Awaited<ReturnType<typeof live.register>>) => {
      const peer = await live.rawTls({ cert: `${certificatePem}${chainPem ?? ''}`, key: privateKeyPem! })
      peer.send(connectPacket({ clientId: 'd1' }))
      return (await peer.next(packetTypes.connack)).body[1]
    }
    const own = await live.register('d1', { kind: 'x509' })
    assert.equal(await code(await foreign.register('d1', { kind: 'x509' })), 5)
    assert.equal(await code(own), 0)
    await live.serves()
  })

  it('acknowledges a publish in the name of another device, keeps nothing of it and reports it', async () => {
    const live = await liveHub()
    const events: HubEvent[] = []
    live.hub.subscribe(event => events.push(event))
    await live.register('victim')
    const azure = await live.device('d1')
    azure.send(publishPacket({ topic: azureTopic('victim'), payload: '{"x":1}', qos: 1, id: 3 }))
    await azure.next(packetTypes.puback)
    await live.register('d2', { kind: 'password', username: 'd2', password: 'a long secret' })
    const plain = await live.dial({ clientId: 'd2', username: 'd2', password: 'a long secret' })
    assert.equal(plain.code, 0)
    for (const [i, topic] of [
      'devices/victim/telemetry',
      'dt/victim/x',
      '$aws/things/victim/shadow/update',
      '$SYS/x',
    ].entries()) {
      plain.peer.send(publishPacket({ topic, payload: '{"x":1}', qos: 1, id: 10 + i }))
      assert.equal((await plain.peer.next(packetTypes.puback)).body.readUInt16BE(0), 10 + i)
    }
    plain.peer.send(publishPacket({ topic: 'devices/d2/telemetry', payload: '{"x":2}', qos: 1, id: 20 }))
    await plain.peer.next(packetTypes.puback)
    assert.deepEqual(await live.records('victim'), [])
    assert.equal((await live.records('d1')).length, 0)
    assert.deepEqual(
      (await live.records('d2')).map(({ topic }) => topic),
      ['devices/d2/telemetry'],
    )
    const denied = await until('the audit events', () => {
      const found = events.flatMap(event => (event.type === 'security' && event.code === 'POLICY_DENIED' ? [event.device] : []))
      return found.length >= 5 && found
    })
    assert.deepEqual([...new Set(denied)], ['d1', 'd2'])
    await live.serves()
  })

  it('takes a payload of 256 KiB and closes at one well above', async () => {
    const live = await liveHub()
    const fits = await live.device('fits')
    fits.send(publishPacket({ topic: azureTopic('fits'), payload: Buffer.alloc(262_144, 32), qos: 1 }))
    await fits.next(packetTypes.puback)
    const large = await live.device('large')
    large.send(publishPacket({ topic: azureTopic('large'), payload: Buffer.alloc(262_144 + 20_000, 32), qos: 1 }))
    await large.closed()
    assert(!large.received.some(({ type }) => type === packetTypes.puback))
    assert.equal((await live.records('fits')).length, 1)
    assert.deepEqual(await live.records('large'), [])
    await live.serves()
  })

  const badTopics: Record<string, string | Buffer> = {
    'not UTF-8': Buffer.concat([Buffer.from('devices/d1/messages/events/'), Buffer.from([0xff, 0xfe, 0xc0])]),
    'an encoded surrogate': Buffer.concat([Buffer.from('devices/d1/messages/events/'), Buffer.from([0xed, 0xa0, 0x80])]),
    'with a NUL': 'devices/d1/messages/events/\0',
    'with a wildcard': 'devices/d1/messages/events/#',
    empty: '',
  }
  for (const [what, topic] of Object.entries(badTopics))
    it(`keeps nothing of a topic that is ${what} and closes`, async () => {
      const live = await liveHub()
      const peer = await live.device('d1')
      peer.send(publishPacket({ topic, payload: '{"x":1}', qos: 1 }))
      peer.send(pingPacket)
      await peer.closed()
      assert(!peer.received.some(({ type }) => type === packetTypes.puback))
      assert.deepEqual(await live.records('d1'), [])
      await live.serves()
    })

  it('serves on its other listeners when one port is taken, and names it', async () => {
    const occupant = createServer()
    await new Promise<void>(resolve => occupant.listen(0, '127.0.0.1', resolve))
    const { port } = occupant.address() as { port: number }
    try {
      const live = await liveHub({
        listeners: [
          { kind: 'mqtts', host: '127.0.0.1', port },
          { kind: 'mqtt', host: '127.0.0.1', port: 0 },
        ],
      })
      const health = await live.hub.health.get({})
      assert.equal(health.status, 'degraded')
      const failed = health.listeners.find(({ kind }) => kind === 'mqtts')
      assert.equal(failed?.state, 'failed')
      assert.equal(failed?.error?.code, 'BROKER_PORT_TAKEN')
      assert.match(failed?.error?.message ?? '', new RegExp(`\\b${port}\\b`))
      await live.serves()
    } finally {
      occupant.close()
    }
  })

  it('refuses a second hub on the same data folder with STORE_LOCKED, and the first goes on', async () => {
    const live = await liveHub()
    await assert.rejects(startHub(live.options), { code: 'STORE_LOCKED' })
    await live.serves()
  })
})
