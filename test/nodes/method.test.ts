import assert from 'node:assert/strict'
import method from '../../nodes/method/method.ts'
import { LoomError } from '../../src/errors.ts'
import type { Hub } from '../../src/hub/hub.ts'
import { OpenCalls } from '../../src/nodered/open-calls.ts'
import { inPool } from '../../src/nodered/pool.ts'
import { type FakeHub, fakeHub } from '../fake-hub.ts'
import { flow, unload } from '../flow.ts'
import { until } from '../until.ts'

const config = {
  type: 'loom-method',
  method: 'blink',
  device: 'device',
  deviceType: 'msg',
  connectTimeoutMs: 0,
  responseTimeoutMs: 30_000,
  atOnce: 20,
  wakes: 'own',
}

type Call = Parameters<Hub['commands']['call']>[0]

describe('loom-method', () => {
  let hub: FakeHub
  let calls: (Call & { answer(result: { status: number; payload: unknown } | Error): void })[]
  beforeEach(() => {
    calls = []
    hub = fakeHub()
    Object.assign(hub.commands, {
      operations: async () => ({ items: [] }),
      call: (o: Call) => {
        const { promise, resolve, reject } = Promise.withResolvers()
        calls.push({ ...o, answer: result => (result instanceof Error ? reject(result) : resolve(result)) })
        return promise
      },
    })
  })
  afterEach(unload)
  const open = (more: object = {}) => flow(method, { ...config, ...more }, { hub })

  it('sends what the device answered, with its status', async () => {
    const { send, outputs } = await open()
    const one = outputs(1)
    send({ device: 'd1', payload: { times: 2 }, kept: 1 })
    await until(() => calls.length)
    const { answer, ...asked } = calls[0]!
    assert.deepEqual(asked, {
      id: 'd1',
      method: 'blink',
      payload: { times: 2 },
      connectTimeoutMs: 0,
      responseTimeoutMs: 30_000,
      by: 'node n',
    })
    answer({ status: 418, payload: 'no' })
    const [{ _msgid, ...msg }] = (await one) as [Record<string, unknown>]
    assert.deepEqual(msg, { device: 'd1', payload: 'no', kept: 1, method: { name: 'blink', status: 418 } })
  })

  it('takes method and times from the message, but not from an earlier answer', async () => {
    const { send } = await open()
    send({ device: 'd1', method: { name: 'reboot', connectTimeoutMs: '500', responseTimeoutMs: 2000 } })
    send({ device: 'd1', method: 'reset' })
    send({ device: 'd1', method: { name: 'reboot', status: 200 } })
    await until(() => calls.length === 3)
    assert.deepEqual(
      calls.map(({ method: name, connectTimeoutMs, responseTimeoutMs }) => [name, connectTimeoutMs, responseTimeoutMs]),
      [
        ['reboot', 500, 2000],
        ['reset', 0, 30_000],
        ['blink', 0, 30_000],
      ],
    )
  })

  it('calls next to each other, and counts what is open', async () => {
    const { send, outputs, status } = await open()
    const two = outputs(2)
    const busy = status(/^2 open/)
    send({ device: 'd1', n: 1 })
    send({ device: 'd2', n: 2 })
    await until(() => calls.length === 2)
    assert.equal((await busy).fill, 'blue')
    const free = status(/^blink 200/)
    calls[1]!.answer({ status: 200, payload: null })
    calls[0]!.answer({ status: 200, payload: null })
    assert.deepEqual(
      (await two).map(({ n }) => n),
      [2, 1],
    )
    assert.equal((await free).fill, 'green')
  })

  it('calls the devices of an array, so many at once, and says what became of each', async () => {
    const { send, outputs } = await open({ atOnce: 2 })
    const one = outputs(1)
    send({ device: ['d1', 'd2', 'd3'], payload: null })
    await until(() => calls.length === 2)
    calls[0]!.answer(new LoomError('COMMAND_DEVICE_OFFLINE', 'd1'))
    await until(() => calls.length === 3)
    calls[2]!.answer({ status: 200, payload: 3 })
    calls[1]!.answer({ status: 404, payload: 2 })
    const [{ payload, results, method: note }] = (await one) as [Record<string, any>]
    assert.deepEqual(payload, [
      { device: 'd2', status: 404, payload: 2 },
      { device: 'd3', status: 200, payload: 3 },
    ])
    assert.deepEqual(
      results.map(({ id, ok, status, error }: any) => [id, ok, status ?? error.code]),
      [
        ['d1', false, 'COMMAND_DEVICE_OFFLINE'],
        ['d2', true, 404],
        ['d3', true, 200],
      ],
    )
    assert.deepEqual(note, { name: 'blink', status: null })
  })

  it('leaves failures to a Catch node', async () => {
    const { send, error } = await open()
    const failed = error()
    send({ device: 'd1' })
    await until(() => calls.length)
    calls[0]!.answer(new LoomError('COMMAND_TIMEOUT', 'd1'))
    assert.equal((await failed).code, 'COMMAND_TIMEOUT')
    const noDevice = error()
    send({})
    assert.equal((await noDevice).code, 'READING_DEVICE')
    const noTime = error()
    send({ device: 'd1', method: { connectTimeoutMs: 'soon' } })
    assert.equal((await noTime).code, 'NODE_CONFIG')
    await unload()
    const nameless = await open({ method: '' })
    const noName = nameless.error()
    nameless.send({ device: 'd1' })
    assert.equal((await noName).code, 'NODE_CONFIG')
  })

  it('says on output 2 whom to wake: for its own calls, or for all', async () => {
    const wake = { type: 'wake', at: 5, device: 'd1', method: 'blink', until: 9, token: 't' } as const
    const own = await open()
    hub.emit(wake)
    own.send({ device: 'd1' })
    await until(() => calls.length)
    const [one] = [own.outputs(1, 1)]
    hub.emit({ ...wake, device: 'd2' })
    hub.emit(wake)
    const [{ _msgid, ...msg }] = (await one) as [Record<string, unknown>]
    assert.deepEqual(msg, { device: 'd1', topic: 'wake', time: 5, payload: { method: 'blink', until: 9, token: 't' } })
    calls[0]!.answer({ status: 200, payload: null })
    await until(() => own.seen().length)
    hub.emit(wake)
    await unload()
    assert.equal(own.seen(1).length, 1)
    hub = fakeHub()
    const all = await open({ wakes: 'all' })
    const every = all.outputs(1, 1)
    hub.emit({ ...wake, device: 'd2' })
    assert.equal((await every)[0]!.device, 'd2')
    await unload()
    assert.equal(hub.listening, 0)
  })

  it('refuses a wrong number at once', async () => {
    const { send, error } = await open({ atOnce: 0 })
    const failed = error()
    send({ device: 'd1' })
    assert.equal((await failed).code, 'NODE_CONFIG')
  })
})

