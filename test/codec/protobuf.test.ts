import assert from 'node:assert/strict'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import protobuf from 'protobufjs'
import type { Codec } from '../../src/codec/codec.ts'
import { openProtobuf } from '../../src/codec/protobuf/protobuf-codec.ts'
import { loadProtobuf } from '../../src/codec/protobuf/protobuf-schema.ts'
import type { ChosenSchema, SchemaText } from '../../src/codec/schema-text.ts'
import { tempFolder } from '../processes.ts'
import { seeded } from '../seeded.ts'
import { run } from './command.ts'

const proto = `syntax = "proto3";
package iot.v1;
import "google/protobuf/timestamp.proto";
enum State { OFF = 0; ON = 1; }
message Reading {
  string id = 1;
  int64 big = 2;
  uint64 huge = 3;
  double value = 4;
  bytes raw = 5;
  State state = 6;
  repeated sint32 history = 7;
  map<string, int32> tags = 8;
  map<uint64, string> names = 9;
  google.protobuf.Timestamp at = 10;
  optional int32 zero = 11;
  Inner inner = 12;
  oneof kind { string text = 13; int32 number = 14; }
  message Inner { bool ok = 1; Inner next = 2; message Deep { int32 x = 1; } }
}
message Other { int32 n = 1; }
`
const writer: SchemaText = { type: 'PROTOBUF', schema: proto, id: 7 }
const value = {
  id: 'pümpe',
  big: '-9007199254740993',
  huge: '18446744073709551615',
  value: 1.25,
  raw: 'AAH/',
  state: 'ON',
  history: [-1, 2, 300],
  tags: { a: 1, b: -2 },
  names: { '5': 'five', '18446744073709551614': 'many' },
  at: 1_700_000_000_123,
  zero: 0,
  inner: { next: { ok: true } },
  number: 3,
}

