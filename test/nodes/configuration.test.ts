import assert from 'node:assert/strict'
import configuration from '../../nodes/configuration/configuration.ts'
import type { ConfigurationMetrics, Hub } from '../../src/hub/hub.ts'
import { startHub } from '../../src/hub/start-hub.ts'
import { LoomError } from '../../src/errors.ts'
import { type FakeHub, fakeHub } from '../fake-hub.ts'
import { flow, type Received, unload } from '../flow.ts'
import { until } from '../until.ts'

const limitMs = 60_000
const config = {
  type: 'loom-configuration',
  action: 'put',
  configuration: 'configuration',
  configurationType: 'msg',
  dialect: 'aws',
  query: '',
  queryType: 'str',
  priority: 0,
  desired: '{}',
  desiredType: 'json',
  canary: '',
  progress: 'own',
}
const none = { targeted: 0, held: 0, pending: 0, failed: 0, overruled: 0, applied: 0, converged: 0, conflicts: 0 }
const counts = (more: Partial<ConfigurationMetrics>): ConfigurationMetrics => ({ ...none, ...more })
const payloads = (messages: Received[]) => messages.map(({ payload }) => payload)

describe('loom-configuration', () => {
  let hub: FakeHub
  let calls: [string, any][]
  let now: ConfigurationMetrics
  beforeEach(() => {
    hub = fakeHub()
    calls = []
    now = counts({ targeted: 10, pending: 10 })
    const called =
      <T>(name: string, answer: (o: any) => T) =>
      async (o: any): Promise<T> => {
        if (o.id === 'none') throw new LoomError('CONFIGURATION_NOT_FOUND', 'none')
        calls.push([name, o])
        return answer(o)
      }
    Object.assign(hub.configurations, {
      put: called('put', ({ id }) => ({ id, etag: '1' })),
      get: called('get', ({ id }) => ({ id, etag: '1' })),
      promote: called('promote', ({ id }) => ({ id, etag: '2' })),
      delete: called('delete', () => undefined),
      list: called('list', ({ cursor }) => (cursor ? { items: [{ id: 'b' }] } : { items: [{ id: 'a' }], next: 'a' })),
      metrics: called('metrics', () => now),
    })
  })
  afterEach(unload)
  const changes = () => calls.filter(([name]) => name !== 'metrics' && name !== 'list')
  const happened = (id: string, metrics: ConfigurationMetrics): void => hub.emit({ type: 'configuration', at: 7, id, metrics })

  it('puts what its fields say, and what the payload says in their place', async () => {
    const settings = {
      ...config,
      configuration: 'quiet',
      configurationType: 'str',
      query: 'tags.site:a',
      priority: '5',
      desired: '{"log":"warn"}',
      canary: '10',
    }
    const { send, outputs } = await flow(configuration, settings, { hub })
    const three = outputs(3)
    send({ payload: 1700000000000, kept: 1 })
    send({ payload: { text: 'SELECT * FROM devices', dialect: 'azure', priority: 7, desired: { a: 1 }, canary: null } })
    send({ payload: { ast: { op: 'exists', path: 'tags.x' }, enabled: false, description: 'D' } })
    const answers = await three
    assert.deepEqual(payloads(answers), Array(3).fill({ id: 'quiet', etag: '1' }))
    assert.deepEqual([answers[0]!.configuration, answers[0]!.kept], ['quiet', 1])
    const set = {
      id: 'quiet',
      by: 'node n',
      dialect: 'aws',
      text: 'tags.site:a',
      desired: { log: 'warn' },
      priority: 5,
      canary: 10,
    }
    const { text: _, ...rest } = set
    assert.deepEqual(changes(), [
      ['put', set],
      ['put', { ...set, dialect: 'azure', text: 'SELECT * FROM devices', priority: 7, desired: { a: 1 }, canary: null }],
      ['put', { ...rest, dialect: 'json', ast: { op: 'exists', path: 'tags.x' }, enabled: false, description: 'D' }],
    ])
  })

  it('reads, lists, counts, promotes and deletes', async () => {
    const { send, outputs } = await flow(configuration, { ...config, canary: 5 }, { hub })
    const five = outputs(5)
    send({ action: 'get', configuration: 'a' })
    send({ action: 'list', payload: 'x' })
    send({ action: 'metrics', configuration: 'a' })
    send({ action: 'promote', configuration: 'a', payload: { canary: 25 } })
    send({ action: 'delete', configuration: 'a' })
    assert.deepEqual(payloads(await five), [
      { id: 'a', etag: '1' },
      [{ id: 'a' }, { id: 'b' }],
      now,
      { id: 'a', etag: '2' },
      { configuration: 'a', deleted: true },
    ])
    assert.deepEqual(changes(), [
      ['get', { id: 'a' }],
      ['promote', { id: 'a', by: 'node n', canary: 25 }],
      ['delete', { id: 'a', by: 'node n' }],
    ])
  })

  it('puts as a new node does where its flow leaves settings out', async () => {
    const { send, outputs } = await flow(configuration, { type: 'loom-configuration' }, { hub })
    const one = outputs(1)
    send({ configuration: 'a', payload: { text: '*' } })
    await one
    assert.deepEqual(changes(), [['put', { id: 'a', by: 'node n', dialect: 'aws', text: '*', desired: {}, priority: 0 }]])
  })

  it('takes the share of its field only for the action that is set', async () => {
    const { send, outputs } = await flow(configuration, { ...config, action: 'promote', canary: 50 }, { hub })
    const four = outputs(4)
    const read = { id: 'a', etag: '9', desired: { x: 1 }, text: '*', dialect: 'aws', canary: 5, version: 1 }
    send({ configuration: 'a' })
    send({ configuration: 'a', payload: { ...none, done: true } })
    send({ payload: read })
    send({ payload: read, action: 'put' })
    await four
    assert.deepEqual(changes(), [
      ['promote', { id: 'a', by: 'node n', canary: 50 }],
      ['promote', { id: 'a', by: 'node n', canary: 50 }],
      ['promote', { id: 'a', by: 'node n', canary: 50, etag: '9' }],
      ['put', { id: 'a', by: 'node n', dialect: 'aws', text: '*', desired: { x: 1 }, canary: 5, etag: '9' }],
    ])
  })

  it('does not take the etag of one configuration for another', async () => {
    const { send, outputs } = await flow(configuration, config, { hub })
    const one = outputs(1)
    send({ configuration: 'copy', payload: { id: 'a', etag: '9', desired: { x: 1 }, text: '*' } })
    await one
    assert.deepEqual(changes(), [
      ['put', { id: 'copy', by: 'node n', dialect: 'aws', text: '*', desired: { x: 1 }, priority: 0 }],
    ])
  })

  it('refuses what names no configuration, action or query, and members that no configuration has', async () => {
    const { send, error } = await flow(configuration, config, { hub })
    const whole = { text: '*', desired: { a: 1 } }
    for (const [msg, code] of [
      [{ payload: whole }, 'NODE_CONFIG'],
      [{ configuration: 7, payload: whole }, 'NODE_CONFIG'],
      [{ configuration: 'a', action: 'burn' }, 'NODE_CONFIG'],
      [{ configuration: 'a', action: 'constructor' }, 'NODE_CONFIG'],
      [{ configuration: 'a', payload: { desired: { a: 1 } } }, 'NODE_CONFIG'],
      [{ configuration: 'a', payload: { ...whole, etag: 5 } }, 'NODE_CONFIG'],
      [{ configuration: 'a', payload: { ...whole, piority: 5 } }, 'CONFIGURATION_INVALID'],
      [{ configuration: 'a', payload: { ...whole, enabled: 'no' } }, 'CONFIGURATION_INVALID'],
      [{ configuration: 'a', payload: { ...whole, description: 5 } }, 'CONFIGURATION_INVALID'],
      [{ configuration: 'none', action: 'promote' }, 'CONFIGURATION_NOT_FOUND'],
    ] as const) {
      const failed = error()
      send(msg)
      assert.equal((await failed).code, code, JSON.stringify(msg))
    }
    assert.deepEqual(changes(), [])
  })

  for (const wrong of [{ priority: 1.5 }, { priority: 1e7 }, { canary: 0 }, { canary: 'x' }])
    it(`does not start with ${JSON.stringify(wrong)}`, async () => {
      const { send, error } = await flow(configuration, { ...config, ...wrong }, { hub })
      const failed = error()
      send({ configuration: 'a', payload: { text: '*', desired: { a: 1 } } })
      assert.equal((await failed).code, 'NODE_CONFIG')
    })

  it('tells how far what it put is, as counts change, until it has converged', async () => {
    const { send, outputs, seen, status } = await flow(configuration, config, { hub })
    const first = outputs(1, 1)
    send({ configuration: 'a', payload: { text: '*', desired: { x: 1 } } })
    const [{ _msgid, time, ...msg }] = (await first) as [Received]
    assert.deepEqual(msg, { payload: { ...now, done: false }, topic: 'progress', configuration: 'a' })
    assert.equal(typeof time, 'number')
    const two = outputs(2, 1)
    const ended = status(/^a · 8 \/ 8$/)
    const partly = counts({ targeted: 10, applied: 6, converged: 5, failed: 4 })
    happened('other', partly)
    happened('a', now)
    happened('a', partly)
    happened('a', partly)
    happened('a', counts({ targeted: 10, applied: 8, converged: 8, held: 2 }))
    happened('a', counts({ targeted: 11, applied: 8, converged: 8, held: 2, pending: 1 }))
    assert.deepEqual(
      (await two).map(({ payload }) => [payload.converged, payload.failed, payload.done]),
      [
        [5, 4, false],
        [8, 0, true],
      ],
    )
    assert.equal((await ended).fill, 'green')
    const next = outputs(1, 1)
    send({ configuration: 'b', action: 'promote' })
    assert.deepEqual((await next)[0]!.payload, { ...now, done: false })
    assert.equal(seen(1).length, 4)
  })

  it('tells no more of what it deleted, and is done at once with what is for no device', async () => {
    const { send, outputs, seen } = await flow(configuration, config, { hub })
    const first = outputs(1, 1)
    send({ configuration: 'a', payload: { text: '*', desired: { x: 1 } } })
    await first
    const second = outputs(1, 1)
    now = none
    send({ configuration: 'a', action: 'delete' })
    send({ configuration: 'b', payload: { text: '*', desired: { x: 1 } } })
    assert.deepEqual((await second)[0]!.payload, { ...none, done: true })
    happened('a', none)
    happened('b', counts({ targeted: 1, pending: 1 }))
    const third = outputs(1, 1)
    send({ configuration: 'c', payload: { text: '*', desired: { x: 1 } } })
    await third
    assert.deepEqual(
      seen(1).map(({ configuration: id }) => id),
      ['a', 'b', 'c'],
    )
  })

  it('tells of all configurations, from the start and for good, where that is set', async () => {
    const { outputs, seen } = await flow(configuration, { ...config, progress: 'all' }, { hub })
    await until(() => seen(1).length)
    const four = outputs(4, 1)
    const all = counts({ targeted: 3, applied: 3, converged: 3 })
    happened('a', all)
    happened('a', all)
    happened('a', counts({ targeted: 3, applied: 3, converged: 2 }))
    happened('z', all)
    happened('z', none)
    assert.deepEqual(
      (await four).map(({ configuration: id, payload }) => [id, payload.converged, payload.done]),
      [
        ['a', 3, true],
        ['a', 2, false],
        ['z', 3, true],
        ['z', 0, true],
      ],
    )
  })

  it('leaves the events of the hub when it stops', async () => {
    const { node } = await flow(configuration, config, { hub })
    await until(() => hub.listening > 0)
    const before = hub.listening
    await (node as any).close(true)
    assert.equal(hub.listening, before - 1)
  })
})

