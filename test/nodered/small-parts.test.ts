import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { check, parameterOf, type Schema } from '../../src/nodered/admin/schema.ts'
import { consumerOf, repeatsOf } from '../../src/nodered/consumer-fields.ts'
import { defineNode } from '../../src/nodered/define.ts'
import { Grouped } from '../../src/nodered/grouped.ts'
import { NodeState } from '../../src/nodered/node-state.ts'
import { onProcessStop } from '../../src/nodered/process-stop.ts'
import { statusOf } from '../../src/nodered/status.ts'
import { typedValue } from '../../src/nodered/typed.ts'
import { flow, unload } from '../flow.ts'
import { until } from '../until.ts'

describe('status', () => {
  function probe() {
    const shown: string[] = []
    const node = Object.assign(new EventEmitter(), {
      status: ({ fill, shape, text }: any) => void shown.push(`${fill} ${shape} ${text}`),
    })
    return { node, shown }
  }

  it('shows the first at once and of a burst the latest only', async () => {
    const { node, shown } = probe()
    const status = statusOf(node as never, 5)
    for (let i = 0; i < 100; i++) status('ok', String(i))
    assert.deepEqual(shown, ['green dot 0'])
    await until(() => shown.length > 1)
    assert.deepEqual(shown, ['green dot 0', 'green dot 99'])
  })

  it('has a look of its own for each state', () => {
    const seen = (['ok', 'busy', 'waiting', 'warn', 'error'] as const).map(state => {
      const { node, shown } = probe()
      statusOf(node as never)(state, '')
      return shown[0]
    })
    assert.deepEqual(seen, ['green dot ', 'blue dot ', 'yellow ring ', 'yellow dot ', 'red ring '])
  })

  it('shows nothing after the node has closed', () => {
    const { node, shown } = probe()
    const status = statusOf(node as never)
    node.emit('close')
    status('ok', 'late')
    assert.deepEqual(shown, [])
  })
})

describe('typed values', () => {
  afterEach(unload)

  it('come from the message, the setting or an expression', async () => {
    const node = defineNode<any>('x', ({ typed }, { RED, node: me }) => ({
      input: async msg => ({ ...msg, payload: await Promise.all(typed.map((one: any) => typedValue(RED, me, one, msg))) }),
    }))
    const typed = [
      { value: 'a.b', type: 'msg' },
      { value: '5', type: 'num' },
      { value: 'text', type: 'str' },
      { value: '', type: 'str' },
      { value: '[1,2]', type: 'json' },
      { value: 'a.b * 2', type: 'jsonata' },
      { value: 'true', type: 'bool' },
    ]
    const { send, outputs } = await flow(node, { type: 'x', typed })
    const one = outputs(1)
    send({ a: { b: 4 } })
    assert.deepEqual((await one)[0]!.payload, [4, 5, 'text', undefined, [1, 2], 8, true])
  })

  it('that cannot be evaluated are NODE_CONFIG', async () => {
    const node = defineNode<any>('x', (_, { RED, node: me }) => ({
      input: async msg => ({ ...msg, payload: await typedValue(RED, me, { value: '((', type: 'jsonata' }, msg) }),
    }))
    const { send, error } = await flow(node, { type: 'x' })
    const failed = error()
    send({})
    assert.equal((await failed).code, 'NODE_CONFIG')
  })
})

describe('grouped work', () => {
  it('runs one call at a time and answers in order', async () => {
    const calls: number[][] = []
    let running = 0
    const group = new Grouped<number>(5, async items => {
      assert.equal(++running, 1)
      calls.push(items)
      await new Promise(resolve => setImmediate(resolve))
      running--
    })
    const order: number[] = []
    await Promise.all(Array.from({ length: 12 }, (_, i) => group.add([i]).then(() => order.push(i))))
    assert.deepEqual(
      order,
      [...order].sort((a, b) => a - b),
    )
    assert.deepEqual(calls, [
      [0, 1, 2, 3, 4],
      [5, 6, 7, 8, 9],
      [10, 11],
    ])
  })

  it('fails the callers of the call that failed, and goes on', async () => {
    let fail = true
    const group = new Grouped<number>(5, async () => {
      if (fail) throw new Error('no')
    })
    await assert.rejects(group.add([1]), /no/)
    fail = false
    await group.add([2])
  })

  it('takes more than its limit from one caller', async () => {
    const calls: number[] = []
    const group = new Grouped<number>(2, async items => void calls.push(items.length))
    await Promise.all([group.add([1, 2, 3]), group.add([4])])
    assert.deepEqual(calls, [3, 1])
  })
})

