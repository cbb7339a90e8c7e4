import assert from 'node:assert/strict'
import avsc from 'avsc'
import { avroFingerprints, canonicalText, resolutionText } from '../../src/codec/avro/avro-canonical.ts'
import { createAvroCodec } from '../../src/codec/avro/avro-codec.ts'
import { readAvroSchema } from '../../src/codec/avro/avro-schema.ts'
import { crc64Avro } from '../../src/codec/avro/crc64-avro.ts'
import type { ChosenSchema, SchemaText } from '../../src/codec/schema-text.ts'
import { seeded } from '../seeded.ts'

const avro = createAvroCodec()
const text = (schema: unknown, id?: number): SchemaText => ({
  type: 'AVRO',
  schema: JSON.stringify(schema),
  ...(id !== undefined && { id }),
})
const record = (...fields: unknown[]) => ({ type: 'record', name: 'R', fields })
const bytesOf = (hex: string): Buffer => Buffer.from(hex.replaceAll(' ', ''), 'hex')
const through = (writer: unknown, value: unknown, more: Partial<ChosenSchema> = {}): unknown => {
  const schema: ChosenSchema = { writer: text(writer), ...more }
  return avro.decode(avro.encode!(value, { schema }), { schema })
}
const bare = (schema: unknown, bytes: Uint8Array): unknown =>
  avro.decode(bytes, { schema: { writer: text(schema), frame: 'bare' } satisfies ChosenSchema })

describe('Avro, schemas', () => {
  it('have the fingerprints that Avro publishes', () => {
    const published = {
      '"null"': '63dd24e7cc258f8a',
      '"boolean"': '9f42fc78a4d4f764',
      '"int"': '7275d51a3f395c8f',
      '"long"': 'd054e14493f41db7',
      '"bytes"': '4fc016dac3201965',
      '"string"': '8f014872634503c7',
    }
    for (const [schema, crc64] of Object.entries(published))
      assert.equal(avroFingerprints(readAvroSchema(schema).root).crc64, crc64)
    assert.equal(crc64Avro(''), 'c15d213aa4d7a795')
  })

  it('are written in canonical form: full names, fixed order, nothing that does not count', () => {
    const { root } = readAvroSchema({
      doc: 'one',
      fields: [
        { doc: 'x', default: 1, type: { type: 'int' }, name: 'a', aliases: ['b'] },
        { name: 'e', type: { symbols: ['X'], type: 'enum', name: 'E', default: 'X' } },
        { name: 'f', type: ['null', 'E', { type: 'fixed', size: 2, name: 'other.F' }] },
        { name: 'm', type: { type: 'map', values: { type: 'long', logicalType: 'timestamp-millis' } } },
        { name: 'me', type: { type: 'array', items: 'R' } },
      ],
      name: 'R',
      namespace: 'a.b',
      type: 'record',
    })
    assert.equal(
      canonicalText(root),
      '{"name":"a.b.R","type":"record","fields":[{"name":"a","type":"int"},{"name":"e","type":{"name":"a.b.E","type":"enum","symbols":["X"]}},' +
        '{"name":"f","type":["null","a.b.E",{"name":"other.F","type":"fixed","size":2}]},' +
        '{"name":"m","type":{"type":"map","values":"long"}},{"name":"me","type":{"type":"array","items":"a.b.R"}}]}',
    )
    assert.equal(canonicalText(readAvroSchema(resolutionText(root)).root), canonicalText(root))
    assert.equal(resolutionText(readAvroSchema(resolutionText(root)).root), resolutionText(root))
  })

  it('are refused where they are wrong, with the place', () => {
    const wrong: [unknown, string][] = [
      ['{', ''],
      ['strange', ''],
      [{ type: 'record', name: 'a-b', fields: [] }, '.name'],
      [{ type: 'record', name: 'R;process.exit()', fields: [] }, '.name'],
      [record({ name: 'x y', type: 'int' }), '.fields[0].name'],
      [record({ name: 'x', type: 'int' }, { name: 'x', type: 'int' }), '.fields[1].name'],
      [record({ name: 'x', type: 'nothing' }), '.fields[0].type'],
      [record({ name: 'x', type: 'int', default: 'one' }), 'default of x'],
      [record({ name: 'x', type: ['int', 'int'] }), '.fields[0].type'],
      [record({ name: 'x', type: ['int', ['null']] }), '.fields[0].type'],
      [{ type: 'enum', name: 'E', symbols: ['A', 'A'] }, '.symbols'],
      [{ type: 'enum', name: 'E', symbols: ['A'], default: 'B' }, '.default'],
      [{ type: 'fixed', name: 'F', size: -1 }, '.size'],
      [{ type: 'record', name: 'int', fields: [] }, '.name'],
      [{ type: 'record', name: 'R' }, '.fields'],
      [null, ''],
      [7, ''],
    ]
    for (const [schema, position] of wrong)
      assert.throws(
        () => readAvroSchema(schema),
        (error: any) => error.code === 'SCHEMA_INVALID' && (error.position === position || error.position === undefined),
        JSON.stringify(schema),
      )
  })

  it('have limits: depth, size, parts', () => {
    let deep: unknown = 'int'
    for (let i = 0; i < 70; i++) deep = { type: 'array', items: deep }
    const wide = record(...Array.from({ length: 11_000 }, (_, i) => ({ name: `f${i}`, type: 'int' })))
    for (const schema of [deep, wide, JSON.stringify(record({ name: 'x', type: 'int', doc: 'x'.repeat(140_000) }))])
      assert.throws(() => readAvroSchema(schema), { code: 'SCHEMA_LIMIT' })
  })
})

