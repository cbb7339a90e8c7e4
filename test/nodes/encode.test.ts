import assert from 'node:assert/strict'
import decode from '../../nodes/decode/decode.ts'
import encode from '../../nodes/encode/encode.ts'
import { flow, type Received, unload } from '../flow.ts'

const at = { x: 1, y: 1, z: 't' }
const time = 1_700_000_000_000
const avro = JSON.stringify({ type: 'record', name: 'R', fields: [{ name: 't', type: 'double' }] })
const proto = 'syntax = "proto3"; message R { double t = 1; }'
const layout = [{ name: 't', type: 'uint8', scale: 0.1 }]
const timed = { name: 'at', type: 'uint64' }
const batch = [
  { device: 'd1', time, values: { t: 1.5 } },
  { device: 'd1', time: time + 1, values: { t: 2.5 } },
]

describe('loom-encode', () => {
  afterEach(unload)
  const open = (more: object) => flow(encode, { type: 'loom-encode', ...more })

  it('makes bytes that loom-decode makes the same readings of, compressed too', async () => {
    for (const [format, more, contentType] of [
      ['json', {}, 'application/json'],
      ['cbor', { compression: 'gzip' }, 'application/cbor'],
      ['msgpack', { compression: 'deflate' }, 'application/msgpack'],
      ['senml', {}, 'application/senml+json'],
      ['senml-cbor', {}, 'application/senml+cbor'],
      ['csv', { timeMember: 'at' }, 'text/csv'],
      ['avro', { schemaText: avro, frame: 'container' }, 'application/avro'],
    ] as const) {
      const config = { type: 'loom-decode', format: 'auto', timeMember: format === 'csv' ? 'at' : '' }
      const writer = { id: 'e', type: 'loom-encode', format, ...more, ...at, wires: [['n']] }
      const { get, outputs, node } = await flow([encode, decode], config, { others: [writer] })
      const seen: Received[] = []
      node.on('input', msg => void seen.push(msg))
      const two = outputs(2)
      get('e').receive({ payload: batch[0]!.values, device: 'd1', time } as never)
      get('e').receive({ payload: batch, device: 'd1' } as never)
      const [single, many] = (await two) as [Received, Received]
      assert.deepEqual(single.payload, { t: 1.5 }, format)
      assert.deepEqual(
        many.payload.map(({ values }: Received) => values),
        [{ t: 1.5 }, { t: 2.5 }],
        format,
      )
      if (format !== 'avro') assert.equal(many.payload[1].time, time + 1, format)
      assert.deepEqual(
        [seen[0]!.contentType, seen[0]!.contentEncoding],
        [contentType, (more as { compression?: string }).compression],
      )
      await unload()
    }
  })

  it('makes a message of each reading where a format holds one, parts of one delivery', async () => {
    for (const more of [
      { format: 'avro', schemaText: avro },
      { format: 'protobuf', schemaText: proto },
      { format: 'layout', layout: JSON.stringify(layout) },
    ]) {
      const { send, outputs } = await open(more)
      const two = outputs(2)
      send({ payload: batch, kept: 1, contentEncoding: 'gone', delivery: { hub: 'h', consumer: 'c', from: 1, to: 2 } })
      const made = await two
      assert.deepEqual(
        made.map(({ device, time: of, kept, contentEncoding, delivery }) => [device, of, kept, contentEncoding, delivery.parts]),
        [0, 1].map(i => ['d1', time + i, 1, undefined, [{ i, of: 2 }]]),
      )
      assert.ok(made.every(({ payload }) => Buffer.isBuffer(payload)))
      await unload()
    }
  })

  it('makes one message of a batch of a layout with rows', async () => {
    const { send, outputs } = await open({
      format: 'layout',
      timeMember: 'at',
      layout: JSON.stringify({ rows: [...layout, timed] }),
    })
    const one = outputs(1)
    send({ payload: batch, device: 'd1' })
    const [{ payload, contentType }] = (await one) as [Received]
    assert.deepEqual([payload.toString('hex'), contentType], ['0f0000018bcfe56800190000018bcfe56801', 'application/octet-stream'])
  })

  it('changes nothing that came in', async () => {
    const { send, outputs } = await open({ format: 'json', timeMember: 'at' })
    const payload = Object.freeze({ t: 1 })
    const one = outputs(1)
    send({ payload, time, topic: 'x' })
    const [made] = (await one) as [Received]
    assert.deepEqual([String(made.payload), made.topic], [`{"t":1,"at":${time}}`, 'x'])
    assert.deepEqual(payload, { t: 1 })
  })

  it('says what it cannot write', async () => {
    for (const [more, payload, code] of [
      [{ format: 'avro', schemaText: avro }, { t: 'x' }, 'CODEC_INVALID'],
      [{ format: 'avro', schemaText: '{' }, { t: 1 }, 'SCHEMA_INVALID'],
      [{ format: 'avro', schemaText: avro, frame: 'registry' }, { t: 1 }, 'SCHEMA_UNKNOWN'],
      [{ format: 'avro' }, { t: 1 }, 'NODE_CONFIG'],
      [{ format: 'json', frame: 'odd' }, { t: 1 }, 'NODE_CONFIG'],
      [{ format: 'json', version: '0' }, { t: 1 }, 'NODE_CONFIG'],
      [{ format: 'cloudevents' }, { t: 1 }, 'CODEC_INVALID'],
      [{ format: 'cayenne' }, { t: 1 }, 'CODEC_INVALID'],
      [{ format: 'json' }, { t: 'x'.repeat(1_100_000) }, 'CODEC_LIMIT'],
      [{ format: 'layout', layout: JSON.stringify(layout) }, { t: 30 }, 'CODEC_INVALID'],
      [{ format: 'layout', layout: '{}' }, { t: 1 }, 'NODE_CONFIG'],
      [{ format: 'nothing' }, { t: 1 }, 'NODE_CONFIG'],
    ] as const) {
      const { send, error } = await open(more)
      const failed = error()
      send({ payload })
      assert.equal((await failed).code, code, JSON.stringify(more))
      await unload()
    }
  })
})
