import assert from 'node:assert/strict'
import { gzipSync } from 'node:zlib'
import protobuf from 'protobufjs'
import { openSparkplugCodec, type SparkplugCodec } from '../../src/codec/sparkplug/sparkplug-codec.ts'
import { readHostTopic, readSparkplugTopic, sparkplugTopic } from '../../src/codec/sparkplug/topic.ts'
import { seeded } from '../seeded.ts'
import { assertUnpolluted, bytesOf, codedOnly, refusal } from './codec-errors.ts'

/** The part of sparkplug_b.proto that the tests look at, by the library's own parser. */
const { root } = protobuf.parse(`syntax = "proto2";
message Payload {
  optional uint64 timestamp = 1; repeated Metric metrics = 2; optional uint64 seq = 3; optional string uuid = 4; optional bytes body = 5;
  message Metric {
    optional string name = 1; optional uint64 alias = 2; optional uint64 timestamp = 3; optional uint32 datatype = 4;
    optional bool is_historical = 5; optional bool is_transient = 6; optional bool is_null = 7;
    oneof value { uint32 int_value = 10; uint64 long_value = 11; float float_value = 12; double double_value = 13; bool boolean_value = 14;
      string string_value = 15; bytes bytes_value = 16; }
  }
}`)
const Payload = root.lookupType('Payload')
const longs = { longs: String, bytes: String }

/** `type, value, number of the type, field, what stands there` */
const scalars: readonly (readonly [string, unknown, number, string, unknown])[] = [
  ['Int8', -5, 1, 'intValue', 4294967291],
  ['Int16', -32768, 2, 'intValue', 4294934528],
  ['Int32', -2147483648, 3, 'intValue', 2147483648],
  ['Int64', '-9223372036854775808', 4, 'longValue', '9223372036854775808'],
  ['Int64', -1, 4, 'longValue', '18446744073709551615'],
  ['UInt8', 255, 5, 'intValue', 255],
  ['UInt16', 65535, 6, 'intValue', 65535],
  ['UInt32', 4294967295, 7, 'longValue', '4294967295'],
  ['UInt64', '18446744073709551615', 8, 'longValue', '18446744073709551615'],
  ['Float', 0.5, 9, 'floatValue', 0.5],
  ['Double', -1e300, 10, 'doubleValue', -1e300],
  ['Boolean', false, 11, 'booleanValue', false],
  ['String', 'pümpe', 12, 'stringValue', 'pümpe'],
  ['DateTime', 1_700_000_000_123, 13, 'longValue', '1700000000123'],
  ['Text', '', 14, 'stringValue', ''],
  ['UUID', '6ba7b810-9dad-11d1-80b4-00c04fd430c8', 15, 'stringValue', '6ba7b810-9dad-11d1-80b4-00c04fd430c8'],
  ['Bytes', 'AAH/', 17, 'bytesValue', 'AAH/'],
  ['File', 'AAH/', 18, 'bytesValue', 'AAH/'],
  ['Int8Array', [-1, 127], 22, 'bytesValue', bytesOf('ff7f').toString('base64')],
  ['Int16Array', [-1, 258], 23, 'bytesValue', bytesOf('ffff0201').toString('base64')],
  ['Int32Array', [-2, 1], 24, 'bytesValue', bytesOf('feffffff01000000').toString('base64')],
  ['Int64Array', ['-9223372036854775808', 3], 25, 'bytesValue', bytesOf('00000000000000800300000000000000').toString('base64')],
  ['UInt8Array', [0, 255], 26, 'bytesValue', bytesOf('00ff').toString('base64')],
  ['UInt16Array', [65535], 27, 'bytesValue', bytesOf('ffff').toString('base64')],
  ['UInt32Array', [4294967295], 28, 'bytesValue', bytesOf('ffffffff').toString('base64')],
  ['UInt64Array', ['18446744073709551615'], 29, 'bytesValue', bytesOf('ffffffffffffffff').toString('base64')],
  ['FloatArray', [1.5, -2], 30, 'bytesValue', bytesOf('0000c03f000000c0').toString('base64')],
  ['DoubleArray', [1.5], 31, 'bytesValue', bytesOf('000000000000f83f').toString('base64')],
  // Sparkplug 3, 6.4.17: the example of the specification
  [
    ...(['BooleanArray', [false, false, true, true, false, true, false, false, true, true, false, true], 32] as const),
    ...(['bytesValue', bytesOf('0c00000034d0').toString('base64')] as const),
  ],
  ['StringArray', ['ABC', 'hello', ''], 33, 'bytesValue', Buffer.from('ABC\0hello\0\0').toString('base64')],
  ['DateTimeArray', [1256102875335], 34, 'bytesValue', bytesOf('c7d0907524010000').toString('base64')],
]