describe('loom-configuration and a hub', function () {
  this.timeout(120_000)
  let hub: Hub
  const ids = Array.from({ length: 40 }, (_, i) => `room-${String(i).padStart(2, '0')}`)
  beforeEach(async () => {
    hub = await startHub({
      hubId: 'test',
      dataDir: '/nowhere',
      store: 'memory',
      broker: 'none',
      listeners: [],
      threaded: false,
      limits: { storeTelemetry: false },
    })
    for (const [i, id] of ids.entries()) await hub.devices.register({ id, tags: { floor: i % 2 } })
  })
  afterEach(unload)

  it('rolls two out that overlap, first to some devices, and tells each change until all have it', async () => {
    const { send, seen } = await flow(configuration, config, { hub: hub as FakeHub })
    const last = (id: string): any => seen(1).findLast(step => step.configuration === id)?.payload
    const report = async (): Promise<void> => {
      for (const id of ids) {
        const { desired } = await hub.twins.get({ id })
        if (Object.keys(desired).length) await hub.twins.report({ id, reported: desired })
      }
    }
    send({ configuration: 'house', payload: { text: '*', priority: 1, desired: { setpoint: 21, fan: 'auto' } } })
    await until(() => last('house')?.applied === 40, limitMs)
    send({ configuration: 'floor', payload: { text: 'tags.floor:1', priority: 9, desired: { setpoint: 18 }, canary: 50 } })
    await until(() => last('floor')?.held > 0 && last('floor').pending === 0, limitMs)
    const { held } = last('floor')
    assert.deepEqual(last('floor'), { ...none, targeted: 20, held, applied: 20 - held, done: false })
    assert.equal(last('house').done, false)
    await until(() => last('house').conflicts === 20 - held, limitMs)
    await report()
    await until(() => last('floor').done && last('house').done, limitMs)
    assert.deepEqual(last('house'), { ...none, targeted: 40, applied: 40, converged: 40, conflicts: 20 - held, done: true })
    send({ configuration: 'floor', action: 'promote' })
    await until(() => last('floor').applied === 20, limitMs)
    assert.deepEqual([last('floor').held, last('floor').done], [0, false])
    await report()
    await until(() => last('floor').done, limitMs)
    assert.deepEqual(last('floor'), { ...none, targeted: 20, applied: 20, converged: 20, done: true })
    const shown = seen(1).map(({ configuration: id, payload }) => `${id} ${JSON.stringify(payload)}`)
    assert.ok(shown.every((text, i) => text !== shown[i - 1]))
  })
})