describe('Protobuf', function () {
  this.timeout(120_000)
  let codec: Codec
  before(async () => {
    codec = await openProtobuf()
  })
  const chosen = (more: Partial<ChosenSchema> = {}) => ({ schema: { writer, ...more } satisfies ChosenSchema })
  const text = (schema: string, references?: SchemaText['references']) => ({
    schema: { writer: { type: 'PROTOBUF', schema, ...(references && { references }) }, frame: 'bare' } satisfies ChosenSchema,
  })

  it('is read to plain data and written from it', () => {
    const bytes = codec.encode!(value, chosen({ frame: 'bare' }))
    assert.deepEqual(codec.decode(bytes, chosen({ frame: 'bare' })), value)
    assert.deepEqual(codec.decode(new Uint8Array(), chosen({ frame: 'bare' })), {})
  })

  it('has the frame of registries, with the path of its message', () => {
    const hex = (message?: string): string =>
      Buffer.from(codec.encode!({}, chosen(message === undefined ? {} : { message }))).toString('hex')
    assert.equal(hex(), '000000000700')
    assert.equal(hex('Other'), '00000000070202')
    assert.equal(hex('iot.v1.Reading.Inner'), '0000000007040000')
    assert.equal(hex('iot.v1.Reading.Inner.Deep'), '000000000706000000')
    const framed = codec.encode!({ n: 5 }, chosen({ message: 'Other' }))
    assert.deepEqual(codec.decode(framed, chosen()), { n: 5 })
    assert.throws(() => codec.decode(framed, {}), { code: 'SCHEMA_UNKNOWN', position: 'id:7' })
    assert.throws(() => codec.encode!({}, chosen({ message: 'Nothing' })), { code: 'SCHEMA_NOT_FOUND' })
  })

  it('imports what the schema refers to and the well-known types, and no file', async () => {
    const library = await loadProtobuf()
    const point = 'syntax = "proto3"; package geo; message Point { double x = 1; }'
    const path = 'syntax = "proto3"; import "geo/point.proto"; message Path { repeated geo.Point points = 1; }'
    const known = text(path, [{ name: 'geo/point.proto', schema: point }])
    const given = { points: [{ x: 1 }, { x: 2.5 }] }
    assert.deepEqual(codec.decode(codec.encode!(given, known), known), given)
    for (const name of ['geo/point.proto', '/etc/passwd', '../x.proto', 'google/protobuf/descriptor.proto'])
      assert.throws(() => library.read({ type: 'PROTOBUF', schema: path.replace('geo/point.proto', name) }), {
        code: 'SCHEMA_INVALID',
      })
  })

  it('refuses schemas that are wrong or too much', async () => {
    const library = await loadProtobuf()
    const many = Array.from({ length: 11_000 }, (_, i) => `message M${i}{}`).join('')
    const cases: [string, RegExp][] = [
      ['message {', /INVALID/],
      ['syntax = "proto3"; message A { Missing m = 1; }', /INVALID/],
      ['syntax = "proto3";', /INVALID/],
      [`syntax = "proto3"; ${many}`, /LIMIT|INVALID/],
      [`syntax = "proto3"; ${'message A {'.repeat(100)}${'}'.repeat(100)}`, /LIMIT/],
      [`// ${'x'.repeat(140_000)}`, /LIMIT/],
      ['syntax = "proto3"; message A { int32 x = 1; int32 y = 1; }', /INVALID/],
    ]
    for (const [schema, code] of cases)
      assert.throws(
        () => library.read({ type: 'PROTOBUF', schema }),
        (error: any) => code.test(error.code) && /^SCHEMA_/.test(error.code),
        schema.slice(0, 60),
      )
  })

  it('looks at each character of a schema once, whatever never closes', async function () {
    // Where it looks again and again this takes a minute.
    this.timeout(20_000)
    const library = await loadProtobuf()
    const long = 130_000
    for (const schema of [
      `syntax${' '.repeat(long)}>`,
      `${'A\n'.repeat(long / 2)}>`,
      `"${'\\"'.repeat(long / 2)}`,
      `'${"\\'".repeat(long / 2)}`,
      '/*'.repeat(long / 2),
      `message M { // ${'{"'.repeat(long / 2)}`,
    ])
      assert.throws(() => library.read({ type: 'PROTOBUF', schema }), { code: 'SCHEMA_INVALID' }, schema.slice(0, 20))
  })

  it('tells where a value does not fit', () => {
    const misfits: [object, string][] = [
      [{ id: 7 }, 'id'],
      [{ inner: { next: { ok: 'yes' } } }, 'inner.next.ok'],
      [{ history: [1, 'x'] }, 'history[1]'],
      [{ state: 'BROKEN' }, 'state'],
      [{ big: '9223372036854775808' }, 'big'],
      [{ huge: -1 }, 'huge'],
      [{ text: 'a', number: 1 }, ''],
      [{ at: 'today' }, 'at'],
    ]
    for (const [given, position] of misfits)
      assert.throws(() => codec.encode!(given, chosen()), { code: 'CODEC_INVALID', position }, JSON.stringify(given))
  })

  it('of hostile bytes ends in a coded error with the place', () => {
    const random = seeded(8)
    const bytes = codec.encode!(value, chosen({ frame: 'bare' }))
    for (let runs = 0; runs < 3000; runs++) {
      const changed = Buffer.from(bytes)
      for (let i = random.below(4); i >= 0; i--) changed[random.below(changed.length)] = random.below(256)
      try {
        codec.decode(changed.subarray(0, random.below(changed.length + 1)), chosen({ frame: 'bare' }))
      } catch (error: any) {
        assert.match(error.code, /^CODEC_(FORMAT|TRUNCATED|LIMIT)$/, error.stack)
        assert.equal(typeof error.position, 'number')
      }
    }
    const nested = (depth: number): Buffer => {
      let inside = Buffer.alloc(0)
      for (let i = 0; i < depth; i++) {
        const { len, pos } = { len: inside.length, pos: [] as number[] }
        for (let rest = len; ; rest >>>= 7) {
          pos.push(rest > 127 ? (rest & 127) | 128 : rest)
          if (rest < 128) break
        }
        inside = Buffer.concat([Buffer.from([0x12, ...pos]), inside])
      }
      return inside
    }
    const inner = chosen({ frame: 'bare', message: 'iot.v1.Reading.Inner' })
    assert.throws(() => codec.decode(nested(80), inner), { code: 'CODEC_LIMIT' })
    assert.throws(() => codec.decode(nested(5000), inner), { code: 'CODEC_LIMIT' })
    const many = Buffer.concat([Buffer.from([0x3a, 0xc0, 0x9a, 0x0c]), Buffer.alloc(200_000)])
    assert.throws(() => codec.decode(many, chosen({ frame: 'bare' })), { code: 'CODEC_LIMIT' })
  })

  it('reads and writes what protobufjs does by itself', () => {
    const root = new protobuf.Root().addJSON(protobuf.common.get('google/protobuf/timestamp.proto')!.nested!) as protobuf.Root
    const type = protobuf.parse(proto, root, { keepCase: true }).root.lookupType('iot.v1.Reading')
    const { at: _, huge: __, names: ___, ...rest } = value
    const theirs = type.encode(type.fromObject(rest)).finish()
    assert.deepEqual(codec.decode(theirs, chosen({ frame: 'bare' })), rest)
    const ours = type.toObject(type.decode(codec.encode!(rest, chosen({ frame: 'bare' }))), {
      longs: String,
      enums: String,
      bytes: String,
    })
    assert.deepEqual(ours, JSON.parse(JSON.stringify(rest)))
  })

  it('and protoc read each other, by text and by its set of descriptors', async function () {
    const folder = tempFolder('protobuf')
    await writeFile(join(folder, 'reading.proto'), proto)
    // Debian has it in a package of its own.
    await mkdir(join(folder, 'google/protobuf'), { recursive: true })
    await writeFile(
      join(folder, 'google/protobuf/timestamp.proto'),
      'syntax = "proto3"; package google.protobuf; message Timestamp { int64 seconds = 1; int32 nanos = 2; }',
    )
    const at = [`--proto_path=${folder}`, 'reading.proto']
    const bytes = codec.encode!(value, chosen({ frame: 'bare' }))
    const shown = run('protoc', ['--decode=iot.v1.Reading', ...at], bytes)
    if (!shown) return this.skip()
    const lines = shown.toString()
    for (const line of ['big: -9007199254740993', 'huge: 18446744073709551615', 'state: ON', 'nanos: 123000000', 'zero: 0'])
      assert.ok(lines.includes(line), `${line} in ${lines}`)
    const back = run('protoc', ['--encode=iot.v1.Reading', ...at], lines)!
    assert.deepEqual(codec.decode(back, chosen({ frame: 'bare' })), value)
    const file = join(folder, 'set.bin')
    run('protoc', ['--include_imports', `--descriptor_set_out=${file}`, ...at])
    const set = text((await readFile(file)).toString('base64'))
    assert.deepEqual(codec.decode(back, set), value)
  })
})
