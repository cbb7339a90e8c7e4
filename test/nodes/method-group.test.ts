import assert from 'node:assert/strict'
import { connectAsync, type MqttClient } from 'mqtt'
import method from '../../nodes/method/method.ts'
import { LoomError } from '../../src/errors.ts'
import type { Hub } from '../../src/hub/hub.ts'
import { startHub } from '../../src/hub/start-hub.ts'
import { type FakeHub, fakeHub } from '../fake-hub.ts'
import { flow, type Received, unload } from '../flow.ts'
import { sasLogin } from '../sas-token.ts'
import { until } from '../until.ts'
import { groupOperations } from './group-operations.ts'

const config = {
  type: 'loom-method',
  method: 'blink',
  target: 'group',
  device: 'device',
  deviceType: 'msg',
  group: 'rooms',
  groupType: 'str',
  dialect: 'aws',
  query: 'query',
  queryType: 'msg',
  connectTimeoutMs: 0,
  responseTimeoutMs: 5000,
  atOnce: 3,
  wakes: 'own',
}
/** What is not over ends soon with its node. */
const settings = { nodeCloseTimeout: 300 }
const plain = ({ _msgid, ...msg }: Received): Received => msg
const payloads = (messages: Received[]) => messages.map(({ payload }) => payload)

describe('loom-method, for a group or a query', () => {
  let hub: FakeHub
  let operations: ReturnType<typeof groupOperations>
  beforeEach(() => {
    hub = fakeHub()
    operations = groupOperations(hub)
  })
  afterEach(unload)
  const open = (more: object = {}) => flow(method, { ...config, ...more }, { hub, settings })

  it('starts it in the hub, tells each step once and the end with what became of each device', async () => {
    const { send, outputs, seen, status } = await open()
    const first = outputs(1, 1)
    const delivery = { hub: 'test', consumer: 'c', from: 1, to: 1 }
    send({ payload: { on: true }, delivery, kept: 1 })
    await first
    const times = { connectTimeoutMs: 0, responseTimeoutMs: 5000 }
    assert.deepEqual(operations.started, [
      { group: 'rooms', method: { name: 'blink', payload: { on: true }, ...times }, concurrency: 3, by: 'node n' },
    ])
    const ended = outputs(1)
    const shown = status(/^7 \/ 8$/)
    operations.happens('op1', { done: 3 })
    operations.happens('op1', { done: 3 })
    operations.happens('op1', { done: 2 })
    operations.add('other')
    operations.happens('other', { done: 5 })
    operations.outcomes.set('op1', [
      { device: 'd1', ok: true, status: 200, payload: 'on' },
      { device: 'd2', ok: false, code: 'COMMAND_TIMEOUT' },
    ])
    assert.equal(seen().length, 0)
    operations.happens('op1', { done: 8, failed: 1, state: 'done' })
    const [end] = (await ended) as [Received]
    const operation = { id: 'op1', state: 'done', total: 8, done: 8, failed: 1 }
    const { results, ...rest } = plain(end)
    assert.deepEqual(rest, {
      ...{ payload: [{ device: 'd1', status: 200, payload: 'on' }], method: { name: 'blink', status: null } },
      ...{ operation, delivery, kept: 1 },
    })
    assert.deepEqual(
      results.map(({ id, ok, status: answered, error }: any) => [id, ok, answered ?? error.code]),
      [
        ['d1', true, 200],
        ['d2', false, 'COMMAND_TIMEOUT'],
      ],
    )
    assert.match(results[1].error.message, /d2/)
    assert.equal((await shown).fill, 'yellow')
    const step = { id: 'op1', state: 'running', total: 8, failed: 0 }
    assert.deepEqual(seen(1).map(plain), [
      { payload: { ...step, done: 0 }, topic: 'progress', time: 1 },
      { payload: { ...step, done: 3 }, topic: 'progress', time: 7 },
      { payload: operation, topic: 'progress', time: 7 },
    ])
  })

  it('takes the target from the message, and queries in each of their forms', async () => {
    const { send, error } = await open({ group: 'group', groupType: 'msg' })
    const ast = { op: 'exists', path: 'tags.x' }
    send({ group: 'a' })
    send({ target: 'query', query: 'thingName:room*' })
    send({ target: 'query', query: { dialect: 'azure', text: 'SELECT * FROM devices' } })
    send({ target: 'query', query: ast })
    send({ target: 'query', query: { ast } })
    await until(() => operations.started.length === 5)
    assert.deepEqual(
      operations.started.map(({ group, query }) => group ?? query),
      [
        'a',
        { dialect: 'aws', text: 'thingName:room*' },
        { dialect: 'azure', text: 'SELECT * FROM devices' },
        ...Array(2).fill({ dialect: 'json', ast }),
      ],
    )
    for (const [msg, code] of [
      [{}, 'NODE_CONFIG'],
      [{ group: 7 }, 'NODE_CONFIG'],
      [{ group: 'none' }, 'GROUP_NOT_FOUND'],
      [{ target: 'query' }, 'NODE_CONFIG'],
      [{ target: 'all' }, 'NODE_CONFIG'],
      [{ target: 'device' }, 'READING_DEVICE'],
    ] as const) {
      const failed = error()
      send(msg)
      assert.equal((await failed).code, code, JSON.stringify(msg))
    }
  })

  it('hears of an end that came before it listened, and of one that came while the hub was away', async () => {
    const { send, outputs, seen } = await open()
    const early = hub.commands.start
    hub.commands.start = async o => {
      const view = await early(o)
      operations.happens(view.id, { state: 'done', done: 8 })
      return view
    }
    const one = outputs(1)
    send({})
    assert.equal((await one)[0]!.operation.state, 'done')
    hub.commands.start = early
    operations.facts.failure = new LoomError('HUB_DOWN')
    send({})
    await until(() => operations.started.length === 2)
    hub.emit({ type: 'health', status: 'starting', at: 1 })
    operations.change('op2', { state: 'interrupted', done: 5 })
    operations.facts.failure = undefined
    const two = outputs(1)
    hub.emit({ type: 'health', status: 'ok', at: 2 })
    assert.deepEqual((await two)[0]!.operation, { id: 'op2', state: 'interrupted', total: 8, done: 5, failed: 0 })
    assert.equal(seen(1).at(-1)!.payload.done, 5)
  })

  it('says what ended it, and that a hub has forgotten it', async () => {
    const { send, error, outputs } = await open()
    const begun = outputs(2, 1)
    send({})
    send({})
    await begun
    const disk = error()
    operations.happens('op1', { state: 'failed', error: { code: 'HUB_FAILED', message: 'no disk' } })
    assert.equal((await disk).code, 'HUB_FAILED')
    const gone = error()
    operations.known.delete('op2')
    hub.emit({ type: 'health', status: 'ok', at: 2 })
    assert.equal((await gone).code, 'NOT_FOUND')
  })

  it('has the outcomes of 1,000 devices in its message, and of 8 MB of answers', async () => {
    const { send, outputs, seen } = await open()
    for (const [id, count, payload, fit] of [
      ['op1', 1000, 1, 1000],
      ['op2', 1001, 1, 1000],
      ['op3', 100, 'x'.repeat(100_000), 83],
    ] as const) {
      const one = outputs(1)
      const outcomes = Array.from({ length: count }, (_, i) => ({ device: `d${i}`, ok: true, status: 200, payload }))
      operations.outcomes.set(id, outcomes)
      send({})
      await until(() => seen(1).some(step => step.payload.id === id))
      operations.happens(id, { state: 'done', done: 8 })
      const [{ payload: answers, results, operation }] = (await one) as [Received]
      assert.deepEqual([answers.length, results.length, operation.more], [fit, fit, fit < count ? true : undefined], id)
    }
  })

  it('goes on telling of what it began before it was started anew, and of no other', async () => {
    operations.add('mine', { done: 2 })
    operations.add('over', { state: 'done' })
    operations.add('stopped', { state: 'interrupted' })
    operations.add('another', { by: 'node m' })
    operations.add('message', { kind: 'commands.message' })
    const { outputs, seen } = await open()
    await until(() => seen(1).length)
    const one = outputs(1)
    for (const id of ['another', 'message', 'stopped', 'mine']) operations.happens(id, { state: 'done', done: 8 })
    const { operation, method: note } = (await one)[0]!
    assert.deepEqual([operation.id, note], ['mine', { name: 'blink', status: null }])
    assert.deepEqual(
      seen(1).map(({ payload: { id, done } }) => [id, done]),
      [
        ['mine', 2],
        ['mine', 8],
      ],
    )
  })

  it('fails what it follows when it ends, and leaves the rest to the hub', async () => {
    const { send, outputs, node, error } = await open()
    const begun = outputs(1, 1)
    send({})
    await begun
    const failed = error()
    await (node as any).close(false)
    assert.equal((await failed).code, 'NODE_CLOSED')
    assert.equal(operations.known.get('op1')!.state, 'running')
    await unload()
    assert.equal(hub.listening, 0)
  })

  it('says whom to wake while it calls a group with that method', async () => {
    const { send, outputs, seen } = await open()
    const wake = { type: 'wake', at: 5, device: 'd1', method: 'blink', until: 9, token: 't' } as const
    hub.emit(wake)
    const begun = outputs(1, 1)
    send({})
    await begun
    const two = outputs(2, 1)
    hub.emit({ ...wake, method: 'reboot' })
    hub.emit(wake)
    operations.happens('op1', { done: 1 })
    assert.deepEqual(
      (await two).map(({ topic }) => topic),
      ['wake', 'progress'],
    )
    assert.equal(seen(1).length, 3)
  })
})

