import assert from 'node:assert/strict'
import type { HubEvent } from '../../src/hub/hub.ts'
import type { EnrolmentRequest } from '../../src/provisioning/enrolment.ts'
import type { Crafted } from '../pki/craft.ts'
import { stopAll, until } from '../processes.ts'
import { caOf, keyPem, leafOf } from './factory.ts'
import { azureClient } from './provisioning-clients.ts'
import { type ProvisioningHouse, provisioningHouse } from './provisioning-house.ts'

describe('azure-iot-provisioning-device-mqtt', function () {
  this.timeout(120_000)
  let house: ProvisioningHouse

  before(async () => {
    house = await provisioningHouse('sdk-azure')
  })
  after(async () => {
    await stopAll()
    await house?.hub.close()
  })

  const client = (registrationId: string, proof: object, env: Record<string, string> = {}) =>
    azureClient(house, registrationId, proof, env)
  const certificateFiles = (name: string, leaf: Crafted, ...chain: Crafted[]) => ({
    certFile: house.file(`${name}.cert.pem`, [leaf, ...chain].map(({ pem }) => pem).join('')),
    keyFile: house.file(`${name}.key.pem`, keyPem(leaf)),
  })
  const enrol = async (enrolment: EnrolmentRequest) => (await house.hub.provisioning.createEnrolment({ enrolment })).secrets
  /** Registers, connects to the hub it was given, sends; then the same a second time. */
  const lives = async (registrationId: string, proof: object, { deviceId = registrationId, host = house.host } = {}) => {
    const device = await client(registrationId, proof, { host })
    const first = await device.ask('register')
    assert.equal(first.status, 'assigned')
    assert.equal(first.substatus, 'initialAssignment')
    assert.equal(first.registrationId, registrationId)
    assert.equal(first.deviceId, deviceId)
    assert.equal(first.assignedHub, `${host}:${house.port}`)
    await device.ask('connect', first.assignedHub, first.deviceId)
    const text = `{"from":"${registrationId}"}`
    await device.ask('send', text)
    await house.landed(deviceId, `devices/${deviceId}/messages/events`, text)
    const again = await device.ask('register')
    assert.deepEqual([again.status, again.deviceId, again.assignedHub], ['assigned', deviceId, first.assignedHub])
    const later = `{"later":"${registrationId}"}`
    await device.ask('send', later)
    await house.landed(deviceId, `devices/${deviceId}/messages/events`, later)
    assert.deepEqual(house.connects(deviceId), ['connected'], 'registering again disturbed the session of the device')
    await device.ask('close')
  }

  it('with a key derived from a group key: assigned, connected, assigned again as the same device', async () => {
    const keys = await enrol({ id: 'plant', kind: 'group', attestation: { kind: 'sas' }, initialTwin: { tags: { site: 'b' } } })
    await Promise.all([lives('Pump-1', { groupKey: keys!.primaryKey }), lives('Pump-2', { groupKey: keys!.secondaryKey })])
    assert.deepEqual((await house.hub.devices.get({ id: 'Pump-1' })).tags, { site: 'b' })
  })

  it('with the key of an individual enrolment, as the device that the enrolment names', async () => {
    const keys = await enrol({ kind: 'individual', registrationId: 'reg-3', deviceId: 'mixer-3', attestation: { kind: 'sas' } })
    // who dials a name is assigned to that name
    await lives('reg-3', { key: keys!.primaryKey }, { deviceId: 'mixer-3', host: 'localhost' })
  })

  it('with a certificate whose thumbprint was enrolled', async () => {
    const leaf = await leafOf('press-4')
    await enrol({ kind: 'individual', registrationId: 'press-4', attestation: { kind: 'x509', primary: leaf.pem } })
    await lives('press-4', certificateFiles('press-4', leaf))
    const other = await leafOf('press-4')
    const stranger = await client('press-4', certificateFiles('press-4-other', other))
    assert.match((await stranger.refused('register')).message, /Not authorized/)
  })

  it('with a certificate below a registered CA, over an intermediate that only the device has', async () => {
    const root = await caOf('Factory root')
    const line = await caOf('Factory line 7', root)
    const { id: caId } = await house.hub.pki.registerCa({ pem: root.pem, trust: 'operator' })
    await enrol({ id: 'factory', kind: 'group', attestation: { kind: 'x509-ca', cas: [{ caId }] } })
    const leaf = await leafOf('lathe-5', line)
    await lives('lathe-5', certificateFiles('lathe-5', leaf, line))
    const rogue = await caOf('Factory line 7')
    const forged = await leafOf('lathe-6', rogue)
    const stranger = await client('lathe-6', certificateFiles('lathe-6', forged, rogue))
    assert.match((await stranger.refused('register')).message, /Not authorized/)
  })

  it('is refused with a wrong key, and nothing is left of it', async () => {
    await enrol({ kind: 'individual', registrationId: 'valve-7', attestation: { kind: 'sas' } })
    const wrong = await client('valve-7', { key: Buffer.alloc(32, 7).toString('base64') })
    assert.match((await wrong.refused('register')).message, /Not authorized/)
    const { items } = await house.hub.provisioning.registrations({ deviceId: 'valve-7' })
    assert.deepEqual(items, [])
  })

  it('hears 401 of a disabled enrolment, and is let in when it is enabled again', async () => {
    const keys = await enrol({ kind: 'individual', registrationId: 'valve-8', enabled: false, attestation: { kind: 'sas' } })
    const device = await client('valve-8', { key: keys!.primaryKey })
    const { name, body } = await device.refused('register')
    assert.deepEqual([name, body.errorCode], ['UnauthorizedError', 401002])
    await house.hub.provisioning.updateEnrolment({ id: 'valve-8', change: { enabled: true } })
    assert.equal((await device.ask('register')).status, 'assigned')
  })

  describe('with a flow that decides', () => {
    const open = new Map<string, HubEvent & { type: 'provisioning-question' }>()
    let stop: () => void

    before(async () => {
      stop = house.hub.subscribe(event => {
        if (event.type === 'provisioning-question') open.set(event.request.registrationId, event)
      })
      await house.hub.provisioning.listen({ listener: 'flow', on: true })
    })
    after(async () => {
      await house.hub.provisioning.listen({ listener: 'flow', on: false })
      stop()
    })
    const hooked = async (registrationId: string) => {
      const hook = { enabled: true, timeoutMs: 60_000, default: 'deny' } as const
      const keys = await enrol({ kind: 'individual', registrationId, attestation: { kind: 'sas' }, hook })
      return client(registrationId, { key: keys!.primaryKey }, { DEBUG: 'azure-iot-provisioning-device:PollingStateMachine' })
    }
    const question = (registrationId: string) => until(`question about ${registrationId}`, () => open.get(registrationId), 50_000)

    it('asks again after the time it is told, and gets what the verdict gives', async () => {
      const device = await hooked('oven-9')
      const registering = device.ask('register', { model: 'o9' })
      registering.catch(() => {})
      const { request } = await question('oven-9')
      assert.deepEqual(request.payload, { model: 'o9' })
      // the SDK says how long it waits; it was configured to ask every 100 ms
      await device.child.says(/(waiting for 2000 ms.*){3}/s, 50_000)
      assert.doesNotMatch(device.child.output(), /waiting for 100 ms/)
      await house.hub.provisioning.answer({ id: request.id, verdict: { allow: true, payload: { token: 'x' } } })
      const state = await registering
      assert.deepEqual([state.status, state.deviceId, state.payload], ['assigned', 'oven-9', { token: 'x' }])
    })

    it('fails with the reason when the flow denies', async () => {
      const device = await hooked('oven-10')
      const refused = device.refused('register')
      refused.catch(() => {})
      const { request } = await question('oven-10')
      await house.hub.provisioning.answer({ id: request.id, verdict: { allow: false, reason: 'scrapped' } })
      const { name, body } = await refused
      assert.equal(name, 'ProvisioningRegistrationFailedError')
      const { status, errorCode } = body.registrationState
      assert.deepEqual([status, errorCode], ['failed', 400207])
      await assert.rejects(house.hub.devices.get({ id: 'oven-10' }))
    })
  })
})
