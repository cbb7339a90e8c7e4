import assert from 'node:assert/strict'
import { generateKeyPairSync, sign } from 'node:crypto'
import { request as plainRequest } from 'node:http'
import { request } from 'node:https'
import type { DeviceSecrets, Hub } from '../../src/hub/hub.ts'
import { startHub } from '../../src/hub/start-hub.ts'
import { kinds, type JournalRecord } from '../../src/journal/journal-port.ts'
import { inHours, sasToken } from '../sas-token.ts'

interface Ask {
  method?: string
  headers?: Record<string, string>
  body?: string | Buffer
  /** client certificate */
  identity?: DeviceSecrets
  port?: number
}
interface Answer {
  status: number
  headers: Record<string, string | string[] | undefined>
  text: string
}

const idp = generateKeyPairSync('ed25519')
const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
/** A bearer token of the issuer `idp` for a subject. */
function tokenOf(sub: string): string {
  const exp = Math.floor(Date.now() / 1000) + 3600
  const signed = `${part({ alg: 'EdDSA' })}.${part({ iss: 'https://idp.test', aud: 'hub', sub, exp })}`
  return `${signed}.${sign(null, Buffer.from(signed), idp.privateKey).toString('base64url')}`
}
const basic = (user: string, password: string) => ({
  authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`,
})

describe('device API of the https listener', function () {
  this.timeout(60_000)
  let hub: Hub
  let ports: { https: number; shared: number }
  let ca: string
  const secrets: Record<string, DeviceSecrets> = {}

  before(async () => {
    hub = await startHub({
      hubId: 'doors',
      dataDir: '/nowhere',
      store: 'memory',
      broker: 'embedded',
      threaded: false,
      limits: { connectsPerSecond: 0, connectsPerSecondPerAddress: 0 },
      listeners: [
        { kind: 'https', host: '127.0.0.1', port: 0 },
        { kind: 'shared', host: '127.0.0.1', port: 0 },
      ],
    })
    const { listeners } = await hub.health.get({})
    ports = { https: listeners[0]!.port, shared: listeners[1]!.port }
    ca = (await hub.pki.caCertificates({})).rootPem
    const publicKeyPem = idp.publicKey.export({ type: 'spki', format: 'pem' }).toString()
    await hub.identity.putIssuer({
      issuer: { id: 'idp', issuer: 'https://idp.test', audience: 'hub', algorithm: 'EdDSA', keys: { publicKeyPem } },
    })
    for (const kind of ['sas', 'password', 'x509'] as const)
      secrets[kind] = (await hub.devices.register({ id: kind, credentials: { kind } })).secrets!
    await hub.devices.register({ id: 'jwt', credentials: { kind: 'jwt', tokenIssuer: 'idp', tokenSubject: 'subject-1' } })
  })
  after(() => hub.close())

  const ask = (path: string, { method = 'POST', headers = {}, body = '', identity, port = ports.https }: Ask = {}) =>
    new Promise<Answer>((resolve, reject) => {
      const certificate = identity && { cert: identity.chainPem ?? identity.certificatePem!, key: identity.privateKeyPem! }
      const to = { host: '127.0.0.1', port, path, method, headers, ca, agent: false as const, ...certificate }
      const sent = request(to, response => {
        let text = ''
        response.setEncoding('utf8').on('data', chunk => (text += chunk))
        response.once('end', () => resolve({ status: response.statusCode!, headers: response.headers, text }))
      })
      sent.once('error', reject)
      sent.end(body)
    })

  /** Each credential as a request shows it, by the id of the device that has it. */
  const shown: Record<string, () => Pick<Ask, 'headers' | 'identity'>> = {
    sas: () => ({
      headers: {
        authorization: sasToken({ host: 'hub.test', deviceId: 'sas', key: secrets.sas!.primaryKey!, expiresS: inHours(1) }),
      },
    }),
    password: () => ({ headers: basic('password', secrets.password!.password!) }),
    x509: () => ({ identity: secrets.x509! }),
    jwt: () => ({ headers: { authorization: `Bearer ${tokenOf('subject-1')}` } }),
  }
  const newest = async (device: string): Promise<JournalRecord | undefined> => {
    const { headSeq } = await hub.journal.metrics({})
    const records = await hub.journal.read({ from: Math.max(1, headSeq - 20), limit: 30 })
    return records.filter(record => record.device === device && record.kind !== kinds.lifecycle).at(-1)
  }
  const payloadOf = (record: JournalRecord | undefined) => Buffer.from(record!.payload).toString()

  const dialects = {
    plain: { path: (id: string) => `/v1/devices/${id}/telemetry/fast?k=v`, status: 204, text: /^$/ },
    AWS: {
      path: (id: string) => `/topics/dt/${id}/temp?qos=1`,
      status: 200,
      text: /^\{"message":"OK","traceId":"[0-9a-f]{32}"\}$/,
    },
    Azure: { path: (id: string) => `/devices/${id}/messages/events?api-version=2021-04-12`, status: 204, text: /^$/ },
  } as const

  let count = 0
  for (const [dialect, { path, status, text }] of Object.entries(dialects))
    for (const id of Object.keys(shown))
      it(`${dialect}: what a device sends with ${id} is in the journal`, async () => {
        const body = JSON.stringify({ n: ++count })
        const { headers, identity } = shown[id]!()
        const answer = await ask(path(id), {
          headers: { ...headers, 'content-type': 'application/json', ...(dialect === 'Azure' && { 'iothub-app-k': 'v' }) },
          ...(identity && { identity }),
          body,
        })
        assert.equal(answer.status, status, answer.text)
        assert.match(answer.text, text)
        const record = (await newest(id))!
        assert.deepEqual([record.kind, payloadOf(record)], [kinds.message, body])
        if (dialect !== 'AWS') assert.equal(record.props.p.k, 'v')
        if (dialect === 'plain') assert.equal(record.props.e.stream, 'fast')
        assert.equal(record.props.e.contentType, 'application/json')
        assert.equal(record.props.e.sourceIp?.replace('::ffff:', ''), '127.0.0.1')
      })

  it('the shared port takes the same requests', async () => {
    const { status } = await ask('/v1/devices/x509/telemetry', { port: ports.shared, body: '{"n":"s"}', ...shown.x509!() })
    assert.equal(status, 204)
    assert.equal(payloadOf(await newest('x509')), '{"n":"s"}')
  })

  it('AWS: the content type of a form, which curl sends unasked, says nothing of a message', async () => {
    const headers = { 'content-type': 'application/x-www-form-urlencoded' }
    assert.equal((await ask('/topics/dt/x509/f', { ...shown.x509!(), headers, body: '{"f":1}' })).status, 200)
    assert.equal((await newest('x509'))!.props.e.contentType, undefined)
  })

  it('Azure: a batch is several messages, or none if one is wrong', async () => {
    const send = (body: object) =>
      ask('/devices/sas/messages/events', {
        headers: { ...shown.sas!().headers, 'content-type': 'application/vnd.microsoft.iothub.json' },
        body: JSON.stringify(body),
      })
    const one = { body: Buffer.from('one').toString('base64') }
    const two = { body: 'two', base64Encoded: false, properties: { 'iothub-app-k': 'w' } }
    const { headSeq } = await hub.journal.metrics({})
    assert.equal((await send([one, { body: '%' }])).status, 400)
    assert.equal((await hub.journal.metrics({})).headSeq, headSeq)
    assert.equal((await send([one, two])).status, 204)
    const records = await hub.journal.read({ from: headSeq + 1, limit: 10 })
    assert.deepEqual(
      records.map(record => [payloadOf(record), record.props.p.k]),
      [
        ['one', undefined],
        ['two', 'w'],
      ],
    )
  })

  it('refuses the path or the topic of another device, in the form of each cloud', async () => {
    const { headSeq } = await hub.journal.metrics({})
    const as = shown.password!()
    assert.deepEqual(JSON.parse((await ask('/v1/devices/sas/telemetry', { ...as, body: '{}' })).text).error.code, 'POLICY_DENIED')
    const aws = await ask('/topics/dt/sas/temp', { ...as, body: '{}' })
    assert.deepEqual([aws.status, JSON.parse(aws.text).message], [403, 'Forbidden'])
    const azure = await ask('/devices/sas/messages/events', { ...as, body: '{}' })
    assert.deepEqual([azure.status, JSON.parse(azure.text).errorCode], [403, 403002])
    assert.equal((await ask('/topics/devices%2Fsas%2Ftelemetry', { ...as, body: '{}' })).status, 403)
    assert.equal((await hub.journal.metrics({})).headSeq, headSeq)
  })

  it('refuses who is not known: 401, which AWS calls 403', async () => {
    const stranger = sasToken({ host: 'h', deviceId: 'sas', key: Buffer.alloc(32).toString('base64'), expiresS: inHours(1) })
    const late = sasToken({ host: 'h', deviceId: 'sas', key: secrets.sas!.primaryKey!, expiresS: inHours(-1) })
    const presented: Record<string, string>[] = [
      { authorization: stranger },
      {},
      basic('sas', 'guess'),
      basic('nobody', 'guess'),
      { authorization: late },
      { authorization: `Bearer ${tokenOf('someone else')}` },
      { authorization: `Bearer ${tokenOf('subject-1').slice(0, -4)}AAAA` },
      { authorization: 'Negotiate x' },
    ]
    for (const headers of presented) {
      const what = JSON.stringify(headers).slice(0, 60)
      assert.equal((await ask('/v1/devices/sas/telemetry', { headers, body: '{}' })).status, 401, what)
    }
    // Guesses are slowed down: two are enough here.
    for (const headers of presented.slice(0, 2)) {
      const azure = await ask('/devices/sas/messages/events', { headers, body: '{}' })
      assert.deepEqual([azure.status, JSON.parse(azure.text).errorCode], [401, 401003])
      const aws = await ask('/topics/dt/sas/x', { headers, body: '{}' })
      assert.deepEqual([aws.status, JSON.parse(aws.text).message], [403, 'Forbidden'])
      assert.doesNotMatch(azure.text, /guess|SharedAccess|eyJ/)
    }
  })

  it('a certificate that is not registered counts for nothing', async () => {
    const stray = await hub.pki.issue({ keyType: 'ec-p256' })
    const { status } = await ask('/v1/devices/x509/telemetry', { identity: { ...stray, cid: '', kind: 'x509' }, body: '{}' })
    assert.equal(status, 401)
  })

  it('is shut to plain HTTP, and to a request that another door let in without TLS', async () => {
    await assert.rejects(
      new Promise((resolve, reject) => {
        const sent = plainRequest({
          host: '127.0.0.1',
          port: ports.https,
          path: '/v1/devices/password/telemetry',
          method: 'POST',
        })
        sent.once('response', resolve).once('error', reject).end('{}')
      }),
    )
    const handle = (secure: boolean) =>
      hub.deviceHttp.handle({
        request: {
          method: 'POST',
          path: '/v1/devices/password/telemetry',
          query: '',
          headers: basic('password', secrets.password!.password!),
          body: Buffer.from('{}'),
        },
        peer: { address: '203.0.113.9', secure },
      })
    const open = await handle(false)
    assert.deepEqual([open.status, JSON.parse(open.body).error.code], [400, 'BROKER_PLAINTEXT'])
    assert.equal((await handle(true)).status, 204)
  })

  it('a certificate cannot be claimed through another door', async () => {
    const certificate = { fingerprint: (await hub.devices.get({ id: 'x509' })).credentials[0]!.fingerprint }
    const asked = { method: 'POST', path: '/v1/devices/x509/telemetry', query: '', headers: {}, body: Buffer.from('{}') }
    const peer = { address: '127.0.0.1', secure: true, certificate } as { address: string; secure: boolean }
    assert.equal((await hub.deviceHttp.handle({ request: asked, peer })).status, 401)
  })

  it('keeps apart what a quarantined device sends, and lets it in again', async () => {
    const send = (body: string) => ask('/v1/devices/password/telemetry', { ...shown.password!(), body })
    await hub.devices.quarantine({ id: 'password' })
    assert.equal((await send('{"q":1}')).status, 204)
    const held = (await newest('password'))!
    assert.deepEqual([held.kind, payloadOf(held)], [kinds.quarantined, '{"q":1}'])
    await hub.devices.release({ id: 'password' })
    assert.equal((await send('{"q":2}')).status, 204)
    assert.equal((await newest('password'))!.kind, kinds.message)
  })

  it('refuses a disabled device and a revoked credential with the next request', async () => {
    const { secrets: own } = await hub.devices.register({ id: 'brief', credentials: { kind: 'password' } })
    const send = () => ask('/v1/devices/brief/telemetry', { headers: basic('brief', own!.password!), body: '{}' })
    assert.equal((await send()).status, 204)
    await hub.devices.update({ id: 'brief', enabled: false })
    assert.equal((await send()).status, 401)
    await hub.devices.update({ id: 'brief', enabled: true })
    assert.equal((await send()).status, 204)
    await hub.identity.revokeCredential({ id: 'brief', cid: own!.cid })
    assert.equal((await send()).status, 401)
  })

  it('refuses a message above the limit, in the form of each cloud', async () => {
    const large = Buffer.alloc(262_145, 0x20)
    const as = shown.password!()
    const plain = await ask('/v1/devices/password/telemetry', { ...as, body: large })
    assert.deepEqual([plain.status, JSON.parse(plain.text).error.code], [413, 'BROKER_PACKET_TOO_LARGE'])
    const aws = await ask('/topics/dt/password/x', { ...as, body: large })
    assert.deepEqual([aws.status, JSON.parse(aws.text).code], [413, 413])
    const azure = await ask('/devices/sas/messages/events', { ...shown.sas!(), body: large })
    assert.deepEqual([azure.status, JSON.parse(azure.text).errorCode], [413, 413001])
  })

  it('gives messages out, bytes as they are', async () => {
    const azure = { ...shown.sas!(), method: 'GET' }
    const path = '/devices/sas/messages/devicebound'
    assert.equal((await ask(path, azure)).status, 204)
    await hub.commands.send({ id: 'sas', message: { body: Buffer.from('grüß dich'), contentType: 'text/plain' } })
    const { status, headers, text } = await ask(path, azure)
    assert.deepEqual([status, headers['content-type'], headers['content-length'], text], [200, 'text/plain', '11', 'grüß dich'])
    const lock = JSON.parse(headers.etag as string)
    assert.equal((await ask(`${path}/${lock}`, { ...azure, method: 'DELETE' })).status, 204)
    const ours = await ask('/v1/devices/password/inbox', { ...shown.password!(), method: 'GET' })
    assert.deepEqual([ours.status, ours.text], [200, '[]'])
  })

  it('says 501 to what is not offered yet, in the form of each cloud, and 404 to what never is', async () => {
    const as = shown.password!()
    for (const [method, path] of [
      ['GET', '/things/password/jobs'],
      ['PUT', '/things/password/jobs/$next'],
    ] as const) {
      const { status, text } = await ask(path, { ...as, method })
      assert.deepEqual([status, JSON.parse(text).code], [501, 501], path)
    }
    const unknown = await ask('/v2/anything', { ...as })
    assert.deepEqual([unknown.status, JSON.parse(unknown.text).error.code], [404, 'NOT_FOUND'])
  })
})
