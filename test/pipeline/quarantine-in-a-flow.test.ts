import assert from 'node:assert/strict'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import device from '../../nodes/device/device.ts'
import telemetryIn from '../../nodes/telemetry-in/telemetry-in.ts'
import type { Hub } from '../../src/hub/hub.ts'
import { startHub } from '../../src/hub/start-hub.ts'
import type { FakeHub } from '../fake-hub.ts'
import { flow, unload } from '../flow.ts'
import { tempFolder } from '../processes.ts'
import { until } from '../until.ts'

describe('a device that a flow takes into quarantine', function () {
  this.timeout(90_000)
  const dataDir = join(tempFolder('quarantine-in-a-flow'), 'data')
  let hub: Hub
  beforeEach(async () => {
    hub = await startHub({ hubId: 'q', dataDir, store: 'memory', broker: 'embedded', listeners: [], threaded: false })
  })
  afterEach(async () => {
    await unload()
    await hub.close()
    await rm(dataDir, { recursive: true, force: true })
  })

  it('is heard on the third output alone until it is released, and not at all once it is retired', async () => {
    const { secrets } = await hub.devices.register({ id: 'pump', credentials: { kind: 'password' } })
    const authorization = `Basic ${Buffer.from(`pump:${secrets!.password}`).toString('base64')}`
    const say = async (n: number): Promise<number> => {
      const request = {
        method: 'POST',
        path: '/v1/devices/pump/telemetry',
        query: '',
        headers: { authorization, 'content-type': 'application/json' },
        body: Buffer.from(JSON.stringify({ n })),
      }
      return (await hub.deviceHttp.handle({ request, peer: { address: '127.0.0.1', secure: true } })).status
    }
    const reader = {
      type: 'loom-telemetry-in',
      consumer: 'c',
      ack: 'delivery',
      start: 'earliest',
      window: 256,
      batchMax: 1,
      batchLingerMs: 0,
    }
    const at = { hub: 'hub', x: 1, y: 1, z: 't' }
    const { get, seen } = await flow([telemetryIn, device], reader, {
      hub: hub as FakeHub,
      others: [{ id: 'd', type: 'loom-device', ...at, action: 'get', credential: 'none', revokeOld: false, wires: [[], [], []] }],
    })
    const changed = async (action: string, state: string): Promise<void> => {
      get('d').receive({ device: 'pump', action } as never)
      await until(async () => (await hub.devices.get({ id: 'pump' })).state === state, 30_000)
    }
    const heard = (output: number) => seen(output).map(({ payload, quarantined }) => [payload.n, quarantined])

    assert.equal(await say(1), 204)
    await changed('quarantine', 'quarantined')
    assert.equal(await say(2), 204)
    await changed('release', 'active')
    assert.equal(await say(3), 204)
    await until(() => seen(0).length + seen(2).length === 3, 30_000)
    assert.deepEqual(heard(0), [
      [1, undefined],
      [3, undefined],
    ])
    assert.deepEqual(heard(2), [[2, true]])
    await changed('retire', 'retired')
    assert.equal(await say(4), 401)
  })
})