describe('a pool of works', () => {
  it('has never more under way than it may, answers in order, and does every item', async () => {
    let open = 0
    let most = 0
    const done: number[] = []
    const items = Array.from({ length: 50 }, (_, i) => i)
    const answers = await inPool(items, { atOnce: 7, ended: n => done.push(n) }, async i => {
      most = Math.max(most, ++open)
      for (let turns = (i * 7) % 5; turns >= 0; turns--) await Promise.resolve()
      open--
      if (i === 13) throw new Error('unlucky')
      return i * 2
    })
    assert.equal(most, 7)
    assert.deepEqual(
      answers.map(answer => (answer instanceof Error ? answer.message : answer)),
      items.map(i => (i === 13 ? 'unlucky' : i * 2)),
    )
    assert.deepEqual(
      done,
      items.map(i => i + 1),
    )
    assert.deepEqual(await inPool([], { atOnce: 3, ended: () => undefined }, async () => 1), [])
  })

  it('knows which calls are open', () => {
    const calls = new OpenCalls()
    const [first, second] = [calls.begin('d1', 'a'), calls.begin('d1', 'a')]
    first()
    assert.deepEqual([calls.has('d1', 'a'), calls.has('d1', 'b'), calls.size], [true, false, 1])
    second()
    assert.deepEqual([calls.has('d1', 'a'), calls.size], [false, 0])
  })
})
