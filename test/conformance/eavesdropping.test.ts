import assert from 'node:assert/strict'
import { deriveKey } from '../../src/identity/prove-sas.ts'
import { signSas } from '../../src/identity/sas.ts'
import { mqttsClient, type PlainClient } from '../mqtts-client.ts'
import { stopAll, until } from '../processes.ts'
import { decidingFlow } from './deciding-flow.ts'
import { awsClient, azureClient } from './provisioning-clients.ts'
import { type ProvisioningHouse, provisioningHouse } from './provisioning-house.ts'
import { pumps } from './templates.ts'

const answers = ['certificates/create', 'certificates/create-from-csr', 'provisioning-templates/pumps/provision'].flatMap(
  request => ['json', 'cbor'].flatMap(format => ['accepted', 'rejected'].map(end => `$aws/${request}/${format}/${end}`)),
)
/** What answers could be caught with, most of it refused. */
const nets = [
  '#',
  '+/#',
  '+/+/#',
  ...[2, 3, 4, 5, 6, 7].map(levels => Array(levels).fill('+').join('/')),
  '$aws/#',
  '$aws/+/+/+/+',
  '$aws/certificates/#',
  '$aws/certificates/create/json/+',
  '$aws/certificates/+/+/accepted',
  '$aws/provisioning-templates/+/provision/json/+',
  '$aws/provisioning-templates/#',
  ...answers,
  '$share/g/$aws/certificates/create/json/accepted',
  '$dps/#',
  '$dps/registrations/res/#',
  '$dps/registrations/res/200/+',
  '$dps/registrations/res/+/?$rid=1',
]

describe('an answer with a private key', function () {
  this.timeout(120_000)
  let house: ProvisioningHouse
  let claim: { cert: string; key: string }
  let groupKey: string
  const ears = new Map<string, PlainClient & { fence: readonly [topic: string, text: string] }>()
  /** refused, with an answer */
  const ask = ['$aws/certificates/create-from-csr/json', '{}'] as const

  before(async () => {
    house = await provisioningHouse('sdk-ears')
    const { provisioning, pki, devices } = house.hub
    await provisioning.createTemplate({ name: 'pumps', settings: { body: pumps } })
    const claimOf = async (id: string) => {
      const { secrets } = await provisioning.createClaim({ id, settings: { templates: ['pumps'] } })
      return { cert: secrets!.certificatePem, key: secrets!.privateKeyPem }
    }
    claim = await claimOf('batch-1')
    const { secrets } = await provisioning.createEnrolment({
      enrolment: {
        id: 'plant',
        kind: 'group',
        attestation: { kind: 'sas' },
        hook: { enabled: true, timeoutMs: 60_000, default: 'deny' },
      },
    })
    groupKey = secrets!.primaryKey
    const own = await pki.issue({ keyType: 'ec-p256' })
    await devices.register({ id: 'spy-device', credentials: { kind: 'x509', certificatePem: own.certificatePem } })
    const token = (key: string, resource: string) => signSas({ key, resource, expiresAt: Date.now() + 3_600_000 })
    const dpsPassword = `${token(deriveKey(groupKey, 'spy-dps'), '0ne1/registrations/spy-dps')}&skn=registration`
    const sas = await devices.register({ id: 'spy-azure', credentials: { kind: 'sas' } })
    const host = `${house.host}:${house.port}`

    await listens('the same claim', { ...claim, clientId: 'spy-claim' }, ask)
    await listens('another claim', { ...(await claimOf('batch-2')), clientId: 'spy-other' }, ask)
    const byCertificate = { cert: own.certificatePem, key: own.privateKeyPem!, clientId: 'spy-device' }
    await listens('a device by certificate', byCertificate, ask)
    const byKey = {
      clientId: 'spy-azure',
      username: `${host}/spy-azure/?api-version=2021-04-12`,
      password: token(sas.secrets!.primaryKey!, `${host}/devices/spy-azure`),
    }
    await listens('a device by key', byKey, ['devices/spy-azure/messages/events/', '{}'])
    const registration = {
      clientId: 'spy-dps',
      username: '0ne1/registrations/spy-dps/api-version=2019-03-31',
      password: dpsPassword,
    }
    const noSuchOperation = '$dps/registrations/GET/iotdps-get-operationstatus/?$rid=99&operationId=none'
    await listens('another registration of the group', registration, [noSuchOperation, ''])
  })
  after(async () => {
    await Promise.all([...ears.values()].map(({ client }) => client.endAsync(true)))
    await stopAll()
    await house?.hub.close()
  })

  /** Casts every net; what is granted stays. `fence`: something it may send, which the hub answers to it if the topic begins with a dollar. */
  const listens = async (
    who: string,
    options: Parameters<typeof mqttsClient>[1],
    fence: readonly [topic: string, text: string],
  ): Promise<void> => {
    const ear = await mqttsClient(house, options)
    ears.set(who, { ...ear, fence })
    for (const net of nets) await ear.client.subscribeAsync(net, { qos: 1 }).catch(() => {})
  }
  /** What each heard until now, a connection keeps its order: nothing but the answers to its `asked` fences. */
  const heardNothing = async (asked: number): Promise<void> => {
    for (const [who, { client, heard, fence }] of ears) {
      assert(client.connected, `${who} was disconnected`)
      const before = heard.length
      await client.publishAsync(...fence, { qos: 1 })
      const answered = fence[0].startsWith('$')
      if (answered) await until(`an answer to ${who}`, () => heard.length > before, 30_000)
      const told = heard.map(({ topic, payload }) => `${topic} ${payload}`)
      assert.equal(told.length, answered ? asked : 0, `${who}: ${told.join('\n')}`)
      for (const text of told)
        assert.match(text, /^\$aws\/certificates\/create-from-csr\/json\/rejected |^\$dps\/registrations\/res\/404\//)
    }
  }

  it('reaches the AWS SDK that asked and nobody else, whatever they subscribe to', async () => {
    const victim = await awsClient(house, 'v2')
    const files = [house.file('claim.cert.pem', claim.cert), house.file('claim.key.pem', claim.key)]
    await victim.ask('connect', 'factory', ...files)
    const made = await victim.ask('createKeys')
    assert.match(made.privateKey, /PRIVATE KEY/)
    const { thingName } = await victim.ask('registerThing', 'pumps', made.certificateOwnershipToken, { SerialNumber: '1' })
    assert.equal(thingName, 'pump-1')
    await heardNothing(1)
  })

  it('and what a verdict gives an Azure device is its own too', async () => {
    const flow = decidingFlow(house.hub)
    await flow.deploy()
    const victim = await azureClient(house, 'mixer-1', { groupKey })
    const registering = victim.ask('register')
    registering.catch(() => {})
    await flow.answer(await flow.question('mixer-1'), { allow: true, payload: { privateKey: 'for mixer-1 alone' } })
    const { status, payload } = await registering
    assert.deepEqual([status, payload], ['assigned', { privateKey: 'for mixer-1 alone' }])
    await heardNothing(2)
  })
})
