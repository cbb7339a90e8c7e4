import assert from 'node:assert/strict'
import helper from 'node-red-node-test-helper'
import { limitsAfter, listenerPorts, offeredLimits, validListeners } from '../../nodes/hub/config.ts'
import hubNode from '../../nodes/hub/hub.ts'
import { LoomError } from '../../src/errors.ts'
import type { HubOptions } from '../../src/hub/hub.ts'
import { checkedOptions } from '../../src/hub/checked-options.ts'
import { defaultLimits } from '../../src/hub/options.ts'
import { hubOptionsOf } from '../../src/nodered/hub-options.ts'
import { hubs, setHubStarter } from '../../src/nodered/hubs.ts'
import { fakeHub } from '../fake-hub.ts'
import { unload } from '../flow.ts'
import { until } from '../until.ts'

const config = {
  id: 'h',
  type: 'loom-hub',
  name: 'Works',
  hubId: 'works',
  store: 'sqlite',
  broker: 'embedded',
  host: '127.0.0.1',
  listeners: [{ kind: 'mqtt', host: '', port: 0 }],
  hubNames: '',
  publicHost: '',
  dataDir: '',
  limits: { journalBytes: '' },
}

describe('loom-hub', () => {
  afterEach(unload)

  it('starts a hub with its settings, users or not, and the key of its credentials', async () => {
    const asked: HubOptions[] = []
    setHubStarter(async options => {
      asked.push(options)
      return fakeHub()
    })
    helper.settings({ userDir: '/user' } as never)
    await helper.load(hubNode as never, [config] as never, { h: { key: 'secret' } } as never)
    await until(() => asked.length)
    assert.deepEqual(asked, [
      {
        hubId: 'works',
        name: 'Works',
        dataDir: '/user/thingloom/works',
        store: 'sqlite',
        broker: 'embedded',
        listeners: [{ kind: 'mqtt', host: '127.0.0.1', port: 0 }],
        limits: {},
        key: 'secret',
      },
    ])
  })

  it('keeps the same hub over a redeploy of the whole flow', async () => {
    let starts = 0
    const hub = fakeHub()
    setHubStarter(async () => {
      starts++
      return hub
    })
    await helper.load(hubNode as never, [config] as never)
    await hubs.of('h')
    const again = [config, { id: 't', type: 'tab' }]
    await helper.setFlows(again as never, 'full')
    assert.equal((await hubs.of('h')).hub, hub)
    assert.equal(starts, 1)
    assert.equal(hub.closed, false)
  })

  it('ends the old hub before it starts one with other settings', async () => {
    const made: ReturnType<typeof fakeHub>[] = []
    setHubStarter(async () => {
      assert.ok(made.every(hub => hub.closed))
      made.push(fakeHub())
      return made.at(-1)!
    })
    await helper.load(hubNode as never, [config] as never)
    await hubs.of('h')
    await helper.setFlows([{ ...config, name: 'Other' }] as never, 'full')
    await hubs.of('h')
    assert.equal(made.length, 2)
  })

  it('tells why a hub cannot start', async () => {
    setHubStarter(async () => {
      throw new LoomError('STORE_LOCKED')
    })
    await helper.load(hubNode as never, [config] as never)
    await assert.rejects(hubs.of('h'), { code: 'STORE_LOCKED' })
    await until(() => helper.log().args.some(([entry]: any[]) => /already uses this data folder/.test(String(entry.msg))))
  })

  it('refuses a second hub node with the same id', async () => {
    setHubStarter(async () => fakeHub())
    await helper.load(hubNode as never, [config, { ...config, id: 'h2' }] as never)
    await hubs.of('h')
    await assert.rejects(hubs.of('h2'), { code: 'HUB_ID_TAKEN' })
  })

  it('leaves an empty port to the hub to refuse, not to the system to choose', () => {
    const { listeners } = hubOptionsOf({ hubId: 'a', listeners: [{ kind: 'mqtt', port: '' }] }, {})
    assert.ok(Number.isNaN(listeners[0]!.port))
  })

  it('passes on what is set for things of AWS, and nothing that is empty', () => {
    const set = { mainShadow: 'state', commandTopic: 'cmd/{id}/{name}/{rid}' }
    const { mainShadow, commandTopic } = checkedOptions(hubOptionsOf({ hubId: 'a', ...set }, {}))
    assert.deepEqual({ mainShadow, commandTopic }, set)
    const empty = hubOptionsOf({ hubId: 'a', mainShadow: '', commandTopic: '' }, {})
    assert.ok(!('mainShadow' in empty || 'commandTopic' in empty))
  })

  it('takes every kind of listener, at one place each', () => {
    const all = Object.entries(listenerPorts).map(([kind, port], i) => ({ kind: kind as 'https', port: port + i }))
    assert.ok(validListeners(all))
    const listeners = all.map(one => ({ ...one, host: '127.0.0.1' }))
    const options = { ...hubOptionsOf({ hubId: 'a', listeners }, {}), dataDir: '/x' }
    assert.deepEqual(checkedOptions(options).listeners, listeners)
    assert.ok(!validListeners([{ kind: 'gopher' as 'https', port: 70 }]))
    assert.throws(() => checkedOptions({ ...options, listeners: [{ kind: 'gopher' as 'https', host: '', port: 70 }] }), /gopher/)
    const both = [
      { kind: 'wss', port: 8443 },
      { kind: 'https', port: 8443 },
    ] as const
    assert.ok(!validListeners([...both]))
    assert.ok(validListeners([both[0], { ...both[1], host: '127.0.0.2' }]))
  })

  it('keeps limits of the flow file that its dialog does not show, and drops what is the default', () => {
    const shown = { payloadBytes: '1000', journalBytes: '', journalFull: 'block', storeTelemetry: true }
    assert.deepEqual(limitsAfter({ openSlots: 9, journalBytes: 5, journalFull: 'drop', storeTelemetry: false }, shown), {
      openSlots: 9,
      payloadBytes: 1000,
    })
    const other = { payloadBytes: '', journalFull: 'drop', storeTelemetry: false }
    assert.deepEqual(limitsAfter(undefined, other), { journalFull: 'drop', storeTelemetry: false })
  })

  it('shows in its dialog what applies while a limit is empty', () => {
    for (const [name, shown] of Object.entries(offeredLimits))
      assert.equal(defaultLimits[name as keyof typeof offeredLimits], Number.parseInt(shown || '0', 10), name)
  })
})
