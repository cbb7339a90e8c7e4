import assert from 'node:assert/strict'
import type { Hub, HubEvent, HubHealth } from '../../src/hub/hub.ts'
import { logHub } from '../../src/nodered/hub-log.ts'

const taken = { code: 'BROKER_PORT_TAKEN', message: 'a listener cannot open its port: 127.0.0.1:1883' } as const

describe('the log of a hub', () => {
  let health: Pick<HubHealth, 'status' | 'problems' | 'store'>
  let listener: (event: HubEvent) => void
  let subscribed: boolean
  const hub = {
    health: { get: async () => health },
    subscribe: (hear: typeof listener) => {
      listener = hear
      subscribed = true
      return () => {
        subscribed = false
      }
    },
  } as unknown as Hub
  const change = async (next: Partial<typeof health>): Promise<void> => {
    Object.assign(health, next)
    listener({ type: 'health', status: health.status, at: 0 })
    await new Promise(setImmediate)
  }

  beforeEach(() => {
    health = { status: 'ok', problems: [], store: { kind: 'json', state: 'ok' } }
  })

  it('has each problem once while it lasts, and its end', async () => {
    const lines: string[] = []
    health = { ...health, status: 'degraded', problems: [taken] }
    const leave = await logHub(hub, { warn: text => lines.push(`warn ${text}`), log: text => lines.push(`log ${text}`) })
    await change({})
    await change({ store: { kind: 'json', state: 'warn', message: '1,000 devices' } })
    await change({ status: 'ok', problems: [] })
    await change({ status: 'degraded', problems: [taken] })
    await change({ status: 'blocked', problems: [] })
    await change({})
    assert.deepEqual(lines, [
      `warn BROKER_PORT_TAKEN: ${taken.message}`,
      'warn 1,000 devices',
      'log the hub is well again',
      `warn BROKER_PORT_TAKEN: ${taken.message}`,
      'warn the hub is blocked',
    ])
    leave()
    assert.equal(subscribed, false)
  })
})