describe('Avro, values', () => {
  it('are plain data: long numbers as text, bytes in base64, times in ms, no word of the branch of a union', () => {
    const logical = (type: string, logicalType: string, more = {}) => ({ type, logicalType, ...more })
    const schema = record(
      { name: 'l', type: 'long' },
      { name: 'b', type: 'bytes' },
      { name: 'u', type: ['null', 'int', 'string', { type: 'record', name: 'In', fields: [{ name: 'x', type: 'int' }] }] },
      { name: 't', type: logical('long', 'timestamp-micros') },
      { name: 'n', type: logical('long', 'timestamp-nanos') },
      { name: 'd', type: logical('int', 'date') },
      { name: 'm', type: logical('bytes', 'decimal', { precision: 30, scale: 2 }) },
      { name: 'big', type: logical('bytes', 'decimal', { precision: 30, scale: 2 }) },
      { name: 'id', type: logical('fixed', 'uuid', { name: 'U', size: 16 }) },
      { name: 'p', type: logical('fixed', 'duration', { name: 'D', size: 12 }) },
    )
    const value = {
      l: '9007199254740993',
      b: 'AAEC/w==',
      u: { x: 3 },
      t: 1_700_000_000_123.456,
      n: 1_700_000_000_123.25,
      d: 1_699_920_000_000,
      m: -12.34,
      big: '-1234567890123456789012.50',
      id: '0f8fad5b-d9cb-469f-a165-70867728950e',
      p: { months: 1, days: 2, millis: 3 },
    }
    assert.deepEqual(through(schema, value), value)
    for (const u of [null, 7, 'x']) assert.deepEqual(through(schema, { ...value, u }), { ...value, u })
    const prototype = JSON.parse('{"__proto__":{"polluted":1}}')
    const map = through({ type: 'map', values: { type: 'map', values: 'int' } }, prototype) as object
    assert.ok(Object.hasOwn(map, '__proto__'))
    assert.equal(({} as any).polluted, undefined)
  })

  it('of 64 bits keep every digit', () => {
    const random = seeded(64)
    const numbers = [
      0n,
      1n,
      -1n,
      2n ** 31n,
      -(2n ** 31n) - 1n,
      2n ** 53n,
      2n ** 53n - 1n,
      -(2n ** 53n),
      2n ** 63n - 1n,
      -(2n ** 63n),
    ]
    for (let i = 0; i < 2000; i++)
      numbers.push(BigInt.asIntN(random.below(64) + 1, (BigInt(random.below(2 ** 32)) << 32n) | BigInt(random.below(2 ** 32))))
    for (const number of numbers) assert.equal(String(through('long', String(number))), String(number))
  })

  it('keep defaults and nulls where members are missing; what does not fit is CODEC_INVALID with its path', () => {
    const item = { type: 'record', name: 'I', fields: [{ name: 'n', type: 'int' }] }
    const schema = record(
      { name: 'a', type: 'int', default: 5 },
      { name: 'b', type: ['null', 'string'] },
      { name: 'c', type: { type: 'array', items: item } },
    )
    assert.deepEqual(through(schema, { c: [], more: 1 }), { a: 5, b: null, c: [] })
    const misfits: [unknown, string][] = [
      [{ c: [{ n: 1 }, { n: 'x' }] }, 'c[1].n'],
      [{ c: [{}] }, 'c[0].n'],
      [{ a: 2 ** 31, c: [] }, 'a'],
      [{ a: 1.5, c: [] }, 'a'],
      [{ b: 7, c: [] }, 'b'],
      [{}, 'c'],
      [7, ''],
    ]
    for (const [value, position] of misfits)
      assert.throws(() => through(schema, value), { code: 'CODEC_INVALID', position }, JSON.stringify(value))
  })

  it('of the wire that are hostile end in a coded error with the place', () => {
    const list = { type: 'array', items: 'null' }
    const ints = { type: 'array', items: 'int' }
    const node = { type: 'record', name: 'N', fields: [{ name: 'next', type: ['null', 'N'] }] }
    const doubled = (depth: number): unknown =>
      depth === 0
        ? 'null'
        : {
            type: 'record',
            name: `D${depth}`,
            fields: [
              { name: 'a', type: doubled(depth - 1) },
              { name: 'b', type: depth > 1 ? `D${depth - 1}` : 'null' },
            ],
          }
    const cases: [unknown, Uint8Array, string][] = [
      ['string', bytesOf('feffffff0f'), 'CODEC_TRUNCATED'],
      ['bytes', bytesOf('01'), 'CODEC_FORMAT'],
      ['string', bytesOf('02ff'), 'CODEC_FORMAT'],
      ['int', bytesOf('ffffffffff0f'), 'CODEC_FORMAT'],
      ['long', bytesOf('ffffffffffffffffff7f'), 'CODEC_FORMAT'],
      ['long', bytesOf('ff'.repeat(20)), 'CODEC_FORMAT'],
      ['long', bytesOf('ffff'), 'CODEC_TRUNCATED'],
      ['boolean', bytesOf('02'), 'CODEC_FORMAT'],
      ['double', bytesOf('0000'), 'CODEC_TRUNCATED'],
      ['int', bytesOf('0202'), 'CODEC_FORMAT'],
      [list, bytesOf('feffffffffffffffff01'), 'CODEC_LIMIT'],
      [list, bytesOf('80897a00'), 'CODEC_LIMIT'],
      [ints, bytesOf('80897a'), 'CODEC_LIMIT'],
      [ints, bytesOf('010202'), 'CODEC_TRUNCATED'],
      [['null', 'int'], bytesOf('04'), 'CODEC_FORMAT'],
      [['null', 'int'], bytesOf('01'), 'CODEC_FORMAT'],
      [{ type: 'enum', name: 'E', symbols: ['A'] }, bytesOf('02'), 'CODEC_FORMAT'],
      [node, Buffer.alloc(100, 2), 'CODEC_LIMIT'],
      [{ type: 'record', name: 'R', fields: [{ name: 'r', type: 'R' }] }, bytesOf(''), 'CODEC_LIMIT'],
      [doubled(30), bytesOf(''), 'CODEC_LIMIT'],
      ['null', Buffer.alloc(1_048_577), 'CODEC_LIMIT'],
    ]
    for (const [schema, bytes, code] of cases)
      assert.throws(
        () => bare(schema, bytes),
        (error: any) => error.code === code && typeof error.position === 'number',
        `${JSON.stringify(schema).slice(0, 80)} ${bytes.subarray(0, 12).toString()}`,
      )
  })
})

