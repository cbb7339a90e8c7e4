import assert from 'node:assert/strict'
import type { Delivered } from '../../src/journal/journal-port.ts'
import { stopAll, until } from '../processes.ts'
import { keyPem, leafOf } from './factory.ts'
import { awsClient, type SdkClient } from './provisioning-clients.ts'
import { type ProvisioningHouse, provisioningHouse } from './provisioning-house.ts'
import { pumps } from './templates.ts'

type Files = readonly [certFile: string, keyFile: string]

describe('a device that nobody configured', function () {
  this.timeout(120_000)
  let house: ProvisioningHouse
  const canvas: Delivered[] = []
  const seen = (device: string): string[] =>
    canvas.filter(record => record.device === device).map(({ payload }) => Buffer.from(payload).toString())

  before(async () => {
    house = await provisioningHouse('sdk-story')
    await house.hub.provisioning.createTemplate({ name: 'pumps', settings: { body: pumps, keyType: 'ec-p256' } })
    const everything = { name: 'canvas', start: 'earliest', ack: 'delivery' } as const
    await house.hub.consume(everything, { deliver: records => void canvas.push(...records) })
  })
  after(async () => {
    await stopAll()
    await house?.hub.close()
  })

  const filesOf = (name: string, cert: string, key: string): Files => [
    house.file(`${name}.cert.pem`, cert),
    house.file(`${name}.key.pem`, key),
  ]
  const connected = async (clientId: string, files: Files): Promise<SdkClient> => {
    const device = await awsClient(house)
    await device.ask('connect', clientId, ...files)
    return device
  }
  const refused = async (clientId: string, files: Files): Promise<string[]> => {
    const before = house.refusals.length
    await (await awsClient(house)).refused('connect', clientId, ...files)
    return [...new Set(house.refusals.slice(before))]
  }
  const says = async (device: SdkClient, id: string, text: string): Promise<void> => {
    await device.ask('publish', `dt/${id}/temp`, text)
    await until(`"${text}" on the canvas`, () => seen(id).includes(text), 30_000)
  }

  /** The hub ended the session; the SDK would go on trying. */
  const isOut = async (id: string, device: SdkClient): Promise<void> => {
    await until(`${id} is out`, () => house.connects(id).at(-1) === 'disconnected', 30_000)
    await device.child.stop('SIGKILL')
  }

  it('comes with a claim, gets a certificate of its own, and is heard; others, the disabled and the revoked are not', async () => {
    const { provisioning, devices, identity } = house.hub
    const { secrets } = await provisioning.createClaim({
      id: 'batch',
      settings: { templates: ['pumps'], keyType: 'ec-p256' },
    })
    const claim = filesOf('claim', secrets!.certificatePem, secrets!.privateKeyPem)
    const factory = await connected('factory', claim)
    await factory.ask('publish', 'dt/factory/temp', 'a claim says nothing')
    const files: Record<string, Files> = {}
    for (const serial of ['1', '2']) {
      const made = await factory.ask('createKeys')
      const { thingName } = await factory.ask('registerThing', 'pumps', made.certificateOwnershipToken, { SerialNumber: serial })
      files[thingName] = filesOf(thingName, made.certificatePem, made.privateKey)
    }
    assert.deepEqual(Object.keys(files), ['pump-1', 'pump-2'])
    await factory.ask('disconnect')

    const [one, two] = [await connected('pump-1', files['pump-1']!), await connected('pump-2', files['pump-2']!)]
    await Promise.all([says(one, 'pump-1', 'one is here'), says(two, 'pump-2', 'two is here')])

    // nobody speaks for another, nor under its name
    await one.ask('publish', 'dt/pump-2/temp', 'forged')
    await one.ask('publish', 'devices/pump-2/telemetry', 'forged')
    await says(one, 'pump-1', 'after the forgery')
    assert.deepEqual(await refused('pump-2', files['pump-1']!), ['CLIENT_ID_REFUSED'])
    await says(two, 'pump-2', 'two was not put out')

    const stranger = await leafOf('pump-3')
    assert.deepEqual(await refused('pump-3', filesOf('pump-3', stranger.pem, keyPem(stranger))), ['CRED_UNKNOWN'])

    await devices.update({ id: 'pump-1', enabled: false })
    await isOut('pump-1', one)
    assert.deepEqual(await refused('pump-1', files['pump-1']!), ['IDENTITY_DISABLED'])
    await devices.update({ id: 'pump-1', enabled: true })
    const back = await connected('pump-1', files['pump-1']!)
    await says(back, 'pump-1', 'enabled again')

    const { cid } = (await devices.get({ id: 'pump-1' })).credentials[0]!
    await identity.revokeCredential({ id: 'pump-1', cid, reason: 'keyCompromise' })
    await isOut('pump-1', back)
    assert.deepEqual(await refused('pump-1', files['pump-1']!), ['CRED_REVOKED'])
    await says(two, 'pump-2', 'two goes on')

    assert.deepEqual(seen('pump-1'), ['one is here', 'after the forgery', 'enabled again'])
    assert.deepEqual(seen('pump-2'), ['two is here', 'two was not put out', 'two goes on'])
    assert.equal(canvas.length, 6)
  })
})
