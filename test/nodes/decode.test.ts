import assert from 'node:assert/strict'
import { gzipSync } from 'node:zlib'
import decode from '../../nodes/decode/decode.ts'
import telemetryIn from '../../nodes/telemetry-in/telemetry-in.ts'
import { createAvroCodec } from '../../src/codec/avro/avro-codec.ts'
import { openCodec } from '../../src/codec/codecs.ts'
import { LoomError } from '../../src/errors.ts'
import { type FakeHub, fakeHub, message } from '../fake-hub.ts'
import { flow, type Received, unload } from '../flow.ts'
import { until } from '../until.ts'

const config = { type: 'loom-decode', format: 'auto', compression: 'auto' }
const bad = { payload: Buffer.from([0xff]), contentType: 'application/cbor', device: 'd1' }
const schema = { type: 'record', name: 'R', fields: [{ name: 't', type: 'int' }] }
const avro = createAvroCodec()
const written = (value: unknown, frame: 'single' | 'container' | 'bare') =>
  Buffer.from(avro.encode!(value, { schema: { writer: { type: 'AVRO', schema: JSON.stringify(schema) }, frame } }))
const delivery = { hub: 'test', consumer: 'c', from: 1, to: 3 }
const unwired = (node: object) => (node as { updateWires(wires: string[][]): void }).updateWires([['out0'], []])

