import assert from 'node:assert/strict'
import decode from '../../nodes/decode/decode.ts'
import telemetryIn from '../../nodes/telemetry-in/telemetry-in.ts'
import { openSparkplugCodec, type SparkplugCodec } from '../../src/codec/sparkplug/sparkplug-codec.ts'
import type { SparkplugMetric } from '../../src/codec/sparkplug/sparkplug-payload.ts'
import { LoomError } from '../../src/errors.ts'
import { kinds } from '../../src/journal/journal-port.ts'
import { type FakeHub, fakeHub } from '../fake-hub.ts'
import { flow, type Received, unload } from '../flow.ts'
import { until } from '../until.ts'

const config = { type: 'loom-decode', format: 'sparkplug', compression: 'auto', deviceNames: 'edge', waiting: 128 }
const type = 'Int32'
const seconds30 = 30_000

describe('loom-decode of Sparkplug', function () {
  this.timeout(60_000)
  let codec: SparkplugCodec
  let time: number
  before(async () => {
    codec = await openSparkplugCodec()
  })
  beforeEach(() => {
    time = 1_700_000_000_000
  })
  afterEach(unload)

  const payloadOf = (metrics: readonly SparkplugMetric[], seq?: number): Buffer =>
    Buffer.from(codec.encode!({ timestamp: ++time, ...(seq !== undefined && { seq }), metrics }, {}))
  const said = (at: string, metrics: readonly SparkplugMetric[], seq?: number) => {
    const [kind, device] = at.split(' ')
    return {
      topic: `spBv1.0/plant/${kind}/press${device ? `/${device}` : ''}`,
      payload: payloadOf(metrics, seq),
      contentType: 'application/x-sparkplug-b',
      device: 'press',
    }
  }
  const session = (value = 1): SparkplugMetric => ({ name: 'bdSeq', type: 'UInt64', value })
  const born = (value = 0, seq = 0) =>
    said('NBIRTH', [session(), { name: 'rpm', alias: 1, type, value }, { name: 'load', alias: 2, type, value: 50 }], seq)
  const rpm = (value: number, seq: number) => said('NDATA', [{ alias: 1, type, value }], seq)
  const motor = (value: number, seq: number) => said('DBIRTH motor', [{ name: 'temperature', alias: 3, type, value }], seq)
  const died = () => said('NDEATH', [session()])
  const brief = ({ device, time: at, payload }: Received) => [device, at, payload]

  it('makes readings by name of births and data, of any format that the message may have', async () => {
    for (const format of ['sparkplug', 'auto']) {
      const { send, outputs } = await flow(decode, { ...config, format })
      const four = outputs(4)
      for (const one of [born(), motor(20, 1), rpm(7, 2), said('DDATA motor', [{ alias: 3, type, value: 21 }], 3)])
        send({ ...one, arrived: 9, jseq: time, stream: '', kept: 1 })
      const made = await four
      assert.deepEqual(made.map(brief), [
        ['press', time - 3, { rpm: 0, load: 50 }],
        ['press/motor', time - 2, { temperature: 20 }],
        ['press', time - 1, { rpm: 7 }],
        ['press/motor', time, { temperature: 21 }],
      ])
      const { _msgid, payload: _, ...rest } = made[3]!
      assert.deepEqual(rest, {
        ...{ topic: 'spBv1.0/plant/DDATA/press/motor', device: 'press/motor', time, arrived: 9, jseq: time, stream: '', idx: 0 },
        ...{ properties: { frame: 'diff' }, kept: 1 },
      })
      assert.deepEqual(made[0]!.properties, { frame: 'key' })
      await unload()
    }
  })

  it('makes a batch of values of several times, tells what is historical, and whole readings where it is set to', async () => {
    const { send, outputs } = await flow(decode, { ...config, deviceNames: 'group', keyFrames: true })
    const three = outputs(3)
    send(born())
    send(rpm(7, 1))
    send(
      said(
        'NDATA',
        [
          { alias: 1, type, value: 5, timestamp: 500, historical: true },
          { alias: 2, type, value: 60 },
        ],
        2,
      ),
    )
    const [, second, third] = (await three) as [Received, Received, Received]
    assert.deepEqual(brief(second), ['plant/press', time - 1, { rpm: 7, load: 50 }])
    assert.deepEqual(
      third.payload.map(({ device, time: at, values, properties }: Received) => [device, at, values, properties]),
      [
        ['plant/press', 500, { rpm: 5 }, { historical: 'true' }],
        ['plant/press', time, { rpm: 7, load: 60 }, { frame: 'diff' }],
      ],
    )
  })

  it('without a hub asks for births on output 2, and what waited comes in order', async () => {
    const { send, outputs, seen } = await flow(decode, config)
    const wish = outputs(1, 1)
    for (const value of [1, 2]) send({ ...rpm(value, value), delivery: { hub: 'h', consumer: 'c', from: value, to: value } })
    const [{ notice, topic, payload, group, edge }] = (await wish) as [Received]
    assert.deepEqual([notice, topic, group, edge], ['rebirth', 'spBv1.0/plant/NCMD/press', 'plant', 'press'])
    assert.deepEqual((codec.decode(payload, {}) as any).metrics, [{ name: 'Node Control/Rebirth', type: 'Boolean', value: true }])
    assert.equal(seen().length, 0)
    const three = outputs(3)
    send(born(9))
    assert.deepEqual(
      (await three).map(({ payload: of, delivery, properties }) => [of, delivery?.from, properties]),
      [
        [{ rpm: 1 }, 1, {}],
        [{ rpm: 2 }, 2, {}],
        [{ rpm: 9, load: 50 }, undefined, { frame: 'key' }],
      ],
    )
    assert.equal(seen(1).length, 1)
  })

  it('says that a wish for births goes nowhere', async () => {
    const { send, error, node } = await flow(decode, config)
    ;(node as unknown as { updateWires(wires: string[][]): void }).updateWires([['out0'], []])
    const failed = error()
    send(rpm(1, 1))
    assert.equal((await failed).code, 'HUB_MISSING')
  })

  it('tells what is stale when a device or its edge dies, with what told it', async () => {
    const { send, outputs, seen } = await flow(decode, config)
    const three = outputs(3, 1)
    send(born())
    send(motor(20, 1))
    send(said('DDEATH motor', [], 2))
    send(motor(21, 3))
    const end = died()
    send({ ...end, arrived: 77, jseq: 5 })
    const source = { device: 'press', topic: end.topic, arrived: 77, jseq: 5 }
    const notices = (await three).map(({ _msgid, ...rest }) => rest)
    assert.deepEqual(
      notices.map(({ notice, device, payload }) => [notice, device, payload]),
      [
        ['stale', 'press/motor', ['temperature']],
        ['stale', 'press', ['rpm', 'load']],
        ['stale', 'press/motor', ['temperature']],
      ],
    )
    assert.deepEqual([notices[1]!.source, notices[1]!.group, notices[1]!.edge], [source, 'plant', 'press'])
    assert.equal(seen().length, 3)
  })

  it('refuses wrong settings, bytes that are none, other topics, and what is too much', async () => {
    for (const wrong of [{ deviceNames: 'x' }, { waiting: 0 }, { waiting: 10_001 }]) {
      const { send, error } = await flow(decode, { ...config, ...wrong })
      const failed = error()
      send(born())
      assert.equal((await failed).code, 'NODE_CONFIG')
      await unload()
    }
    const { send, outputs, status } = await flow(decode, { ...config, waiting: 1 })
    for (const [msg, code] of [
      [{ ...born(), payload: Buffer.from([0xff]) }, /^CODEC_/],
      [{ ...born(), topic: 'devices/d/telemetry' }, /^CODEC_FORMAT$/],
    ] as const) {
      const one = outputs(1, 1)
      send(msg)
      const { notice, error } = (await one)[0]!
      assert.equal(notice, 'undecodable')
      assert.match(error.code, code)
    }
    const waits = status(/^0 · 1 decode.state.waiting · 3 decode.state.refused$/)
    const two = outputs(2, 1)
    send(rpm(1, 1))
    send(rpm(2, 2))
    const { payload, error } = (await two).find(({ notice }) => notice === 'undecodable')!
    assert.equal(error.code, 'CODEC_LIMIT')
    assert.deepEqual((codec.decode(payload, {}) as any).metrics[0].value, 1)
    await waits
  })

  describe('with a hub', () => {
    let hub: FakeHub
    let asked: { topic: string; payload: Uint8Array }[]
    beforeEach(() => {
      hub = fakeHub()
      asked = []
      Object.assign(hub, { commands: { sparkplug: async (o: (typeof asked)[number]) => void asked.push(o) } })
    })
    const between = async (more: object = {}) => {
      const at = { x: 1, y: 1, z: 't' }
      const source = { id: 'in', type: 'loom-telemetry-in', hub: 'hub', ack: 'flow', start: 'latest', window: 256 }
      const running = await flow(
        [telemetryIn, decode],
        { ...config, ...more },
        { hub, others: [{ ...source, ...at, wires: [['n']] }] },
      )
      await until(() => hub.consumers.size === 2)
      return { ...running, consumer: hub.consumers.get('in')! }
    }
    const append = ({ payload, topic, contentType, device }: ReturnType<typeof said>) =>
      hub.append({ device, kind: kinds.message, topic, payload, props: { v: 1, p: {}, s: {}, e: { contentType } } }).seq

    it('asks through the hub, keeps deliveries of what waits, and acknowledges what has no reading', async () => {
      const { consumer, seen } = await between()
      const birth = append(born())
      const hosts = append({ ...born(), topic: 'spBv1.0/plant/NCMD/press' })
      await until(() => consumer.acked.has(hosts))
      const late = append(rpm(2, 2))
      // The missing number is waited for.
      await until(() => asked.length === 1, seconds30)
      assert.deepEqual([asked[0]!.topic, consumer.acked.has(late)], ['spBv1.0/plant/NCMD/press', false])
      append(rpm(3, 3))
      append(born(4))
      await until(() => seen().length === 4, seconds30)
      assert.deepEqual(
        seen().map(({ payload, delivery }) => [payload.rpm, delivery.from]),
        [
          [0, birth],
          [2, late],
          [3, late + 1],
          [4, late + 2],
        ],
      )
      const end = append(died())
      await until(() => consumer.acked.has(end))
      assert.deepEqual([...consumer.acked], [hosts, end])
      assert.equal(asked.length, 1)
    })

    it('reads again what the flow did not take', async () => {
      const { consumer, seen } = await between()
      append(born())
      const again = append(rpm(1, 1))
      append(rpm(2, 2))
      await until(() => seen().length === 3)
      consumer.retry([again], 0)
      await until(() => seen().length === 4)
      const { payload, properties, redelivered } = seen()[3]!
      assert.deepEqual([payload, properties, redelivered], [{ rpm: 1 }, {}, true])
      assert.equal(consumer.acked.size, 0)
    })

    it('acknowledges what was published twice', async () => {
      const { consumer, seen } = await between()
      append(born())
      const one = rpm(1, 1)
      append(one)
      const twice = append(one)
      await until(() => consumer.acked.has(twice))
      assert.equal(seen().length, 2)
    })

    it('keeps what no birth explains as a dead letter', async () => {
      const { consumer, outputs, seen } = await between()
      const letter = outputs(1, 1)
      append(born())
      const alien = append(rpm(9, 9))
      append(said('NBIRTH', [session(2), { name: 'other', alias: 1, type, value: 1 }], 0))
      const [{ notice, error }] = (await letter) as [Received]
      assert.deepEqual([notice, error.code], ['undecodable', 'CODEC_UNBORN'])
      await until(() => consumer.acked.has(alien))
      const [{ reason, code, stage, topic, payload, consumer: back }] = hub.letters as [FakeHub['letters'][number]]
      assert.deepEqual(
        [reason, code, stage, topic, back],
        ['undecodable', 'CODEC_UNBORN', 'decode', 'spBv1.0/plant/NDATA/press', 'node:n'],
      )
      assert.ok(payload.length)
      await until(() => seen().length === 2)
    })

    it('reads a dead letter that comes back by the names of its session', async () => {
      const { outputs, seen } = await between({ waiting: 1 })
      const two = outputs(2, 1)
      append(rpm(1, 1))
      append(rpm(2, 2))
      assert.deepEqual((await two).map(({ error }) => error?.code).toSorted(), ['CODEC_LIMIT', undefined])
      append(born(3))
      await until(() => seen().length === 2)
      await hub.journal.replayDeadLetter({ id: 1 })
      await until(() => seen().length === 3)
      const { payload, device, replayed, properties } = seen()[2]!
      assert.deepEqual([payload, device, replayed.letter, properties], [{ rpm: 1 }, 'press', 1, {}])
      assert.equal(hub.letters.length, 1)
    })

    it('a wish that the hub refuses is an error with its message', async () => {
      Object.assign(hub.commands, { sparkplug: () => Promise.reject(new LoomError('HUB_DOWN')) })
      const { node } = await between()
      const failed = new Promise<any[]>(resolve => node.on('call:error' as never, (({ args }: any) => resolve(args)) as never))
      append(rpm(1, 1))
      const [error, msg] = await failed
      assert.deepEqual([error.code, msg.notice, msg.topic], ['HUB_DOWN', 'rebirth', 'spBv1.0/plant/NCMD/press'])
    })
  })
})
