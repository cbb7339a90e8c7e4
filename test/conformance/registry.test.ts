import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { openCodec } from '../../src/codec/codecs.ts'
import type { ChosenSchema } from '../../src/codec/schema-text.ts'
import { createSchemaSource } from '../../src/nodered/schema-source.ts'
import { type RealHub, realHub } from '../nodered/real-hub.ts'

/** The part of the client that is used here; it has types of its own, which are not looked up where it is not installed. */
interface Client {
  register(schema: { type: string; schema: string }, o?: { subject?: string; compatibility?: string }): Promise<{ id: number }>
  encode(id: number, value: unknown): Promise<Buffer>
  decode(bytes: Buffer): Promise<unknown>
  getLatestSchemaId(subject: string): Promise<number>
  getRegistryId(subject: string, version: number): Promise<number>
}

const avro = (...fields: object[]): string => JSON.stringify({ type: 'record', name: 'Room', namespace: 'iot', fields })
const t = { name: 't', type: 'int' }

describe('an unmodified client of schema registries', function () {
  this.timeout(120_000)
  let at: RealHub
  let client: Client
  before(async () => {
    at = await realHub()
    const { SchemaRegistry } = createRequire(import.meta.url)('@kafkajs/confluent-schema-registry') as {
      SchemaRegistry: new (o: object) => Client
    }
    client = new SchemaRegistry({ host: at.url('/registry'), retry: { retries: 0 } })
  })
  after(() => at.close())
  const source = () => createSchemaSource(async () => at.hub, { rules: [], reader: 'latest', firmwarePath: 'firmware' })

  it('registers Avro, writes what we read and reads what we write', async () => {
    const value = { t: 7 }
    const { id } = await client.register({ type: 'AVRO', schema: avro(t) }, { subject: 'room' })
    const theirs = await client.encode(id, value)
    const found = await source().schemaFor(theirs, {})
    assert.ok('writer' in found)
    const codec = await openCodec('avro')
    assert.deepEqual(codec.decode(theirs, { schema: found }), value)
    const ours = codec.encode!(value, { schema: { writer: found.writer, frame: 'registry' } satisfies ChosenSchema })
    assert.deepEqual(Buffer.from(ours), theirs)
    assert.deepEqual({ ...((await client.decode(Buffer.from(ours))) as object) }, value)
    assert.equal(await client.getLatestSchemaId('room'), id)
    assert.equal(await client.getRegistryId('room', 1), id)
  })

  // Its messages of Protobuf lack the indexes that the frame has, so only what it asks of the registry is looked at.
  it('registers Protobuf and finds it again', async () => {
    const schema = 'syntax = "proto3"; package iot; message Room { int32 t = 1; }'
    const { id } = await client.register({ type: 'PROTOBUF', schema }, { subject: 'room-protobuf' })
    assert.equal(await client.getLatestSchemaId('room-protobuf'), id)
    assert.deepEqual((await at.hub.schemas.get({ id }))?.type, 'PROTOBUF')
  })

  it('registers JSON Schema and the same schema again', async () => {
    const schema = JSON.stringify({ type: 'object', properties: { t: { type: 'integer' } } })
    const first = await client.register({ type: 'JSON', schema }, { subject: 'room-json' })
    assert.deepEqual(await client.register({ type: 'JSON', schema }, { subject: 'room-json' }), first)
  })

  it('sets the compatibility of a subject, and is told why a version is refused', async () => {
    await client.register({ type: 'AVRO', schema: avro(t) }, { subject: 'strict', compatibility: 'FULL' })
    assert.deepEqual(await at.hub.schemas.compatibility({ subject: 'strict' }), { mode: 'FULL', own: true })
    await assert.rejects(
      client.register(
        { type: 'AVRO', schema: avro(t, { name: 'u', type: 'int' }) },
        { subject: 'strict', compatibility: 'FULL' },
      ),
      /\/u is new and has no default/,
    )
  })
})
