import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Hub } from '../../src/hub/hub.ts'
import { startHub } from '../../src/hub/start-hub.ts'
import { stopAll, tempFolder, until } from '../processes.ts'
import { base, controller, thermostat } from '../twin/model/samples.ts'
import { type SdkClient, sdkClient } from './provisioning-clients.ts'

const limitMs = 60_000

describe('the model that the unmodified azure-iot-device announces', function () {
  this.timeout(180_000)
  const folder = tempFolder('azure-model')
  const caFile = join(folder, 'ca.pem')
  let hub: Hub
  let connectionString: string

  before(async () => {
    hub = await startHub({
      ...{ hubId: 'azure-model', dataDir: join(folder, 'hub'), store: 'memory', broker: 'embedded', threaded: false },
      listeners: [{ kind: 'mqtts', host: '127.0.0.1', port: 0 }],
      limits: { connectsPerSecondPerAddress: 0, connectsPerSecondPerDevice: 0 },
    })
    writeFileSync(caFile, (await hub.pki.caCertificates({})).rootPem)
    const { secrets } = await hub.devices.register({ id: 'plant', credentials: { kind: 'sas' } })
    const { port } = (await hub.health.get({})).listeners[0]!
    connectionString = `HostName=127.0.0.1:${port};DeviceId=plant;SharedAccessKey=${secrets!.primaryKey}`
    await hub.models.put({ source: 'dtdl', document: [controller, thermostat, base], mode: 'strict' })
    await hub.models.put({ source: 'dtdl', document: thermostat, mode: 'strict' })
  })
  after(async () => {
    await stopAll()
    await hub?.close()
  })

  const clientOf = (name: string, modelId: string): Promise<SdkClient> =>
    sdkClient({ script: 'azure-model-client.mjs', folder, name, settings: { connectionString, caFile, modelId } })
  const letters = async () => (await hub.journal.deadLetters({ limit: 100 })).items

  it('binds it: telemetry, components, reported properties and methods are held against it', async () => {
    const client = await clientOf('first', 'dtmi:example:Controller;2')
    await client.ask('handle', 'reboot', 'done')
    await client.ask('open')
    const bound = { by: 'device', name: 'dtmi:example:Controller;2', known: true, version: '2', mode: 'strict', closed: false }
    assert.deepEqual(await hub.models.modelOf({ device: 'plant' }), bound)

    await client.ask('say', { workingSet: 17.5 })
    await client.ask('say', { workingSet: 'much' })
    await client.ask('say', { temperature: 21 }, 'upper')
    await client.ask('say', { temperature: 'warm' }, 'upper')
    await until('two dead letters', async () => (await letters()).length === 2, limitMs)
    const told = (await letters()).map(
      ({ reason, device, errors }) => `${reason} ${device} ${errors![0]!.path} ${errors![0]!.rule}`,
    )
    assert.deepEqual(told.toSorted(), ['model plant temperature type', 'model plant workingSet type'])

    await client.ask('report', { serial: 'a-7', upper: { __t: 'c', target: { value: 21, ac: 200, av: 1 } } })
    const refused = await client.refused('report', { upper: { __t: 'c', target: { value: 'warm', ac: 200, av: 2 } } })
    assert.match(refused.message, /reported\.upper\.target\.value must be number/)
    assert.equal((await hub.twins.get({ id: 'plant' })).reported.serial, 'a-7')

    const call = (payload: unknown) => hub.commands.call({ id: 'plant', method: 'reboot', payload, connectTimeoutMs: 30_000 })
    await assert.rejects(call('soon'), { code: 'COMMAND_INVALID' })
    assert.deepEqual((await call(5)).payload, 'done')
    assert.deepEqual(await client.ask('calls'), [5])
    await client.ask('close')
  })

  it('is remembered while the device is away, and is the one it names when it comes again', async () => {
    assert.equal((await hub.models.modelOf({ device: 'plant' }))?.name, 'dtmi:example:Controller;2')
    const client = await clientOf('second', 'dtmi:example:Thermo;1')
    await client.ask('open')
    assert.equal((await hub.models.modelOf({ device: 'plant' }))?.name, 'dtmi:example:Thermo;1')
    const before = (await letters()).length
    await client.ask('say', { workingSet: 'much' })
    await client.ask('say', { temperature: 'warm' })
    await until('one more dead letter', async () => (await letters()).length === before + 1, limitMs)
    await client.ask('close')
  })
})
