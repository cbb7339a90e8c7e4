import assert from 'node:assert/strict'
import { connectAsync } from 'mqtt'
import { until } from '../until.ts'
import { type RealHub, realHub } from './real-hub.ts'

const bytesOf = (text: string) => Buffer.from(text, 'base64')

describe('admin API: commands', function () {
  this.timeout(60_000)
  let at: RealHub
  before(async () => {
    at = await realHub({ broker: 'embedded', listeners: [{ kind: 'mqtt', host: '127.0.0.1', port: 0 }] })
  })
  after(() => at.close())

  const fan = async (id: string) => {
    const { secrets } = await at.hub.devices.register({ id, credentials: { kind: 'password' } })
    const { port } = (await at.hub.health.get({})).listeners[0]!
    const login = { clientId: id, username: id, password: secrets!.password!, protocolVersion: 4, reconnectPeriod: 0 } as const
    const client = await connectAsync(`mqtt://127.0.0.1:${port}`, login)
    const heard: { topic: string; bytes: Buffer }[] = []
    client.on('message', (topic, bytes) => {
      heard.push({ topic, bytes })
      if (topic.includes('/commands/')) client.publish(`${topic}/answer`, `{"status":201,"payload":${bytes}}`)
    })
    return { client, heard }
  }

  it('call a method and answer with the device’s answer, or with why there is none', async () => {
    const { client } = await fan('f1')
    await client.subscribeAsync('devices/f1/commands/#', { qos: 1 })
    const called = await at.call('POST', '/devices/f1/methods/spin', { body: { payload: { rpm: 3 } } })
    assert.deepEqual([called.status, called.body], [200, { status: 201, payload: { rpm: 3 } }])
    assert.deepEqual((await at.call('POST', '/devices/f1/methods/spin')).body, { status: 201, payload: null })
    const cases: [path: string, body: object, status: number, code: string][] = [
      ['/devices/none/methods/m', {}, 404, 'IDENTITY_NOT_FOUND'],
      ['/devices/f1/methods/a%20b', {}, 400, 'COMMAND_INVALID'],
      ['/devices/f1/methods/m', { responseTimeoutMs: 1 }, 400, 'REQUEST_INVALID'],
    ]
    for (const [path, body, status, code] of cases) {
      const refused = await at.call('POST', path, { body })
      assert.deepEqual([refused.status, refused.body.error.code], [status, code], path)
    }
    await client.endAsync()
    await until(async () => !(await at.hub.devices.get({ id: 'f1' })).connection.connected, 30_000)
    const away = await at.call('POST', '/devices/f1/methods/spin')
    assert.deepEqual([away.status, away.body.error.code], [404, 'COMMAND_DEVICE_OFFLINE'])
    const { body } = await at.call('GET', '/devices/f1/commands?limit=2')
    assert.deepEqual(
      body.items.map(({ kind, name, outcome, by }: Record<string, string>) => [kind, name, outcome, by]),
      [
        ['method', 'spin', 'COMMAND_DEVICE_OFFLINE', 'admin api'],
        ['method', 'a b', 'COMMAND_INVALID', 'admin api'],
      ],
    )
  })

  it('send messages that wait: texts, JSON and bytes', async () => {
    const { client, heard } = await fan('f2')
    const sent = await at.call('POST', '/devices/f2/messages', { body: { body: 'text', id: 'm1', ack: 'full' } })
    assert.deepEqual([sent.status, sent.body.id, sent.body.seq], [201, 'm1', 1])
    await at.call('POST', '/devices/f2/messages', { body: { body: { on: true } } })
    await at.call('POST', '/devices/f2/messages', {
      body: { body: '/wA=', base64: true, properties: { k: 'v', n: 4, lit: false } },
    })
    const { body } = await at.call('GET', '/devices/f2/inbox')
    assert.deepEqual(
      body.items.map(({ bytes, held }: { bytes: number; held: boolean }) => [bytes, held]),
      [
        [4, false],
        [11, false],
        [2, false],
      ],
    )
    await client.subscribeAsync('devices/f2/inbox/#', { qos: 1 })
    await until(() => heard.length === 3, 30_000)
    assert.deepEqual(
      heard.map(({ bytes }) => bytes),
      [Buffer.from('text'), Buffer.from('{"on":true}'), bytesOf('/wA=')],
    )
    assert.match(heard[1]!.topic, /ct=application%2Fjson$/)
    assert.match(heard[2]!.topic, /\?k=v&n=4&lit=false$/)
    for (const value of [null, {}, [1]]) {
      const { status, body } = await at.call('POST', '/devices/f2/messages', { body: { body: 'x', properties: { value } } })
      assert.deepEqual([status, body.error.code], [400, 'COMMAND_INVALID'])
    }
    for (const wrong of [{}, { body: 'x', ttlMs: 1 }, { body: { a: 1 }, base64: true }, { body: '%', base64: true }])
      assert.equal((await at.call('POST', '/devices/f2/messages', { body: wrong })).status, 400)
    await client.endAsync()
    await at.call('POST', '/devices/f2/messages', { body: { body: 'kept' } })
    assert.deepEqual((await at.call('DELETE', '/devices/f2/inbox')).body, { purged: 1 })
  })

  it('start work on many devices, and tell what became of each', async () => {
    for (let i = 0; i < 5; i++) await at.hub.devices.register({ id: `g${i}` })
    await at.hub.groups.create({ id: 'line' })
    await at.hub.groups.add({ group: 'line', devices: ['g0', 'g1', 'g2'] })
    await at.hub.devices.quarantine({ id: 'g1' })
    const ended = async (id: string) =>
      until(async () => {
        const { body } = await at.call('GET', `/commands/${id}`)
        return body.state === 'done' && body
      }, 30_000)
    const started = await at.call('POST', '/commands', { body: { group: 'line', message: { body: 'hi' } } })
    assert.deepEqual([started.status, started.body.total], [202, 3])
    const over = await ended(started.body.id)
    assert.deepEqual([over.done, over.failed, over.by], [3, 1, 'admin api'])
    const { body } = await at.call('GET', `/commands/${started.body.id}/results`)
    assert.deepEqual(
      body.items.map(({ device, ok, code }: { device: string; ok: boolean; code?: string }) => [device, ok, code]),
      [
        ['g0', true, undefined],
        ['g1', false, 'DEVICE_QUARANTINED'],
        ['g2', true, undefined],
      ],
    )
    assert.equal((await at.call('GET', `/commands/${started.body.id}/results?failed=true`)).body.items.length, 1)
    const query = { text: 'thingName:g*' }
    const queried = await at.call('POST', '/commands', { body: { query, method: { name: 'm' } } })
    assert.equal(queried.body.total, 5)
    assert.equal((await ended(queried.body.id)).failed, 5)
    assert.equal((await at.call('GET', '/commands')).body.items.length, 2)
    assert.equal((await at.call('POST', '/commands', { body: { group: 'none', method: { name: 'm' } } })).status, 404)
    assert.equal((await at.call('POST', `/commands/${queried.body.id}/cancel`)).body.error.code, 'OPERATION_STATE')
    assert.equal((await at.call('GET', '/commands/none')).status, 404)
  })
})
