import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { HubEvent } from '../../src/hub/hub.ts'
import { startHub } from '../../src/hub/start-hub.ts'
import { packetTypes, publishPacket, subscribePacket, type Talk } from '../mqtt-wire.ts'
import { craft, type Recipe } from '../pki/craft.ts'
import { sasLogin } from '../sas-token.ts'
import { until } from '../until.ts'
import { azureTopic, endAll, type LiveHub, liveHub } from './live-hub.ts'
import { steppedClock } from './stepped-clock.ts'
import { dialTls, endDialled, type TlsDevice } from './tls-device.ts'

const day = 86_400_000
const limitMs = 30_000
const dates = { notBefore: Date.now() - day, notAfter: Date.now() + 100 * day }

describe('threats to identity, over real connections', function () {
  this.timeout(120_000)
  let clock: ReturnType<typeof steppedClock>
  let live: LiveHub
  let security: Extract<HubEvent, { type: 'security' }>[]
  beforeEach(async () => {
    clock = steppedClock()
    live = await liveHub({
      listeners: (['mqtt', 'mqtts'] as const).map(kind => ({ kind, host: '127.0.0.1', port: 0 })),
      limits: { connectsPerSecond: 0, connectsPerSecondPerDevice: 0 },
    })
    security = []
    live.hub.subscribe(event => void (event.type === 'security' && security.push(event)))
  })
  afterEach(async () => {
    endDialled()
    await endAll()
    clock.end()
  })

  const certified = async (id: string): Promise<TlsDevice & { cid: string }> => {
    const { certificatePem, privateKeyPem, caPem, cid } = await live.register(id, { kind: 'x509' })
    return { port: await live.port('mqtts'), ca: caPem, cert: certificatePem!, key: privateKeyPem!, clientId: id, cid }
  }
  const serves = async (peer: Talk, id: string) => {
    peer.send(publishPacket({ topic: `dt/${id}/x`, payload: '{"a":1}', qos: 1, id: 9 }))
    assert.equal((await peer.next(packetTypes.puback, limitMs)).body.readUInt16BE(0), 9)
  }
  const refused = async (device: TlsDevice, code: string) => {
    security.length = 0
    assert.equal((await dialTls(device)).code, 5)
    assert.deepEqual(
      security.map(event => event.code),
      [code],
    )
  }

  it("a device with another's client id is refused, and the other is not disturbed", async () => {
    const [pump, valve] = [await certified('pump'), await certified('valve')]
    const { peer, code } = await dialTls(pump)
    assert.equal(code, 0)
    await refused({ ...valve, clientId: 'pump' }, 'CLIENT_ID_REFUSED')
    await refused({ ...valve, clientId: 'pump', username: 'hub.test/pump/?api-version=2021-04-12' }, 'CRED_INVALID')
    await refused({ ...valve, clientId: 'valve', username: 'hub.test/pump/?api-version=2021-04-12' }, 'CRED_INVALID')
    await serves(peer, 'pump')
  })

  it('a client id that is not the own one needs a policy, and that of a device in other letters is refused', async () => {
    const pump = await certified('pump')
    await certified('valve')
    for (const clientId of ['foo', 'pump2', 'a/b', '#']) await refused({ ...pump, clientId }, 'POLICY_DENIED')
    for (const clientId of ['valve', 'VALVE', 'Valve']) await refused({ ...pump, clientId }, 'CLIENT_ID_REFUSED')
    for (const clientId of ['pump', 'pump-2', 'pump/line']) assert.equal((await dialTls({ ...pump, clientId })).code, 0)
    const text = JSON.stringify({
      Version: '2012-10-17',
      Statement: [{ Effect: 'Allow', Action: 'iot:Connect', Resource: 'client/foo*' }],
    })
    await live.hub.policies.create({ id: 'names', text })
    await live.hub.policies.attach({ policy: 'names', target: { device: 'pump' } })
    assert.equal((await dialTls({ ...pump, clientId: 'foo-1' })).code, 0)
    await refused({ ...pump, clientId: 'bar' }, 'POLICY_DENIED')
  })

  it('no policy lets a device tell another one that it is retired', async () => {
    const [pump, valve] = [await certified('pump'), await certified('valve')]
    const text = JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }] })
    await live.hub.policies.create({ id: 'all', text })
    await live.hub.policies.attach({ policy: 'all', target: { device: 'valve' } })
    const { peer: heard } = await dialTls(pump)
    heard.send(subscribePacket(['devices/pump/retire']))
    assert.equal((await heard.next(packetTypes.suback, limitMs)).body[2], 1)
    const { peer: forger } = await dialTls(valve)
    forger.send(publishPacket({ topic: 'devices/pump/retire', payload: '{}', qos: 1, id: 1 }))
    assert.equal((await forger.next(packetTypes.puback, limitMs)).body.readUInt16BE(0), 1)
    await serves(heard, 'pump')
    assert.deepEqual(
      heard.received.filter(({ type }) => type === packetTypes.publish),
      [],
    )
  })

  it('a certificate that looks like that of a device lets nobody in', async () => {
    const pump = await certified('pump')
    const authority = await craft({ name: 'faults issuing 1', ca: true, ...dates })
    const uris = ['urn:thingloom:faults:pump']
    for (const by of [authority, undefined]) {
      const { pem, privateKey } = await craft({ name: 'pump', uris, ...dates, ...(by && { by }) })
      const key = privateKey.export({ type: 'pkcs8', format: 'pem' }) as string
      await refused({ ...pump, cert: pem + (by?.pem ?? ''), key }, 'CRED_UNKNOWN')
    }
    assert.equal((await dialTls(pump)).code, 0)
  })

  it('a certificate that was copied with its key is its own device and no other, and is out everywhere when revoked', async () => {
    const pump = await certified('pump')
    await certified('valve')
    const both = [await dialTls(pump), await dialTls({ ...pump, clientId: 'pump-copy' })]
    assert.deepEqual(
      both.map(({ code }) => code),
      [0, 0],
    )
    await refused({ ...pump, clientId: 'valve' }, 'CLIENT_ID_REFUSED')
    await live.hub.identity.revokeCredential({ id: 'pump', cid: pump.cid, reason: 'keyCompromise' })
    for (const { peer } of both) await peer.closed(limitMs)
    for (const clientId of ['pump', 'pump-copy']) await refused({ ...pump, clientId }, 'CRED_REVOKED')
  })

  const weak = generateKeyPairSync('rsa', { modulusLength: 1024 })
  for (const [what, recipe, code] of [
    ['has ended', { name: 'pump', notBefore: Date.now() - 9 * day, notAfter: Date.now() - 2000 }, 'CRED_EXPIRED'],
    ['has not begun', { name: 'pump', notBefore: Date.now() + day }, 'CRED_NOT_YET_VALID'],
    ['has a weak key', { name: 'pump', keys: weak }, 'PKI_KEY_REFUSED'],
    ['may sign certificates', { name: 'pump', ca: true }, 'PKI_CHAIN_INVALID'],
    ['names another device', { name: 'valve', uris: ['urn:acme:pump'] }, 'CRED_UNKNOWN'],
    ['names the device in other letters', { name: 'Pump' }, 'CRED_UNKNOWN'],
    ['names a pattern', { name: '*' }, 'CRED_UNKNOWN'],
    ['names more than the device', { name: 'pump\u0000.evil' }, 'CRED_UNKNOWN'],
    ['names it as a part of a path', { name: 'acme/pump' }, 'CRED_UNKNOWN'],
  ] as [string, Recipe, string][])
    it(`a certificate of a registered authority that ${what} lets nobody in`, async () => {
      const root = await craft({ name: 'root', ca: true, ...dates })
      const { id: caId } = await live.hub.pki.registerCa({ pem: root.pem, trust: 'operator' })
      const { caPem: ca } = await live.register('pump', { kind: 'x509-group', caId })
      await live.register('valve', { kind: 'sas' })
      const device = async (made: Recipe) => {
        const { pem: cert, privateKey } = await craft({ by: root, ...dates, ...made })
        const key = privateKey.export({ type: 'pkcs8', format: 'pem' }) as string
        return { port: await live.port('mqtts'), ca, cert, key, clientId: 'pump', ciphers: 'DEFAULT@SECLEVEL=0' }
      }
      await refused(await device(recipe), code)
      assert.equal((await dialTls(await device({ name: 'pump' }))).code, 0)
    })

  it('certificates that are no good are not registered as those of a device', async () => {
    await live.register('pump')
    for (const [recipe, code] of [
      [{ name: 'pump', notBefore: Date.now() - 9 * day, notAfter: Date.now() - 2000 }, /^CRED_EXPIRED$/],
      [{ name: 'pump', keys: weak }, /^PKI_KEY_REFUSED$/],
    ] as [Recipe, RegExp][]) {
      const { pem: certificatePem } = await craft({ ...dates, ...recipe })
      const credential = { kind: 'x509', certificatePem } as const
      await assert.rejects(live.hub.identity.addCredential({ id: 'pump', credential }), (error: { code?: string }) =>
        code.test(error.code ?? ''),
      )
    }
  })

  it('wildcards over devices are not granted, and nothing of others is heard', async () => {
    const valve = await live.device('valve')
    const things = await dialTls(await certified('spy'))
    const filters = [
      ...['#', '+/#', '+/valve/#', 'dt/#', 'dt/+/x', 'dt/valve/#', 'cmd/+/#', 'cmd/#', 'devices/#', 'devices/+/messages/#'],
      ...['$aws/#', '$aws/things/+/shadow/#', '$aws/things/valve/shadow/#', '$iothub/#', '$SYS/#', '$share/g/#', '$share/g/dt/#'],
      ...['cmd/spy+/#', '/#'],
    ]
    const { primaryKey } = await live.register('azure-spy')
    const azure = (await live.dial(sasLogin('azure-spy', primaryKey!))).peer
    for (const peer of [things.peer, azure])
      for (const filter of filters) {
        peer.send(subscribePacket([filter]))
        const answer = await peer.next(packetTypes.suback, limitMs).catch(() => undefined)
        assert(!answer || answer.body[2] === 128, `${filter} is granted`)
        if (!answer) break
      }
    valve.send(publishPacket({ topic: azureTopic('valve'), payload: '{"secret":1}', qos: 1, id: 4 }))
    await valve.next(packetTypes.puback, limitMs)
    await live.serves()
    for (const { received } of [things.peer, azure])
      assert.deepEqual(
        received.filter(({ type }) => type === packetTypes.publish),
        [],
      )
  })

  it('a policy that cannot be understood is not taken, and one made to take long takes no time', async () => {
    const text = (Resource: string | string[]) =>
      JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: 'iot:Publish', Resource }] })
    const topic = (name: string) => `arn:aws:iot:eu-west-1:123456789012:topic/${name}`
    // biome-ignore lint/suspicious/noTemplateCurlyInString: policy variables
    for (const bad of ['${iot:Connection.Thing.Nothing}', '${nobody:knows}', '${iot:ClientId', '${${iot:ClientId}}', '${}'])
      await assert.rejects(
        live.hub.policies.create({ id: 'bad', text: text(topic(`a/${bad}/b`)) }),
        (error: { code?: string; position?: unknown }) => error.code === 'POLICY_INVALID' && error.position !== undefined,
        bad,
      )
    const hostile = ['*a*a*a*b', `${'*a'.repeat(30)}*c`, `${'*a'.repeat(300)}b`, `${'*?'.repeat(200)}c`, `*${'?'.repeat(300)}c`]
    await live.hub.policies.create({ id: 'slow', text: text(hostile.map(topic)) })
    const pump = await certified('pump')
    await live.hub.policies.attach({ policy: 'slow', target: { device: 'pump' } })
    const { peer } = await dialTls(pump)
    for (let id = 1; id <= 50; id++)
      peer.send(publishPacket({ topic: `${'a'.repeat(1000)}${id % 2}`, payload: '{}', qos: 1, id }))
    peer.send(publishPacket({ topic: 'dt/pump/x', payload: '{}', qos: 1, id: 99 }))
    while ((await peer.next(packetTypes.puback, limitMs)).body.readUInt16BE(0) !== 99);
    assert.equal((await live.records('pump')).length, 1)
    await live.serves()
  })

  it('a token for a certificate counts once and for an hour, whoever sends it again', async () => {
    const { hub } = live
    const Parameters = { SerialNumber: { Type: 'String' }, 'AWS::IoT::Certificate::Id': { Type: 'String' } }
    const Properties = { CertificateId: { Ref: 'AWS::IoT::Certificate::Id' }, Status: 'Active' }
    const body = JSON.stringify({
      Parameters,
      Resources: {
        certificate: { Type: 'AWS::IoT::Certificate', Properties },
        thing: { Type: 'AWS::IoT::Thing', Properties: { ThingName: { Ref: 'SerialNumber' } } },
      },
    })
    await hub.provisioning.createTemplate({ name: 'pumps', settings: { body, keyType: 'ec-p256' } })
    const { secrets } = await hub.provisioning.createClaim({ id: 'line', settings: { templates: ['pumps'], keyType: 'ec-p256' } })
    const { rootPem: ca } = await hub.pki.caCertificates({})
    const claim = {
      port: await live.port('mqtts'),
      ca,
      cert: secrets!.certificatePem!,
      key: secrets!.privateKeyPem!,
      clientId: 'f1',
    }
    const provision = '$aws/provisioning-templates/pumps/provision/json'
    const asking = async (clientId: string) => {
      const { peer, code } = await dialTls({ ...claim, clientId })
      assert.equal(code, 0)
      peer.send(subscribePacket(['$aws/certificates/create/json/+', `${provision}/+`]))
      assert.deepEqual([...(await peer.next(packetTypes.suback, limitMs)).body.subarray(2)], [1, 1])
      return async (topic: string, request: object): Promise<Record<string, string>> => {
        peer.send(publishPacket({ topic, payload: JSON.stringify(request), qos: 1, id: 5 }))
        const { body: packet } = await peer.next(packetTypes.publish, limitMs)
        const text = packet.toString()
        return JSON.parse(text.slice(text.indexOf('{'))) as Record<string, string>
      }
    }
    const [one, other] = [await asking('f1'), await asking('f2')]
    const token = async () => (await one('$aws/certificates/create/json', {})).certificateOwnershipToken!
    const uses = (ask: typeof one, certificateOwnershipToken: string, SerialNumber: string) =>
      ask(provision, { certificateOwnershipToken, parameters: { SerialNumber } })
    const first = await token()
    assert.equal((await uses(one, first, 'p1')).thingName, 'p1')
    for (const ask of [one, other]) assert.equal((await uses(ask, first, 'p2')).errorCode, 'InvalidCertificateOwnershipToken')
    const late = await token()
    clock.advance(3_600_000)
    const after = await asking('f3')
    assert.equal((await uses(after, late, 'p3')).errorCode, 'InvalidCertificateOwnershipToken')
    assert.deepEqual(
      (await hub.devices.list({})).items.map(({ id }) => id),
      ['p1'],
    )
  })

  it('an audit log that was changed behind the hub is found at its next start', async () => {
    const { hub, options } = live
    for (const id of ['a', 'b', 'c']) await live.register(id)
    await hub.devices.update({ id: 'b', enabled: false, by: 'user mallory' })
    assert.equal((await until(() => hub.audit.verify({}), limitMs)).ok, true)
    await hub.close()
    const db = new DatabaseSync(join(options.dataDir, 'audit.db'))
    const { changes } = db
      .prepare(`UPDATE c_audit SET doc = replace(doc, 'user mallory', 'user alice') WHERE doc LIKE '%user mallory%'`)
      .run()
    db.close()
    assert.equal(changes, 1)
    const again = await startHub(options)
    try {
      const found = await again.audit.verify({})
      assert.deepEqual([found.ok, 'reason' in found && found.reason], [false, 'its content was changed'])
    } finally {
      await again.close()
    }
  })
})
