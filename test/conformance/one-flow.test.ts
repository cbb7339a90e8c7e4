import assert from 'node:assert/strict'
import method from '../../nodes/method/method.ts'
import message from '../../nodes/message/message.ts'
import twin from '../../nodes/twin/twin.ts'
import twinChanged from '../../nodes/twin-changed/twin-changed.ts'
import { plainFilters, reportTopic } from '../../src/dialects/plain/topics.ts'
import type { FakeHub } from '../fake-hub.ts'
import { type Flow, flow, type Received, unload } from '../flow.ts'
import { mqttsClient } from '../mqtts-client.ts'
import { stopAll, until } from '../processes.ts'
import { sdkClient } from './provisioning-clients.ts'
import { type ProvisioningHouse, provisioningHouse } from './provisioning-house.ts'

const later = 50_000

/** What a device of any dialect did with what it was told. */
interface Driven {
  id: string
  /** Takes what is desired and says so. */
  obey(): Promise<void>
  messages(): Promise<string[]>
}

describe('one flow', function () {
  this.timeout(180_000)
  let house: ProvisioningHouse
  let canvas: Flow
  const ends: (() => unknown)[] = []

  before(async () => {
    house = await provisioningHouse('one-flow', { commandTopic: 'cmd/{id}/{name}/{rid}' })
    const at = { hub: 'hub', x: 1, y: 1, z: 't' }
    canvas = await flow(
      [twin, twinChanged, method, message],
      { type: 'loom-twin', action: 'patch', device: 'device', deviceType: 'msg', shadow: '' },
      {
        hub: house.hub as unknown as FakeHub,
        outputs: 4,
        others: [
          { id: 'call', type: 'loom-method', method: 'blink', device: 'device', deviceType: 'msg', ...at, wires: [['out1']] },
          { id: 'say', type: 'loom-message', device: 'device', deviceType: 'msg', wish: 'none', ...at, wires: [['out2']] },
          {
            ...{
              id: 'hear',
              type: 'loom-twin-changed',
              devices: '',
              sections: ['reported'],
              paths: '',
              twins: 'all',
              shadows: '',
            },
            ...{ consumer: 'hear', ack: 'delivery', start: 'earliest' },
            ...at,
            wires: [['out3']],
          },
        ],
      },
    )
  })
  after(async () => {
    for (const end of ends) await end()
    await unload()
    await stopAll()
  })

  async function azure(): Promise<Driven> {
    const id = 'azure-1'
    const { secrets } = await house.hub.devices.register({ id, credentials: { kind: 'sas' } })
    const connectionString = secrets!.connectionString!.replace(/HostName=[^;]+/, `HostName=localhost:${house.port}`)
    const settings = { connectionString, caFile: house.caFile }
    const sdk = await sdkClient({ script: 'azure-commands-client.mjs', folder: house.folder, name: id, settings })
    await sdk.ask('open')
    await sdk.ask('handle', 'blink', 200, { by: id })
    await sdk.ask('listen')
    await sdk.ask('twin')
    return {
      id,
      async obey() {
        await until('a desired property', async () => (await sdk.ask('held')).setpoint === 21, later)
        await sdk.ask('report', { setpoint: 21 })
      },
      messages: async () => (await sdk.ask('seen')).messages.map(({ text }: { text: string }) => text),
    }
  }

  async function aws(): Promise<Driven> {
    const id = 'aws-1'
    const { secrets } = await house.hub.devices.register({ id, credentials: { kind: 'x509' } })
    const { host, port, caFile } = house
    const certFile = house.file(`${id}.pem`, `${secrets!.certificatePem}${secrets!.chainPem ?? ''}`)
    const keyFile = house.file(`${id}.key`, secrets!.privateKeyPem!)
    const settings = { host, port, caFile, certFile, keyFile, clientId: id }
    const sdk = await sdkClient({ script: 'aws-shadow-v1-client.mjs', folder: house.folder, name: id, settings })
    await sdk.ask('connect', null)
    await sdk.ask('register', id, {})
    await sdk.ask('subscribe', `cmd/${id}/#`, { status: 200, payload: { by: id } })
    await sdk.ask('subscribe', `devices/${id}/inbox/#`, null)
    const heard = async (event: string): Promise<any[]> => (await sdk.ask('heard')).filter((one: any) => one.event === event)
    return {
      id,
      async obey() {
        await until('a delta', async () => (await heard('delta')).some(({ state }) => state.setpoint === 21), later)
        await sdk.ask('do', 'update', id, { state: { reported: { setpoint: 21 } } })
      },
      messages: async () => (await heard('message')).filter(({ topic }) => topic.includes('/inbox/')).map(({ text }) => text),
    }
  }

  async function plain(): Promise<Driven> {
    const id = 'plain-1'
    const { secrets } = await house.hub.devices.register({ id, credentials: { kind: 'password' } })
    const { client, heard } = await mqttsClient(house, { clientId: id, username: id, password: secrets!.password! })
    ends.push(() => client.endAsync(true))
    const texts = (part: string): string[] =>
      heard.filter(({ topic }) => topic.startsWith(`devices/${id}/${part}`)).map(({ payload }) => payload.toString())
    client.on('message', topic => {
      if (!topic.startsWith(`devices/${id}/commands/`) || topic.endsWith('/answer')) return
      client.publish(`${topic}/answer`, JSON.stringify({ status: 200, payload: { by: id } }))
    })
    const granted = await client.subscribeAsync(plainFilters(id), { qos: 1 })
    assert.ok(granted.every(({ qos }) => qos < 128))
    return {
      id,
      async obey() {
        await until('a desired property', () => texts('twin').some(text => text.includes('"setpoint":21')), later)
        await client.publishAsync(reportTopic(id), JSON.stringify({ setpoint: 21 }), { qos: 1 })
      },
      messages: async () => texts('inbox'),
    }
  }

  it('drives a device of each dialect alike: its twin, its methods, its messages', async () => {
    const driven = [await azure(), await aws(), await plain()]
    const device = driven.map(({ id }) => id)
    const answered = canvas.outputs(1)
    canvas.send({ device, payload: { setpoint: 21 } })
    const [changed] = (await answered) as [Received]
    assert.deepEqual(
      changed.payload.map((each: Received) => [each.device, each.desired, each.delta]),
      device.map(id => [id, { setpoint: 21 }, { setpoint: 21 }]),
    )
    await Promise.all(driven.map(each => each.obey()))
    await until('what they reported', () => canvas.seen(3).length === 3, later)
    assert.deepEqual(
      canvas
        .seen(3)
        .map(msg => msg.device)
        .toSorted(),
      device.toSorted(),
    )
    for (const { payload, topic } of canvas.seen(3)) assert.deepEqual([topic, payload], ['reported', { setpoint: 21 }])

    const called = canvas.outputs(1, 1)
    canvas.get('call').receive({ device, payload: { times: 2 } } as never)
    const [outcome] = (await called) as [Received]
    assert.deepEqual(
      outcome.results.map(({ id, ok }: Received) => [id, ok]),
      device.map(id => [id, true]),
    )
    assert.deepEqual(
      outcome.payload.map((each: Received) => each.payload ?? each),
      device.map(id => ({ by: id })),
    )

    canvas.get('say').receive({ device, payload: 'hello' } as never)
    for (const { id, messages } of driven)
      assert.deepEqual(
        await until(`the message to ${id}`, async () => ((await messages()).length ? messages() : undefined), later),
        ['hello'],
      )
  })
})
