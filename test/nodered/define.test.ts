import assert from 'node:assert/strict'
import { once } from 'node:events'
import helper from 'node-red-node-test-helper'
import { LoomError } from '../../src/errors.ts'
import { defineNode, type Msg } from '../../src/nodered/define.ts'
import { flow, unload } from '../flow.ts'

/** Work that ends when the test says so. */
function gates() {
  const open: PromiseWithResolvers<void>[] = []
  return {
    open,
    wait: () => {
      const gate = Promise.withResolvers<void>()
      open.push(gate)
      return gate.promise
    },
  }
}

const turn = () => new Promise(resolve => setImmediate(resolve))

describe('defineNode', () => {
  afterEach(unload)

  it('sends what input returns, and is done once', async () => {
    const node = defineNode('x', () => ({ input: msg => ({ ...msg, payload: 2 }) }))
    const { send, outputs } = await flow(node, { type: 'x' })
    const one = outputs(1)
    send({ payload: 1, kept: true })
    const [msg] = await one
    assert.equal(msg!.payload, 2)
    assert.equal(msg!.kept, true)
  })

  it('keeps arrival order across awaits', async () => {
    const { open, wait } = gates()
    const node = defineNode('x', () => ({
      async input(msg: Msg) {
        await wait()
        return msg
      },
    }))
    const { send, outputs } = await flow(node, { type: 'x' })
    const three = outputs(3)
    for (const payload of [1, 2, 3]) send({ payload })
    for (let i = 0; i < 3; i++) {
      while (open.length <= i) await turn()
      assert.equal(open.length, i + 1, 'the next starts after the one before')
      open[i]!.resolve()
    }
    assert.deepEqual(
      (await three).map(msg => msg.payload),
      [1, 2, 3],
    )
  })

  it('runs independent messages at once with order parallel', async () => {
    const { open, wait } = gates()
    const node = defineNode(
      'x',
      () => ({
        async input(msg: Msg) {
          await wait()
          return msg
        },
      }),
      { order: 'parallel' },
    )
    const { send, outputs } = await flow(node, { type: 'x' })
    const three = outputs(3)
    for (const payload of [1, 2, 3]) send({ payload })
    while (open.length < 3) await turn()
    for (const gate of open.toReversed()) {
      gate.resolve()
      await turn()
    }
    assert.deepEqual(
      (await three).map(msg => msg.payload),
      [3, 2, 1],
    )
  })

  it('refuses more than its limit with NODE_BUSY', async () => {
    const { open, wait } = gates()
    const node = defineNode('x', () => ({ input: wait }), { limit: 2 })
    const { send, error } = await flow(node, { type: 'x' })
    const refused = error()
    for (const payload of [1, 2, 3]) send({ payload })
    assert.equal((await refused).code, 'NODE_BUSY')
    for (let i = 0; i < 2; i++) {
      while (open.length <= i) await turn()
      open[i]!.resolve()
    }
  })

  it('turns whatever is thrown into an error', async () => {
    for (const input of [
      () => {
        throw new LoomError('READING_DEVICE')
      },
      async () => {
        throw new LoomError('READING_DEVICE')
      },
    ]) {
      const { send, error } = await flow(
        defineNode('x', () => ({ input })),
        { type: 'x' },
      )
      const failed = error()
      send({ payload: 1 })
      assert.equal((await failed).code, 'READING_DEVICE')
      await unload()
    }
    const text = defineNode('x', () => ({
      input: async () => {
        throw 'boom'
      },
    }))
    const { send, error } = await flow(text, { type: 'x' })
    const failed = error()
    send({})
    assert.equal((await failed).code, 'NODE_FAULT')
  })

  it('holds messages until an async setup is ready', async () => {
    const { open, wait } = gates()
    const node = defineNode('x', async () => {
      await wait()
      return { input: (msg: Msg) => msg }
    })
    const { send, outputs, seen } = await flow(node, { type: 'x' })
    const one = outputs(1)
    send({ payload: 1 })
    await turn()
    assert.equal(seen().length, 0)
    open[0]!.resolve()
    assert.equal((await one)[0]!.payload, 1)
  })

  it('fails later messages with the reason of a failed setup, and shows it', async () => {
    const { open, wait } = gates()
    const node = defineNode('x', async () => {
      await wait()
      throw new LoomError('HUB_MISSING')
    })
    const { send, error, status } = await flow(node, { type: 'x' })
    const shown = status(/no hub/)
    open[0]!.resolve()
    assert.equal((await shown).fill, 'red')
    const failed = error()
    send({ payload: 1 })
    assert.equal((await failed).code, 'HUB_MISSING')
  })

  it('finishes what it has on close, then closes, and refuses the rest', async () => {
    const { open, wait } = gates()
    const log: string[] = []
    const node = defineNode('x', (_, { signal }) => ({
      async input(msg: Msg) {
        await wait()
        log.push(`in ${msg.payload} ${signal.aborted}`)
      },
      stop: () => void log.push('stop'),
      close: removed => void log.push(`close ${removed} ${signal.aborted}`),
    }))
    const { send, node: running } = await flow(node, { type: 'x' })
    send({ payload: 1 })
    send({ payload: 2 })
    const late = once(running, 'call:error')
    const closed = running.close(true)
    send({ payload: 3 })
    assert.equal((await late)[0].firstArg.code, 'NODE_CLOSED')
    while (open.length < 1) await turn()
    open[0]!.resolve()
    while (open.length < 2) await turn()
    open[1]!.resolve()
    await closed
    assert.deepEqual(log, ['stop', 'in 1 false', 'in 2 false', 'close true true'])
  })

  it('gives up on work that never ends', async () => {
    const node = defineNode('x', () => ({ input: () => new Promise(() => undefined), close: () => new Promise(() => undefined) }))
    const { send, error, node: running } = await flow(node, { type: 'x' }, { settings: { nodeCloseTimeout: 90 } })
    send({ payload: 1 })
    send({ payload: 2 })
    const refused = error()
    await running.close(false)
    assert.equal((await refused).code, 'NODE_CLOSED')
  })

  it('closes what a setup made after the node was given up', async () => {
    const { open, wait } = gates()
    const closed = Promise.withResolvers<boolean>()
    const node = defineNode('x', async () => {
      await wait()
      return { close: removed => closed.resolve(removed) }
    })
    const { node: running } = await flow(node, { type: 'x' }, { settings: { nodeCloseTimeout: 30 } })
    await running.close(false)
    open[0]!.resolve()
    assert.equal(await closed.promise, false)
  })

  it('reports a close that throws', async () => {
    const node = defineNode('x', () => ({
      close() {
        throw new Error('disk')
      },
    }))
    const { error, node: running } = await flow(node, { type: 'x' })
    const failed = error()
    await running.close(false)
    assert.equal((await failed).message, 'disk')
  })

  it('sends one message a call, so that the runtime clones none', async () => {
    const [a, b] = [{ payload: 'a' }, { payload: 'b' }]
    const node = defineNode('x', () => ({ input: () => [[a], [b, b]] }))
    const { send, get } = await flow(node, { type: 'x' })
    const got = once(get('out1'), 'input')
    send({ payload: 1 })
    assert.equal((await got)[0], b)
  })

  it('gives credentials to the setup and to no one else', async () => {
    let seen: unknown
    const node = defineNode<any, { secret: string }>(
      'x',
      (_, { node: made }) => {
        seen = made.credentials?.secret
        return {}
      },
      { credentials: { secret: { type: 'password' } } },
    )
    await flow(node, { type: 'x' }, { credentials: { n: { secret: 'abc' } } })
    assert.equal(seen, 'abc')
    assert.ok(helper.getNode('n'))
  })
})
