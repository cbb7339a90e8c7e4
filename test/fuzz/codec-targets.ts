import assert from 'node:assert/strict'
import { createAvroCodec } from '../../src/codec/avro/avro-codec.ts'
import { binaryEvent } from '../../src/codec/cloud-events.ts'
import type { Codec, CodecContext } from '../../src/codec/codec.ts'
import { type CodecName, codecNames, type CodecOptions, detectCodec, openCodec } from '../../src/codec/codecs.ts'
import { compressed, type Compression, compressionByMagic, inflated } from '../../src/codec/compression.ts'
import { readingsOfDecoded } from '../../src/codec/decoded-readings.ts'
import type { Layout } from '../../src/codec/layout/layout.ts'
import { layoutCodec } from '../../src/codec/layout/layout-codec.ts'
import { randomValue } from '../codec/random-value.ts'
import { seeded } from '../seeded.ts'
import { hostile, mutatedBytes, mutatedText, mutatedValue } from './mutate.ts'
import { bytesIn, type Family, type Random, type Target } from './target.ts'

const ofCodecs = /^(CODEC|SCHEMA)_/
const arrived = 1_790_000_000_000
const record = {
  id: 'pump-1',
  time: arrived,
  temperature: 21.5,
  big: '9007199254740993',
  state: 'läuft',
  alarm: false,
  list: [1, null, 'x'],
  in: { a: { b: 1 } },
}

interface Input {
  /** base64 */
  bytes: string
  context?: CodecContext
}

/** What a codec made of many values, and those values. */
function samplesOf(codec: Codec, values: readonly unknown[], context: CodecContext = {}): Uint8Array[] {
  return values.map(value => codec.encode!(value, context))
}

const randomValues = Array.from({ length: 60 }, (_, i) => randomValue(seeded(i), { bits: 62 }).value)

function decoderTarget(codec: Codec, from: readonly Uint8Array[], context?: (random: Random) => CodecContext): Target<Input> {
  return {
    codes: ofCodecs,
    make: random => ({ bytes: mutatedBytes(random, from).toString('base64'), ...(context && { context: context(random) }) }),
    run({ bytes: text, context = {} }) {
      const bytes = bytesIn(text)
      const value = codec.decode(bytes, { arrived, ...context })
      assert.ok(bytes.equals(bytesIn(text)), 'the bytes were changed')
      return value
    },
  }
}

/** Of formats whose values are those of JSON: what was read is written and read again as the same, from the second time on: a large number may become digits. */
async function mirrored(name: CodecName, more: readonly Uint8Array[] = []): Promise<Target<Input>> {
  const codec = await openCodec(name as 'json')
  const target = decoderTarget(codec, [
    ...samplesOf(codec, [...randomValues.filter(value => value !== undefined), record]),
    ...more,
  ])
  return {
    ...target,
    run(input) {
      const value = target.run(input)
      const again = (written: unknown): unknown => codec.decode(codec.encode!(written, {}), { inflated: true })
      const once = again(value)
      // As texts: JSON has a zero below zero, but is not written with it.
      assert.equal(JSON.stringify(again(once)), JSON.stringify(once))
      return value
    },
  }
}

const hexes = (...texts: string[]): Buffer[] => texts.map(text => Buffer.from(text, 'hex'))

const csvOptions: readonly CodecOptions['csv'][] = [
  {},
  { decimal: ',', separator: ';' },
  { columns: ['id', 'a', '__proto__'], header: false },
  { types: { id: 'text', a: 'number', b: 'boolean', t: 'time' } },
]
const csvTexts = [
  'id,a,b,t\r\npump-1,1.5,true,2026-01-01T00:00:00Z\r\n"x ""y""",2,,\r\n',
  'id;a\n1;2,5\n"a\nb";-0,1\n',
  '\ufeffid,a\n',
  '__proto__,constructor\n1,2\n',
]

async function csv(): Promise<Target<{ bytes: string; options: number }>> {
  const codecs = await Promise.all(csvOptions.map(options => openCodec('csv', options)))
  const seeds = csvTexts.map(text => Buffer.from(text))
  const words = [
    '"',
    '""',
    ',',
    ';',
    '\r',
    '\n',
    '\r\n',
    '\ufeff',
    '\t',
    '=1+1',
    '__proto__',
    '1e999',
    '\u0000',
    '2026-13-40',
    ',,,,',
  ]
  return {
    codes: ofCodecs,
    make: random => ({
      bytes: (random.below(2) ? Buffer.from(mutatedText(random, csvTexts, words)) : mutatedBytes(random, seeds)).toString(
        'base64',
      ),
      options: random.below(codecs.length),
    }),
    run({ bytes, options }) {
      const codec = codecs[options]!
      const rows = codec.decode(bytesIn(bytes), {})
      codec.encode!(rows, {})
      return rows
    },
  }
}

