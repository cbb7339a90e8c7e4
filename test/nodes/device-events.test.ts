import assert from 'node:assert/strict'
import deviceEvents from '../../nodes/device-events/device-events.ts'
import { kinds } from '../../src/journal/journal-port.ts'
import { lifecycleRecord } from '../../src/telemetry/lifecycle.ts'
import { fakeHub } from '../fake-hub.ts'
import { flow, unload } from '../flow.ts'
import { until } from '../until.ts'

const config = { type: 'loom-device-events', events: [], devices: '', consumer: 'e', ack: 'delivery', start: 'latest' }
const event = (name: 'connected' | 'offline', sequence: number) =>
  lifecycleRecord({ device: 'd1', event: name, at: 5, clientId: 'c', sequence, reason: 'why' })

describe('loom-device-events', () => {
  afterEach(unload)

  it('sends what happened to a device', async () => {
    const hub = fakeHub()
    const { outputs } = await flow(deviceEvents, config, { hub })
    await until(() => hub.consumers.size)
    const one = outputs(1)
    hub.append(event('connected', 1))
    const [{ _msgid, ...msg }] = (await one) as [Record<string, unknown>]
    assert.deepEqual(msg, {
      payload: { event: 'connected', reason: 'why', at: 5, clientId: 'c', sequence: 1 },
      topic: 'connected',
      device: 'd1',
      time: 5,
    })
    assert.deepEqual(hub.consumers.get('e')!.spec.filter, { devices: [], kinds: [kinds.lifecycle] })
  })

  it('sends chosen events only and acknowledges the others itself', async () => {
    const hub = fakeHub()
    const { outputs } = await flow(deviceEvents, { ...config, events: ['offline'], ack: 'flow' }, { hub })
    await until(() => hub.consumers.size)
    const consumer = hub.consumers.get('e')!
    const one = outputs(1)
    hub.append(event('connected', 1))
    hub.append(event('offline', 2))
    const [msg] = await one
    assert.equal(msg!.payload.event, 'offline')
    assert.deepEqual(msg!.delivery, { hub: 'test', consumer: 'e', from: 2, to: 2 })
    await until(() => consumer.acked.has(1))
    assert.equal(consumer.acked.has(2), false)
  })
})
