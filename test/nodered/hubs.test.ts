import assert from 'node:assert/strict'
import { LoomError } from '../../src/errors.ts'
import type { Hub, HubOptions } from '../../src/hub/hub.ts'
import { Hubs } from '../../src/nodered/hubs.ts'
import { type FakeHub, fakeHub } from '../fake-hub.ts'

const options = (hubId: string, more: Partial<HubOptions> = {}): HubOptions => ({
  hubId,
  dataDir: `/data/${hubId}`,
  store: 'memory',
  broker: 'none',
  listeners: [],
  ...more,
})

/** A registry whose clock is the test and whose hubs are doubles. */
function registry(start?: (o: HubOptions) => Promise<Hub>) {
  const timers = new Set<() => void>()
  const started: (FakeHub & { options: HubOptions })[] = []
  const log: string[] = []
  const hubs = new Hubs({
    start: async o => {
      if (start) return start(o)
      log.push(`start ${o.hubId} ${o.name ?? ''}`.trim())
      const hub = Object.assign(fakeHub(), { options: o })
      const { close } = hub
      hub.close = async () => {
        await new Promise(resolve => setImmediate(resolve))
        log.push(`end ${o.hubId}`)
        return close()
      }
      started.push(hub)
      return hub
    },
    later: work => {
      timers.add(work)
      return () => timers.delete(work)
    },
  })
  return { hubs, started, timers, log }
}

const code = (expected: string) => (error: unknown) => error instanceof LoomError && error.code === expected

describe('hubs of a runtime', () => {
  it('start with their config node and are found by it and by id', async () => {
    const { hubs, started } = registry()
    const { hub } = hubs.attach('n1', () => options('a'))
    assert.equal(await hub, started[0])
    assert.deepEqual(await hubs.of('n1'), { hubId: 'a', hub: started[0], dataDir: '/data/a' })
    assert.equal(await hubs.byId('a'), started[0])
    assert.deepEqual(hubs.list(), [{ id: 'a', name: 'a', state: 'running' }])
  })

  it('stay the same over a deploy that does not change them', async () => {
    const { hubs, started, timers } = registry()
    const first = hubs.attach('n1', () => options('a'))
    await first.hub
    await first.release()
    assert.equal(timers.size, 1)
    const second = hubs.attach('n1', () => options('a'))
    assert.equal(timers.size, 0)
    assert.equal(await second.hub, started[0])
    assert.equal(started.length, 1)
    assert.equal(started[0]!.closed, false)
  })

  it('end some time after their config node has gone', async () => {
    const { hubs, started, timers } = registry()
    const { hub, release } = hubs.attach('n1', () => options('a'))
    await hub
    await release()
    assert.equal(started[0]!.closed, false)
    for (const work of timers) work()
    await hubs.endAll()
    assert.equal(started[0]!.closed, true)
    assert.deepEqual(hubs.list(), [])
  })

  it('start anew with other options, after the old one has released its folder', async () => {
    const { hubs, log } = registry()
    const first = hubs.attach('n1', () => options('a', { name: 'old' }))
    await first.hub
    await first.release()
    await hubs.attach('n1', () => options('a', { name: 'new' })).hub
    assert.deepEqual(log, ['start a old', 'end a', 'start a new'])
  })

  it('make room for another hub that wants the ports of one nobody holds', async () => {
    const { hubs, log } = registry()
    const listeners = [{ kind: 'mqtt', host: '127.0.0.1', port: 1883 }] as const
    const first = hubs.attach('n1', () => options('a', { listeners: [...listeners] }))
    await first.hub
    await first.release()
    await hubs.attach('n2', () => options('b', { listeners: [...listeners] })).hub
    assert.deepEqual(log, ['start a', 'end a', 'start b'])
  })

  it('refuse a second config node with the same id: HUB_ID_TAKEN', async () => {
    const { hubs, started } = registry()
    await hubs.attach('n1', () => options('a')).hub
    const second = hubs.attach('n2', () => options('a'))
    await assert.rejects(second.hub, code('HUB_ID_TAKEN'))
    await assert.rejects(hubs.of('n2'), code('HUB_ID_TAKEN'))
    await second.release()
    assert.equal(started[0]!.closed, false)
    assert.deepEqual(await hubs.of('n1'), { hubId: 'a', hub: started[0], dataDir: '/data/a' })
  })

  it('say HUB_MISSING to a node whose hub is not there', async () => {
    const { hubs } = registry()
    await assert.rejects(hubs.of(''), code('HUB_MISSING'))
    await assert.rejects(hubs.of('gone'), code('HUB_MISSING'))
  })

  it('that fail to start tell why, and are tried again with the next deploy', async () => {
    let tries = 0
    const { hubs } = registry(async () => {
      if (++tries === 1) throw new LoomError('STORE_LOCKED')
      return fakeHub()
    })
    const first = hubs.attach('n1', () => options('a'))
    await assert.rejects(first.hub, code('STORE_LOCKED'))
    await assert.rejects(hubs.of('n1'), code('STORE_LOCKED'))
    await assert.rejects(hubs.byId('a'), code('HUB_DOWN'))
    await first.release()
    assert.ok(await hubs.attach('n1', () => options('a')).hub)
  })

  it('reject wrong options without throwing', async () => {
    const { hubs } = registry()
    const { hub, release } = hubs.attach('n1', () => {
      throw new LoomError('HUB_CONFIG_INVALID')
    })
    await assert.rejects(hub, code('HUB_CONFIG_INVALID'))
    await release()
  })

  it('end with their config node once the process is told to stop', async () => {
    const { hubs, started } = registry()
    const { hub, release } = hubs.attach('n1', () => options('a'))
    await hub
    hubs.stopping()
    await release()
    assert.equal(started[0]!.closed, true)
  })
})
