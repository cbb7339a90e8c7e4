import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import type { ServerResponse } from 'node:http'
import { writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import * as jose from 'jose'
import type { HubEvent, HubHealth } from '../../src/hub/hub.ts'
import type { NewIssuer } from '../../src/identity/issuers.ts'
import { serverExtensions, throwAwayCa } from '../broker/throw-away-ca.ts'
import { connectPacket, packetTypes, publishPacket, talk } from '../mqtt-wire.ts'
import { needOpenssl } from '../pki/openssl.ts'
import { stopAll, tempFolder } from '../processes.ts'
import { until } from '../until.ts'
import { closeKeyServers, keyServer, type KeyServer } from './key-server.ts'
import { endAll, type LiveHub, liveHub } from './live-hub.ts'
import { startSteppedHub } from './stepped-hub.ts'
import { steppedClock } from './stepped-clock.ts'

const limitMs = 30_000
const minute = 60_000
const iss = 'https://id.example.com/'
const aud = 'thingloom'

type Algorithm = 'ES256' | 'RS256'

async function signer(kid: string, alg: Algorithm = 'ES256') {
  const { publicKey, privateKey } = await jose.generateKeyPair(alg, { extractable: true })
  const sign = (subject: string, claims: jose.JWTPayload = {}) =>
    new jose.SignJWT({ iss, aud, sub: subject, exp: Math.floor(Date.now() / 1000) + 3600, ...claims })
      .setProtectedHeader({ alg, kid })
      .sign(privateKey)
  return { jwk: { ...(await jose.exportJWK(publicKey)), kid, use: 'sig' }, pem: await jose.exportSPKI(publicKey), sign }
}

describe('bearer tokens over a connection, their keys from a web server', function () {
  this.timeout(120_000)
  let clock: ReturnType<typeof steppedClock>
  let live: LiveHub
  let server: KeyServer
  let security: Extract<HubEvent, { type: 'security' }>[]
  beforeEach(async () => {
    clock = steppedClock()
    live = await liveHub({ limits: { connectsPerSecondPerDevice: 0 } })
    security = []
    live.hub.subscribe(event => void (event.type === 'security' && security.push(event)))
    server = await keyServer()
  })
  afterEach(async () => {
    await endAll()
    await closeKeyServers()
    clock.end()
  })

  const issuer = async (more: Partial<NewIssuer> = {}) =>
    live.hub.identity.putIssuer({
      issuer: { id: 'corp', issuer: iss, audience: aud, algorithm: 'ES256', keys: { jwksUrl: server.url }, ...more },
    })
  const device = (id: string, tokenIssuer = 'corp') => live.register(id, { kind: 'jwt', tokenIssuer })
  const dial = async (clientId: string, token: string) => {
    const peer = await live.raw()
    peer.send(connectPacket({ clientId, username: clientId, password: token }))
    const { body } = await peer.next(packetTypes.connack, limitMs)
    return { peer, code: body[1] }
  }
  /** The answer to a token, and what the hub says of a refusal. */
  const verdict = async (clientId: string, token: string) => {
    security.length = 0
    const { peer, code } = await dial(clientId, token)
    if (code !== 0) await peer.closed(limitMs)
    else peer.end()
    return [code, security[0]?.code]
  }
  const accepted = [0, undefined]
  const down = [3, 'CRED_ISSUER_DOWN']

  it('let a device in, which is served until the token ends, and its session with it', async () => {
    const a = await signer('a')
    server.keys = [a.jwk]
    await issuer()
    await device('pump')
    const token = await a.sign('pump')
    const { peer, code } = await dial('pump', token)
    assert.equal(code, 0)
    peer.send(publishPacket({ topic: 'dt/pump/x', payload: '{"t":1}', qos: 1, id: 3 }))
    assert.equal((await peer.next(packetTypes.puback, limitMs)).body.readUInt16BE(0), 3)
    assert.equal((await live.records('pump')).length, 1)
    clock.advance(3500_000)
    assert.equal((await live.hub.health.get({})).connections, 1)
    clock.advance(100_000)
    await peer.closed(limitMs)
    clock.advance(minute + 1000)
    assert.deepEqual(await verdict('pump', token), [5, 'CRED_EXPIRED'])
    assert.deepEqual(await verdict('pump', await a.sign('pump')), accepted)
  })

  it('of another algorithm are refused, whatever key they are signed with', async () => {
    const [a, rsa] = [await signer('a'), await signer('rsa', 'RS256')]
    server.keys = [a.jwk, rsa.jwk]
    await issuer()
    await device('pump')
    const [, payload] = (await a.sign('pump')).split('.')
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
    const hmac = (secret: string | Buffer, kid?: string) => {
      const text = `${part({ alg: 'HS256', ...(kid && { kid }) })}.${payload}`
      return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`
    }
    for (const token of [
      `${part({ alg: 'none' })}.${payload}.`,
      `${part({ alg: 'none', kid: 'a' })}.${payload}.`,
      `${part({ alg: 'NoNe', kid: 'a' })}.${payload}.AAAA`,
      hmac(a.pem, 'a'),
      hmac(a.pem),
      hmac(JSON.stringify(a.jwk), 'a'),
      hmac(Buffer.from(a.jwk.x!, 'base64url'), 'a'),
      await rsa.sign('pump'),
    ])
      assert.deepEqual(await verdict('pump', token), [5, 'CRED_INVALID'], token.slice(0, 60))
    assert.deepEqual(await verdict('pump', await a.sign('pump')), accepted)
    assert.equal(server.asked, 1)
    await live.serves()
  })

  it('must be of this issuer, for this hub, in their time and of this device', async () => {
    const [a, b] = [await signer('a'), await signer('a')]
    server.keys = [a.jwk]
    await issuer()
    await device('pump')
    await device('valve')
    const s = Math.floor(Date.now() / 1000)
    for (const [claims, code] of [
      [{ aud: 'other' }, 'CRED_INVALID'],
      [{ aud: undefined as never }, 'CRED_INVALID'],
      // of nobody known it is a password, and no device has that
      [{ iss: 'https://evil.example.com/' }, 'CRED_INVALID'],
      [{ nbf: s + 3600 }, 'CRED_NOT_YET_VALID'],
      [{ exp: s - 3600 }, 'CRED_EXPIRED'],
      [{ exp: undefined as never }, 'CRED_INVALID'],
      [{ sub: 'nobody' }, 'CRED_UNKNOWN'],
      [{ sub: 'valve' }, 'CLIENT_ID_REFUSED'],
    ] as [jose.JWTPayload, string][])
      assert.deepEqual(await verdict('pump', await a.sign('pump', claims)), [5, code], JSON.stringify(claims))
    assert.deepEqual(await verdict('valve', await b.sign('valve')), [5, 'CRED_INVALID'])
    const early = await a.sign('valve', { nbf: s + 300 })
    assert.deepEqual(await verdict('valve', early), [5, 'CRED_NOT_YET_VALID'])
    clock.advance(5 * minute)
    assert.deepEqual(await verdict('valve', early), accepted)
  })

  it('of a new key are accepted within a minute, those of a removed one no longer', async () => {
    const [a, b] = [await signer('a'), await signer('b')]
    server.keys = [a.jwk]
    await issuer()
    await device('pump')
    await device('valve')
    const { peer, code } = await dial('pump', await a.sign('pump'))
    assert.equal(code, 0)
    // a connection counts a moment after its CONNACK
    await until(async () => (await live.hub.health.get({})).connections === 1, limitMs)
    server.keys = [a.jwk, b.jwk]
    clock.advance(minute)
    assert.deepEqual(await verdict('valve', await b.sign('valve')), accepted)
    assert.deepEqual(await verdict('valve', await a.sign('valve')), accepted)
    assert.equal(server.asked, 2)
    // nobody makes the hub ask more often
    for (let i = 0; i < 5; i++)
      assert.deepEqual(await verdict('valve', await (await signer(`no-${i}`)).sign('valve')), [5, 'CRED_INVALID'])
    assert.equal(server.asked, 2)
    server.keys = [b.jwk]
    clock.advance(10 * minute)
    assert.deepEqual(await verdict('valve', await a.sign('valve')), [5, 'CRED_INVALID'])
    assert.deepEqual(await verdict('valve', await b.sign('valve')), accepted)
    assert.equal(server.asked, 3)
    // what the removed key let in goes on to the end of its token
    peer.send(publishPacket({ topic: 'dt/pump/x', payload: '{}', qos: 1, id: 3 }))
    await peer.next(packetTypes.puback, limitMs)
  })

  it('end with their issuer', async () => {
    const a = await signer('a')
    server.keys = [a.jwk]
    await issuer()
    await device('pump')
    const { peer } = await dial('pump', await a.sign('pump'))
    await live.hub.identity.deleteIssuer({ id: 'corp' })
    await peer.closed(limitMs)
    assert.equal((await dial('pump', await a.sign('pump'))).code, 5)
  })

  it('go on with the keys that are known while the server is down; for a new key the device shall come again', async () => {
    const [a, b] = [await signer('a'), await signer('b')]
    server.keys = [a.jwk]
    await issuer()
    await device('pump')
    assert.deepEqual(await verdict('pump', await a.sign('pump')), accepted)
    await server.close()
    for (const ms of [0, 11 * minute, 60 * minute]) {
      clock.advance(ms)
      assert.deepEqual(await verdict('pump', await a.sign('pump')), accepted)
      if (ms) assert.deepEqual(await verdict('pump', await b.sign('pump')), down)
    }
    assert.match(security[0]!.message, /"corp", 127\.0\.0\.1:\d+: ECONNREFUSED \(see that its key set can be fetched from here\)/)
    await live.serves()
  })

  it('without a known key are for later, which harms no other device, and are fine when the server is back', async () => {
    const a = await signer('a')
    server.keys = [a.jwk]
    const { answer } = server
    server.answer = (_request, response) => void response.writeHead(503).end()
    await issuer()
    await device('pump')
    for (let i = 0; i < 3; i++) assert.deepEqual(await verdict('pump', await a.sign('pump')), down)
    assert.equal(server.asked, 1)
    assert.match(security[0]!.message, /"corp", 127\.0\.0\.1:\d+: the answer has status 503/)
    assert.doesNotMatch(security[0]!.message, /eyJ/)
    await live.serves()
    server.answer = answer
    clock.advance(minute)
    assert.deepEqual(await verdict('pump', await a.sign('pump')), accepted)
  })

  const chunk = Buffer.alloc(65_536, 0x20)
  const endless = (response: ServerResponse) => {
    const more = (): void => {
      while (!response.destroyed && response.write(chunk));
      if (!response.destroyed) response.once('drain', more)
    }
    more()
  }
  for (const [what, why, answer] of [
    [
      'one byte a moment',
      /no answer in time/,
      response => {
        response.write('{"keys":[')
        const drip = setInterval(() => response.write(' '), 200)
        response.once('close', () => clearInterval(drip))
      },
    ],
    ['nothing at all', /no answer in time/, () => {}],
    ['more than anybody needs', /more than 262144 bytes/, endless],
    [
      'much in little, packed',
      /more than 262144 bytes/,
      response => response.setHeader('content-encoding', 'gzip').end(gzipSync(Buffer.alloc(50_000_000, 0x20))),
    ],
    ['a way to somewhere else', /redirect/, response => response.writeHead(302, { location: '/elsewhere' }).end()],
    ['a page for people', /no JSON/, response => response.end('<html>')],
    [
      'half of a set',
      /no JSON|terminated|closed|ECONNRESET|UND_ERR/,
      response => {
        response.writeHead(200, { 'content-length': '1000' }).write('{"keys":[')
        setImmediate(() => response.destroy())
      },
    ],
    ['nested without end', /no JSON|no key set/, response => response.end('['.repeat(200_000))],
    ['null', /no key set/, response => response.end('null')],
    ['keys that are none', /no key set/, response => response.end('{"keys":{"a":1}}')],
  ] as [string, RegExp, (response: ServerResponse) => void][])
    it(`wait for no web server that sends ${what}`, async () => {
      const a = await signer('a')
      const paths: (string | undefined)[] = []
      let ended = false
      server.answer = ({ url }, response) => {
        paths.push(url)
        response.once('close', () => {
          ended = true
        })
        answer(response)
      }
      await issuer()
      await device('pump')
      const refused = verdict('pump', await a.sign('pump'))
      await until(() => server.asked, limitMs)
      await live.serves()
      assert.deepEqual(await refused, down)
      assert.match(security.find(({ code }) => code === 'CRED_ISSUER_DOWN')!.message, why)
      assert.deepEqual(paths, ['/keys'])
      await until(() => ended, limitMs)
      await live.serves()
    })

  it('come from a server that this machine trusts, and from no other', async function () {
    needOpenssl(this)
    try {
      const ca = throwAwayCa()
      const secure = await keyServer(ca.issue('keys', serverExtensions))
      const a = await signer('a')
      secure.keys = [a.jwk]
      const path = join(tempFolder('jwt'), 'ca.pem')
      writeFileSync(path, ca.caPem)
      for (const [env, expected] of [
        [{ NODE_EXTRA_CA_CERTS: path }, 0],
        [{ NODE_EXTRA_CA_CERTS: '' }, 3],
      ] as const) {
        const dataDir = join(tempFolder('jwt'), 'data')
        const listeners = [{ kind: 'mqtt', host: '127.0.0.1', port: 0 } as const]
        const hub = await startSteppedHub({ hubId: 'jwt', dataDir, store: 'sqlite', broker: 'embedded', listeners }, { env })
        await hub.call('identity', 'putIssuer', {
          issuer: { id: 'corp', issuer: iss, audience: aud, algorithm: 'ES256', keys: { jwksUrl: secure.url } },
        })
        await hub.call('devices', 'register', { id: 'pump', credentials: { kind: 'jwt', tokenIssuer: 'corp' } })
        const { port } = ((await hub.call('health', 'get', {})) as HubHealth).listeners[0]!
        const password = await a.sign('pump')
        const socket = connect(port, '127.0.0.1')
        const peer = talk(socket)
        socket.once('connect', () => peer.send(connectPacket({ clientId: 'pump', username: 'pump', password })))
        assert.equal((await peer.next(packetTypes.connack, limitMs)).body[1], expected)
        peer.end()
        if (expected) await until(() => /SECURITY CRED_ISSUER_DOWN .*(SELF_SIGNED|UNABLE_TO)/.test(hub.output()), limitMs)
        await hub.kill()
      }
    } finally {
      await stopAll()
    }
  })
})
