import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { HubEvent, HubOptions } from '../../src/hub/hub.ts'
import { HubThread } from '../../src/hub/hub-thread.ts'
import type { Delivered } from '../../src/journal/journal-port.ts'
import { until } from '../until.ts'

const bytes = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value))

describe('the hub thread', function () {
  this.timeout(30_000)
  let dataDir: string
  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'loom-thread-'))
  })
  afterEach(() => rm(dataDir, { recursive: true, force: true }))
  const options = (): HubOptions => ({ hubId: 'fragile', dataDir, store: 'sqlite', broker: 'none', listeners: [] })

  it('starts again after a crash: calls in between fail, consumers resume and lose nothing', async () => {
    const hub = await HubThread.start(options(), new URL('./fragile-thread.ts', import.meta.url))
    const events: HubEvent[] = []
    hub.subscribe(event => events.push(event))
    const got: Delivered[] = []
    const consumer = await hub.consume(
      { name: 'c', ack: 'flow', start: 'earliest' },
      { deliver: records => got.push(...records) },
    )
    await hub.telemetry.inject({ device: 'd', payload: bytes({ n: 1 }) })
    await until(() => got.length === 1)

    await assert.rejects(hub.devices.get({ id: 'crash' }), { code: 'HUB_DOWN' })
    await assert.rejects(hub.devices.get({ id: 'any' }), { code: 'HUB_DOWN' })
    assert.equal((await hub.health.get({})).status, 'starting')
    // A node that is deployed just now: its consumer opens when the hub is back.
    const early: Delivered[] = []
    const late = await hub.consume(
      { name: 'late', ack: 'flow', start: 'earliest' },
      { deliver: records => early.push(...records) },
    )

    await until(() => events.some(e => e.type === 'health' && e.status === 'ok'))
    assert.equal((await hub.health.get({})).restarts, 1)
    await hub.telemetry.inject({ device: 'd', payload: bytes({ n: 2 }) })
    // the first was never acknowledged, so it comes again
    await until(() => new Set(got.map(r => r.seq)).size === 2 && got.length >= 3)
    await until(() => early.length >= 2)
    consumer.ack(got.map(r => r.seq))
    await consumer.close()
    await late.close()
    await hub.close()
    assert.equal((await hub.health.get({})).status, 'stopped')
    await assert.rejects(hub.devices.get({ id: 'any' }), { code: 'HUB_DOWN' })
  })

  it('refuses a data folder that another hub holds, and frees it on close', async () => {
    const first = await HubThread.start(options())
    await assert.rejects(HubThread.start(options()), { code: 'STORE_LOCKED' })
    await first.close()
    await (await HubThread.start(options())).close()
  })

  it('refuses a call that is no method of the hub', async () => {
    const hub = await HubThread.start(options())
    const { devices } = hub as unknown as { devices: Record<string, (o: object) => Promise<unknown>> }
    await assert.rejects(devices.constructor!({}) as Promise<unknown>, { code: 'REQUEST_INVALID' })
    await assert.rejects(devices.nothing!({}), { code: 'REQUEST_INVALID' })
    await assert.rejects(devices.get!({ id: () => {} }), { code: 'REQUEST_INVALID' })
    await hub.close()
  })
})