async function cayenne(): Promise<Target<Input>> {
  const codec = await openCodec('cayenne', { extended: true, names: { temperature_1: '__proto__' } })
  return decoderTarget(
    codec,
    hexes('03670110056700ff', '0188000000000000000000', '06710004d2fb2e0000', '000000ff', '01860001000200030267fffe'),
  )
}

const event = {
  specversion: '1.0',
  id: '1',
  source: '/a',
  type: 't',
  time: '2026-01-01T00:00:00Z',
  datacontenttype: 'application/json',
  data: { a: 1 },
}

async function cloudEvents(): Promise<Target<Input>> {
  const codec = await openCodec('cloudevents')
  const from = [event, [event, { ...event, data: undefined, data_base64: 'AAEC' }], { a: 1 }].map(value =>
    Buffer.from(JSON.stringify(value)),
  )
  const { data, datacontenttype, ...attributes } = event
  const target = decoderTarget(codec, from, random => ({
    contentType: random.pick([
      'application/cloudevents+json',
      'application/cloudevents-batch+json; charset=utf-8',
      'application/json',
      'text/plain',
      'x',
    ]),
    properties: mutatedValue(random, attributes) as Record<string, string>,
  }))
  const structuredTarget: Target<Input> = {
    ...target,
    make(random) {
      if (random.below(2)) return target.make(random)
      const bytes = Buffer.from(JSON.stringify(mutatedValue(random, random.below(2) ? event : [event, event])))
      return { bytes: bytes.toString('base64'), context: { contentType: 'application/cloudevents+json' } }
    },
    run({ bytes, context = {} }) {
      // Properties come as texts, by the protocols that carry them.
      const properties = Object.fromEntries(
        Object.entries(context.properties ?? {}).map(([name, value]) => [name, String(JSON.stringify(value))]),
      )
      const value = codec.decode(bytesIn(bytes), { ...context, properties })
      if (!Array.isArray(value)) binaryEvent(value)
      return value
    },
  }
  return structuredTarget
}

const senmlPack = [
  { name: 'a:t', value: 1.5, unit: 'Cel', time: arrived },
  { name: 'a:s', value: 'x', time: arrived },
  { name: 'a:b', data: 'AAEC' },
  { name: 'a:l', value: true, sum: 3, updateMs: 5000 },
]

async function senml(name: 'senml' | 'senml-cbor'): Promise<Target<Input>> {
  const codec = await openCodec(name)
  const seeds = samplesOf(codec, [senmlPack, senmlPack.slice(0, 1), [{ name: 'a', value: -1e300 }]])
  if (name === 'senml-cbor') return decoderTarget(codec, seeds)
  const pack = [
    { bn: 'a:', bt: 1e9, bu: 'Cel', bv: 1, bs: 2, bver: 10 },
    { n: 't', v: 1, t: -5 },
    { n: 'u', vd: 'AAEC', s: 1, ut: 3 },
  ]
  const target = decoderTarget(codec, seeds)
  return {
    ...target,
    make: random =>
      random.below(2)
        ? target.make(random)
        : { bytes: Buffer.from(JSON.stringify(mutatedValue(random, pack))).toString('base64') },
  }
}

const kinds: readonly Compression[] = ['gzip', 'deflate', 'zstd']

const compression: Target<{ bytes: string; kind: Compression }> = {
  codes: /^CODEC_/,
  make(random) {
    const kind = random.pick(kinds)
    return { bytes: mutatedBytes(random, packed[kind]).toString('base64'), kind: random.below(10) ? kind : random.pick(kinds) }
  },
  run({ bytes: text, kind }) {
    const bytes = bytesIn(text)
    const found = compressionByMagic(bytes)
    assert.ok(found === undefined || kinds.includes(found))
    const plain = inflated(bytes, kind)
    assert.ok(inflated(compressed(plain.subarray(0, 10_000), kind), kind).length === Math.min(plain.length, 10_000))
  },
}

const bodies = [
  Buffer.from(JSON.stringify(record)),
  Buffer.alloc(20_000, 'ab'),
  Buffer.from(Array.from({ length: 3000 }, (_, i) => (i * i * 7) & 255)),
]
const packed = Object.fromEntries(
  kinds.map(kind => [kind, bodies.map((body, i) => compressed(i === 1 ? body.subarray(0, 4000) : body, kind))]),
) as Record<Compression, Uint8Array[]>

