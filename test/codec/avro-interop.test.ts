import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createAvroCodec } from '../../src/codec/avro/avro-codec.ts'
import type { ChosenSchema } from '../../src/codec/schema-text.ts'
import { tempFolder } from '../processes.ts'
import { python, run } from './command.ts'

const avro = createAvroCodec()
const schema = {
  type: 'record',
  name: 'Reading',
  namespace: 'iot',
  fields: [
    { name: 'id', type: 'string' },
    { name: 'at', type: { type: 'long', logicalType: 'timestamp-millis' } },
    { name: 'count', type: 'long' },
    { name: 'value', type: ['null', 'double'] },
    { name: 'raw', type: 'bytes' },
    { name: 'state', type: { type: 'enum', name: 'State', symbols: ['ON', 'OFF'] } },
    { name: 'hash', type: { type: 'fixed', name: 'Hash', size: 4 } },
    { name: 'history', type: { type: 'array', items: 'int' } },
    { name: 'tags', type: { type: 'map', values: 'string' } },
    { name: 'price', type: { type: 'bytes', logicalType: 'decimal', precision: 9, scale: 2 } },
  ],
}
const text = JSON.stringify(schema)
const values = Array.from({ length: 20 }, (_, i) => ({
  id: `säule-${i}`,
  at: 1_700_000_000_000 + i,
  count: i % 2 ? '9007199254740993' : i - 5,
  value: i % 3 ? i / 4 : null,
  raw: Buffer.from([0, i, 255]).toString('base64'),
  state: i % 2 ? 'ON' : 'OFF',
  hash: Buffer.from([1, 2, 3, i]).toString('base64'),
  history: Array.from({ length: i }, (_, n) => 3 - n),
  tags: { a: 'x', b: String(i) },
  price: -12.34 + i,
}))
const rounded = values.map(value => ({ ...value, price: Number(value.price.toFixed(2)) }))
const chosen = (frame: ChosenSchema['frame']) => ({ schema: { writer: { type: 'AVRO', schema: text }, frame } as ChosenSchema })

/** Reads a file with the library of Python and writes it again, with the number of values and what it found of the first two. */
const again = `
import sys, json
from avro.datafile import DataFileReader, DataFileWriter
from avro.io import DatumReader, DatumWriter
codec = sys.argv[3]
reader = DataFileReader(open(sys.argv[1], 'rb'), DatumReader())
values = list(reader)
schema = reader.datum_reader.writers_schema
writer = DataFileWriter(open(sys.argv[2], 'wb'), DatumWriter(), schema, codec=codec)
for value in values: writer.append(value)
writer.close()
print(json.dumps([len(values), values[1]['id'], str(values[1]['count']), str(values[0]['price']), values[0]['at'].isoformat()]))
`

/** A bare value from Python, and one to it. */
const bareValue = `
import sys, io
from avro.io import DatumReader, DatumWriter, BinaryDecoder, BinaryEncoder
import avro.schema
schema = avro.schema.parse(sys.argv[1])
value = DatumReader(schema).read(BinaryDecoder(io.BytesIO(sys.stdin.buffer.read())))
out = io.BytesIO()
DatumWriter(schema).write(value, BinaryEncoder(out))
sys.stdout.buffer.write(out.getvalue())
`

describe('Avro, with other implementations', function () {
  this.timeout(120_000)
  const folder = tempFolder('avro')
  const file = join(folder, 'ours.avro')

  before(() => writeFile(file, avro.encode!(rounded, chosen('container'))))

  it('avrocat of avro-c reads our container file', function () {
    const out = run('avrocat', [file])
    if (!out) return this.skip()
    const lines = out.toString().trim().split('\n')
    assert.equal(lines.length, rounded.length)
    const first = JSON.parse(lines[0]!)
    assert.deepEqual([first.id, first.count, first.value, first.state], ['säule-0', -5, null, 'OFF'])
    assert.deepEqual(JSON.parse(lines[7]!).value, { double: 1.75 })
  })

  it('avromod of avro-c writes what we read', function () {
    const copy = join(folder, 'modified.avro')
    if (!run('avromod', ['--codec=deflate', file, copy])) return this.skip()
    // It drops what types stand for: the reader says it.
    const schema: ChosenSchema = { writer: { type: 'AVRO', schema: text }, reader: { type: 'AVRO', schema: text } }
    return readFile(copy).then(bytes => assert.deepEqual(avro.decode(bytes, { schema }), rounded))
  })

  for (const codec of ['null', 'deflate'])
    it(`python3-avro reads our file and writes one that we read, compression ${codec}`, async function () {
      const command = python('avro')
      if (!command) return this.skip()
      const copy = join(folder, `python-${codec}.avro`)
      const seen = JSON.parse(run(command, ['-c', again, file, copy, codec])!.toString())
      assert.deepEqual(seen.slice(0, 4), [20, 'säule-1', '9007199254740993', '-12.34'])
      assert.match(seen[4], /^2023-11-14T22:13:20/)
      assert.deepEqual(avro.decode(await readFile(copy), {}), rounded)
    })

  it('python3-avro reads bare values of ours and writes the same bytes', function () {
    const command = python('avro')
    if (!command) return this.skip()
    for (const value of rounded.slice(0, 4)) {
      const bytes = avro.encode!(value, chosen('bare'))
      const back: Uint8Array = run(command, ['-c', bareValue, text], bytes)!
      assert.deepEqual(avro.decode(back, chosen('bare')), value)
    }
  })
})