describe('state of a node', () => {
  it('is written as a whole, read once and removed', async () => {
    const userDir = await mkdtemp(join(tmpdir(), 'loom-state-'))
    try {
      const state = new NodeState({ userDir, nodeId: 'a/b', kind: 'window' })
      assert.equal(await state.take(), undefined)
      await state.write(Buffer.from('one'))
      await state.write(Buffer.from('two'))
      const folder = join(userDir, 'thingloom', '_nodes')
      assert.deepEqual(await readdir(folder), ['a%2Fb.window'])
      assert.equal((await stat(join(folder, 'a%2Fb.window'))).mode & 0o777, 0o600)
      assert.equal(Buffer.from((await state.take())!).toString(), 'two')
      assert.equal(await state.take(), undefined)
      await state.write(Buffer.from('three'))
      await state.remove()
      assert.deepEqual(await readdir(folder), [])
    } finally {
      await rm(userDir, { recursive: true, force: true })
    }
  })
})

describe('the end of the process', () => {
  it('is told before the handlers that were there, once', () => {
    const signals = new EventEmitter()
    const log: string[] = []
    signals.on('SIGTERM', () => log.push('runtime'))
    onProcessStop(() => log.push('ours'), signals)
    onProcessStop(() => log.push('again'), signals)
    signals.emit('SIGTERM')
    assert.deepEqual(log, ['ours', 'runtime'])
  })

  it('stays as it was where nobody handles the signals', () => {
    const signals = new EventEmitter()
    onProcessStop(() => undefined, signals)
    assert.equal(signals.listenerCount('SIGTERM'), 0)
  })
})

describe('consumer fields', () => {
  const node = { id: 'n', type: 'x', name: '', z: '' }

  it('fall back to the node id and to new messages', () => {
    assert.deepEqual(consumerOf(node, undefined), { name: 'n', start: 'latest', window: 256, strictOrder: false })
  })

  it('refuse windows and times that are none', () => {
    for (const window of [0, 1.5, 'x', 1e6])
      assert.throws(() => consumerOf({ ...node, window }, undefined), { code: 'NODE_CONFIG' })
    assert.throws(() => consumerOf({ ...node, start: 'time', startTime: 'soon' }, undefined), { code: 'NODE_CONFIG' })
  })

  it('keep repeats unless they say otherwise, and refuse what is neither', () => {
    for (const fields of [{}, { repeats: 'keep' }, { repeats: '' }, { repeats: null }, { repeats: 'id', repeatWindowS: '0' }])
      assert.equal(repeatsOf(fields as never), undefined)
    for (const repeatWindowS of [undefined, 1, '604800']) assert.ok(repeatsOf({ repeats: 'content', repeatWindowS } as never))
    for (const fields of [{ repeats: 'dup' }, { repeats: 'id', repeatWindowS: -1 }, { repeats: 'id', repeatWindowS: 604_801 }])
      assert.throws(() => repeatsOf(fields as never), { code: 'NODE_CONFIG' })
  })
})

describe('request schemas', () => {
  const schema: Schema = {
    type: 'object',
    properties: {
      n: { type: 'integer', minimum: 1 },
      list: { type: 'array', items: { type: 'string' } },
      free: { type: 'object', additionalProperties: true },
    },
    required: ['n'],
  }

  it('accept what they describe', () => check({ n: 1, list: ['a'], free: { any: [1] } }, schema))

  it('name the first fault by its path', () => {
    for (const [value, position] of [
      [[], 'body'],
      [{}, 'body'],
      [{ n: 0 }, 'body.n'],
      [{ n: 1, list: ['a', 2] }, 'body.list[1]'],
      [{ n: 1, __proto__x: 1 }, 'body'],
      [{ n: 1, constructor: 1 }, 'body'],
    ] as const)
      assert.throws(() => check(value, schema), { code: 'REQUEST_INVALID', position })
  })

  it('read parameters as what they stand for', () => {
    assert.equal(parameterOf('12', { type: 'integer' }, 'n'), 12)
    assert.deepEqual(parameterOf('a,,b', { type: 'array', items: { type: 'string' } }, 'n'), ['a', 'b'])
    for (const text of ['', '1.5', 'x', 'NaN', 'Infinity']) assert.throws(() => parameterOf(text, { type: 'integer' }, 'n'))
  })
})