/** A schema and a value of it. Unions that avsc cannot tell apart without a word for the branch are left out. */
function sample(random: ReturnType<typeof seeded>, names: { next: number }, depth = 0): [schema: unknown, value: () => unknown] {
  const leaf = (): [unknown, () => unknown] =>
    random.pick<[unknown, () => unknown]>([
      ['null', () => null],
      ['boolean', () => random.next() < 0.5],
      ['int', () => random.below(2 ** 32) - 2 ** 31],
      ['long', () => Math.trunc((random.next() - 0.5) * 2 ** random.below(53))],
      ['double', () => random.next() * 1000],
      ['float', () => Math.fround(random.next())],
      ['string', () => 'añ€😀'.repeat(random.below(4))],
      [{ type: 'enum', name: `E${names.next++}`, symbols: ['A', 'B', 'C'] }, () => random.pick(['A', 'B', 'C'])],
    ])
  if (depth > 3) return leaf()
  const kind = random.below(7)
  if (kind > 3) return leaf()
  const [inner, value] = sample(random, names, depth + 1)
  if (kind === 0) return [{ type: 'array', items: inner }, () => Array.from({ length: random.below(5) }, value)]
  if (kind === 1)
    return [
      { type: 'map', values: inner },
      () => Object.fromEntries(Array.from({ length: random.below(4) }, (_, i) => [`k${i}`, value()])),
    ]
  if (kind === 2) {
    const nullable = typeof inner === 'string' && inner !== 'null'
    return nullable ? [['null', inner], () => (random.next() < 0.4 ? null : value())] : [inner, value]
  }
  const fields = [[inner, value] as const, ...Array.from({ length: random.below(5) }, () => sample(random, names, depth + 1))]
  return [
    { type: 'record', name: `R${names.next++}`, namespace: 'x.y', fields: fields.map(([type], i) => ({ name: `f${i}`, type })) },
    () => Object.fromEntries(fields.map(([, make], i) => [`f${i}`, make()])),
  ]
}

