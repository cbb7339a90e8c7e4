import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { request } from 'node:https'
import { connectAsync, type MqttClient } from 'mqtt'
import type { Hub, HubEvent } from '../../src/hub/hub.ts'
import { startHub } from '../../src/hub/start-hub.ts'
import { createCsr } from '../../src/pki/csr.ts'
import { generateKey, pkcs8Pem } from '../../src/pki/keys.ts'
import { tempFolder } from '../processes.ts'
import { until } from '../until.ts'

const body = JSON.stringify({
  Parameters: { SerialNumber: { Type: 'String' }, 'AWS::IoT::Certificate::Id': { Type: 'String' } },
  Resources: {
    certificate: {
      Type: 'AWS::IoT::Certificate',
      Properties: { CertificateId: { Ref: 'AWS::IoT::Certificate::Id' }, Status: 'Active' },
    },
    thing: {
      Type: 'AWS::IoT::Thing',
      Properties: { ThingName: { 'Fn::Join': ['', ['pump-', { Ref: 'SerialNumber' }]] } },
    },
  },
  DeviceConfiguration: { interval: '10' },
})

interface Pair {
  cert: string
  key: string
}
interface Answer {
  status: number
  headers: Record<string, string | string[] | undefined>
  text: string
  body: any
}

async function keyAndCsr() {
  const pair = await generateKey()
  return { csr: createCsr({ id: 'unnamed', ...pair }), key: pkcs8Pem(pair.privateKey) }
}

