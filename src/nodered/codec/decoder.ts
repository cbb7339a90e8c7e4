import type { CayenneOptions } from '../../codec/cayenne.ts'
import type { Codec, CodecContext } from '../../codec/codec.ts'
import { type CodecName, type CodecOptions, detectCodec, openCodec } from '../../codec/codecs.ts'
import type { CsvOptions } from '../../codec/csv.ts'
import { type DecodedSource, readingsOfDecoded } from '../../codec/decoded-readings.ts'
import type { LayoutOptions } from '../../codec/layout/layout-codec.ts'
import type { ChosenSchema, SchemaText, SchemaType } from '../../codec/schema-text.ts'
import { LoomError } from '../../errors.ts'
import type { Reading } from '../../telemetry/reading.ts'
import type { SchemaSource } from '../schema-source.ts'
import { type Packing, unpacked } from './unpacked.ts'

export interface DecoderOptions extends Packing {
  /** Name of the value that is the time; empty: none. */
  timeMember: string
  csv: CsvOptions
  cayenne: CayenneOptions
  layout?: LayoutOptions | undefined
  /** Of Protobuf, where the schema's rule names none; empty: the first. */
  message: string
  schemas?: Pick<SchemaSource, 'schemaFor'> | undefined
  /** Lets others run, between parts of something long. */
  pause(): Promise<void>
}

/** Bytes, and what is known of them. */
export interface Packet {
  bytes: Uint8Array
  context: CodecContext
  source: DecodedSource
}

export interface Decoded {
  readings: Reading[]
  /** A JSON Schema that is said to hold for the values. */
  check?: SchemaText
}

const ofSchema: Readonly<Record<SchemaType, CodecName>> = { AVRO: 'avro', PROTOBUF: 'protobuf', JSON: 'json' }

/**
 * Payloads of one format, or of any, as readings. CODEC_FORMAT, CODEC_TRUNCATED, CODEC_LIMIT, CODEC_INVALID, TELEMETRY_UNDECODABLE; SCHEMA_UNKNOWN with the key of the schema as
 * position if the bytes have one, SCHEMA_NOT_FOUND; CODEC_UNAVAILABLE and the codes of the hub.
 */
export function createDecoder(options: DecoderOptions): (packet: Packet) => Promise<Decoded> {
  const { format, schemas, message, timeMember, pause } = options
  const fixed = format === 'auto' ? undefined : format
  const codecs = new Map<CodecName, Promise<Codec>>()

  const codecOf = (name: CodecName): Promise<Codec> => {
    let codec = codecs.get(name)
    if (!codec) {
      const own = name === 'csv' || name === 'cayenne' || name === 'layout' ? options[name] : {}
      codecs.set(name, (codec = openCodec(name, own as CodecOptions[keyof CodecOptions] as never)))
      codec.catch(() => codecs.delete(name))
    }
    return codec
  }

  /** A schema that fits the format; what decides the format where nothing else does. */
  async function schemaOf(
    bytes: Uint8Array,
    context: CodecContext,
    name: CodecName | undefined,
  ): Promise<ChosenSchema | undefined> {
    if (!schemas || !(name === undefined || Object.values(ofSchema).includes(name))) return undefined
    const found = await schemas.schemaFor(bytes, context)
    if ('none' in found) return undefined
    if ('unknown' in found) {
      if (name === 'json') return undefined
      throw new LoomError('SCHEMA_UNKNOWN', found.unknown, { position: found.unknown, hint: 'register it; the message waits' })
    }
    const { type } = found.writer
    if (name === undefined || ofSchema[type] === name) return found
    if (name === 'json') return undefined
    throw new LoomError('CODEC_FORMAT', `the format is ${name}, its schema is of ${type}`, { position: 0 })
  }

  return async ({ bytes, context, source }) => {
    const { bytes: body, inflated } = unpacked(bytes, context, options)
    const said = fixed ?? detectCodec(body, context)
    const schema = await schemaOf(body, context, said)
    const name = said ?? (schema && ofSchema[schema.writer.type])
    if (!name)
      throw new LoomError(
        'CODEC_FORMAT',
        `neither content type "${(context.contentType ?? '').slice(0, 60)}" nor the bytes say which`,
        {
          position: 0,
          hint: 'choose the format in the node, or give a content type',
        },
      )
    const codec = await codecOf(name)
    const json = schema?.writer.type === 'JSON'
    const asked: CodecContext = {
      ...context,
      inflated,
      ...(schema && !json && { schema: message && !schema.message ? { ...schema, message } : schema }),
    }
    const value = await decodedBy(codec, body, asked)
    return { readings: readingsOfDecoded(name, value, { ...source, timeMember }), ...(json && { check: schema.writer }) }
  }

  async function decodedBy(codec: Codec, bytes: Uint8Array, context: CodecContext): Promise<unknown> {
    const parts = codec.parts?.(bytes, context)
    if (!parts) return codec.decode(bytes, context)
    const values: unknown[] = []
    for (const part of parts) {
      if (values.length > 0) await pause()
      for (const value of part) values.push(value)
    }
    return values
  }
}