describe('loom-method, a group and a hub', function () {
  this.timeout(120_000)
  let hub: Hub
  const clients: MqttClient[] = []
  const ids = Array.from({ length: 8 }, (_, i) => `room-${i + 1}`)
  let [open, most] = [0, 0]
  /** hears and says nothing */
  let mute: string | undefined

  /** Half of them speak Azure's dialect. */
  beforeEach(async () => {
    ;[open, most] = [0, 0]
    mute = undefined
    hub = await startHub({
      hubId: 'test',
      dataDir: '/nowhere',
      store: 'memory',
      broker: 'embedded',
      listeners: [{ kind: 'mqtt', host: '127.0.0.1', port: 0 }],
      threaded: false,
      limits: { storeTelemetry: false, connectsPerSecondPerAddress: 0 },
    })
    const { port } = (await hub.health.get({})).listeners[0]!
    await hub.groups.create({ id: 'rooms' })
    for (const [i, id] of ids.entries()) {
      const kind = i % 2 ? 'sas' : 'password'
      const { secrets } = await hub.devices.register({ id, credentials: { kind } })
      const login = i % 2 ? sasLogin(id, secrets!.primaryKey!) : { clientId: id, username: id, password: secrets!.password! }
      const client = await connectAsync(`mqtt://127.0.0.1:${port}`, { protocolVersion: 4, reconnectPeriod: 0, ...login })
      clients.push(client)
      client.on('message', topic => {
        most = Math.max(most, ++open)
        if (id === mute) return
        setImmediate(() => {
          open--
          const rid = topic.split('$rid=')[1]
          if (rid) client.publish(`$iothub/methods/res/200/?$rid=${rid}`, `{"n":${i}}`)
          else client.publish(`${topic}/answer`, `{"status":200,"payload":{"n":${i}}}`)
        })
      })
      await client.subscribeAsync(i % 2 ? '$iothub/methods/POST/#' : `devices/${id}/commands/+/+`)
    }
    await hub.groups.add({ group: 'rooms', devices: ids })
  })
  afterEach(async () => {
    await Promise.all(clients.splice(0).map(client => client.endAsync(true)))
    await unload()
  })

  const counted = (operation: any) => [operation.state, operation.total, operation.done, operation.failed]

  it('calls eight devices of either dialect, three at a time, one of which is silent, and tells how far it is', async () => {
    const { send, outputs, seen } = await flow(method, config, { hub: hub as FakeHub })
    mute = 'room-5'
    const one = outputs(1)
    send({ payload: { times: 2 } })
    const [{ payload, results, operation }] = (await one) as [Received]
    assert.deepEqual(
      payload,
      ids.flatMap((device, n) => (device === mute ? [] : [{ device, status: 200, payload: { n } }])),
    )
    assert.deepEqual(
      results.map(({ id, ok, error }: any) => [id, ok, error?.code]),
      ids.map(id => (id === mute ? [id, false, 'COMMAND_TIMEOUT'] : [id, true, undefined])),
    )
    assert.deepEqual(counted(operation), ['done', 8, 8, 1])
    assert.ok(most <= 3, String(most))
    const steps = payloads(seen(1))
    assert.ok(steps.every(({ id }) => id === operation.id))
    const done = steps.map(step => step.done as number)
    assert.deepEqual([done[0], done.at(-1), steps.at(-1).state], [0, 8, 'done'])
    // Seven answer at once, and are told of while the silent one is waited for
    assert.ok(done.includes(7), String(done))
  })

  it('calls those that a query finds at that moment', async () => {
    const { send, outputs } = await flow(method, { ...config, target: 'query', dialect: 'azure' }, { hub: hub as FakeHub })
    const one = outputs(1)
    send({ query: "SELECT * FROM devices WHERE deviceId IN ['room-2', 'room-3', 'none']" })
    const [{ payload, operation }] = (await one) as [Received]
    assert.deepEqual(counted(operation), ['done', 2, 2, 0])
    assert.deepEqual(payload.map(({ device, status }: any) => [device, status]).toSorted(), [
      ['room-2', 200],
      ['room-3', 200],
    ])
  })
})
