import assert from 'node:assert/strict'
import { join } from 'node:path'
import { connectAsync, type MqttClient } from 'mqtt'
import type { DeviceSecrets } from '../../src/hub/hub.ts'
import { ackNode, hubNode, recorded, recorder, tab, telemetryIn } from '../hub-flows.ts'
import { type FlowNode, startNodeRed, userFolder } from '../node-red-process.ts'
import { freePorts, stopAll, tempFolder, until } from '../processes.ts'

const count = 20

describe('a deploy', function () {
  this.timeout(120_000)
  afterEach(stopAll)

  it('that leaves the hub node unchanged disconnects no device; one that changes it takes effect', async () => {
    const folder = tempFolder('redeploy')
    const [http, mqtt, other] = await freePorts(3)
    const file = join(folder, 'seen.jsonl')
    const flow = (more: { port?: number; label?: string } = {}): FlowNode[] => [
      { ...tab('t'), label: more.label ?? 'first' },
      hubNode('steady', join(folder, 'data'), { mqtt: more.port ?? mqtt! }),
      telemetryIn('in', 't', 'steady', [['out'], []], { ack: 'flow' }),
      recorder('out', 't', file, [['done']]),
      ackNode('done', 't'),
    ]
    const nodeRed = await startNodeRed({ folder: userFolder(folder, flow()), port: http! })
    const health = () => nodeRed.call<{ since: number; connections: number }>('GET', '/thingloom/steady/health')
    const before = await until('the hub runs', health)

    const clients: MqttClient[] = []
    let lost = 0
    for (let i = 0; i < count; i++) {
      const id = `d${i}`
      const { secrets } = await nodeRed.call<{ secrets: DeviceSecrets }>('POST', '/thingloom/steady/devices', {
        id,
        credentials: { kind: 'password' },
      })
      const client = await connectAsync(`mqtt://127.0.0.1:${mqtt}`, {
        clientId: id,
        username: id,
        password: secrets.password!,
        reconnectPeriod: 0,
      })
      client.on('close', () => lost++)
      clients.push(client)
    }
    const say = (n: number) =>
      Promise.all(clients.map((client, i) => client.publishAsync(`devices/d${i}/telemetry`, JSON.stringify({ n }), { qos: 1 })))

    await say(0)
    for (let round = 1; round <= 3; round++) {
      // Messages of the very moment of the deploy must not be lost either.
      await Promise.all([nodeRed.deploy(flow({ label: `round ${round}` })), say(round)])
    }
    const seen = () => new Set(recorded(file).map(({ device, payload }) => `${device} ${payload.n}`)).size
    await until('every message is at the flow', () => seen() === 4 * count)
    const after = await health()
    assert.deepEqual([lost, after.connections, after.since], [0, count, before.since])

    await nodeRed.deploy(flow({ port: other! }))
    await until('the old hub has ended', () => lost === count)
    const moved = await until('the new hub runs', async () => {
      const now = await health()
      return now.since !== before.since && now
    })
    assert.equal(moved.connections, 0)
    await assert.rejects(connectAsync(`mqtt://127.0.0.1:${mqtt}`, { reconnectPeriod: 0, connectTimeout: 3000 }))
  })
})
