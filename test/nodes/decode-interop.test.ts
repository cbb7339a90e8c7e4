import assert from 'node:assert/strict'
import protobuf from 'protobufjs'
import decode from '../../nodes/decode/decode.ts'
import encode from '../../nodes/encode/encode.ts'
import { python, run } from '../codec/command.ts'
import { flow, type Received, unload } from '../flow.ts'
import type { SchemaSource } from '../../src/nodered/schema-source.ts'
import { defineNode } from '../../src/nodered/define.ts'

const values = { t: 21.5, n: -7, name: 'säule', list: [1, 2, 3] }
const avro = {
  type: 'record',
  name: 'R',
  fields: [
    { name: 't', type: 'double' },
    { name: 'n', type: 'long' },
    { name: 'name', type: 'string' },
    { name: 'list', type: { type: 'array', items: 'int' } },
  ],
}
const proto = 'syntax = "proto3"; message R { double t = 1; sint64 n = 2; string name = 3; repeated int32 list = 4; }'

/** What packages of Python write of the values, and what they read of ours: JSON on both sides. */
const packages = {
  cbor2: { type: 'application/cbor', format: 'cbor', write: 'cbor2.dumps(value)', read: 'cbor2.loads(data)' },
  msgpack: { type: 'application/msgpack', format: 'msgpack', write: 'msgpack.packb(value)', read: 'msgpack.unpackb(data)' },
  avro: {
    type: 'application/avro',
    format: 'avro',
    write: 'container(value)',
    read: 'list(DataFileReader(io.BytesIO(data), DatumReader()))[0]',
  },
}
const script = (name: string, { write, read }: { write: string; read: string }): string => `
import sys, json, io
import ${name}
${
  name === 'avro'
    ? `
import avro.schema
from avro.datafile import DataFileReader, DataFileWriter
from avro.io import DatumReader, DatumWriter
def container(value):
    out = io.BytesIO()
    writer = DataFileWriter(out, DatumWriter(), avro.schema.parse(${JSON.stringify(JSON.stringify(avro))}), codec='deflate')
    writer.append(value)
    writer.flush()
    return out.getvalue()
`
    : ''
}
data = sys.stdin.buffer.read()
if sys.argv[1] == 'write':
    value = json.loads(data)
    sys.stdout.buffer.write(${write})
else:
    sys.stdout.write(json.dumps(${read}))
`

/** A config node whose schemas are always the same one. */
const fixedSchema = defineNode('loom-schema', (_, { node }) => {
  const source: Partial<SchemaSource> = {
    schemaFor: async () => ({ writer: { type: 'PROTOBUF', schema: proto }, frame: 'bare' }),
  }
  Object.assign(node, { source })
  return {}
})

describe('loom-decode and loom-encode with other implementations', function () {
  this.timeout(120_000)
  afterEach(unload)

  for (const [name, how] of Object.entries(packages))
    it(`python3-${name}: its bytes become readings, and it reads what is written here`, async function () {
      const command = python(name)
      if (!command) return this.skip()
      const bytes = run(command, ['-c', script(name, how), 'write'], JSON.stringify(values))!
      const reading = await flow(decode, { type: 'loom-decode', format: 'auto' })
      const one = reading.outputs(1)
      reading.send({ payload: bytes, contentType: how.type, device: 'd1' })
      assert.deepEqual((await one)[0]!.payload, values)
      await unload()
      const own = name === 'avro' ? { schemaText: JSON.stringify(avro), frame: 'container' } : {}
      const writing = await flow(encode, { type: 'loom-encode', format: how.format, ...own })
      const made = writing.outputs(1)
      writing.send({ payload: values })
      const [{ payload }] = (await made) as [Received]
      assert.deepEqual(JSON.parse(run(command, ['-c', script(name, how), 'read'], payload)!.toString()), values)
    })

  it('protobufjs: its bytes become readings, and it reads what is written here', async () => {
    const type = protobuf.parse(proto).root.lookupType('R')
    const config = { type: 'loom-decode', format: 'auto', schemas: 's' }
    const reading = await flow([fixedSchema, decode], config, { others: [{ id: 's', type: 'loom-schema' }] })
    const one = reading.outputs(1)
    reading.send({ payload: Buffer.from(type.encode(type.create(values)).finish()), device: 'd1' })
    assert.deepEqual((await one)[0]!.payload, values)
    await unload()
    const writing = await flow(encode, { type: 'loom-encode', format: 'protobuf', schemaText: proto })
    const made = writing.outputs(1)
    writing.send({ payload: values })
    const [{ payload }] = (await made) as [Received]
    assert.deepEqual(type.toObject(type.decode(payload), { longs: Number }), values)
  })
})
