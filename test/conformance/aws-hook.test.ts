import assert from 'node:assert/strict'
import { stopAll } from '../processes.ts'
import { type DecidingFlow, decidingFlow } from './deciding-flow.ts'
import { awsClient, type SdkClient } from './provisioning-clients.ts'
import { type ProvisioningHouse, provisioningHouse } from './provisioning-house.ts'
import { pumps } from './templates.ts'

const noAnswer = [403, 'AccessDenied', 'nobody answered the provisioning request in time']

describe('the identity client of aws-iot-device-sdk-v2 and a flow that decides, or does not', function () {
  this.timeout(120_000)
  let house: ProvisioningHouse
  let flow: DecidingFlow
  let asking: SdkClient

  before(async () => {
    house = await provisioningHouse('sdk-aws-hook')
    flow = decidingFlow(house.hub)
    const { provisioning } = house.hub
    await provisioning.createAllowList({ name: 'known' })
    await provisioning.addToAllowList({ name: 'known', entries: [{ serial: '21' }] })
    const names = ['asked', 'silent', 'listed']
    const ask = (timeoutMs: number, more: object = {}) => ({ hook: { enabled: true, timeoutMs, default: 'deny', ...more } })
    await provisioning.createTemplate({ name: 'asked', settings: { body: pumps, keyType: 'ec-p256', ...ask(5000) } })
    await provisioning.createTemplate({ name: 'silent', settings: { body: pumps, keyType: 'ec-p256', ...ask(500) } })
    await provisioning.createTemplate({
      name: 'listed',
      settings: { body: pumps, keyType: 'ec-p256', allowList: 'known', ...ask(500, { default: 'allow' }) },
    })
    const { secrets } = await provisioning.createClaim({ id: 'batch', settings: { templates: names } })
    asking = await awsClient(house, 'v2')
    await asking.ask(
      'connect',
      'factory',
      house.file('claim.cert.pem', secrets!.certificatePem),
      house.file('claim.key.pem', secrets!.privateKeyPem),
    )
  })
  after(async () => {
    await stopAll()
    await house?.hub.close()
  })
  beforeEach(() => flow.deploy())

  const newToken = async (): Promise<string> => (await asking.ask('createKeys')).certificateOwnershipToken
  const rejected = async (template: string, token: string, SerialNumber: string) => {
    const { body, message } = await asking.refused('registerThing', template, token, { SerialNumber })
    assert(body, message)
    return [body.statusCode, body.errorCode, body.errorMessage.replace(/: .*/, '')]
  }
  const isNobody = (id: string) => assert.rejects(house.hub.devices.get({ id }), { code: 'IDENTITY_NOT_FOUND' })
  /** Registers; `decide` acts on each question that comes meanwhile. A machine that was busy for 5 s is no answer in time: the device asks again, as a real one does. */
  const registers = async (token: string, SerialNumber: string, decide: (before: number) => Promise<void>) => {
    for (let tries = 1; ; tries++) {
      const before = flow.about(SerialNumber).length
      const registering = asking.ask('registerThing', 'asked', token, { SerialNumber })
      registering.catch(() => {})
      const decided = await decide(before).then(
        () => undefined,
        error => error,
      )
      const ended = await registering.catch(error => error)
      if (!(ended instanceof Error) || tries === 3 || !/nobody answered/.test(ended.message)) {
        if (ended instanceof Error || decided) throw ended instanceof Error ? ended : decided
        return ended
      }
    }
  }

  it('takes from the verdict what it gives', async () => {
    const done = await registers(await newToken(), '11', async before => {
      const question = await flow.question('11', before)
      assert.deepEqual([question.request.kind, question.request.deviceId], ['claim', 'pump-11'])
      await flow.answer(question, { allow: true, tags: { line: 'b' }, deviceConfiguration: { url: 'mqtts://b' } })
    })
    assert.deepEqual(done, { thingName: 'pump-11', deviceConfiguration: { interval: '10', url: 'mqtts://b' } })
    assert.deepEqual((await house.hub.devices.get({ id: 'pump-11' })).tags, { line: 'b' })
  })

  it('is told why it was denied', async () => {
    const denied = registers(await newToken(), '12', async before =>
      flow.answer(await flow.question('12', before), { allow: false, reason: 'scrapped in 2019' }),
    )
    await assert.rejects(denied, /"statusCode":403,"errorCode":"AccessDenied".*scrapped in 2019/)
    await isNobody('pump-12')
  })

  it('nobody answers: a no that leaves the token good', async () => {
    const token = await newToken()
    assert.deepEqual(await rejected('silent', token, '13'), noAnswer)
    await isNobody('pump-13')
    const done = await registers(token, '13', async before => flow.answer(await flow.question('13', before), { allow: true }))
    assert.equal(done.thingName, 'pump-13')
  })

  it('nobody answers, and silence is a yes: for who is on the allow list', async () => {
    const { thingName } = await asking.ask('registerThing', 'listed', await newToken(), { SerialNumber: '21' })
    assert.equal(thingName, 'pump-21')
    assert.deepEqual((await rejected('listed', await newToken(), '22')).slice(0, 2), [403, 'AccessDenied'])
    await isNobody('pump-22')
  })

  it('goes on waiting when the flow is taken away over an open question, and its successor is asked', async () => {
    const done = await registers(await newToken(), '14', async before => {
      const first = await flow.question('14', before)
      await flow.remove()
      await flow.deploy()
      const second = await flow.question('14', before + 1)
      assert.deepEqual([second.request, second.until], [first.request, first.until])
      await flow.answer(second, { allow: true })
    })
    assert.equal(done.thingName, 'pump-14')
  })

  it('is not kept waiting when there is no flow, and comes with the same token when there is one', async () => {
    const token = await newToken()
    await flow.remove()
    assert.deepEqual(await rejected('asked', token, '15'), noAnswer)
    assert.equal(flow.about('15').length, 0)
    await flow.deploy()
    const done = await registers(token, '15', async before => flow.answer(await flow.question('15', before), { allow: true }))
    assert.equal(done.thingName, 'pump-15')
  })
})
