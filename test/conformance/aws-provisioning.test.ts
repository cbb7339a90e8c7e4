import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { run, stopAll, until } from '../processes.ts'
import { caOf, keyPem, leafOf } from './factory.ts'
import { awsClient, type SdkClient } from './provisioning-clients.ts'
import { type ProvisioningHouse, provisioningHouse } from './provisioning-house.ts'
import { byCommonName, pumps } from './templates.ts'

const template = 'pumps'
const answerTopics = [
  '$aws/certificates/create',
  '$aws/certificates/create-from-csr',
  `$aws/provisioning-templates/${template}/provision`,
]
  .map(topic => `${topic}/json`)
  .flatMap(topic => [`${topic}/accepted`, `${topic}/rejected`])
const shapeOf = (answer: object) => Object.keys(answer).sort()

describe('aws-iot-device-sdk-v2 without an identity', function () {
  this.timeout(120_000)
  let house: ProvisioningHouse
  let claim: [certFile: string, keyFile: string]
  let otherClaim: [certFile: string, keyFile: string]
  let eavesdropper: SdkClient

  before(async () => {
    house = await provisioningHouse('sdk-aws')
    const { provisioning } = house.hub
    await provisioning.createTemplate({ name: template, settings: { body: pumps } })
    const { secrets } = await provisioning.createClaim({ id: 'batch-1', settings: { templates: [template, 'gone'] } })
    claim = filesOf('claim', secrets!.certificatePem, secrets!.privateKeyPem)
    const { secrets: second } = await provisioning.createClaim({ id: 'batch-2', settings: { templates: [template] } })
    otherClaim = filesOf('claim-2', second!.certificatePem, second!.privateKeyPem)
    eavesdropper = await client('v1')
    await eavesdropper.ask('connect', 'spy', ...claim)
    assert.deepEqual(
      await eavesdropper.ask('listen', answerTopics),
      answerTopics.map(() => true),
    )
  })
  after(async () => {
    await stopAll()
    await house?.hub.close()
  })

  const client = (style: 'v1' | 'v2' = 'v1') => awsClient(house, style)
  const filesOf = (name: string, cert: string, key: string): [string, string] => [
    house.file(`${name}.cert.pem`, cert),
    house.file(`${name}.key.pem`, key),
  ]
  /** Connects as a thing, sends, and tries to speak for another one. */
  const lives = async (thing: string, files: readonly [string, string]) => {
    const device = await client()
    await device.ask('connect', thing, ...files)
    const text = `{"from":"${thing}"}`
    await device.ask('publish', 'dt/pump-0/temp', `{"forged":"${thing}"}`)
    await device.ask('publish', `dt/${thing}/temp`, text)
    await house.landed(thing, `dt/${thing}/temp`, text)
    assert.equal((await house.telemetry()).filter(({ device: by }) => by === thing).length, 1, 'it spoke for pump-0')
    await device.ask('disconnect')
  }
  /** A certificate that is nobody's does not connect: the hub has it refused, not the SDK. */
  const unknown = async (thing: string, files: readonly [string, string]) => {
    const before = house.refusals.length
    await (await client()).refused('connect', thing, ...files)
    assert.deepEqual(house.refusals.slice(before), ['CRED_UNKNOWN'])
  }
  /** A key that only the device has, and a request for a certificate, as openssl makes them. */
  const requestOf = async (name: string) => {
    const [keyFile, csrFile] = [join(house.folder, `${name}.key.pem`), join(house.folder, `${name}.csr.pem`)]
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-noenc', '-keyout', keyFile]
    await run('openssl', ['req', '-new', ...key, '-subj', `/CN=${name}`, '-out', csrFile])
    return { csr: readFileSync(csrFile, 'utf8'), keyFile }
  }

  for (const { style, what, serial } of [
    { style: 'v1', what: 'IotIdentityClient', serial: 1 },
    { style: 'v2', what: 'IotIdentityClientv2', serial: 2 },
  ] as const)
    describe(what, () => {
      let asking: SdkClient

      before(async () => {
        asking = await client(style)
        await asking.ask('connect', `factory-${style}`, ...claim)
      })
      const rejected = async (name: string, ...args: unknown[]) => {
        const { body, message } = await asking.refused(name, ...args)
        assert(body, message)
        assert.deepEqual(shapeOf(body), ['errorCode', 'errorMessage', 'statusCode'])
        return [body.statusCode, body.errorCode]
      }

      it('gets keys and a certificate that connects once the thing is registered, not before', async () => {
        const thing = `pump-${serial}1`
        const made = await asking.ask('createKeys')
        assert.deepEqual(shapeOf(made), ['certificateId', 'certificateOwnershipToken', 'certificatePem', 'privateKey'])
        const own = filesOf(thing, made.certificatePem, made.privateKey)
        await unknown(thing, own)
        const token = made.certificateOwnershipToken
        const done = await asking.ask('registerThing', template, token, { SerialNumber: `${serial}1` })
        assert.deepEqual(done, { deviceConfiguration: { interval: '10' }, thingName: thing })
        await lives(thing, own)
        assert.deepEqual((await house.hub.devices.get({ id: thing })).attributes, { serial: `${serial}1` })
        const replayed = await rejected('registerThing', template, token, { SerialNumber: `${serial}3` })
        assert.deepEqual(replayed, [400, 'InvalidCertificateOwnershipToken'])
        await assert.rejects(house.hub.devices.get({ id: `pump-${serial}3` }))
      })

      it('gets a certificate for a key that never left the device', async () => {
        const thing = `pump-${serial}2`
        const { csr, keyFile } = await requestOf(thing)
        const signed = await asking.ask('signRequest', csr)
        assert.deepEqual(shapeOf(signed), ['certificateId', 'certificateOwnershipToken', 'certificatePem'])
        const certFile = house.file(`${thing}.cert.pem`, signed.certificatePem)
        await unknown(thing, [certFile, keyFile])
        const parameters = { SerialNumber: `${serial}2` }
        assert.equal((await asking.ask('registerThing', template, signed.certificateOwnershipToken, parameters)).thingName, thing)
        await lives(thing, [certFile, keyFile])
      })

      it('hears why it is rejected: a broken request, a template that is not there or not its own, a parameter that is missing', async () => {
        assert.deepEqual(await rejected('signRequest', 'nonsense'), [400, 'InvalidCertificateSigningRequest'])
        const { certificateOwnershipToken: token } = await asking.ask('createKeys')
        const parameters = { SerialNumber: `${serial}4` }
        assert.deepEqual(await rejected('registerThing', 'gone', token, parameters), [404, 'ResourceNotFound'])
        assert.deepEqual(await rejected('registerThing', 'not-mine', token, parameters), [403, 'AccessDenied'])
        assert.deepEqual(await rejected('registerThing', template, token, {}), [400, 'InvalidParameters'])
        assert.deepEqual(await rejected('registerThing', template, 'made up', parameters), [
          400,
          'InvalidCertificateOwnershipToken',
        ])
        assert.equal((await asking.ask('registerThing', template, token, parameters)).thingName, `pump-${serial}4`)
      })
    })

  it('cannot use a token that another claim was given', async () => {
    const [owner, thief] = await Promise.all([client('v2'), client('v2')])
    await owner.ask('connect', 'owner', ...claim)
    await thief.ask('connect', 'thief', ...otherClaim)
    const { certificateOwnershipToken: token } = await owner.ask('createKeys')
    const { body } = await thief.refused('registerThing', template, token, { SerialNumber: '31' })
    assert.deepEqual([body.statusCode, body.errorCode], [400, 'InvalidCertificateOwnershipToken'])
    assert.equal((await owner.ask('registerThing', template, token, { SerialNumber: '31' })).thingName, 'pump-31')
  })

  describe('a second client with the same claim', () => {
    it('hears the answer to its own request, and of all the others nothing', async () => {
      const other = await client('v2')
      await other.ask('connect', 'factory-late', ...claim)
      await other.ask('createKeys')
      await eavesdropper.ask('publish', '$aws/certificates/create/json', '{}')
      // what went astray before came before this answer: a connection keeps its order
      const topics = await until('an answer', async () => {
        const heard = ((await eavesdropper.ask('heard')) as { topic: string }[]).map(({ topic }) => topic)
        return heard.length > 0 && heard
      })
      assert.deepEqual(topics, ['$aws/certificates/create/json/accepted'])
    })
  })

  describe('with a certificate of a registered CA', () => {
    it('is nobody without a template, and a device by its first connection with one', async () => {
      const { pki, provisioning, devices } = house.hub
      const root = await caOf('Pump works')
      const { id: ca, code } = await pki.registerCa({ pem: root.pem })
      await pki.verifyCa({ id: ca, proofPem: (await leafOf(code!, root)).pem })
      const leaf = await leafOf('pump-51', root)
      const files = filesOf('pump-51', leaf.pem + root.pem, keyPem(leaf))
      await unknown('pump-51', files)
      await provisioning.createTemplate({ name: 'by-name', settings: { kind: 'jitp', body: byCommonName } })
      await provisioning.setCaTemplate({ ca, template: 'by-name' })
      await lives('pump-51', files)
      assert.equal((await devices.get({ id: 'pump-51' })).enrolmentId, 'template/by-name')
      const again = await client()
      await again.ask('connect', 'pump-51', ...files)
      await again.ask('disconnect')
      const rogue = await caOf('Pump works')
      const forged = await leafOf('pump-52', rogue)
      await unknown('pump-52', filesOf('pump-52', forged.pem + rogue.pem, keyPem(forged)))
      await assert.rejects(devices.get({ id: 'pump-52' }))
    })
  })
})