const dataset = {
  columns: ['n', 'text', 'ok'],
  types: ['Int8', 'String', 'Boolean'],
  rows: [
    [-3, 'a', true],
    [4, null, false],
  ],
}
const template = {
  version: 'v1',
  ref: 'pump',
  metrics: [{ name: 'rpm', type: 'Int16', value: -9 }],
  parameters: [{ name: 'size', type: 'Int32', value: -1 }],
}
const properties = {
  quality: { type: 'Int32', value: 192 },
  range: { type: 'PropertySet', value: { low: { type: 'Double', value: -1.5 } } },
  steps: { type: 'PropertySetList', value: [{ a: { type: 'Boolean', value: true } }, {}] },
  unit: { type: 'String', value: null },
}
const full = {
  timestamp: 1_700_000_000_000,
  seq: 255,
  metrics: [
    { name: 'rows', alias: 3, timestamp: 1, historical: true, transient: true, type: 'DataSet', value: dataset },
    { name: 'pump', type: 'Template', value: template },
    { name: 'gone', type: 'Int32', value: null },
    {
      ...{ alias: '18446744073709551615', type: 'Bytes', value: 'AA==', properties },
      metadata: { multiPart: true, contentType: 'x', size: 7, seq: 1, fileName: 'f', fileType: 't', md5: 'm', description: 'd' },
    },
  ],
}

describe('Sparkplug B payloads', () => {
  let codec: SparkplugCodec
  before(async () => {
    codec = await openSparkplugCodec()
  })
  const encoded = (value: unknown): Uint8Array => codec.encode!(value, {})

  for (const [type, value, datatype, field, held] of scalars)
    it(`${type} ${JSON.stringify(value).slice(0, 40)} travels as ${field}`, () => {
      const bytes = encoded({ metrics: [{ name: 'm', type, value }] })
      const read = Payload.toObject(Payload.decode(bytes), longs)
      assert.deepEqual(read, { metrics: [{ name: 'm', datatype, [field]: held }] })
      assert.deepEqual(codec.decode(bytes, {}), { metrics: [{ name: 'm', type, value }] })
    })

  it('data sets, templates, properties and metadata come back as they were', () => {
    assert.deepEqual(codec.decode(encoded(full), {}), full)
  })

  it('null is said by a mark, and so is what is historical', () => {
    const bytes = Payload.encode({
      metrics: [
        { name: 'a', datatype: 3, isNull: true, intValue: 7 },
        { name: 'b', datatype: 3 },
        { alias: 0, isHistorical: false },
      ],
    }).finish()
    assert.deepEqual(codec.decode(bytes, {}), {
      metrics: [
        { name: 'a', type: 'Int32', value: null },
        { name: 'b', type: 'Int32', value: null },
        { alias: 0, value: null },
      ],
    })
  })

  it('signed numbers are two’s complement of their own width or of the field’s, and unsigned ones of either field', () => {
    const read = (datatype: number, value: object) =>
      (codec.decode(Payload.encode({ metrics: [{ datatype, ...value }] }).finish(), {}) as any).metrics[0].value
    assert.equal(read(1, { intValue: 0xfb }), -5)
    assert.equal(read(2, { intValue: 0xfffb }), -5)
    assert.equal(read(1, { longValue: 0xfffffffb }), -5)
    assert.equal(read(7, { intValue: 0xffffffff }), 4294967295)
    assert.equal(read(10, { floatValue: 0.5 }), 0.5)
  })

  it('a compressed body is what is in it', () => {
    const inner = encoded({ seq: 3, metrics: [{ name: 'a', type: 'Int8', value: 1 }] })
    const metrics = [{ name: 'algorithm', datatype: 12, stringValue: 'GZIP' }]
    const outer = Payload.encode({ uuid: 'SPBV1.0_COMPRESSED', body: gzipSync(inner), metrics }).finish()
    assert.deepEqual(codec.decode(outer, {}), { seq: 3, metrics: [{ name: 'a', type: 'Int8', value: 1 }] })
    const bomb = Payload.encode({ uuid: 'SPBV1.0_COMPRESSED', body: gzipSync(Buffer.alloc(1_000_000)), metrics }).finish()
    assert.match(
      refusal(() => codec.decode(bomb, {})),
      /^CODEC_LIMIT/,
    )
  })

  for (const [what, hex, expected] of [
    ['a tag of the number 0', '00', 'CODEC_FORMAT at 0'],
    ['a group', '13', 'CODEC_FORMAT at 0'],
    ['a wire type that there is not', '17', 'CODEC_FORMAT at 0'],
    ['a list of metrics as a number', '1001', 'CODEC_FORMAT at 0'],
    ['a metric that ends after the bytes', '1205', 'CODEC_TRUNCATED at 2'],
    ['a name that ends after its metric', '12020a05 4142434445', 'CODEC_FORMAT at 2'],
    ['a name that is no UTF-8', '12030a01ff', 'CODEC_FORMAT at 4'],
    ['a number that does not end', '08ffff', 'CODEC_TRUNCATED at 3'],
    ['a type that there is not', '12022063', 'CODEC_INVALID at metrics[0].type'],
    ['a text for a whole number', '1205 2003 7a0141', 'CODEC_INVALID at metrics[0].value'],
    ['three bytes of Int16', '1208 2017 820103 010203', 'CODEC_INVALID at metrics[0].value'],
  ] as const)
    it(`${what} is refused`, () =>
      assert.equal(
        refusal(() => codec.decode(bytesOf(hex), {})),
        expected,
      ))

  for (const [what, metric, at] of [
    ['a number too large for its type', { name: 'a', type: 'Int8', value: 128 }, 'metrics[0].value'],
    ['an unknown type', { name: 'a', type: 'Int9', value: 1 }, 'metrics[0].type'],
    ['no type for a list', { name: 'a', value: [1] }, 'metrics[0].type'],
    ['a name that is no text', { name: 1, type: 'Int8', value: 1 }, 'metrics[0].name'],
    ['an item of an array', { type: 'UInt8Array', value: [1, -1] }, 'metrics[0].value[1]'],
    ['a row that is too short', { type: 'DataSet', value: { ...dataset, rows: [[1]] } }, 'metrics[0].value.rows[0]'],
    [
      'a parameter’s name',
      { type: 'Template', value: { parameters: [{ name: 1, value: 1 }] } },
      'metrics[0].value.parameters[0].name',
    ],
    ['no object', 7, 'metrics[0]'],
  ] as const)
    it(`${what} is not written`, () =>
      assert.equal(
        refusal(() => encoded({ metrics: [metric] })),
        `CODEC_INVALID at ${at}`,
      ))

  it('templates go no deeper than the limit, and metrics are no more', () => {
    let deep: object = { metrics: [] }
    for (let i = 0; i < 70; i++) deep = { metrics: [{ type: 'Template', value: deep }] }
    assert.match(
      refusal(() => encoded(deep)),
      /^CODEC_LIMIT/,
    )
    let bytes = Buffer.alloc(0)
    const sized = (tag: number[], of: Buffer) =>
      Buffer.concat([Buffer.from([...tag, (of.length & 0x7f) | 0x80, of.length >> 7]), of])
    for (let i = 0; i < 70; i++) bytes = sized([0x12], sized([0x92, 0x01], bytes))
    assert.match(
      refusal(() => codec.decode(bytes, {})),
      /^CODEC_LIMIT/,
    )
    assert.match(
      refusal(() => codec.decode(Buffer.alloc(400_000, bytesOf('1200')), {})),
      /^CODEC_LIMIT/,
    )
    assert.match(
      refusal(() => codec.decode(Buffer.alloc(1_048_577), {})),
      /^CODEC_LIMIT/,
    )
  })

  it('changed bytes give coded errors or values, and touch nothing else', () => {
    const random = seeded(20_260)
    const good = Buffer.from(
      encoded({
        ...full,
        metrics: [...full.metrics, ...scalars.map(([type, value], i) => ({ name: `__proto__`, alias: i, type, value }))],
      }),
    )
    for (let round = 0; round < 4000; round++) {
      const bytes = Buffer.from(good.subarray(0, random.below(4) ? good.length : random.below(good.length)))
      for (let i = 0; i < 1 + random.below(6) && bytes.length; i++) bytes[random.below(bytes.length)] = random.below(256)
      const value = codedOnly(() => codec.decode(bytes, {}))
      if (value !== undefined) codedOnly(() => codec.encode!(value, {}))
    }
    assertUnpolluted()
  })
})

