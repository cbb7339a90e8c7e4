import type { CayenneOptions } from '../../codec/cayenne.ts'
import { type Codec, type CodecContext, codecLimits } from '../../codec/codec.ts'
import { type CodecName, type CodecOptions, contentTypeOf, openCodec } from '../../codec/codecs.ts'
import { type Compression, compressed } from '../../codec/compression.ts'
import type { CsvOptions } from '../../codec/csv.ts'
import { hasRows, type LayoutOptions } from '../../codec/layout/layout-codec.ts'
import { setOwn } from '../../codec/plain.ts'
import type { ChosenSchema, SchemaFrame, SchemaText } from '../../codec/schema-text.ts'
import { LoomError } from '../../errors.ts'
import type { Msg, NewMsg } from '../define.ts'
import type { SchemaSource } from '../schema-source.ts'

export interface EncoderOptions {
  format: CodecName
  compression: Compression | 'none'
  frame: SchemaFrame | 'auto'
  /** Name under which the time of a reading is written among its values; empty: it is not. */
  timeMember: string
  csv: CsvOptions
  cayenne: CayenneOptions
  layout?: LayoutOptions | undefined
  /** of Protobuf; empty: as the schemas say, else the first */
  message: string
  /** Avro or Protobuf: the schema itself, before all others; empty: none */
  schemaText: string
  /** Of the registry; without a subject the rules of `schemas` choose. */
  subject: string
  version: number | 'latest'
  schemas?: Pick<SchemaSource, 'schemaToWrite'> | undefined
}

interface Item {
  values: unknown
  time?: unknown
  [member: string]: unknown
}

const types: Readonly<Partial<Record<CodecName, SchemaText['type']>>> = { avro: 'AVRO', protobuf: 'PROTOBUF' }
/** Their bytes hold one value only; readings of a batch become messages of their own. */
const single: ReadonlySet<CodecName> = new Set<CodecName>(['avro', 'protobuf', 'cayenne', 'layout'])

/**
 * Messages with bytes of what a message holds, a value or a batch of readings: one, or one for each reading where a format cannot hold more. CODEC_INVALID for what the format or
 * schema cannot say, CODEC_LIMIT for more than could be decoded; SCHEMA_NOT_FOUND, SCHEMA_UNKNOWN, CODEC_UNAVAILABLE and the codes of the hub.
 */
export function createEncoder(options: EncoderOptions): (msg: Msg) => Promise<NewMsg[]> {
  const { format, frame, compression, message, subject, version, schemas, schemaText, timeMember } = options
  const type = types[format]
  const own: ChosenSchema | undefined = type && schemaText ? { writer: { type, schema: schemaText } } : undefined
  let codec: Promise<Codec> | undefined

  const opened = (): Promise<Codec> => {
    if (codec) return codec
    const given = format === 'csv' || format === 'cayenne' || format === 'layout' ? options[format] : {}
    codec = openCodec(format, given as CodecOptions[keyof CodecOptions] as never)
    codec.catch(() => {
      codec = undefined
    })
    return codec
  }

  async function schemaOf(msg: Msg): Promise<ChosenSchema | undefined> {
    if (!type) return undefined
    const found = own ?? (await schemas?.schemaToWrite(contextOf(msg)))
    if (!found) throw new LoomError('NODE_CONFIG', 'no schema', { hint: 'give its text, or choose schemas' })
    if (found.writer.type !== type)
      throw new LoomError('SCHEMA_INVALID', `it is of type ${found.writer.type}, the format is ${format}`)
    return {
      ...found,
      ...(frame !== 'auto' && { frame }),
      ...(message && { message }),
    }
  }
  const contextOf = ({ device, topic, properties }: Msg): CodecContext => ({
    ...(typeof device === 'string' && { device }),
    ...(typeof topic === 'string' && { topic }),
    ...(subject ? { contentType: typed(version) } : { properties: textsOf(properties) }),
  })
  /** As `chooseSchema` reads it. */
  const typed = (of: number | 'latest'): string =>
    `${contentTypeOf(format)};schema=${subject}${of === 'latest' ? '' : `;v=${of}`}`

  const bytesOf = (coder: Codec, value: unknown, schema: ChosenSchema | undefined): Uint8Array => {
    const bytes = coder.encode!(value, schema ? { schema } : {})
    const most = compression === 'none' ? codecLimits.inputBytes : codecLimits.inflatedBytes
    if (bytes.length > most) throw new LoomError('CODEC_LIMIT', `${bytes.length} bytes, at most ${most} can be decoded again`)
    return compression === 'none' ? bytes : compressed(bytes, compression)
  }

  return async msg => {
    const schema = await schemaOf(msg)
    const coder = await opened()
    const { contentEncoding: _, ...rest } = msg
    // Bare bytes do not say what wrote them.
    const contentType = schema?.frame === 'bare' && subject && !own ? typed(version) : contentTypeOf(format)
    const marks = { contentType, ...(compression !== 'none' && { contentEncoding: compression }) }
    const messageOf = (value: unknown, more: object): NewMsg => {
      const bytes = bytesOf(coder, value, schema)
      return { ...rest, ...more, payload: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), ...marks }
    }
    const { payload } = msg
    const oneEach = single.has(format) && schema?.frame !== 'container' && !(options.layout && hasRows(options.layout.layout))
    if (!isBatch(payload)) return [messageOf(itemValue(msg.time, payload), {})]
    if (!oneEach) return [messageOf(listOf(payload), {})]
    return payload.map(item => {
      const { values, ...reading } = item
      return messageOf(itemValue(item.time, values), reading)
    })
  }

  /** One value as the format wants it. */
  function itemValue(time: unknown, values: unknown): unknown {
    if (format === 'senml' || format === 'senml-cbor') return recordsOf([{ values, time }])
    return timed(time, values)
  }

  function listOf(items: readonly Item[]): unknown {
    if (format === 'senml' || format === 'senml-cbor') return recordsOf(items)
    const asForms = !timeMember && (format === 'json' || format === 'cbor' || format === 'msgpack')
    return items.map(({ time, stream, seq, schema, values }) =>
      asForms
        ? {
            ...(time !== undefined && { time }),
            ...(stream ? { stream } : {}),
            ...(seq !== undefined && { seq }),
            ...(schema !== undefined && { schema }),
            values,
          }
        : timed(time, values),
    )
  }

  function timed(time: unknown, values: unknown): unknown {
    if (!timeMember || time === undefined || !isObject(values)) return values
    const row: Record<string, unknown> = { ...values }
    setOwn(row, timeMember, time)
    return row
  }
}

/** A record of SenML for each value; records stay what they are. */
function recordsOf(items: readonly Item[]): unknown {
  return items.flatMap(({ values, time }) =>
    isObject(values)
      ? Object.entries(values).map(([name, value]) => ({ name, value, ...(typeof time === 'number' && { time }) }))
      : (values as object[]),
  )
}

const isBatch = (payload: unknown): payload is Item[] =>
  Array.isArray(payload) && payload.length > 0 && payload.every(item => isObject(item) && isObject(item.values))

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !ArrayBuffer.isView(value)

const textsOf = (properties: unknown): Record<string, string> =>
  isObject(properties)
    ? Object.fromEntries(Object.entries(properties).filter((entry): entry is [string, string] => typeof entry[1] === 'string'))
    : {}
