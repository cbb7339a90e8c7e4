import assert from 'node:assert/strict'
import type { EnrolmentRequest } from '../../src/provisioning/enrolment.ts'
import { stopAll } from '../processes.ts'
import { type DecidingFlow, decidingFlow } from './deciding-flow.ts'
import { azureClient, type SdkClient } from './provisioning-clients.ts'
import { type ProvisioningHouse, provisioningHouse } from './provisioning-house.ts'

type Hook = EnrolmentRequest['hook']

describe('azure-iot-provisioning-device-mqtt and a flow that decides, or does not', function () {
  this.timeout(120_000)
  let house: ProvisioningHouse
  let flow: DecidingFlow

  before(async () => {
    house = await provisioningHouse('sdk-azure-hook')
    flow = decidingFlow(house.hub)
  })
  after(async () => {
    await stopAll()
    await house?.hub.close()
  })
  beforeEach(() => flow.deploy())

  const enrolled = async (registrationId: string, hook: Hook, more: Partial<EnrolmentRequest> = {}): Promise<SdkClient> => {
    const enrolment = { kind: 'individual', registrationId, attestation: { kind: 'sas' }, hook, ...more } as EnrolmentRequest
    const { secrets } = await house.hub.provisioning.createEnrolment({ enrolment })
    return azureClient(house, registrationId, { key: secrets!.primaryKey })
  }
  const failed = async (device: SdkClient): Promise<string> => {
    const { name, message, body } = await device.refused('register')
    assert.equal(name, 'ProvisioningRegistrationFailedError', message)
    const { status, errorCode, errorMessage } = body.registrationState
    assert.deepEqual([status, errorCode], ['failed', 400207])
    return errorMessage
  }
  const isNobody = (id: string) => assert.rejects(house.hub.devices.get({ id }), { code: 'IDENTITY_NOT_FOUND' })

  it('nobody answers: a no, and the next time the flow may say yes', async () => {
    const device = await enrolled('late-1', { enabled: true, timeoutMs: 500, default: 'deny' })
    assert.equal(await failed(device), 'nobody answered the provisioning request in time')
    assert.equal(flow.about('late-1').length, 1)
    await isNobody('late-1')
    await house.hub.provisioning.updateEnrolment({ id: 'late-1', change: { hook: { timeoutMs: 60_000 } } })
    const registering = device.ask('register')
    registering.catch(() => {})
    await flow.answer(await flow.question('late-1', 1), { allow: true, tags: { by: 'flow' } })
    assert.equal((await registering).status, 'assigned')
    assert.deepEqual((await house.hub.devices.get({ id: 'late-1' })).tags, { by: 'flow' })
  })

  it('nobody answers, and silence is a yes: for who is on the allow list', async () => {
    const hook: Hook = { enabled: true, timeoutMs: 500, default: 'allow' }
    await assert.rejects(enrolled('late-0', hook), { code: 'PROV_INVALID' })
    await house.hub.provisioning.createAllowList({ name: 'known' })
    await house.hub.provisioning.addToAllowList({ name: 'known', entries: [{ serial: 'late-2' }] })
    const [listed, other] = await Promise.all(['late-2', 'late-3'].map(id => enrolled(id, hook, { allowList: 'known' })))
    const [state, refusal] = await Promise.all([listed!.ask('register'), failed(other!)])
    assert.deepEqual([state.status, state.deviceId], ['assigned', 'late-2'])
    assert.match(refusal, /^the registration was refused/)
    assert.equal(flow.about('late-3').length, 0)
    await isNobody('late-3')
  })

  it('is told why it was denied', async () => {
    const device = await enrolled('denied-4', { enabled: true, timeoutMs: 60_000, default: 'deny' })
    const refused = failed(device)
    refused.catch(() => {})
    await flow.answer(await flow.question('denied-4'), { allow: false, reason: 'scrapped in 2019' })
    assert.equal(await refused, 'the registration was refused: scrapped in 2019')
    await isNobody('denied-4')
  })

  it('goes on waiting when the flow is taken away over an open question, and is assigned by its successor', async () => {
    const device = await enrolled('waits-5', { enabled: true, timeoutMs: 60_000, default: 'deny' })
    const registering = device.ask('register')
    registering.catch(() => {})
    const first = await flow.question('waits-5')
    await flow.remove()
    const gone = await enrolled('gone-6', { enabled: true, timeoutMs: 60_000, default: 'deny' })
    // who comes while there is no flow is not kept waiting
    assert.equal(await failed(gone), 'nobody answered the provisioning request in time')
    await flow.deploy()
    const second = await flow.question('waits-5', 1)
    assert.deepEqual([second.request, second.until], [first.request, first.until])
    assert.equal(flow.about('gone-6').length, 0)
    await flow.answer(second, { allow: true, payload: { by: 'successor' } })
    const { status, payload } = await registering
    assert.deepEqual([status, payload], ['assigned', { by: 'successor' }])
    await assert.rejects(flow.answer(first, { allow: false }), { code: 'NOT_FOUND' })
  })
})
