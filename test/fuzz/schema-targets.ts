import assert from 'node:assert/strict'
import { avroFormat } from '../../src/codec/registry/avro-format.ts'
import { incompatibilities } from '../../src/codec/registry/compatibility.ts'
import { jsonFormat } from '../../src/codec/registry/json-format.ts'
import { openProtobufFormat } from '../../src/codec/registry/protobuf-format.ts'
import type { SchemaFormat } from '../../src/codec/registry/schema-format.ts'
import { createAvroCodec } from '../../src/codec/avro/avro-codec.ts'
import { protoText } from './codec-targets.ts'
import { mutatedBytes, mutatedText, mutatedValue } from './mutate.ts'
import { bytesIn, type Family, type Random, type Target } from './target.ts'

const codes = /^(SCHEMA|CODEC)_/

const avroSchemas: readonly unknown[] = [
  {
    type: 'record',
    name: 'a.R',
    aliases: ['Old'],
    doc: 'd',
    fields: [
      { name: 'i', type: 'int', default: 1, aliases: ['j'] },
      { name: 'u', type: ['null', 'double', { type: 'map', values: 'R' }], default: null },
      { name: 'a', type: { type: 'array', items: ['null', 'a.R'] }, default: [] },
      { name: 'e', type: { type: 'enum', name: 'E', symbols: ['A', 'B'], default: 'A' } },
      { name: 'f', type: { type: 'fixed', name: 'F', size: 4 } },
      { name: 'd', type: { type: 'bytes', logicalType: 'decimal', precision: 10, scale: 2 } },
    ],
  },
  ['null', 'string', { type: 'array', items: { type: 'map', values: 'long' } }],
]
const jsonSchemas: readonly unknown[] = [
  {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    type: 'object',
    required: ['id'],
    properties: {
      id: { type: 'string', minLength: 1, pattern: '^[a-z]+$' },
      t: { $ref: '#/%24defs/t' },
      l: { type: 'array', items: { $ref: '#' }, maxItems: 5 },
    },
    $defs: { t: { anyOf: [{ type: 'number', maximum: 5 }, { enum: ['x', null] }] } },
    additionalProperties: false,
  },
  { allOf: [{ type: ['integer', 'null'] }, { not: { const: 3 } }], if: true },
]
const protoTexts = [
  protoText,
  'syntax = "proto2"; message A { required int32 a = 1 [default = 5]; optional group G = 2 { optional string s = 1; } extensions 100 to 200; reserved 5, 7 to 9; }',
]
const protoWords = [
  '{',
  '}',
  ';',
  '=',
  '"',
  'message ',
  'enum ',
  'oneof ',
  'map<',
  '>',
  'repeated ',
  'option ',
  'import ',
  'extend ',
  'service ',
  '/*',
  '//',
  '__proto__',
  'constructor',
  '[',
  ']',
  '0x',
  '-1',
  '536870912',
  'M ',
  'a.M',
  '\u0000',
  'é',
]

/** Two schemas, one of which may be as it should be. */
interface Pair {
  next: string
  before: string
}

const jsonText = (random: Random, from: readonly unknown[]): string => {
  const text = JSON.stringify(random.below(8) ? mutatedValue(random, random.pick(from)) : random.pick(from))
  return random.below(10)
    ? text
    : mutatedText(random, [text], ['"', '{', '}', '[', ']', ',', '\\u', '"__proto__":', 'null', '%', '#/', '~0'])
}

function compatibility(format: SchemaFormat, textOf: (random: Random) => string): Target<Pair> {
  const read = (schema: string) => format.read({ type: format.type, schema })
  return {
    codes,
    make: random => ({ next: textOf(random), before: textOf(random) }),
    async run({ next, before }) {
      const earlier = read(before)
      const own = await incompatibilities({ mode: 'BACKWARD', next: earlier, earlier: [1], read: async () => earlier })
      const reader = read(next)
      assert.equal(typeof reader.identity, 'string')
      return [own, await incompatibilities({ mode: 'FULL_TRANSITIVE', next: reader, earlier: [1], read: async () => earlier })]
    },
  }
}

/** Bytes by a schema that is not as it should be, too. */
function avroBySchema(): Target<Pair & { bytes: string }> {
  const from = ['0200020000', '00', '02020061', '048080808080808080800100'].map(hex => Buffer.from(hex, 'hex'))
  return {
    codes,
    make: random => ({
      next: jsonText(random, avroSchemas),
      before: jsonText(random, avroSchemas),
      bytes: mutatedBytes(random, from).toString('base64'),
    }),
    run({ next, before, bytes }) {
      const [writer, reader] = [before, next].map(schema => ({ type: 'AVRO' as const, schema }))
      return createAvroCodec().decode(bytesIn(bytes), { schema: { writer, reader, frame: 'bare' } })
    },
  }
}

export const schemaTargets = {
  'avro-schemas': () => compatibility(avroFormat, random => jsonText(random, avroSchemas)),
  'avro-by-schema': avroBySchema,
  'json-schemas': () => compatibility(jsonFormat, random => jsonText(random, jsonSchemas)),
  'protobuf-schemas': async () =>
    compatibility(await openProtobufFormat(), random =>
      random.below(3) ? mutatedText(random, protoTexts, protoWords) : random.pick(protoTexts),
    ),
} satisfies Family
