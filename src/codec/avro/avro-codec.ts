import { LoomError } from '../../errors.ts'
import { Lru } from '../../identity/lru.ts'
import type { Codec, CodecContext } from '../codec.ts'
import { assertInput } from '../input.ts'
import { frameOf, isContainer, meansAvro, registryFrame, singleFrame } from '../schema-frames.ts'
import { type ChosenSchema, chosenSchema, type SchemaText } from '../schema-text.ts'
import { avroFingerprints, resolutionText, sha256Of } from './avro-canonical.ts'
import { containerParts, writeContainer } from './avro-container.ts'
import { AvroInput } from './avro-input.ts'
import { AvroOutput } from './avro-output.ts'
import { type AvroRead, avroReader, readWhole } from './avro-read.ts'
import { readAvroSchema } from './avro-schema.ts'
import type { AvroType, NamedType } from './avro-type.ts'
import { type AvroWrite, avroWriter } from './avro-write.ts'

interface Compiled {
  root: AvroType
  /** Schemas of one key read alike. */
  key: string
  /** Of the whole, what it refers to written into it. */
  text: string
  crc64: string
  write?: AvroWrite
  /** How it was read last, mostly the way it is read always. */
  last?: { reader: Compiled; read: AvroRead }
}

const keptReaders = 1000

/** What a schema names besides its own types. */
export function namesOf(references: NonNullable<SchemaText['references']>): ReadonlyMap<string, NamedType> {
  let names: ReadonlyMap<string, NamedType> = new Map()
  for (const { schema } of references) ({ names } = readAvroSchema(schema, names))
  return names
}

/**
 * Avro: single objects, registry frames, container files (as a list) and bare values of the schema in the context, which is a `ChosenSchema`, a text or its value.
 * SCHEMA_UNKNOWN with the fingerprint or `id:n` as position where the bytes name a schema that the context does not have.
 */
export function createAvroCodec(): Codec {
  const compiled = new WeakMap<SchemaText, Compiled>()
  const loose = new Lru<string, SchemaText>(keptReaders)
  const readers = new Lru<string, AvroRead>(keptReaders)

  const compile = (given: SchemaText): Compiled => {
    const known = compiled.get(given)
    if (known) return known
    const { root } = readAvroSchema(given.schema, namesOf(given.references ?? []))
    const text = resolutionText(root)
    const made = { root, key: sha256Of(text), text, crc64: avroFingerprints(root).crc64 }
    compiled.set(given, made)
    return made
  }
  const readerOf = (writer: Compiled, reader: Compiled): AvroRead => {
    if (writer.last?.reader === reader) return writer.last.read
    const key = `${writer.key}>${reader.key}`
    let read = readers.get(key)
    if (!read) readers.set(key, (read = avroReader(writer.root, writer.key === reader.key ? writer.root : reader.root)))
    writer.last = { reader, read }
    return read
  }
  /** A lone text makes a new object each time; what was made of it is found by its text. */
  const chosen = ({ schema }: CodecContext): ChosenSchema | undefined => {
    const found = chosenSchema(schema, 'AVRO')
    if (!found || found === schema) return found
    const { writer } = found
    const known = loose.get(writer.schema)
    if (known) return { writer: known }
    loose.set(writer.schema, writer)
    return found
  }

  const partsOf = (bytes: Uint8Array, schema: ChosenSchema | undefined): Iterable<unknown[]> | undefined => {
    if ((schema?.frame ?? 'container') !== 'container' || !isContainer(bytes)) return undefined
    const reader = schema?.reader && compile(schema.reader)
    return containerParts(bytes, (root, text) => {
      const own = { root, key: sha256Of(text), text, crc64: '' }
      return readerOf(own, reader ?? own)
    })
  }

  return {
    name: 'avro',
    detect: meansAvro,

    parts(bytes, context) {
      assertInput('Avro', bytes, context)
      return partsOf(bytes, chosen(context))
    },

    decode(bytes, context) {
      assertInput('Avro', bytes, context)
      const schema = chosen(context)
      const parts = partsOf(bytes, schema)
      if (parts) return [...parts].flat()
      const found = schema?.frame === 'bare' ? undefined : frameOf(bytes)
      const key = found && 'key' in found ? found.key : undefined
      if (!schema)
        throw new LoomError('SCHEMA_UNKNOWN', key ?? 'neither the bytes nor the context name one', {
          ...(key !== undefined && { position: key }),
        })
      const writer = compile(schema.writer)
      const read = readerOf(writer, schema.reader ? compile(schema.reader) : writer)
      return readWhole(read, new AvroInput(bytes, bodyAt(bytes, schema, writer)), writer.root)
    },

    encode(value, context) {
      const schema = chosen(context)
      if (!schema) throw new LoomError('SCHEMA_UNKNOWN', 'none is given to write with')
      const { writer, frame = 'single' } = schema
      const { root, text, crc64, write } = compile(writer)
      const made = write ?? (compile(writer).write = avroWriter(root))
      if (frame === 'container') return writeContainer(Array.isArray(value) ? value : [value], { text, write: made })
      const output = new AvroOutput()
      if (frame === 'single') output.put(singleFrame(crc64))
      if (frame === 'registry') output.put(registryFrame(idOf(writer)))
      made(output, value)
      return output.bytes
    },
  }
}

export function idOf({ id }: SchemaText): number {
  if (id !== undefined) return id
  throw new LoomError('SCHEMA_UNKNOWN', 'a frame of a registry needs a schema of one', { hint: 'register the schema' })
}

/** Where the value begins: behind a frame that names this very schema, else at the start. */
function bodyAt(bytes: Uint8Array, { writer, frame }: ChosenSchema, { crc64 }: Compiled): number {
  if (frame === 'bare') return 0
  const found = frameOf(bytes)
  if (!found || found.frame === 'container') return 0
  if (frame === found.frame) return found.body
  return (found.frame === 'single' ? found.crc64 === crc64 : found.id === writer.id) ? found.body : 0
}
