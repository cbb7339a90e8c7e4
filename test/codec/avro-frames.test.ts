import assert from 'node:assert/strict'
import { createAvroCodec } from '../../src/codec/avro/avro-codec.ts'
import type { ChosenSchema, SchemaText } from '../../src/codec/schema-text.ts'

const avro = createAvroCodec()
const schema = { type: 'record', name: 'R', fields: [{ name: 't', type: 'int' }] }
const writer: SchemaText = { type: 'AVRO', schema: JSON.stringify(schema), id: 258 }
const chosen = (more: Partial<ChosenSchema> = {}) => ({ schema: { writer, ...more } satisfies ChosenSchema })

describe('Avro, frames', () => {
  it('single object: C3 01, the fingerprint little-endian, the value', () => {
    const bytes = Buffer.from(avro.encode!({ t: -1 }, chosen()))
    assert.match(bytes.toString('hex'), /^c301[0-9a-f]{16}01$/)
    assert.ok(avro.detect!(bytes, {}))
    assert.deepEqual(avro.decode(bytes, chosen()), { t: -1 })
  })

  it('of a registry: 00, the id, the value', () => {
    const bytes = Buffer.from(avro.encode!({ t: 1 }, chosen({ frame: 'registry' })))
    assert.equal(bytes.toString('hex'), '000000010202')
    assert.deepEqual(avro.decode(bytes, chosen()), { t: 1 })
    const { id: _, ...unregistered } = writer
    assert.throws(() => avro.encode!({ t: 1 }, { schema: { writer: unregistered, frame: 'registry' } }), {
      code: 'SCHEMA_UNKNOWN',
    })
  })

  it('bare values are read by the schema of the context, also those that begin like a frame', () => {
    const five = { type: 'record', name: 'F', fields: ['a', 'b', 'c', 'd', 'e'].map(name => ({ name, type: 'int' })) }
    const bytes = avro.encode!(
      { a: 0, b: 0, c: 0, d: 0, e: 1 },
      { schema: { writer: { type: 'AVRO', schema: JSON.stringify(five) }, frame: 'bare' } },
    )
    assert.equal(Buffer.from(bytes).toString('hex'), '0000000002')
    assert.deepEqual(avro.decode(bytes, { schema: five }), { a: 0, b: 0, c: 0, d: 0, e: 1 })
    assert.deepEqual(avro.decode(Uint8Array.of(2), { schema: JSON.stringify(schema) }), { t: 1 })
  })

  it('of a schema that nobody has named say which, as the key of their letters', () => {
    const single = avro.encode!({ t: 1 }, chosen())
    const key = Buffer.from(single.subarray(2, 10)).reverse().toString('hex')
    assert.throws(() => avro.decode(single, {}), { code: 'SCHEMA_UNKNOWN', position: key })
    assert.throws(() => avro.decode(avro.encode!({ t: 1 }, chosen({ frame: 'registry' })), {}), {
      code: 'SCHEMA_UNKNOWN',
      position: 'id:258',
    })
    assert.throws(() => avro.decode(Uint8Array.of(2), {}), { code: 'SCHEMA_UNKNOWN' })
  })

  it('names the types of the schemas that it refers to', () => {
    const point = { type: 'record', name: 'geo.Point', fields: [{ name: 'x', type: 'int' }] }
    const path = { type: 'record', name: 'Path', fields: [{ name: 'points', type: { type: 'array', items: 'geo.Point' } }] }
    const far: SchemaText = {
      type: 'AVRO',
      schema: JSON.stringify(path),
      references: [{ name: 'geo.Point', schema: JSON.stringify(point) }],
    }
    const value = { points: [{ x: 1 }, { x: 2 }] }
    assert.deepEqual(avro.decode(avro.encode!(value, { schema: { writer: far } }), { schema: { writer: far } }), value)
    const file = avro.encode!([value], { schema: { writer: far, frame: 'container' } })
    assert.deepEqual(avro.decode(file, {}), [value])
  })
})

describe('Avro, container files', () => {
  const values = Array.from({ length: 50 }, (_, t) => ({ t }))
  const file = Buffer.from(avro.encode!(values, chosen({ frame: 'container' })))

  it('are lists of values, read by their own schema or by another', () => {
    assert.ok(avro.detect!(file, {}))
    assert.deepEqual(avro.decode(file, {}), values)
    const wide: SchemaText = {
      type: 'AVRO',
      schema: JSON.stringify({
        ...schema,
        fields: [
          { name: 't', type: 'double' },
          { name: 'u', type: 'string', default: 'C' },
        ],
      }),
    }
    assert.deepEqual((avro.decode(file, chosen({ reader: wide })) as unknown[])[1], { t: 1, u: 'C' })
    assert.deepEqual(avro.decode(avro.encode!([], chosen({ frame: 'container' })), {}), [])
  })

  it('are refused when they are cut, changed or grow too large', () => {
    for (const [at, code] of [
      [3, 'SCHEMA_UNKNOWN'],
      [20, 'CODEC_TRUNCATED'],
      [file.length - 1, 'CODEC_TRUNCATED'],
    ] as const)
      assert.throws(() => avro.decode(file.subarray(0, at), {}), { code })
    const marked = Buffer.from(file)
    marked[file.length - 1]! ^= 1
    assert.throws(() => avro.decode(marked, {}), { code: 'CODEC_FORMAT', message: /marker/ })
    const zeros = Array.from({ length: 20 }, () => Buffer.alloc(40_000).toString('base64'))
    const bomb = avro.encode!(zeros, { schema: { writer: { type: 'AVRO', schema: '"bytes"' }, frame: 'container' } })
    assert.throws(() => avro.decode(bomb, {}), { code: 'CODEC_LIMIT', message: /inflates/ })
    const strange = Buffer.from(file.toString('latin1').replace('deflate', 'snapppy'), 'latin1')
    assert.throws(() => avro.decode(strange, {}), { code: 'CODEC_UNAVAILABLE', message: /snapppy/ })
  })
})