describe('provisioning by one HTTPS request', function () {
  this.timeout(60_000)
  let folder: string
  let hub: Hub
  let ports: { https: number; mqtts: number }
  let ca: string
  let stop: () => void
  const events: HubEvent[] = []
  const texts: string[] = []
  const clients: MqttClient[] = []

  const open = async () => {
    hub = await startHub({
      hubId: 'own',
      dataDir: folder,
      store: 'sqlite',
      broker: 'embedded',
      threaded: false,
      limits: { connectsPerSecond: 0, connectsPerSecondPerAddress: 0, connectsPerSecondPerDevice: 0 },
      listeners: [
        { kind: 'https', host: '127.0.0.1', port: 0 },
        { kind: 'mqtts', host: '127.0.0.1', port: 0 },
      ],
    })
    const { listeners } = await hub.health.get({})
    ports = { https: listeners[0]!.port, mqtts: listeners[1]!.port }
    ca = (await hub.pki.caCertificates({})).rootPem
    stop = hub.subscribe(event => void events.push(event))
  }
  const shut = async () => {
    await Promise.all(clients.splice(0).map(client => client.endAsync(true)))
    stop()
    await hub.close()
  }
  beforeEach(async () => {
    folder = tempFolder('own')
    events.length = 0
    texts.length = 0
    await open()
  })
  afterEach(async () => {
    await shut()
    rmSync(folder, { recursive: true, force: true })
  })

  const ask = (
    path: string,
    { method = 'POST', as, send, headers = {} }: { method?: string; as?: Pair; send?: unknown; headers?: object } = {},
  ) =>
    new Promise<Answer>((resolve, reject) => {
      const to = { host: '127.0.0.1', port: ports.https, path, method, ca, agent: false as const, headers: { ...headers }, ...as }
      const sent = request(to, response => {
        let text = ''
        response.setEncoding('utf8').on('data', chunk => (text += chunk))
        response.once('end', () => {
          texts.push(text)
          resolve({ status: response.statusCode!, headers: response.headers, text, body: text ? JSON.parse(text) : undefined })
        })
      })
      sent.once('error', reject)
      sent.end(send === undefined ? '' : typeof send === 'string' ? send : JSON.stringify(send))
    })
  const provision = (send: unknown, as?: Pair) => ask('/v1/provision', { send, ...(as && { as }) })
  const codeOf = ({ status, body }: Answer): [number, string] => [status, body.error?.code]
  const template = (settings: object = {}, name = 'pumps') =>
    hub.provisioning.createTemplate({ name, settings: { body, keyType: 'ec-p256', ...settings } })
  const claimed = async (settings: object = {}): Promise<Pair> => {
    const { secrets } = await hub.provisioning.createClaim({
      id: 'line-1',
      settings: { templates: ['pumps'], keyType: 'ec-p256', ...settings },
    })
    return { cert: secrets!.certificatePem, key: secrets!.privateKeyPem }
  }
  const serial = (SerialNumber: string) => ({ parameters: { SerialNumber } })
  const sends = async (id: string, as: Pair) => (await ask(`/v1/devices/${id}/telemetry`, { as, send: { t: 1 } })).status
  const told = (state: string) => events.filter(event => event.type === 'provisioning' && event.state === state) as any[]

  it('a claim gets a device its certificate from a request, configuration and bootstrap document, and is good for nothing else', async () => {
    await template()
    const claim = await claimed()
    const { csr, key } = await keyAndCsr()
    const answer = await provision({ template: 'pumps', csr, ...serial('7') }, claim)
    assert.equal(answer.status, 200, answer.text)
    assert.equal(answer.headers['cache-control'], 'no-store')
    const { deviceId, certificatePem, caPem, deviceConfiguration, bootstrap } = answer.body
    assert.deepEqual([deviceId, deviceConfiguration, caPem], ['pump-7', { interval: '10' }, ca])
    assert.equal('privateKey' in answer.body, false)
    assert.deepEqual([bootstrap.v, bootstrap.cas], [1, [ca]])
    assert.equal(await sends('pump-7', { cert: certificatePem, key }), 204)
    assert.equal(await sends('pump-7', claim), 403)
    assert.equal((await hub.devices.get({ id: 'pump-7' })).enrolmentId, 'template/pumps')
    assert.deepEqual([told('ACTIVE')[0].claimId, told('ACTIVE')[0].deviceId], ['line-1', 'pump-7'])
  })

  it('without a request the key is made here: it is in that answer, and in no log, list or audit', async () => {
    await template()
    const claim = await claimed()
    const { status, body: made } = await provision(serial('8'), claim)
    assert.equal(status, 200)
    assert.match(made.privateKey, /BEGIN PRIVATE KEY/)
    assert.equal(await sends('pump-8', { cert: made.certificatePem, key: made.privateKey }), 204)
    const line = made.privateKey.split('\n')[1]
    const seen = JSON.stringify([events, await hub.audit.query({}), await hub.devices.get({ id: 'pump-8' })])
    assert.ok(!seen.includes(line))
  })

  it('the same request again, also after a restart, hears the same answer and makes nothing', async () => {
    await template({ quota: 1 })
    const claim = await claimed({ quota: 1 })
    const { csr } = await keyAndCsr()
    const send = { csr, ...serial('1') }
    const [first, second] = await Promise.all([provision(send, claim), provision(send, claim)])
    assert.deepEqual([first.status, second.status], [200, 200], first.text + second.text)
    assert.equal(second.body.certificatePem, first.body.certificatePem)
    await shut()
    await open()
    assert.equal((await provision(send, claim)).body.certificatePem, first.body.certificatePem)
    assert.equal((await hub.devices.get({ id: 'pump-1' })).credentials.length, 1)
    assert.equal((await hub.provisioning.claim({ id: 'line-1' }))!.used, 1)
    const other = await keyAndCsr()
    assert.deepEqual(codeOf(await provision({ csr: other.csr, ...serial('2') }, claim)), [403, 'PROV_QUOTA'])
  })

  it('a device renews its certificate by the one it has, and may become nothing else', async () => {
    await template()
    const claim = await claimed()
    const first = await keyAndCsr()
    const { body: made } = await provision({ csr: first.csr, ...serial('1') }, claim)
    const own = { cert: made.certificatePem, key: first.key }
    const next = await keyAndCsr()
    assert.deepEqual(codeOf(await provision({ csr: next.csr, ...serial('2') }, own)), [403, 'PROV_DENIED'])
    const renewed = await provision({ csr: next.csr, ...serial('1') }, own)
    assert.equal(renewed.status, 200, renewed.text)
    assert.equal(await sends('pump-1', own), 204)
    assert.equal(await sends('pump-1', { cert: renewed.body.certificatePem, key: next.key }), 204)
    assert.deepEqual(codeOf(await provision({ csr: first.csr, ...serial('1') }, own)), [409, 'PKI_KEY_REUSED'])
  })

  it('strangers, disabled and foreign claims, and wrong requests are refused in our form', async () => {
    await template()
    const claim = await claimed()
    const stray = await hub.pki.issue({ keyType: 'ec-p256' })
    assert.deepEqual(codeOf(await provision(serial('1'))), [401, 'CRED_UNKNOWN'])
    assert.deepEqual(codeOf(await provision(serial('1'), { cert: stray.certificatePem, key: stray.privateKeyPem! })), [
      401,
      'CRED_UNKNOWN',
    ])
    assert.deepEqual(codeOf(await provision({ template: 'lamps', ...serial('1') }, claim)), [403, 'PROV_DENIED'])
    assert.deepEqual(codeOf(await provision({ csr: 'nonsense', ...serial('1') }, claim)), [400, 'PKI_CSR_INVALID'])
    const { csr } = await keyAndCsr()
    assert.deepEqual(codeOf(await provision({ csr: csr.replace(/A/g, 'B'), ...serial('1') }, claim)), [400, 'PKI_CSR_INVALID'])
    assert.deepEqual(codeOf(await provision({ csr }, claim)), [400, 'PROV_PARAMETER_MISSING'])
    assert.deepEqual(codeOf(await provision({ csr, parameters: { 'AWS::IoT::Certificate::Id': 'x' } }, claim)), [
      400,
      'PROV_PARAMETER_INVALID',
    ])
    assert.deepEqual(codeOf(await provision({ credentials: { kind: 'sas' }, ...serial('1') }, claim)), [400, 'REQUEST_INVALID'])
    for (const wrong of [
      '',
      '[]',
      '{"a":1}',
      '{"csr":1}',
      '{"keyType":"ed25519"}',
      '{"parameters":[]}',
      '{"credentials":{"kind":"jwt"}}',
    ])
      assert.deepEqual(codeOf(await provision(wrong, claim)), [400, 'REQUEST_INVALID'], wrong)
    assert.deepEqual(codeOf(await provision(`{"csr":"${'x'.repeat(70_000)}"}`, claim)), [413, 'REQUEST_TOO_LARGE'])
    await hub.provisioning.updateClaim({ id: 'line-1', change: { enabled: false } })
    assert.deepEqual(codeOf(await provision(serial('1'), claim)), [401, 'CRED_UNKNOWN'])
    assert.equal((await hub.devices.count({})).devices, 0)
  })

  it('does not travel without TLS, and takes no certificate through another door', async () => {
    const handle = (method: string, path: string, secure: boolean, send: object = {}) =>
      hub.deviceHttp.handle({
        request: { method, path, query: '', headers: {}, body: Buffer.from(JSON.stringify(send)) },
        peer: { address: '203.0.113.9', secure },
      })
    for (const [method, path] of [
      ['GET', '/v1/bootstrap'],
      ['POST', '/v1/provision'],
    ] as const) {
      const { status, body } = await handle(method, path, false, { pairingCode: 'ABCD-EFGH' })
      assert.deepEqual([status, JSON.parse(body).error.code], [400, 'BROKER_PLAINTEXT'])
    }
    assert.equal((await handle('GET', '/v1/bootstrap', true)).status, 200)
    const { code } = await hub.provisioning.createPairing({ deviceId: 'lamp-1' })
    assert.equal((await handle('POST', '/v1/provision', true, { pairingCode: code })).status, 200)
  })

  it('waits for a person: 202, and the same request finishes once someone said yes, also after a restart', async () => {
    await template({ approval: 'manual' })
    const claim = await claimed()
    const { csr, key } = await keyAndCsr()
    assert.deepEqual(codeOf(await provision(serial('1'), claim)), [400, 'PROV_CSR_NEEDED'])
    assert.deepEqual((await waiting()).length, 0)
    const send = { csr, ...serial('1') }
    const first = await provision(send, claim)
    assert.deepEqual([first.status, first.headers['retry-after'], first.body.state], [202, '30', 'PENDING_APPROVAL'])
    await shut()
    await open()
    assert.equal((await provision(send, claim)).status, 202)
    const [one, ...more] = await waiting()
    assert.deepEqual([one!.deviceId, one!.kind, more.length], ['pump-1', 'claim', 0])
    await hub.provisioning.approve({ id: one!.id, by: 'user anna' })
    // what was approved is this device, not the next one that shows the key
    assert.deepEqual(codeOf(await provision({ csr, ...serial('2') }, claim)), [403, 'PROV_DENIED'])
    const { status, body: made } = await provision(send, claim)
    assert.equal(status, 200)
    assert.equal(await sends('pump-1', { cert: made.certificatePem, key }), 204)
  })
  const waiting = async () => {
    const { items, next } = await hub.provisioning.pending({})
    return [...items, ...(next === undefined ? [] : (await hub.provisioning.pending({ cursor: next })).items)]
  }

  it('a flow is asked, and its no is one; so is a full or strange allow list', async () => {
    await template({ hook: { enabled: true, timeoutMs: 5000 } })
    const claim = await claimed()
    const asked: any[] = []
    hub.subscribe(event => {
      if (event.type !== 'provisioning-question') return
      asked.push(event.request)
      const allow = event.request.parameters.SerialNumber !== '13'
      void hub.provisioning.answer({ id: event.request.id, verdict: { allow, deviceConfiguration: { from: 'flow' } } })
    })
    await hub.provisioning.listen({ listener: 'test', on: true })
    assert.deepEqual(codeOf(await provision(serial('13'), claim)), [403, 'PROV_DENIED'])
    const { code } = await hub.provisioning.createPairing({ template: 'pumps', parameters: { SerialNumber: '5' } })
    const { status, body: made } = await provision({ pairingCode: code }, undefined)
    assert.deepEqual([status, made.deviceId, made.deviceConfiguration], [200, 'pump-5', { interval: '10', from: 'flow' }])
    assert.deepEqual(
      asked.map(({ kind, template }) => [kind, template]),
      [
        ['claim', 'pumps'],
        ['pairing', 'pumps'],
      ],
    )
    await hub.provisioning.createAllowList({ name: 'l' })
    await hub.provisioning.addToAllowList({ name: 'l', entries: [{ serial: '20' }] })
    await hub.provisioning.updateTemplate({ name: 'pumps', change: { allowList: 'l', hook: { enabled: false } } })
    assert.deepEqual(codeOf(await provision(serial('21'), claim)), [403, 'PROV_DENIED'])
    assert.equal((await provision(serial('20'), claim)).status, 200)
  })

  describe('by a pairing code', () => {
    it('that is for a device out of service there is none', async () => {
      await hub.devices.register({ id: 'old' })
      await hub.devices.retire({ id: 'old' })
      await assert.rejects(hub.provisioning.createPairing({ deviceId: 'old' }), { code: 'IDENTITY_RETIRED' })
    })

    const pairing = async (target: object = { deviceId: 'lamp-1' }) => {
      const { pairing: made, code } = await hub.provisioning.createPairing({ ...target, by: 'user anna' })
      return { id: made.id, code }
    }
    const state = async (id: string) => (await hub.provisioning.pairings({})).items.find(one => one.id === id)!

    it('a device gets its own certificate, which it can renew; the code is spent and was never shown again', async () => {
      const { id, code } = await pairing()
      const { csr, key } = await keyAndCsr()
      const answer = await provision({ pairingCode: code.toLowerCase().replace('-', ' '), csr })
      assert.equal(answer.status, 200, answer.text)
      const own = { cert: answer.body.certificatePem, key }
      assert.equal(await sends('lamp-1', own), 204)
      const { state: now, usedBy, hint } = await state(id)
      assert.deepEqual([now, usedBy, hint.length], ['used', 'lamp-1', 8])
      assert.deepEqual([told('ACTIVE')[0].by, told('ACTIVE')[0].deviceId], [`pairing ${id}`, 'lamp-1'])

      const next = await keyAndCsr()
      const renewed = await provision({ csr: next.csr }, own)
      assert.equal(renewed.status, 200, renewed.text)
      assert.equal(await sends('lamp-1', { cert: renewed.body.certificatePem, key: next.key }), 204)

      const everything = JSON.stringify([events, texts.slice(1), await hub.audit.query({}), await hub.provisioning.pairings({})])
      for (const form of [code, code.replace('-', '')]) assert.ok(!everything.toUpperCase().includes(form))
      assert.match(everything, /pairing\.create/)
    })

    it('a lost answer is heard again by the same key; with another key the code is spent', async () => {
      const { code } = await pairing()
      const { csr } = await keyAndCsr()
      const first = await provision({ pairingCode: code, csr })
      await shut()
      await open()
      assert.equal((await provision({ pairingCode: code, csr })).body.certificatePem, first.body.certificatePem)
      assert.deepEqual(codeOf(await provision({ pairingCode: code, csr: (await keyAndCsr()).csr })), [401, 'PROV_CODE_INVALID'])
      assert.deepEqual(codeOf(await provision({ pairingCode: code })), [401, 'PROV_CODE_INVALID'])
      assert.equal((await hub.devices.get({ id: 'lamp-1' })).credentials.length, 1)
    })

    it('of many who redeem it at once one wins', async () => {
      const { code } = await pairing()
      const requests = await Promise.all(Array.from({ length: 6 }, keyAndCsr))
      const answers = await Promise.all(requests.map(({ csr }) => provision({ pairingCode: code, csr })))
      const statuses = answers.map(({ status }) => status).sort()
      assert.equal(statuses.filter(status => status === 200).length, 1, JSON.stringify(statuses))
      assert.ok(
        answers.every(({ status, body }) => status === 200 || ['PROV_THROTTLED', 'PROV_CODE_INVALID'].includes(body.error.code)),
      )
      assert.equal((await hub.devices.get({ id: 'lamp-1' })).credentials.length, 1)
    })

    it('gives keys or a password to who asks for them, once', async () => {
      for (const kind of ['sas', 'password'] as const) {
        const { code } = await pairing({ deviceId: `${kind}-1` })
        const { status, body: made } = await provision({ pairingCode: code, credentials: { kind } })
        assert.equal(status, 200)
        assert.equal('certificatePem' in made, false)
        if (kind === 'sas') {
          const { credentials } = await hub.devices.get({ id: 'sas-1' })
          assert.deepEqual([Buffer.from(made.primaryKey, 'base64').length, credentials[0]!.kind], [32, 'sas'])
          continue
        }
        const authorization = `Basic ${Buffer.from(`${made.username}:${made.password}`).toString('base64')}`
        const sent = await ask('/v1/devices/password-1/telemetry', { headers: { authorization }, send: { t: 1 } })
        assert.equal(sent.status, 204)
      }
      await template()
      const { code } = await pairing({ template: 'pumps', parameters: { SerialNumber: '1' } })
      assert.deepEqual(codeOf(await provision({ pairingCode: code, credentials: { kind: 'sas' } })), [400, 'REQUEST_INVALID'])
    })

    it('the operator’s parameters win, and the code becomes no other device than its own', async () => {
      await template()
      const named = await pairing({ template: 'pumps', parameters: { SerialNumber: '5' } })
      assert.equal((await provision({ pairingCode: named.code, ...serial('6') })).body.deviceId, 'pump-5')
      const bound = await pairing({ template: 'pumps', deviceId: 'pump-9' })
      assert.deepEqual(codeOf(await provision({ pairingCode: bound.code, ...serial('8') })), [403, 'PROV_DENIED'])
      assert.equal((await provision({ pairingCode: bound.code, ...serial('9') })).body.deviceId, 'pump-9')
      assert.equal((await state(bound.id)).tries, 1)
    })

    it('the right code with a wrong request costs a try, the fifth ends it; wrong codes cost none, and their sender soon waits', async () => {
      const { id, code } = await pairing()
      const other = await pairing({ deviceId: 'lamp-2' })
      for (let i = 0; i < 4; i++) assert.equal((await provision({ pairingCode: code, csr: 'x' })).status, 400)
      assert.deepEqual([(await state(id)).tries, (await state(id)).state], [4, 'open'])
      assert.equal((await provision({ pairingCode: code, csr: 'x' })).status, 400)
      assert.equal((await state(id)).state, 'failed')
      const answers = []
      for (let i = 0; i < 9; i++) answers.push(await provision({ pairingCode: `ABCD-EF${'23456789'[i % 8]}${'GHJ'[i % 3]}` }))
      answers.push(await provision({ pairingCode: 'no code' }), await provision({ pairingCode: code }))
      assert.deepEqual([...new Set(answers.map(({ text }) => text))].length, 1)
      assert.deepEqual(codeOf(answers[0]!), [401, 'PROV_CODE_INVALID'])
      assert.deepEqual([(await state(other.id)).tries, (await state(other.id)).state], [0, 'open'])
      assert.equal((await provision({ pairingCode: other.code })).status, 200)
    })

    it('waits for a person with its key, for longer than the code would live, and a revoked code is none', async () => {
      await template({ approval: 'manual' })
      const { id, code } = await pairing({ template: 'pumps', parameters: { SerialNumber: '5' } })
      const { csr } = await keyAndCsr()
      assert.equal((await provision({ pairingCode: code, csr })).status, 202)
      const { state: now, expiresAt, createdAt, tries } = await state(id)
      assert.deepEqual([now, tries, expiresAt - createdAt > 23 * 3_600_000], ['waiting', 0, true])
      assert.deepEqual(codeOf(await provision({ pairingCode: code, csr: (await keyAndCsr()).csr })), [401, 'PROV_CODE_INVALID'])
      await hub.provisioning.approve({ id: (await waiting())[0]!.id })
      assert.equal((await provision({ pairingCode: code, csr })).body.deviceId, 'pump-5')
      const revoked = await pairing()
      await hub.provisioning.revokePairing({ id: revoked.id, by: 'user anna' })
      assert.deepEqual(codeOf(await provision({ pairingCode: revoked.code })), [401, 'PROV_CODE_INVALID'])
      await assert.rejects(hub.provisioning.revokePairing({ id: 'pair-000000000000' }), { code: 'NOT_FOUND' })
    })
  })

  describe('the bootstrap document', () => {
    const read = async () => (await ask('/v1/bootstrap', { method: 'GET' })).body

    it('is for everyone, only grows across restarts and settings, and shrinks by an operator alone', async () => {
      const first = await read()
      assert.deepEqual([first.v, first.cas, first.intervals, first.configuration], [1, [ca], {}, {}])
      assert.deepEqual(first.endpoints.map(({ kind }: { kind: string }) => kind).sort(), ['dps', 'https', 'mqtts', 'wss'])
      const set = await hub.provisioning.setBootstrap({ intervals: { telemetryMs: 60_000 }, configuration: { site: 'north' } })
      await hub.provisioning.setBootstrap({ intervals: { heartbeatMs: 5 }, etag: set.etag })
      await assert.rejects(hub.provisioning.setBootstrap({ intervals: { a: 1 }, etag: set.etag }), { code: 'PROV_CONFLICT' })
      await assert.rejects(hub.provisioning.setBootstrap({ intervals: { a: -1 } }), { code: 'PROV_INVALID' })
      await shut()
      await open()
      const again = await read()
      assert.deepEqual([again.intervals, again.configuration], [{ telemetryMs: 60_000, heartbeatMs: 5 }, { site: 'north' }])
      assert.equal('etag' in again, false)
      // ports that the system chose are of one run: they do not pile up
      assert.equal(again.endpoints.length, first.endpoints.length)
      const pruned = await hub.provisioning.pruneBootstrap({ intervals: ['heartbeatMs'], cas: [ca] })
      assert.deepEqual([pruned.intervals, pruned.cas], [{ telemetryMs: 60_000 }, [ca]])
      const entries = (await hub.audit.query({})).items.map(({ action }) => action)
      assert.ok(entries.includes('bootstrap.set') && entries.includes('bootstrap.prune'))
    })

    it('comes over MQTT: on request, with the subscription, with a session that returns, and when it changes', async () => {
      const { secrets } = await hub.devices.register({ id: 'd1', credentials: { kind: 'x509' } })
      const connect = async () => {
        const client = await connectAsync(`mqtts://127.0.0.1:${ports.mqtts}`, {
          clientId: 'd1',
          clean: false,
          ca,
          cert: secrets!.chainPem!,
          key: secrets!.privateKeyPem!,
          protocolVersion: 4,
          reconnectPeriod: 0,
        })
        clients.push(client)
        const heard: [string, any][] = []
        client.on('message', (topic, payload) => void heard.push([topic, JSON.parse(payload.toString())]))
        return { client, heard }
      }
      const { client, heard } = await connect()
      await client.publishAsync('devices/d1/bootstrap/get/?rid=7', '', { qos: 1 })
      await until(() => heard.length === 1)
      assert.deepEqual([heard[0]![0], heard[0]![1].status, heard[0]![1].cas], ['devices/d1/bootstrap/answer/7', 200, [ca]])
      await client.subscribeAsync('devices/d1/bootstrap', { qos: 1 })
      await until(() => heard.length === 2)
      assert.equal(heard[1]![0], 'devices/d1/bootstrap')
      await hub.provisioning.setBootstrap({ intervals: { telemetryMs: 1 } })
      await until(() => heard.length === 3)
      assert.deepEqual(heard[2]![1].intervals, { telemetryMs: 1 })
      await client.endAsync()
      const back = await connect()
      await until(() => back.heard.length === 1)
      assert.deepEqual([back.heard[0]![0], back.heard[0]![1].intervals], ['devices/d1/bootstrap', { telemetryMs: 1 }])
      await back.client.unsubscribeAsync('devices/d1/bootstrap')
      await hub.provisioning.setBootstrap({ intervals: { telemetryMs: 2 } })
      await back.client.publishAsync('devices/d1/bootstrap/get', '', { qos: 1 })
      await until(() => back.heard.length === 2)
      assert.deepEqual([back.heard[1]![0], back.heard[1]![1].intervals], ['devices/d1/bootstrap/answer', { telemetryMs: 2 }])
    })
  })
})