const frame: Layout = {
  fields: [
    { name: 'id', type: 'bcd', length: 2 },
    { name: 'kind', type: 'bits', length: 3 },
    { name: 'low', type: 'bool', map: { 1: 'low' } },
  ],
  rows: [
    { name: 'time', type: 'uint64', endian: 'little' },
    { name: 't', type: 'int24', scale: 0.1, map: { '-1': null }, if: { name: 'kind', equals: [1, 2, 3] } },
    { name: 'f', type: 'float32', endian: 'big-swapped' },
    { name: 'x', type: 'bits', bit: 100, length: 60, signed: true, endian: 'little' },
    { name: 'state', type: 'text', length: 5 },
    { name: '__proto__', type: 'bytes', length: 2 },
  ],
}
const row = {
  id: 1234,
  kind: 1,
  low: 'low',
  time: arrived,
  t: 21.5,
  f: 1.5,
  x: '9007199254740993',
  state: 'läu',
  ['__proto__']: 'AAE=',
}

/** What was read is written and read again as the same, but for what no float and no text keeps. */
async function layout(): Promise<Target<Input>> {
  const codec = await openCodec('layout', { layout: frame })
  const target = decoderTarget(codec, samplesOf(codec, [[row], [row, { ...row, state: '' }]]))
  return {
    ...target,
    run(input) {
      const rows = target.run(input) as unknown[]
      if (rows.length > 0) assert.equal(JSON.stringify(codec.decode(codec.encode!(rows, {}), {})), JSON.stringify(rows))
      return rows
    },
  }
}

/** Layouts that people wrote, some of them wrong, and bytes. */
const layouts: Target<{ layout: unknown; bytes: string }> = {
  codes: ofCodecs,
  make: random => ({ layout: mutatedValue(random, frame), bytes: mutatedBytes(random, bodies).toString('base64') }),
  run({ layout, bytes }) {
    return layoutCodec({ layout: layout as Layout }).decode(bytesIn(bytes), {})
  },
}

/** Any codec, open. */
const openAny = (name: CodecName): Promise<Codec> =>
  name === 'layout' ? openCodec(name, { layout: frame }) : openCodec(name as 'json')

/** What a flow does: finds the format by bytes and type, decodes, and makes readings of it. */
async function detection(): Promise<Target<Input & { name: CodecName; value?: unknown }>> {
  const codecs = new Map<CodecName, Codec>()
  for (const name of codecNames) codecs.set(name, await openAny(name))
  const from = [
    bodies[0]!,
    ...samplesOf(codecs.get('cbor')!, [record, [record]]),
    ...samplesOf(codecs.get('msgpack')!, [record]),
    ...csvTexts.map(text => Buffer.from(text)),
  ]
  const types = [
    '',
    'application/json',
    'application/cbor',
    'x/y+cbor',
    'text/csv',
    'application/senml+json',
    'application/cloudevents+json',
    'application/x-cayenne-lpp',
  ]
  return {
    codes: /^(CODEC|SCHEMA|TELEMETRY|READING)_/,
    make: random => ({
      bytes: (random.below(2) ? Buffer.from(JSON.stringify(mutatedValue(random, record))) : mutatedBytes(random, from)).toString(
        'base64',
      ),
      context: { contentType: random.below(3) ? random.pick(types) : mutatedText(random, types, ['+', '/', ';', '\u0000', ' ']) },
      name: random.pick(codecNames),
    }),
    run({ bytes: text, context = {}, name }) {
      const bytes = bytesIn(text)
      const found = detectCodec(bytes, context) ?? name
      const value = codecs.get(found)!.decode(bytes, context)
      const source = { device: 'd', topic: 't', time: arrived, arrived, timeMember: 'time' }
      return readingsOfDecoded(found, value, source as never)
    },
  }
}

/** Values of flows, which may be anything: they are written, or refused as what they are. */
async function encoders(): Promise<Target<{ name: CodecName; value: unknown; schema?: unknown }>> {
  const codecs = new Map<CodecName, Codec>()
  for (const name of codecNames) codecs.set(name, await openAny(name))
  return {
    codes: ofCodecs,
    make(random) {
      const name = random.pick(codecNames)
      const schema = name === 'avro' ? avroSchemas[random.below(avroSchemas.length)] : name === 'protobuf' ? protoText : undefined
      const good =
        name === 'senml' || name === 'senml-cbor'
          ? senmlPack
          : name === 'cloudevents'
            ? event
            : name === 'csv'
              ? [record, record]
              : name === 'avro'
                ? avroValue
                : name === 'layout'
                  ? [row, row]
                  : record
      return {
        name,
        value: random.below(10) ? mutatedValue(random, good) : hostile(random),
        ...(schema !== undefined && { schema }),
      }
    },
    run({ name, value, schema }) {
      const codec = codecs.get(name)!
      const bytes = codec.encode!(value, { schema })
      assert.ok(bytes instanceof Uint8Array)
      return codec.decode(bytes, { schema, arrived, inflated: true, contentType: 'application/cloudevents+json' })
    },
  }
}