const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value))

describe('Avro, beside the library avsc', () => {
  it('writes the same bytes and reads them to the same values, of schemas and values by chance', () => {
    const random = seeded(20)
    for (let run = 0; run < 150; run++) {
      const [schema, make] = sample(random, { next: 0 })
      const type = avsc.Type.forSchema(schema as avsc.Schema)
      const value = make()
      const theirs = type.toBuffer(value)
      const chosen: ChosenSchema = { writer: text(schema), frame: 'bare' }
      const ours = avro.encode!(value, { schema: chosen })
      assert.deepEqual(Buffer.from(ours), theirs, `run ${run}: ${JSON.stringify(schema)}`)
      assert.deepEqual(avro.decode(theirs, { schema: chosen }), plain(type.fromBuffer(theirs)), `run ${run}`)
    }
  })

  it('refuses bytes that were changed with a code, or reads them; never anything else', () => {
    const random = seeded(21)
    for (let run = 0; run < 1500; run++) {
      const [schema, make] = sample(random, { next: 0 })
      const chosen: ChosenSchema = { writer: text(schema), frame: 'bare' }
      const bytes = Buffer.from(avro.encode!(make(), { schema: chosen }))
      for (let i = random.below(4); i >= 0 && bytes.length; i--) bytes[random.below(bytes.length)] = random.below(256)
      try {
        avro.decode(bytes.subarray(0, random.below(bytes.length + 1)), { schema: chosen })
      } catch (error: any) {
        assert.match(error.code, /^CODEC_(FORMAT|TRUNCATED|LIMIT)$/, error.stack)
      }
    }
  })

  it('resolves as it does, of pairs of records by chance', () => {
    const random = seeded(22)
    const types = [
      'int',
      'long',
      'float',
      'double',
      'string',
      'bytes',
      ['null', 'int'],
      ['null', 'long', 'string'],
      ['int', 'string'],
    ]
    const values: Record<string, unknown> = { int: 7, long: 8, float: 1.5, double: 2.5, string: 'x', bytes: Buffer.from('y') }
    let [read, refused] = [0, 0]
    for (let run = 0; run < 500; run++) {
      const fieldsOf = (defaults: boolean) =>
        ['a', 'b', 'c', 'd']
          .filter(() => random.next() < 0.7)
          .map(name => {
            const type = random.pick(types)
            const first = Array.isArray(type) ? type[0]! : type
            const standard = first === 'null' ? null : first === 'bytes' ? 'y' : values[first as string]
            return { name, type, ...(defaults && random.next() < 0.7 && { default: standard }) }
          })
      const [writer, reader] = [record(...fieldsOf(false)), record(...fieldsOf(true))]
      const written = avsc.Type.forSchema(writer as avsc.Schema)
      const asked = avsc.Type.forSchema(reader as avsc.Schema)
      const value = Object.fromEntries(
        writer.fields.map(({ name, type }: any) => [name, values[Array.isArray(type) ? type.at(-1) : type]]),
      )
      const bytes = written.toBuffer(value)
      const schema: ChosenSchema = { writer: text(writer), reader: text(reader), frame: 'bare' }
      let expected: any
      try {
        expected = asked.fromBuffer(bytes, asked.createResolver(written))
      } catch {
        assert.throws(() => avro.decode(bytes, { schema }), { code: 'SCHEMA_INCOMPATIBLE' }, JSON.stringify([writer, reader]))
        refused++
        continue
      }
      const shown = Object.fromEntries(
        Object.entries(expected).map(([k, v]) => [k, Buffer.isBuffer(v) ? v.toString('base64') : v]),
      )
      assert.deepEqual(avro.decode(bytes, { schema }), shown, JSON.stringify([writer, reader]))
      read++
    }
    assert.ok(read > 30 && refused > 100, `${read} read, ${refused} refused`)
  })
})

