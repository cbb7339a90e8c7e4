import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { connectPacket, packetTypes, publishPacket, talk } from '../mqtt-wire.ts'
import { root } from '../node-red-process.ts'
import { type Child, freePorts, start, tempFolder, until } from '../processes.ts'

interface Value {
  stream: string
  point: string
  value: unknown
}

describe('npm start', function () {
  this.timeout(120_000)
  let child: Child
  let url: string
  let mqtt: number

  const ask = async <T>(path: string, body?: object): Promise<T> => {
    const answer = await fetch(`${url}${path}`, {
      signal: AbortSignal.timeout(30_000),
      ...(body && { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    })
    assert.ok(answer.ok, `${path}: ${answer.status}`)
    return (await answer.json()) as T
  }
  /** The last summary of a device, without the readings themselves. */
  const summary = async (device: string): Promise<Value[]> => {
    const { items } = await ask<{ items: Value[] }>(`/thingloom/demo/devices/${device}/latest`)
    return items.filter(({ stream }) => stream === '5s')
  }

  before(async function () {
    this.timeout(360_000) // it builds first if the sources are newer
    const [port, mqttPort, mqttsPort] = (await freePorts(3)) as [number, number, number]
    url = `http://127.0.0.1:${port}`
    mqtt = mqttPort
    child = start(process.execPath, ['scripts/start.mjs'], {
      cwd: root,
      env: {
        PORT: String(port),
        THINGLOOM_MQTT_PORT: String(mqttPort),
        THINGLOOM_MQTTS_PORT: String(mqttsPort),
        THINGLOOM_DATA: tempFolder('start'),
        THINGLOOM_HOST: '127.0.0.1',
        THINGLOOM_DEVICES: '50',
        THINGLOOM_KEY: '',
        NODE_OPTIONS: '',
      },
    })
    await until('the editor answers', async () => child.running() && (await fetch(url)).ok, 300_000)
  })
  after(async () => child?.stop())

  it('brings data through the whole pipeline by itself', async () => {
    const up = performance.now()
    const seconds = (): string => ((performance.now() - up) / 1000).toFixed(1)
    await until(
      'a message',
      async () => (await ask<{ items: Value[] }>('/thingloom/demo/devices/plant-0002/latest')).items.length > 0,
      60_000,
    )
    const message = seconds()
    await until('a summary', async () => (await summary('plant-0002')).length > 0, 60_000)
    console.log(`      after the editor was up: the first message in ${message} s, the first summary of 5 s in ${seconds()} s`)
    await child.says(new RegExp(`export HUB_URL=${url}/thingloom/demo HUB_HOST=127.0.0.1 HUB_PORT=\\d+ HUB_CA='.*ca\\.pem'`))
    await until(
      'all devices',
      async () => (await ask<{ connections: number }>('/thingloom/demo/health')).connections === 50,
      60_000,
    )
    assert.equal((await fetch(`${url}/dashboard/pipeline`)).status, 200)
    assert.doesNotMatch(child.output(), /\[error\]|missing types/)
  })

  it('sums up what a device measures, also one of the user, and nothing else', async () => {
    const [id, password] = ['my-sensor', 'change-me-please']
    await ask('/thingloom/demo/devices', { id, credentials: { kind: 'password', password } })
    const device = talk(connect(mqtt, '127.0.0.1'))
    device.send(connectPacket({ clientId: id, username: id, password }))
    assert.equal((await device.next(packetTypes.connack)).body[1], 0)
    device.send(publishPacket({ topic: `devices/${id}/telemetry`, payload: '{"temperature":21.5}', qos: 1 }))
    await device.next(packetTypes.puback)
    device.end()
    const own = await until('a summary', async () => ((await summary(id)).length > 0 ? summary(id) : undefined), 60_000)
    assert.deepEqual(
      own.map(({ point, value }) => [point, value]),
      [
        ['count', 1],
        ['temperatureAvg', 21.5],
      ],
    )
    const points = async (device: string) => (await summary(device)).map(({ point }) => point)
    assert.deepEqual(await points('plant-0002'), ['count', 'flowAvg', 'flowMin', 'motorTempAvg', 'vibrationMax'])
    assert.deepEqual(
      await until('weather', async () => (await points('plant-0001')).length > 0 && points('plant-0001'), 60_000),
      ['count', 'tempMax', 'windMax'],
    )
  })
})