describe('Sparkplug topics', () => {
  it('are read and written', () => {
    for (const [topic, read] of [
      ['spBv1.0/g/NBIRTH/e', { group: 'g', kind: 'NBIRTH', edge: 'e' }],
      ['spBv1.0/g x/DDATA/e/d', { group: 'g x', kind: 'DDATA', edge: 'e', device: 'd' }],
    ] as const) {
      assert.deepEqual(readSparkplugTopic(topic), read)
      assert.equal(sparkplugTopic(read), topic)
    }
  })

  it('of another form are none', () => {
    for (const topic of [
      ...['spBv1.0/g/NBIRTH', 'spBv1.0/g/NBIRTH/e/d', 'spBv1.0/g/DBIRTH/e', 'spBv1.0/g/DBIRTH/e/', 'spBv1.0/g/XDATA/e'],
      ...['spBv1.0//NDATA/e', 'spAv1.0/g/NDATA/e', 'spBv1.0/g/DDATA/e/d/x', 'spBv1.0/g/NDATA/+', 'spBv1.0/STATE/h'],
    ])
      assert.equal(readSparkplugTopic(topic), undefined, topic)
    assert.equal(readHostTopic('spBv1.0/STATE/h'), 'h')
    assert.equal(readHostTopic('STATE/h'), 'h')
    assert.equal(readHostTopic('x/STATE/h'), undefined)
  })
})
