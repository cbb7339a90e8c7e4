import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { HubEvent } from '../../src/hub/hub.ts'
import { run, stopAll } from '../processes.ts'
import { decidingFlow } from './deciding-flow.ts'
import { caOf, keyPem, leafOf } from './factory.ts'
import { awsClient } from './provisioning-clients.ts'
import { type ProvisioningHouse, provisioningHouse } from './provisioning-house.ts'
import { bySubject } from './templates.ts'

type Files = readonly [certFile: string, keyFile: string]

describe('aws-iot-device-sdk-v2 with a certificate that the hub never saw', function () {
  this.timeout(120_000)
  let house: ProvisioningHouse
  let ca: string
  let works: { cert: string; key: string }
  const steps: (HubEvent & { type: 'provisioning' })[] = []

  before(async () => {
    house = await provisioningHouse('sdk-jitp')
    house.hub.subscribe(event => void (event.type === 'provisioning' && steps.push(event)))
    const { pki, provisioning } = house.hub
    const root = await caOf('Press works')
    works = { cert: house.file('works.cert.pem', root.pem), key: house.file('works.key.pem', keyPem(root)) }
    const { id, code } = await pki.registerCa({ pem: root.pem })
    await pki.verifyCa({ id, proofPem: (await leafOf(code!, root)).pem })
    ca = id
    await provisioning.createTemplate({ name: 'presses', settings: { kind: 'jitp', body: bySubject } })
    await provisioning.setCaTemplate({ ca, template: 'presses' })
  })
  after(async () => {
    await stopAll()
    await house?.hub.close()
  })

  /** What a factory does with openssl: a key, a request, a certificate below its CA, and both in one chain. */
  const made = async (name: string, subject: string): Promise<Files> => {
    const path = (part: string): string => join(house.folder, `${name}.${part}.pem`)
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-noenc', '-keyout', path('key')]
    await run('openssl', ['req', '-new', ...key, '-subj', subject, '-out', path('csr')])
    const extensions = house.file(`${name}.ext`, 'keyUsage=critical,digitalSignature\nextendedKeyUsage=clientAuth\n')
    const by = ['-CA', works.cert, '-CAkey', works.key, '-CAcreateserial', '-extfile', extensions, '-days', '9']
    await run('openssl', ['x509', '-req', '-in', path('csr'), ...by, '-out', path('leaf')])
    house.file(`${name}.chain.pem`, readFileSync(path('leaf'), 'utf8') + readFileSync(works.cert, 'utf8'))
    return [path('chain'), path('key')]
  }
  const lives = async (id: string, files: Files, text: string): Promise<void> => {
    const device = await awsClient(house)
    await device.ask('connect', id, ...files)
    await device.ask('publish', `dt/${id}/force`, text)
    await house.landed(id, `dt/${id}/force`, text)
    await device.ask('disconnect')
  }
  const refusedWith = async (id: string, files: Files): Promise<string[]> => {
    const before = house.refusals.length
    await (await awsClient(house)).refused('connect', id, ...files)
    return house.refusals.slice(before)
  }
  const isNobody = (id: string) => assert.rejects(house.hub.devices.get({ id }), { code: 'IDENTITY_NOT_FOUND' })
  const used = async () => (await house.hub.provisioning.template({ name: 'presses' }))!.used

  it('becomes a device of its subject by its first connection, and by a second one nothing more', async () => {
    const files = await made('press-1', '/O=Works/ST=north/CN=press-1/serialNumber=0815')
    await lives('press-1', files, '{"n":1}')
    const first = await house.hub.devices.get({ id: 'press-1' })
    assert.deepEqual([first.enrolmentId, first.attributes], ['template/presses', { serial: '0815', site: 'north' }])
    assert.deepEqual(
      steps.filter(({ deviceId }) => deviceId === 'press-1').map(({ state }) => state),
      ['ACTIVE'],
    )
    assert.equal(await used(), 1)
    // what a template says later is no concern of a device that is one
    await house.hub.provisioning.updateTemplate({ name: 'presses', change: { enabled: false } })
    await lives('press-1', files, '{"n":2}')
    await house.hub.provisioning.updateTemplate({ name: 'presses', change: { enabled: true } })
    assert.equal(steps.filter(({ deviceId }) => deviceId === 'press-1').length, 1)
    const second = await house.hub.devices.get({ id: 'press-1' })
    assert.deepEqual([second.credentials.length, second.generation, second.etag], [1, first.generation, first.etag])
    assert.equal(await used(), 1)
  })

  it('is refused when its subject lacks a field that the template uses, or has it twice', async () => {
    assert.deepEqual(await refusedWith('press-2', await made('press-2', '/ST=north/CN=press-2')), ['PROV_PARAMETER_MISSING'])
    const twice = await made('press-3', '/ST=north/CN=press-3/serialNumber=1/serialNumber=2')
    assert.deepEqual(await refusedWith('press-3', twice), ['PROV_PARAMETER_MISSING'])
    await isNobody('press-2')
    await isNobody('press-3')
    assert.equal(await used(), 1)
  })

  it('comes if the flow says so, and is refused if it says no or nothing', async () => {
    const { provisioning } = house.hub
    const flow = decidingFlow(house.hub)
    await provisioning.updateTemplate({ name: 'presses', change: { hook: { enabled: true, timeoutMs: 5000, default: 'deny' } } })
    const files = await made('press-4', '/ST=north/CN=press-4/serialNumber=4')
    assert.deepEqual(await refusedWith('press-4', files), ['PROV_HOOK_TIMEOUT'])
    await flow.deploy()
    const denied = refusedWith('press-4', files)
    denied.catch(() => {})
    const question = await flow.question('press-4')
    assert.deepEqual([question.request.kind, question.request.parameters['AWS::IoT::Certificate::SerialNumber']], ['jitp', '4'])
    await flow.answer(question, { allow: false, reason: 'scrapped' })
    assert.deepEqual(await denied, ['PROV_DENIED'])
    await isNobody('press-4')
    const living = lives('press-4', files, '{"n":4}')
    living.catch(() => {})
    await flow.answer(await flow.question('press-4', 1), { allow: true, tags: { line: 'b' } })
    await living
    assert.deepEqual((await house.hub.devices.get({ id: 'press-4' })).tags, { line: 'b' })
    await flow.remove()
  })

  it('is nobody when the CA no longer names a template, while its devices go on', async () => {
    const files = await made('press-5', '/ST=north/CN=press-5/serialNumber=5')
    await house.hub.provisioning.setCaTemplate({ ca })
    assert.deepEqual(await refusedWith('press-5', files), ['CRED_UNKNOWN'])
    await isNobody('press-5')
    await lives('press-1', [join(house.folder, 'press-1.chain.pem'), join(house.folder, 'press-1.key.pem')], '{"n":5}')
  })
})