describe('Avro, resolution', () => {
  const v1 = record({ name: 'temp', type: 'int' }, { name: 'old', type: 'string' })
  const v2 = {
    type: 'record',
    name: 'R2',
    aliases: ['R'],
    fields: [
      { name: 'unit', type: 'string', default: 'C' },
      { name: 'temperature', aliases: ['temp'], type: 'double' },
      { name: 'tags', type: { type: 'array', items: 'string' }, default: [] },
    ],
  }

  it('shows what an old version wrote in the shape of the new: renamed, widened, added', () => {
    const value = through(v1, { temp: 21, old: 'x' }, { reader: text(v2) })
    assert.deepEqual(value, { unit: 'C', temperature: 21, tags: [] })
    assert.deepEqual(Object.keys(value as object), ['unit', 'temperature', 'tags'])
    ;(value as { tags: string[] }).tags.push('mine')
    assert.deepEqual(through(v1, { temp: 1, old: '' }, { reader: text(v2) }), { unit: 'C', temperature: 1, tags: [] })
  })

  it('takes the default of an enum for symbols that it does not know', () => {
    const e = (symbols: string[], more = {}) => ({ type: 'enum', name: 'E', symbols, ...more })
    assert.equal(through(e(['A', 'B']), 'B', { reader: text(e(['A', 'X'], { default: 'X' })) }), 'X')
    assert.throws(() => through(e(['A', 'B']), 'B', { reader: text(e(['A'])) }), { code: 'SCHEMA_INCOMPATIBLE' })
  })

  it('ends for schemas that hold themselves, also when they cannot be read', () => {
    const list = (more: unknown[]) => ({
      type: 'record',
      name: 'L',
      fields: [{ name: 'next', type: ['null', 'L'], default: null }, ...more],
    })
    const value = { next: { next: null } }
    assert.deepEqual(through(list([]), value, { reader: text(list([{ name: 'n', type: 'int', default: 1 }])) }), {
      next: { next: null, n: 1 },
      n: 1,
    })
    assert.throws(() => through(list([]), value, { reader: text(list([{ name: 'n', type: 'int' }])) }), {
      code: 'SCHEMA_INCOMPATIBLE',
    })
  })
})