const avroRecord = {
  type: 'record',
  name: 'R',
  fields: [
    { name: 'i', type: 'int' },
    { name: 'l', type: 'long' },
    { name: 's', type: 'string' },
    { name: 'b', type: 'bytes' },
    { name: 'u', type: ['null', 'double', 'string', { type: 'map', values: 'R' }] },
    { name: 'a', type: { type: 'array', items: ['null', 'R'] } },
    { name: 'e', type: { type: 'enum', name: 'E', symbols: ['A', 'B'] } },
    { name: 'f', type: { type: 'fixed', name: 'F', size: 4 } },
    { name: 't', type: { type: 'long', logicalType: 'timestamp-micros' } },
    { name: 'd', type: { type: 'bytes', logicalType: 'decimal', precision: 10, scale: 2 } },
  ],
}
const evolved = {
  ...avroRecord,
  fields: [...avroRecord.fields.slice(1, 6), { name: 'n', type: 'int', default: 3 }, { name: 'i', type: ['double', 'null'] }],
}
const leaf = { i: 1, l: 5, s: 'x', b: 'AAEC', u: 1.5, a: [], e: 'A', f: 'AAECAw==', t: arrived, d: '1.25' }
const avroValue = { ...leaf, u: 'y', a: [null, leaf] }
const avroSchemas = [
  avroRecord,
  { type: 'array', items: 'null' },
  ['null', 'string', { type: 'array', items: 'long' }],
  { type: 'map', values: 'bytes' },
] as const

async function avro(): Promise<Target<Input>> {
  const codec = createAvroCodec()
  const writer = { type: 'AVRO', schema: JSON.stringify(avroRecord), id: 7 } as const
  const reader = { type: 'AVRO', schema: JSON.stringify(evolved) } as const
  const from = [
    ...(['single', 'registry', 'container', 'bare'] as const).map(frame =>
      codec.encode!(frame === 'container' ? [avroValue, leaf] : avroValue, { schema: { writer, frame } }),
    ),
    ...[[], [null, null]].map(value =>
      codec.encode!(value, { schema: { writer: { type: 'AVRO', schema: JSON.stringify(avroSchemas[1]) }, frame: 'bare' } }),
    ),
  ]
  return decoderTarget(codec, from, random => ({
    schema: random.pick([
      undefined,
      { writer },
      { writer, reader },
      { writer, frame: 'bare' },
      { writer, frame: 'registry' },
      ...avroSchemas,
    ]),
  }))
}

export const protoText = `syntax = "proto3"; package a; import "google/protobuf/timestamp.proto";
message M { int32 i = 1; sint64 l = 2; string s = 3; bytes b = 4; repeated double d = 5; repeated M m = 6; map<string, M> p = 7; E e = 8;
  oneof o { fixed64 f = 9; bool x = 10; } google.protobuf.Timestamp t = 11; float g = 12; message N { uint64 n = 1; } N n = 13; }
enum E { Z = 0; Y = -1; }`

async function protobuf(): Promise<Target<Input>> {
  const codec = await openCodec('protobuf')
  const value = {
    i: -1,
    l: '-9007199254740993',
    s: 'ü',
    b: 'AAEC',
    d: [1.5, -0.5],
    m: [{ i: 1 }, {}],
    p: { k: { s: 'x' } },
    e: 'Y',
    f: 5,
    g: 1.5,
    n: { n: '5' },
  }
  const writer = { type: 'PROTOBUF', schema: protoText, id: 7 } as const
  const from = (['bare', 'registry'] as const).map(frame => codec.encode!(value, { schema: { writer, frame } }))
  return decoderTarget(codec, from, random => ({
    schema: random.pick([{ writer }, { writer, frame: 'bare' }, { writer, message: 'N' }, undefined, protoText]),
  }))
}

export const codecTargets = {
  json: () => mirrored('json', [Buffer.from('\ufeff{"a":[1,2.5e3,"\\ud800"],"__proto__":{"x":1}}')]),
  cbor: () =>
    mirrored(
      'cbor',
      hexes(
        'd9d9f7a1616101',
        'c11a514b67b0',
        'c074323031332d30332d32315432303a30343a30305a',
        '5f42010243030405ff',
        'bf61610161629f0203ffff',
        'c249010000000000000000',
        'f97e00',
        'a201020304',
      ),
    ),
  'message-pack': () =>
    mirrored(
      'msgpack',
      hexes(
        '81a16101',
        'd6ff5a000000',
        'c70cff000000010000000000000001',
        'd40100',
        'cf8000000000000000',
        'de000181a1',
        'c403010203',
      ),
    ),
  csv,
  cayenne,
  layout,
  layouts: () => layouts,
  'cloud-events': cloudEvents,
  'senml-json': () => senml('senml'),
  'senml-cbor': () => senml('senml-cbor'),
  compression: () => compression,
  detection,
  encoders,
  avro,
  protobuf,
} satisfies Family
