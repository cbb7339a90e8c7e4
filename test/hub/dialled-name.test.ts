import assert from 'node:assert/strict'
import { request } from 'node:https'
import { connectAsync } from 'mqtt'
import type { Hub } from '../../src/hub/hub.ts'
import { startHub } from '../../src/hub/start-hub.ts'
import { kinds } from '../../src/journal/journal-port.ts'

const onlyByName = {
  Version: '2012-10-17',
  Statement: [
    {
      Effect: 'Allow',
      Action: 'iot:Publish',
      // biome-ignore lint/suspicious/noTemplateCurlyInString: a policy variable
      Resource: 'topic/plant/${iot:DomainName}',
      Condition: { StringEquals: { 'iot:DomainName': ['localhost', '127.0.0.1'] } },
    },
  ],
}

describe('iot:DomainName', function () {
  this.timeout(60_000)
  let hub: Hub
  let ports: { mqtts: number; https: number }
  let ca: string
  let password: string

  before(async () => {
    hub = await startHub({
      hubId: 'names',
      dataDir: '/nowhere',
      store: 'memory',
      broker: 'embedded',
      threaded: false,
      limits: { connectsPerSecondPerAddress: 0, connectsPerSecondPerDevice: 0 },
      listeners: [
        { kind: 'mqtts', host: '127.0.0.1', port: 0 },
        { kind: 'https', host: '127.0.0.1', port: 0 },
      ],
    })
    const { listeners } = await hub.health.get({})
    ports = { mqtts: listeners[0]!.port, https: listeners[1]!.port }
    ca = (await hub.pki.caCertificates({})).rootPem
    password = (await hub.devices.register({ id: 'pump', credentials: { kind: 'password' } })).secrets!.password!
    await hub.policies.create({ id: 'by-name', text: JSON.stringify(onlyByName) })
    await hub.policies.attach({ policy: 'by-name', target: { hub: true } })
  })
  after(() => hub.close())

  const kept = async () => {
    const records = await hub.journal.read({ from: 1, limit: 1000 })
    return records.filter(({ kind }) => kind === kinds.message).map(({ topic }) => topic)
  }
  const publishes = async (topic: string, servername?: string) => {
    const before = (await kept()).length
    const client = await connectAsync(`mqtts://127.0.0.1:${ports.mqtts}`, {
      ca,
      clientId: 'pump',
      username: 'pump',
      password,
      protocolVersion: 4,
      reconnectPeriod: 0,
      ...(servername && { servername }),
    })
    await client.publishAsync(topic, '{"a":1}', { qos: 1 })
    await client.endAsync()
    return (await kept()).length > before
  }
  const posts = (topic: string, servername = '') =>
    new Promise<number>((resolve, reject) => {
      const sent = request(
        {
          host: '127.0.0.1',
          port: ports.https,
          path: `/topics/${encodeURIComponent(topic)}?qos=1`,
          method: 'POST',
          headers: { authorization: `Basic ${Buffer.from(`pump:${password}`).toString('base64')}` },
          ca,
          agent: false,
          ...(servername && { servername }),
        },
        response => {
          response.resume()
          resolve(response.statusCode!)
        },
      )
      sent.once('error', reject)
      sent.end('{}')
    })

  it('is the name that an MQTT connection dialled, without one its address', async () => {
    assert.equal(await publishes('plant/localhost', 'LocalHost'), true)
    assert.equal(await publishes('plant/127.0.0.1', 'localhost'), false)
    assert.equal(await publishes('plant/127.0.0.1'), true)
    assert.equal(await publishes('plant/localhost'), false)
  })

  it('is the name that a device request dialled', async () => {
    assert.equal(await posts('plant/localhost', 'localhost'), 200)
    assert.equal(await posts('plant/127.0.0.1', 'localhost'), 403)
    assert.equal(await posts('plant/localhost'), 403)
  })

  it('is what the tester is told', async () => {
    const question = { device: 'pump', action: 'iot:Publish', topic: 'plant/localhost' }
    const told = await hub.policies.test({ ...question, domainName: 'localhost' })
    assert.deepEqual([told.verdict, told.variables['iot:DomainName']], ['allow', 'localhost'])
    const untold = await hub.policies.test(question)
    assert.deepEqual([untold.verdict, untold.variables['iot:DomainName']], ['none', null])
  })
})
