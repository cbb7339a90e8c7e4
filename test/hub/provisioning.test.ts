import assert from 'node:assert/strict'
import { connectAsync, type MqttClient } from 'mqtt'
import type { Hub, HubEvent } from '../../src/hub/hub.ts'
import { startHub } from '../../src/hub/start-hub.ts'
import { deriveKey } from '../../src/identity/prove-sas.ts'
import { signSas } from '../../src/identity/sas.ts'
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
      Properties: { ThingName: { 'Fn::Join': ['', ['pump-', { Ref: 'SerialNumber' }]] }, AttributePayload: { line: '7' } },
    },
  },
  DeviceConfiguration: { interval: '10' },
})

describe('provisioning through a hub', function () {
  this.timeout(30_000)
  let hub: Hub
  let port: number
  let caPem: string
  const clients: MqttClient[] = []
  const events: HubEvent[] = []

  beforeEach(async () => {
    events.length = 0
    hub = await startHub({
      hubId: 'prov',
      dataDir: tempFolder('prov'),
      store: 'memory',
      broker: 'embedded',
      threaded: false,
      listeners: [{ kind: 'mqtts', host: '127.0.0.1', port: 0 }],
      limits: { connectsPerSecondPerAddress: 0, connectsPerSecondPerDevice: 0 },
    })
    hub.subscribe(event => void events.push(event))
    port = (await hub.health.get({})).listeners[0]!.port
    caPem = (await hub.pki.caCertificates({})).rootPem
  })
  afterEach(async () => {
    await Promise.all(clients.splice(0).map(client => client.endAsync(true)))
    await hub.close()
  })

  const connect = async (options: object, clientId: string) => {
    const client = await connectAsync(`mqtts://127.0.0.1:${port}`, {
      clientId,
      ca: caPem,
      protocolVersion: 4,
      reconnectPeriod: 0,
      ...options,
    })
    clients.push(client)
    const heard: { topic: string; body: any }[] = []
    client.on('message', (topic, payload) => heard.push({ topic, body: JSON.parse(payload.toString()) }))
    client.on('error', () => {})
    return { client, heard }
  }
  const refused = (options: object, clientId: string) =>
    assert.rejects(connect(options, clientId), (error: any) => error.code === 5 || /Not authorized|refused/i.test(error.message))
  const sent = async (device: string): Promise<string[]> =>
    (await hub.journal.read({ from: 1, limit: 100 }))
      .filter(record => record.device === device && record.kind === 1)
      .map(({ topic }) => topic)

  async function claimed() {
    await hub.provisioning.createTemplate({ name: 'pumps', settings: { body, keyType: 'ec-p256' } })
    const { secrets } = await hub.provisioning.createClaim({
      id: 'batch-1',
      settings: { templates: ['pumps'], keyType: 'ec-p256' },
    })
    return { cert: secrets!.certificatePem, key: secrets!.privateKeyPem }
  }
  async function asks({ client, heard }: Awaited<ReturnType<typeof connect>>, topic: string, payload: object) {
    const before = heard.length
    await client.publishAsync(topic, JSON.stringify(payload), { qos: 1 })
    await until(() => heard.length > before)
    return heard.at(-1)!
  }

  it('claim certificate -> own certificate -> telemetry: the claim alone can do nothing else', async () => {
    const claim = await claimed()
    const asking = await connect(claim, 'factory-9')
    await asking.client.subscribeAsync(
      ['$aws/certificates/create/json/+', '$aws/provisioning-templates/pumps/provision/json/+'],
      { qos: 1 },
    )
    const eavesdropper = await connect(claim, 'spy')
    await eavesdropper.client.subscribeAsync(
      ['$aws/certificates/create/json/+', '$aws/provisioning-templates/pumps/provision/json/+'],
      { qos: 1 },
    )
    await assert.rejects(asking.client.subscribeAsync('cmd/factory-9/#', { qos: 1 }))
    await asking.client.publishAsync('devices/factory-9/telemetry', '{"a":1}', { qos: 1 })

    const made = await asks(asking, '$aws/certificates/create/json', {})
    assert.equal(made.topic, '$aws/certificates/create/json/accepted')
    const own = { cert: made.body.certificatePem, key: made.body.privateKey }
    await refused(own, 'pump-42')
    const done = await asks(asking, '$aws/provisioning-templates/pumps/provision/json', {
      certificateOwnershipToken: made.body.certificateOwnershipToken,
      parameters: { SerialNumber: '42' },
    })
    assert.deepEqual(done.body, { deviceConfiguration: { interval: '10' }, thingName: 'pump-42' })
    const again = await asks(asking, '$aws/provisioning-templates/pumps/provision/json', {
      certificateOwnershipToken: made.body.certificateOwnershipToken,
      parameters: { SerialNumber: '43' },
    })
    assert.equal(again.body.errorCode, 'InvalidCertificateOwnershipToken')
    assert.deepEqual(eavesdropper.heard, [])

    const { client } = await connect(own, 'pump-42')
    await client.publishAsync('dt/pump-42/temp', '{"t":20}', { qos: 1 })
    await client.publishAsync('dt/pump-43/temp', '{"t":20}', { qos: 1 })
    assert.deepEqual(await sent('pump-42'), ['dt/pump-42/temp'])
    const view = await hub.devices.get({ id: 'pump-42' })
    assert.deepEqual([view.attributes, view.enrolmentId], [{ line: '7' }, 'template/pumps'])
    assert.equal((await hub.journal.read({ from: 1, limit: 100 })).filter(({ kind }) => kind === 1).length, 1)
    const actions = (await hub.audit.query({})).items.map(({ action }) => action)
    for (const action of ['template.create', 'claim.create', 'provisioning.certificate-issued', 'device.provision'])
      assert.ok(actions.includes(action), action)
    assert.ok(!JSON.stringify([actions, events, await hub.audit.query({}), view]).includes(made.body.certificateOwnershipToken))
  })

  it('signs a request, refuses a broken one, and renews the certificate of a device', async () => {
    const claim = await claimed()
    const asking = await connect(claim, 'factory-9')
    const topics = ['$aws/certificates/create-from-csr/json/+', '$aws/provisioning-templates/pumps/provision/json/+']
    await asking.client.subscribeAsync(topics, { qos: 1 })
    const broken = await asks(asking, '$aws/certificates/create-from-csr/json', { certificateSigningRequest: 'nonsense' })
    assert.deepEqual([broken.topic.split('/').at(-1), broken.body.errorCode], ['rejected', 'InvalidCertificateSigningRequest'])
    const provision = async (by: Awaited<ReturnType<typeof connect>>) => {
      const { publicKey, privateKey } = await generateKey()
      const csr = createCsr({ id: 'whatever', publicKey, privateKey })
      const signed = await asks(by, '$aws/certificates/create-from-csr/json', { certificateSigningRequest: csr })
      const { certificatePem: cert, certificateOwnershipToken } = signed.body
      const done = await asks(by, '$aws/provisioning-templates/pumps/provision/json', {
        certificateOwnershipToken,
        parameters: { SerialNumber: '7' },
      })
      assert.equal(done.body.thingName, 'pump-7', JSON.stringify(done.body))
      return { cert, key: pkcs8Pem(privateKey) }
    }
    const first = await provision(asking)
    const device = await connect(first, 'pump-7')
    await device.client.subscribeAsync(topics, { qos: 1 })
    const second = await provision(device)
    await connect(first, 'pump-7')
    await connect(second, 'pump-7')
    const statuses = (await hub.devices.get({ id: 'pump-7' })).credentials.map(({ status, retiresAt }) => [
      status,
      retiresAt !== undefined,
    ])
    assert.deepEqual(statuses, [
      ['active', true],
      ['active', false],
    ])
  })

  it('a disabled claim is out at once', async () => {
    const claim = await claimed()
    const { client } = await connect(claim, 'factory-9')
    const closed = new Promise<void>(resolve => client.once('close', () => resolve()))
    await hub.provisioning.updateClaim({ id: 'batch-1', change: { enabled: false } })
    await closed
    await refused(claim, 'factory-9')
  })

  it('Azure: a group key registers a device, which then connects with the derived key', async () => {
    const { secrets } = await hub.provisioning.createEnrolment({
      enrolment: { id: 'plant', kind: 'group', attestation: { kind: 'sas' }, initialTwin: { tags: { site: 'b' } } } as any,
    })
    const key = deriveKey(secrets!.primaryKey!, 'Pump-1')
    const token = (resource: string) => signSas({ key, resource, expiresAt: Date.now() + 3_600_000 })
    const password = `${token('0ne1/registrations/Pump-1')}&skn=registration`
    const dps = await connect({ username: '0ne1/registrations/Pump-1/api-version=2019-03-31', password }, 'Pump-1')
    await dps.client.subscribeAsync('$dps/registrations/res/#', { qos: 1 })
    let answer = await asks(dps, '$dps/registrations/PUT/iotdps-register/?$rid=1', { registrationId: 'Pump-1' })
    for (let rid = 2; answer.body.status === 'assigning' && rid < 50; rid++)
      answer = await asks(
        dps,
        `$dps/registrations/GET/iotdps-get-operationstatus/?$rid=${rid}&operationId=${answer.body.operationId}`,
        {},
      )
    assert.equal(answer.body.status, 'assigned', JSON.stringify(answer.body))
    const { deviceId, assignedHub } = answer.body.registrationState
    assert.equal(deviceId, 'Pump-1')
    const { client } = await connect(
      {
        username: `${assignedHub}/Pump-1/?api-version=2021-04-12`,
        password: token(`${assignedHub}/devices/Pump-1`),
        clean: false,
      },
      'Pump-1',
    )
    await client.publishAsync('devices/Pump-1/messages/events/', '{"t":1}', { qos: 1 })
    assert.deepEqual(await sent('Pump-1'), ['devices/Pump-1/messages/events'])
    assert.deepEqual((await hub.devices.get({ id: 'Pump-1' })).tags, { site: 'b' })
  })

  describe('Azure: what an enrolment gave ends with it', () => {
    const tokenBy = (key: string, resource: string) => signSas({ key, resource, expiresAt: Date.now() + 3_600_000 })
    const opensDps = async (id: string, key: string) => {
      const password = `${tokenBy(key, `0ne1/registrations/${id}`)}&skn=registration`
      const dps = await connect({ username: `0ne1/registrations/${id}/api-version=2019-03-31`, password }, id)
      await dps.client.subscribeAsync('$dps/registrations/res/#', { qos: 1 })
      return dps
    }
    const ended = ({ client }: { client: MqttClient }) => new Promise<void>(resolve => client.once('close', () => resolve()))
    const groupOf = async (more: object = {}) => {
      const enrolment = { id: 'plant', kind: 'group', attestation: { kind: 'sas' }, ...more }
      const { secrets } = await hub.provisioning.createEnrolment({ enrolment: enrolment as any })
      return secrets!.primaryKey
    }
    /** A connection that was answered after its CONNACK: the broker lists it. */
    const session = async (options: object) => {
      const device = await connect(options, 'Pump-1')
      await device.client.publishAsync('devices/Pump-1/messages/events/', '{"t":1}', { qos: 1 })
      return device
    }
    /** An open provisioning connection and a session of the device that it made. */
    const registered = async (masterKey: string) => {
      const key = deriveKey(masterKey, 'Pump-1')
      const dps = await opensDps('Pump-1', key)
      const { body: asked } = await asks(dps, '$dps/registrations/PUT/iotdps-register/?$rid=1', {})
      assert.equal(asked.status, 'assigning')
      await until(async () => (await hub.provisioning.registrations({})).items.length === 1)
      const username = `127.0.0.1:${port}/Pump-1/?api-version=2021-04-12`
      const options = { username, password: tokenBy(key, `127.0.0.1:${port}/devices/Pump-1`), clean: true }
      return { dps, device: await session(options), options }
    }

    it('a renewed key of a group: sessions end, and only holders of a key that counts come back', async () => {
      const { dps, device, options } = await registered(await groupOf())
      const both = Promise.all([ended(dps), ended(device)])
      await hub.provisioning.renewEnrolmentKey({ id: 'plant', slot: 'secondary' })
      await both
      const back = await session(options)
      const out = ended(back)
      await hub.provisioning.renewEnrolmentKey({ id: 'plant', slot: 'primary' })
      await out
      await refused(options, 'Pump-1')
    })

    it('a deleted group: provisioning connections and sessions by derived keys end', async () => {
      const { dps, device, options } = await registered(await groupOf())
      const both = Promise.all([ended(dps), ended(device)])
      await hub.provisioning.deleteEnrolment({ id: 'plant' })
      await both
      await refused(options, 'Pump-1')
    })

    it('a change that leaves the keys: provisioning connections end, sessions go on', async () => {
      const { dps, device } = await registered(await groupOf())
      const out = ended(dps)
      await hub.provisioning.updateEnrolment({ id: 'plant', change: { enabled: false } })
      await out
      await device.client.publishAsync('devices/Pump-1/messages/events/', '{"t":2}', { qos: 1 })
      assert.equal((await sent('Pump-1')).length, 2)
    })

    it('what a device sends along is not shown to those who only read', async () => {
      const dps = await opensDps('Pump-2', deriveKey(await groupOf({ approval: 'manual' }), 'Pump-2'))
      await asks(dps, '$dps/registrations/PUT/iotdps-register/?$rid=1', { payload: { wifi: 'secret' } })
      const waiting = await until(async () => (await hub.provisioning.pending({})).items[0])
      assert.equal(waiting.registrationId, 'Pump-2')
      assert.equal('payload' in waiting, false)
    })
  })

  it('Azure over HTTPS: the same registration, and nothing in the open', async () => {
    const { secrets } = await hub.provisioning.createEnrolment({
      enrolment: { id: 'one', kind: 'individual', registrationId: 'fan-1', attestation: { kind: 'sas' } } as any,
    })
    const authorization = `${signSas({ key: secrets!.primaryKey!, resource: '0ne1/registrations/fan-1', expiresAt: Date.now() + 600_000 })}&skn=registration`
    const ask = (method: string, path: string, more: { authorization?: string; secure?: boolean } = {}) =>
      hub.deviceHttp.handle({
        request: {
          method,
          path,
          query: 'api-version=2021-06-01',
          headers: { authorization: more.authorization ?? authorization },
          body: Buffer.from(JSON.stringify({ registrationId: 'fan-1' })),
        },
        peer: { address: '192.0.2.1', secure: more.secure ?? true },
      })
    assert.equal((await ask('PUT', '/0ne1/registrations/fan-1/register', { secure: false })).status, 404)
    assert.equal(
      (await ask('PUT', '/0ne1/registrations/fan-1/register', { authorization: authorization.replace('sig=', 'sig=x') })).status,
      401,
    )
    const { status, body } = await ask('PUT', '/0ne1/registrations/fan-1/register')
    assert.equal(status, 202)
    const { operationId } = JSON.parse(body)
    const done = await until(async () => {
      const answer = JSON.parse((await ask('GET', `/0ne1/registrations/fan-1/operations/${operationId}`)).body)
      return answer.status === 'assigned' && answer
    })
    assert.equal(done.registrationState.deviceId, 'fan-1')
    assert.equal((await hub.devices.get({ id: 'fan-1' })).enrolmentId, 'one')
  })

  it('asks the flow, and waits for a person', async () => {
    await hub.provisioning.createTemplate({
      name: 'pumps',
      settings: { body, keyType: 'ec-p256', hook: { enabled: true, timeoutMs: 4000, default: 'deny' }, approval: 'manual' },
    })
    const { secrets } = await hub.provisioning.createClaim({
      id: 'batch-1',
      settings: { templates: ['pumps'], keyType: 'ec-p256' },
    })
    await hub.provisioning.listen({ listener: 'node-1', instance: 'before', on: true })
    await hub.provisioning.listen({ listener: 'node-1', instance: 'now', on: true })
    await hub.provisioning.listen({ listener: 'node-1', instance: 'before', on: false })
    hub.subscribe(event => {
      if (event.type !== 'provisioning-question') return
      const { id, parameters } = event.request
      void hub.provisioning.answer({
        id,
        verdict: { allow: parameters.SerialNumber !== '13', reason: 'unlucky', tags: { hooked: true } },
      })
    })
    const asking = await connect({ cert: secrets!.certificatePem, key: secrets!.privateKeyPem }, 'factory')
    await asking.client.subscribeAsync(
      ['$aws/certificates/create/json/+', '$aws/provisioning-templates/pumps/provision/json/+'],
      { qos: 1 },
    )
    const { body: made } = await asks(asking, '$aws/certificates/create/json', {})
    const provision = (SerialNumber: string) =>
      asks(asking, '$aws/provisioning-templates/pumps/provision/json', {
        certificateOwnershipToken: made.certificateOwnershipToken,
        parameters: { SerialNumber },
      })
    assert.equal((await provision('13')).body.errorCode, 'AccessDenied')
    assert.equal((await provision('14')).body.errorCode, 'AccessDenied')
    const waiting = await until(async () => {
      const first = await hub.provisioning.pending({})
      const all = [...first.items, ...(first.next ? (await hub.provisioning.pending({ cursor: first.next })).items : [])]
      return all[0]
    })
    assert.equal(waiting.deviceId, 'pump-14')
    await hub.provisioning.approve({ id: waiting.id, by: 'user anna' })
    assert.equal((await provision('14')).body.thingName, 'pump-14')
    assert.equal((await hub.devices.get({ id: 'pump-14' })).state, 'active')
    await hub.provisioning.listen({ listener: 'node-1', instance: 'now', on: false })
    const { body: next } = await asks(asking, '$aws/certificates/create/json', {})
    const { body: refused } = await asks(asking, '$aws/provisioning-templates/pumps/provision/json', {
      certificateOwnershipToken: next.certificateOwnershipToken,
      parameters: { SerialNumber: '15' },
    })
    assert.match(refused.errorMessage, /no flow listens/)
  })
})
