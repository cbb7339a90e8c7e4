import assert from 'node:assert/strict'
import helper from 'node-red-node-test-helper'
import ack from '../../nodes/ack/ack.ts'
import telemetryIn from '../../nodes/telemetry-in/telemetry-in.ts'
import { LoomError } from '../../src/errors.ts'
import { type ConsumerEvents, kinds } from '../../src/journal/journal-port.ts'
import { type FakeHub, fakeHub, message } from '../fake-hub.ts'
import { flow, type Received, unload } from '../flow.ts'
import { until } from '../until.ts'

const config = { type: 'loom-telemetry-in', ack: 'delivery', start: 'latest', window: 256, batchMax: 1, batchLingerMs: 0 }

async function open(hub: FakeHub, more: object = {}) {
  const running = await flow(telemetryIn, { ...config, ...more }, { hub })
  await until(() => hub.consumers.size)
  return { ...running, consumer: [...hub.consumers.values()][0]! }
}

describe('loom-telemetry-in', () => {
  let hub: FakeHub
  beforeEach(() => {
    hub = fakeHub()
  })
  afterEach(unload)

  it('sends one message a reading, with device, times, stream and topic', async () => {
    const { outputs } = await open(hub)
    const one = outputs(1)
    hub.append(message('d1', { t: 21.5 }, { stream: 's', time: 900, seq: 7 }))
    const [msg] = await one
    const { _msgid, ...rest } = msg!
    assert.deepEqual(rest, {
      payload: { t: 21.5 },
      device: 'd1',
      time: 900,
      arrived: 1000,
      stream: 's',
      seq: 7,
      jseq: 1,
      idx: 0,
      properties: {},
      topic: 'devices/d1/telemetry',
    })
  })

  it('acknowledges by itself once a message was sent', async () => {
    const { outputs, consumer } = await open(hub)
    const two = outputs(2)
    hub.append(message('d1', { t: 1 }))
    hub.append(message('d1', { t: 2 }))
    await two
    await until(() => consumer.acked.size === 2)
  })

  it('makes several messages of a device batch, in order', async () => {
    const { outputs } = await open(hub)
    const three = outputs(3)
    hub.append(message('d1', [{ t: 1 }, { t: 2 }, { t: 3 }]))
    assert.deepEqual(
      (await three).map(({ payload, idx }) => [payload.t, idx]),
      [
        [1, 0],
        [2, 1],
        [3, 2],
      ],
    )
  })

  it('sends batches of records that wait together', async () => {
    const { outputs, consumer } = await open(hub, { batchMax: 3, batchLingerMs: 5 })
    const two = outputs(2)
    for (const t of [1, 2, 3, 4]) hub.append(message('d1', { t }))
    assert.deepEqual(
      (await two).map(({ payload }) => payload.map((reading: Received) => reading.values.t)),
      [[1, 2, 3], [4]],
    )
    await until(() => consumer.acked.size === 4)
  })

  it('lets the journal hold its records until a batch is full or has waited', async () => {
    const { consumer } = await open(hub, { batchMax: 3, batchLingerMs: 5 })
    assert.deepEqual([consumer.spec.batch, consumer.spec.lingerMs], [3, 5])
  })

  it('sends what is not JSON as a Buffer with its content type', async () => {
    const { outputs } = await open(hub)
    const one = outputs(1)
    hub.append(message('d1', Buffer.from([1, 2, 3]), { contentType: 'application/cbor' }))
    const [msg] = await one
    assert.deepEqual(msg!.payload, Buffer.from([1, 2, 3]))
    assert.equal(msg!.contentType, 'application/cbor')
    assert.equal(msg!.device, 'd1')
  })

  it('sends broken JSON and gaps to output 2', async () => {
    const { outputs, consumer } = await open(hub, { ack: 'flow' })
    const two = outputs(2, 1)
    hub.append(message('d1', Buffer.from('{"t":')))
    await until(() => consumer.acked.size === 1)
    hub.gap(2, 9)
    const [broken, gap] = await two
    assert.equal(broken!.notice, 'undecodable')
    assert.equal(broken!.error.code, 'TELEMETRY_UNDECODABLE')
    assert.equal(gap!.notice, 'gap')
    assert.deepEqual(gap!.payload, { from: 2, to: 9, reason: 'trimmed' })
  })

  describe('of a device in quarantine', () => {
    const quarantined = (t: number) => ({ ...message('bad', { t }, { stream: 's' }), kind: kinds.quarantined })

    it('sends what it said to output 3 alone, marked and otherwise the same', async () => {
      const { outputs, seen, consumer } = await open(hub)
      const [ordinary, aside] = [outputs(1), outputs(1, 2)]
      hub.append(quarantined(1))
      hub.append(message('good', { t: 2 }, { stream: 's' }))
      const { _msgid: _, ...expected } = (await ordinary)[0]!
      const { _msgid: __, ...got } = (await aside)[0]!
      const own = { payload: { t: 1 }, device: 'bad', topic: 'devices/bad/telemetry', arrived: 1000, time: 1000, jseq: 1 }
      assert.deepEqual(got, { ...expected, ...own, quarantined: true })
      assert.deepEqual([seen(0).length, seen(1).length], [1, 0])
      await until(() => consumer.acked.size === 2)
    })

    it('keeps it apart in batches too', async () => {
      const { outputs } = await open(hub, { batchMax: 10, batchLingerMs: 5 })
      const [ordinary, aside] = [outputs(1), outputs(1, 2)]
      for (const t of [1, 2, 3, 4]) hub.append(t % 2 ? message('good', { t }) : quarantined(t))
      const values = (msg: Received) => msg.payload.map((reading: Received) => reading.values.t)
      const [good, bad] = [(await ordinary)[0]!, (await aside)[0]!]
      assert.deepEqual([values(good), good.quarantined], [[1, 3], undefined])
      assert.deepEqual([values(bad), bad.quarantined], [[2, 4], true])
    })

    it('marks bytes and notices of it', async () => {
      const { outputs } = await open(hub)
      const [notice, aside] = [outputs(1, 1), outputs(1, 2)]
      hub.append({ ...message('bad', Buffer.from('{')), kind: kinds.quarantined })
      hub.append({ ...message('bad', Buffer.from([1]), { contentType: 'application/cbor' }), kind: kinds.quarantined })
      assert.equal((await notice)[0]!.quarantined, true)
      assert.deepEqual([(await aside)[0]!.payload, (await aside)[0]!.quarantined], [Buffer.from([1]), true])
    })

    it('waits for the acknowledgement of the flow, and passes over what no wire takes', async () => {
      const { outputs, consumer, node } = await open(hub, { ack: 'flow' })
      const aside = outputs(1, 2)
      hub.append(quarantined(1))
      assert.ok((await aside)[0]!.delivery)
      ;(node as unknown as { updateWires(wires: string[][]): void }).updateWires([['out0'], ['out1'], []])
      hub.append(quarantined(2))
      await until(() => consumer.acked.has(2))
      assert.equal(consumer.acked.has(1), false)
    })
  })

  it('passes device, topic and stream filters and the place to start to the journal', async () => {
    const { consumer } = await open(hub, {
      devices: 'd1, d2',
      topics: 'a/#',
      streams: 's',
      start: 'time',
      startTime: '2026-01-01',
      consumer: ' c1 ',
    })
    assert.deepEqual(consumer.spec, {
      name: 'c1',
      ack: 'flow',
      start: { time: Date.parse('2026-01-01') },
      window: 256,
      strictOrder: false,
      filter: { devices: ['d1', 'd2'], topics: ['a/#'], streams: ['s'], kinds: [1, 6, 7] },
    })
  })

  it('never has more in flight than its window while the flow does not acknowledge', async () => {
    const { outputs, consumer, seen } = await open(hub, { ack: 'flow', window: 2 })
    const two = outputs(2)
    for (let t = 0; t < 10; t++) hub.append(message('d1', { t }))
    const [first] = await two
    await new Promise(resolve => setImmediate(resolve))
    assert.equal(seen().length, 2)
    const third = outputs(1)
    consumer.ack([first!.jseq])
    assert.equal((await third)[0]!.payload.t, 2)
  })

  it('marks what comes again', async () => {
    const { outputs, consumer } = await open(hub, { ack: 'flow' })
    const two = outputs(2)
    const { seq } = hub.append(message('d1', { t: 1 }))
    await until(() => consumer.state().inFlight)
    consumer.retry([seq], 0)
    const [first, second] = await two
    assert.equal(first!.redelivered, undefined)
    assert.equal(second!.redelivered, true)
  })

  it('marks what a restarted hub delivers again, though it counts anew', async () => {
    let deliver!: ConsumerEvents['deliver']
    const consume: FakeHub['consume'] = (spec, events) => {
      deliver = events.deliver
      return hub.consume(spec, events)
    }
    const { outputs } = await open({ ...hub, consume } as FakeHub)
    const three = outputs(3)
    const first = hub.append(message('d1', { t: 1 }))
    hub.append(message('d1', { t: 2 }))
    await until(() => hub.consumers.get('n')!.acked.size === 2)
    deliver([{ ...first, deliveries: 1 }])
    assert.deepEqual(
      (await three).map(({ jseq, redelivered }) => [jseq, redelivered]),
      [
        [1, undefined],
        [2, undefined],
        [1, true],
      ],
    )
  })

  it('hands a burst to the flow in order, over several turns of the loop', async () => {
    const { outputs } = await open(hub, { window: 1000 })
    const all = outputs(500)
    for (let t = 0; t < 500; t++) hub.append(message('d1', { t }))
    assert.deepEqual(
      (await all).map(({ payload }) => payload.t),
      Array.from({ length: 500 }, (_, t) => t),
    )
  })

  it('releases its consumer when it stops, and takes it again after a redeploy', async () => {
    const { node } = await open(hub, { consumer: 'c1' })
    await node.close(false)
    assert.equal(hub.consumers.size, 0)
  })

  it('leaves nothing behind over ten redeploys, and loses nothing', async () => {
    const config10 = { ...config, consumer: 'c1', ack: 'delivery', start: 'earliest' }
    const flows = () => [
      { id: 't', type: 'tab' },
      { id: 'hub', type: 'loom-hub', hubId: 'test', store: 'memory', listeners: [] },
      { id: 'n', x: 1, y: 1, z: 't', hub: 'hub', ...config10, wires: [] },
    ]
    await flow(telemetryIn, config10, { hub })
    for (let i = 0; i < 10; i++) {
      await helper.setFlows(flows() as never, 'full')
      await until(() => hub.consumers.size === 1)
    }
    assert.equal(hub.closed, false)
    await unload()
    assert.equal(hub.consumers.size, 0)
    assert.equal(hub.listening, 0)
  })

  it('shows what ails the hub instead of its own figures', async () => {
    const { status } = await open(hub)
    const shown = status(/^blocked$/)
    hub.emit({ type: 'health', status: 'blocked', at: 1 })
    assert.equal((await shown).shape, 'ring')
  })

  it('shows a taken consumer name as its own error', async () => {
    const failing = {
      ...fakeHub(),
      consume: async () => Promise.reject(new LoomError('JOURNAL_CONSUMER_EXISTS', 'c1')),
    } as FakeHub
    const { status } = await flow(telemetryIn, { ...config, consumer: 'c1' }, { hub: failing })
    assert.equal((await status(/another live consumer/)).fill, 'red')
  })

  it('without a hub says so', async () => {
    const { error } = await flow(telemetryIn, config)
    assert.equal((await error()).code, 'HUB_MISSING')
  })

  describe('with loom-ack', () => {
    const through = async (ackConfig: object, input: object = {}) => {
      const running = await flow(
        [telemetryIn, ack],
        { ...config, ack: 'flow', ...input },
        {
          hub,
          others: [{ id: 'a', type: 'loom-ack', do: 'ack', retryDelayMs: 0, x: 1, y: 1, z: 't', wires: [[]], ...ackConfig }],
        },
      )
      await until(() => hub.consumers.size)
      const consumer = [...hub.consumers.values()][0]!
      return { ...running, consumer, pass: (msg: Received) => running.get('a').receive(msg as never) }
    }

    it('acknowledges a record when all of its messages were', async () => {
      const { outputs, consumer, pass } = await through({})
      const two = outputs(2)
      hub.append(message('d1', [{ t: 1 }, { t: 2 }]))
      const [first, second] = await two
      assert.deepEqual(first!.delivery.parts, [{ i: 0, of: 2 }])
      pass(first!)
      pass(first!)
      await new Promise(resolve => setImmediate(resolve))
      assert.equal(consumer.acked.size, 0)
      pass(second!)
      await until(() => consumer.acked.size === 1)
    })

    it('acknowledges a batch at once', async () => {
      const { outputs, consumer, pass } = await through({}, { batchMax: 10, batchLingerMs: 5 })
      const one = outputs(1)
      for (const t of [1, 2, 3]) hub.append(message('d1', { t }))
      const [msg] = await one
      assert.equal(msg!.delivery.from, 1)
      assert.equal(msg!.delivery.to, 3)
      pass(msg!)
      await until(() => consumer.acked.size === 3)
    })

    it('gives bytes and broken records no share in the delivery of readings', async () => {
      const { outputs, consumer, pass, seen } = await through({}, { batchMax: 10, batchLingerMs: 5 })
      const [three, notice] = [outputs(3), outputs(1, 1)]
      hub.append(message('d1', { t: 1 }))
      hub.append(message('d1', Buffer.from('{"t":')))
      hub.append(message('d1', { t: 3 }))
      hub.append(message('d1', Buffer.from([1]), { contentType: 'application/cbor' }))
      hub.append(message('d1', { t: 5 }))
      const [before, bytes, after] = await three
      await notice
      assert.deepEqual(
        [before, bytes, after].map(msg => [msg!.delivery.from, msg!.delivery.to, msg!.delivery.parts]),
        [
          [1, 3, undefined],
          [4, 4, undefined],
          [5, 5, undefined],
        ],
      )
      await until(() => consumer.acked.size === 1)
      assert.deepEqual([...consumer.acked], [2])
      pass(before!)
      pass(after!)
      await until(() => consumer.acked.size === 4)
      assert.deepEqual([...consumer.acked], [2, 1, 3, 5])
      const again = outputs(1)
      pass({ ...bytes!, ack: 'retry' })
      assert.deepEqual((await again)[0]!.delivery, { hub: 'test', consumer: consumer.name, from: 4, to: 4 })
      assert.equal(seen(1).length, 1)
    })

    it('brings a record back', async () => {
      const { outputs, pass } = await through({ do: 'retry' })
      const one = outputs(1)
      hub.append(message('d1', { t: 1 }))
      const [msg] = await one
      const again = outputs(1)
      pass(msg!)
      assert.equal((await again)[0]!.redelivered, true)
    })

    it('makes a dead letter with the reason of the caught error', async () => {
      const { outputs, pass } = await through({ do: 'ack' })
      const one = outputs(1)
      hub.append(message('d1', { t: 1 }))
      const [msg] = await one
      pass({ ...msg!, ack: 'deadletter', error: { code: 'READING_VALUES', message: 'no' } })
      await until(() => hub.letters.length)
      assert.deepEqual([hub.letters[0]!.code, hub.letters[0]!.message, hub.letters[0]!.node], ['READING_VALUES', 'no', 'a'])
    })
  })
})

describe('loom-ack', () => {
  afterEach(unload)

  it('refuses a message without delivery, and a wish it does not know', async () => {
    const { send, error } = await flow(ack, { type: 'loom-ack', do: 'ack', retryDelayMs: 0 })
    const first = error()
    send({ payload: 1 })
    assert.equal((await first).code, 'DELIVERY_INVALID')
    const second = error()
    send({ delivery: { hub: 'h', consumer: 'c', from: 1, to: 1 }, ack: 'maybe' })
    assert.equal((await second).code, 'NODE_CONFIG')
  })
})