describe('loom-decode', () => {
  afterEach(unload)

  it('makes a reading of bytes and keeps what else the message has', async () => {
    const { send, outputs } = await flow(decode, config)
    for (const name of ['json', 'cbor', 'msgpack'] as const) {
      const one = outputs(1)
      const payload = Buffer.from((await openCodec(name)).encode!({ t: 21.5 }, {}))
      const what = { device: 'd1', time: 50, arrived: 60, stream: 's', properties: { a: 'b' }, topic: 'x/y', jseq: 7, kept: 1 }
      send({ payload, contentType: `application/${name}`, contentEncoding: 'identity', ...what })
      const { _msgid, ...rest } = (await one)[0]!
      assert.deepEqual(rest, { payload: { t: 21.5 }, ...what, idx: 0 }, name)
    }
  })

  it('reads JSON in UTF-16 by its content encoding, also compressed, and CSV in no other than UTF-8', async () => {
    const { node, send, outputs, error } = await flow(decode, config)
    const payload = Buffer.from('{"t":"ö"}', 'utf16le')
    for (const given of [
      { payload, contentEncoding: 'utf-16', contentType: 'application/json' },
      { payload, contentEncoding: 'UTF-16LE' },
      { payload: gzipSync(payload), contentEncoding: 'gzip', contentType: 'application/json; charset=utf-16' },
    ]) {
      const one = outputs(1)
      send({ device: 'd1', ...given })
      const [{ payload: values, contentEncoding }] = (await one) as [Received]
      assert.deepEqual([values, contentEncoding], [{ t: 'ö' }, undefined])
    }
    unwired(node)
    const failed = error()
    send({ payload: Buffer.from('t\n1\n', 'utf16le'), contentEncoding: 'utf-16', contentType: 'text/csv' })
    assert.equal((await failed).code, 'CODEC_FORMAT')
  })

  it('reads an event whose attributes are user properties, by either name', async () => {
    const { send, outputs } = await flow(decode, config)
    const attributes = { specversion: '1.0', id: '1', source: '/pump', type: 'measured', time: '2026-01-31T08:00:00Z' }
    for (const name of ['properties', 'userProperties']) {
      const one = outputs(1)
      send({ device: 'd1', payload: Buffer.from('{"t":5}'), contentType: 'application/json', [name]: attributes })
      const [{ payload, time }] = (await one) as [Received]
      assert.deepEqual([payload, time], [{ t: 5 }, Date.parse(attributes.time)], name)
    }
  })

  it('takes the time of the body where the message has none but its arrival', async () => {
    const { send, outputs } = await flow(decode, { ...config, timeMember: 'at' })
    const payload = JSON.stringify({ at: 1_600_000_000_000, t: 1 })
    for (const [time, taken] of [
      [1_700_000_000_000, 1_600_000_000_000],
      [1_650_000_000_000, 1_650_000_000_000],
    ]) {
      const one = outputs(1)
      send({ payload, device: 'd1', time, arrived: 1_700_000_000_000 })
      const [{ payload: values, time: found }] = (await one) as [Received]
      assert.deepEqual([values, found], [{ t: 1 }, taken])
    }
  })

  it('makes a batch of many readings, and several messages of more than a thousand, parts of one delivery', async () => {
    const { send, outputs } = await flow(decode, config)
    const one = outputs(1)
    send({ payload: 'a;t\n1;2\n3;4\n', contentType: 'text/csv', device: 'd1' })
    await one
    const many = Array.from({ length: 2500 }, (_, t) => ({ t }))
    const three = outputs(3)
    send({ payload: written(many, 'container'), device: 'd1', delivery })
    const made = await three
    assert.deepEqual(
      made.map(({ payload }) => payload.length),
      [1000, 1000, 500],
    )
    assert.deepEqual(
      made.map(({ delivery: { parts } }) => parts),
      [0, 1, 2].map(i => [{ i, of: 3 }]),
    )
    const { device, values, idx } = made[2]!.payload[499]
    assert.deepEqual([device, values, idx], ['d1', { t: 2499 }, 2499])
  })

  it('lets others run while it reads a long file', async () => {
    const { send, outputs } = await flow(decode, config)
    let turns = 0
    let running = true
    const count = (): void => {
      turns++
      if (running && turns < 100_000) setImmediate(count)
    }
    const all = outputs(20)
    setImmediate(count)
    send({
      payload: written(
        Array.from({ length: 20_000 }, (_, t) => ({ t })),
        'container',
      ),
      device: 'd1',
    })
    await all
    running = false
    assert.ok(turns > 30, String(turns))
  })

  it('takes compression off, by the content encoding or the first bytes', async () => {
    const { send, outputs } = await flow(decode, config)
    const payload = gzipSync('{"t":1}')
    for (const contentEncoding of ['gzip', undefined]) {
      const one = outputs(1)
      send({ payload, device: 'd1', contentEncoding })
      assert.deepEqual((await one)[0]!.payload, { t: 1 })
    }
  })

  it('does not guess that bytes are compressed which may be a value of their format', async () => {
    const { send, outputs } = await flow(decode, { ...config, format: 'cayenne', extended: true })
    const one = outputs(1)
    send({ payload: Buffer.from([0x78, 0x01, 0x05]), device: 'd1' })
    assert.deepEqual((await one)[0]!.payload, { digital_out_120: 5 })
  })

  it('reads bits and bytes by the layout that it is given, with the time in them, and rows as a batch', async () => {
    const fields = [
      { name: 'at', type: 'uint32' },
      { name: 't', type: 'int16', scale: 0.1 },
      { name: 'open', type: 'bool' },
    ]
    const bytes = (t: number) => Buffer.from([0x65, 0x53, 0xf1, 0x00 + t, 0x01, 0x10 + t, 0x80])
    for (const [layout, payload, values] of [
      [fields, bytes(0), { t: 27.2, open: true }],
      [{ rows: fields }, Buffer.concat([bytes(1), bytes(2)]), [27.3, 27.4].map(t => ({ t, open: true }))],
    ] as const) {
      const { send, outputs } = await flow(decode, {
        ...config,
        ...{ format: 'layout', timeMember: 'at', layout: JSON.stringify(layout) },
      })
      const one = outputs(1)
      send({ payload, device: 'd1', time: 1_700_000_000_000, arrived: 1_700_000_000_000 })
      const [{ payload: made, time }] = (await one) as [Received]
      if (!Array.isArray(values)) assert.deepEqual([made, time], [values, 1_700_000_000_000])
      else {
        assert.deepEqual(
          made.map((reading: Received) => [reading.values, reading.time]),
          values.map((value, i) => [value, 1_700_000_001_000 + 1000 * i]),
        )
      }
      await unload()
    }
  })

  it('names the field of a layout that a payload is too short for', async () => {
    const layout = JSON.stringify([{ name: 't', type: 'int16' }])
    const { send, outputs } = await flow(decode, { ...config, format: 'layout', layout })
    const one = outputs(1, 1)
    send({ payload: Buffer.from([1]), device: 'd1' })
    const [{ notice, error }] = (await one) as [Received]
    assert.deepEqual([notice, error.code, error.position], ['undecodable', 'CODEC_TRUNCATED', 1])
    assert.match(error.message, /field "t"/)
  })

  it('says where a layout is wrong before anything comes', async () => {
    for (const [layout, position] of [
      ['', ''],
      ['[', 'layout'],
      ['[{"name": "t", "type": "int17"}]', '[0].type'],
      ['{"rows": [{"name": "t", "type": "bits"}]}', 'rows[0].length'],
    ]) {
      const { send, error } = await flow(decode, { ...config, format: 'layout', layout })
      const failed = error()
      send(bad)
      const { code, position: found } = await failed
      assert.deepEqual([code, found], ['NODE_CONFIG', position], layout)
      await unload()
    }
  })

  it('passes what is decoded already as it is', async () => {
    const { send, outputs } = await flow(decode, config)
    const two = outputs(2)
    const batch = [{ device: 'd1', time: 1, values: { t: 1 } }]
    send({ payload: { t: 1 }, device: 'd1', contentType: 'kept' })
    send({ payload: batch, delivery })
    const [first, second] = (await two) as [Received, Received]
    assert.deepEqual([first.payload, first.contentType, second.payload, second.delivery], [{ t: 1 }, 'kept', batch, delivery])
  })

  it('makes differences whole, of bytes and of readings, and asks for a key frame where there is none', async () => {
    const { send, outputs, seen } = await flow(decode, { ...config, keyFrames: true })
    const wish = outputs(1, 1)
    const made = outputs(3)
    const frame = (kind: string) => ({ device: 'd1', stream: 's', properties: { frame: kind } })
    send({ payload: { t: 1 }, ...frame('diff'), time: 900 })
    send({ payload: '{"t":1,"h":40}', ...frame('key'), time: 1000 })
    send({ payload: { t: 2 }, ...frame('diff'), time: 2000 })
    send({ payload: [{ ...frame('diff'), time: 3000, values: { h: null } }] })
    assert.deepEqual(
      (await made).map(({ payload }) => payload[0]?.values ?? payload),
      [{ t: 1, h: 40 }, { t: 2, h: 40 }, { t: 2 }],
    )
    const [{ notice, device, stream }] = (await wish) as [Received]
    assert.deepEqual([notice, device, stream, seen(1).length], ['key-frame', 'd1', 's', 1])
  })

  it('needs no device, and then names none', async () => {
    const { send, outputs } = await flow(decode, config)
    const two = outputs(2)
    send({ payload: '{"t":1}' })
    send({ payload: '[{"t":1},{"t":2}]' })
    const [first, second] = (await two) as [Received, Received]
    assert.equal('device' in first, false)
    assert.equal('device' in second.payload[0], false)
  })

  it('sends what it cannot decode to output 2 with its delivery, where no hub keeps it', async () => {
    const { send, outputs, seen } = await flow(decode, config)
    for (const [msg, notice, code] of [
      [bad, 'undecodable', 'CODEC_FORMAT'],
      [{ payload: Buffer.from([0x82, 1]), contentType: 'application/cbor' }, 'undecodable', 'CODEC_TRUNCATED'],
      [{ payload: Buffer.from([1, 2, 3]) }, 'undecodable', 'CODEC_FORMAT'],
      [{ payload: '[{"t":1},2]' }, 'undecodable', 'TELEMETRY_UNDECODABLE'],
      [{ payload: written({ t: 1 }, 'single') }, 'schema-unknown', 'SCHEMA_UNKNOWN'],
      [{ payload: Buffer.from([2]), contentType: 'application/avro' }, 'schema-unknown', 'SCHEMA_UNKNOWN'],
    ] as const) {
      const one = outputs(1, 1)
      send({ ...msg, delivery })
      const { payload, notice: said, error, delivery: passed } = (await one)[0]!
      assert.deepEqual([said, error.code, passed], [notice, code, delivery])
      assert.deepEqual(payload, msg.payload)
    }
    assert.equal(seen().length, 0)
  })

  it('fails where nobody listens to output 2', async () => {
    const { send, error, node } = await flow(decode, config)
    unwired(node)
    const failed = error()
    send(bad)
    assert.equal((await failed).code, 'CODEC_FORMAT')
  })

  it('reports wrong settings', async () => {
    for (const [wrong, code] of [
      [{ format: 'xml' }, 'NODE_CONFIG'],
      [{ compression: 'rar' }, 'NODE_CONFIG'],
      [{ schemas: 'nowhere' }, 'NODE_CONFIG'],
      [{ subject: 'room' }, 'HUB_MISSING'],
    ] as const) {
      const { send, error } = await flow(decode, { ...config, ...wrong })
      const failed = error()
      send(bad)
      assert.equal((await failed).code, code, JSON.stringify(wrong))
      await unload()
    }
  })

  it('registers no schema without a hub', async () => {
    const { send, error } = await flow(decode, config)
    for (const [registry, code] of [
      [{ subject: 'room' }, 'HUB_MISSING'],
      [{}, 'SCHEMA_INVALID'],
    ] as const) {
      const failed = error()
      send({ payload: schema, registry })
      assert.equal((await failed).code, code)
    }
  })

  describe('with a hub', () => {
    let hub: FakeHub
    beforeEach(() => {
      hub = fakeHub()
    })

    /** Fed by loom-telemetry-in. */
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

    it('keeps what it cannot decode as a dead letter and acknowledges the record', async () => {
      const { consumer, outputs, seen } = await between()
      const notice = outputs(1, 1)
      const { seq, at } = hub.append(message('d1', Buffer.from([0xff]), { contentType: 'application/cbor', stream: 's', seq: 5 }))
      const { notice: said, error, delivery: passed } = (await notice)[0]!
      assert.deepEqual([said, error.code, error.position, passed], ['undecodable', 'CODEC_FORMAT', 0, undefined])
      await until(() => consumer.acked.has(seq))
      const [{ message: _, payload, ...letter }] = hub.letters as [FakeHub['letters'][number]]
      assert.deepEqual(letter, {
        id: 1,
        at: 0,
        reason: 'undecodable',
        code: 'CODEC_FORMAT',
        device: 'd1',
        topic: 'devices/d1/telemetry',
        properties: {},
        jseq: seq,
        arrived: at,
        envelope: { stream: 's', seq: 5, contentType: 'application/cbor' },
        consumer: 'node:n',
        node: 'n',
        stage: 'decode',
        tries: 1,
        replays: 0,
        state: 'open',
      })
      assert.deepEqual([...payload], [0xff])
      assert.equal(seen().length, 0)
    })

    it('leaves a record alone whose dead letter cannot be kept', async () => {
      const { consumer, error, seen } = await between()
      const failed = error()
      hub.failing = new LoomError('JOURNAL_FULL')
      hub.append(message('d1', Buffer.from([0xff]), { contentType: 'application/cbor' }))
      assert.equal((await failed).code, 'JOURNAL_FULL')
      assert.deepEqual([consumer.acked.size, seen(1).length], [0, 0])
    })

    it('is an error after the letter is kept where nobody listens to output 2', async () => {
      const { consumer, error, node } = await between()
      unwired(node)
      const failed = error()
      const { seq } = hub.append(message('d1', Buffer.from([0xff]), { contentType: 'application/cbor' }))
      assert.equal((await failed).code, 'CODEC_FORMAT')
      await until(() => consumer.acked.has(seq))
      assert.equal(hub.letters.length, 1)
    })

    it('acknowledges what holds no reading', async () => {
      const { consumer, seen } = await between()
      const payload = Buffer.from([0x80])
      const { seq } = hub.append(message('d1', payload, { contentType: 'application/cbor' }))
      await until(() => consumer.acked.has(seq))
      assert.deepEqual([seen().length, seen(1).length], [0, 0])
    })

    it('lets a problem of its own fail, and the record come again', async () => {
      const { consumer, error } = await between({ subject: 'room' })
      Object.assign(hub, { schemas: { get: () => Promise.reject(new LoomError('HUB_DOWN')) } })
      const failed = error()
      hub.append(message('d1', Buffer.from([0xa0]), { contentType: 'application/cbor' }))
      assert.equal((await failed).code, 'HUB_DOWN')
      assert.deepEqual([consumer.acked.size, hub.letters.length], [0, 0])
    })
  })
})
