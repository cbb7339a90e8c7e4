import { LoomError } from '../errors.ts'
import { createAvroCodec } from './avro/avro-codec.ts'
import { type CayenneOptions, cayenneCodec } from './cayenne.ts'
import { isSelfDescribed, openCbor } from './cbor.ts'
import { cloudEventsCodec } from './cloud-events.ts'
import type { Codec, CodecContext } from './codec.ts'
import { type CsvOptions, csvCodec } from './csv.ts'
import { jsonCodec, looksLikeJson } from './json.ts'
import { type LayoutOptions, layoutCodec } from './layout/layout-codec.ts'
import { mediaTypeOf } from './media-type.ts'
import { openMessagePack } from './message-pack.ts'
import { openProtobuf } from './protobuf/protobuf-codec.ts'
import { meansAvro } from './schema-frames.ts'
import { openSenmlCbor, senmlJson } from './senml.ts'
import { openSparkplugCodec } from './sparkplug/sparkplug-codec.ts'

/** What `openCodec` takes, by format. */
export interface CodecOptions {
  csv: CsvOptions
  cayenne: CayenneOptions
  layout: LayoutOptions
}

interface Format {
  /** Media types; one that begins with `+` stands for all with that suffix. Without any, it must be asked for by name. */
  types: readonly string[]
  /** Whether the first bytes can mean nothing else. */
  magic?(bytes: Uint8Array): boolean
  open(options: CodecOptions[keyof CodecOptions]): Codec | Promise<Codec>
}

/** Every format, one line each. */
const formats = {
  cloudevents: { types: ['application/cloudevents+json', 'application/cloudevents-batch+json'], open: () => cloudEventsCodec },
  senml: { types: ['application/senml+json'], open: () => senmlJson },
  'senml-cbor': { types: ['application/senml+cbor'], open: openSenmlCbor },
  csv: { types: ['text/csv'], open: options => csvCodec(options as CsvOptions) },
  cayenne: { types: ['application/x-cayenne-lpp'], open: options => cayenneCodec(options as CayenneOptions) },
  layout: { types: [], open: options => layoutCodec(options as LayoutOptions) },
  msgpack: {
    types: ['application/msgpack', 'application/vnd.msgpack', 'application/x-msgpack', '+msgpack'],
    open: openMessagePack,
  },
  cbor: { types: ['application/cbor', '+cbor'], magic: isSelfDescribed, open: openCbor },
  avro: {
    types: ['application/avro', 'application/x-avro', 'avro/binary', 'application/vnd.apache.avro+binary'],
    magic: meansAvro,
    open: createAvroCodec,
  },
  protobuf: { types: ['application/protobuf', 'application/x-protobuf', 'application/vnd.google.protobuf'], open: openProtobuf },
  sparkplug: { types: ['application/x-sparkplug-b'], open: openSparkplugCodec },
  json: { types: ['application/json', 'text/json', '+json'], open: () => jsonCodec },
} as const satisfies Record<string, Format>

export type CodecName = keyof typeof formats

const table: ReadonlyMap<string, Format> = new Map(Object.entries(formats))

export const codecNames: readonly CodecName[] = Object.keys(formats) as CodecName[]

/** The codec by that name. CODEC_UNAVAILABLE if a package that it needs is not installed, CODEC_FORMAT for an unknown name. */
export async function openCodec<N extends CodecName>(
  name: N,
  options: N extends keyof CodecOptions ? CodecOptions[N] : Record<string, never> = {} as never,
): Promise<Codec> {
  const format = table.get(name)
  if (!format) throw new LoomError('CODEC_FORMAT', `"${String(name).slice(0, 40)}"`, { hint: `one of ${codecNames.join(', ')}` })
  return format.open(options)
}

/** The media type by which a format goes. */
export const contentTypeOf = (name: CodecName): string => formats[name].types[0] ?? 'application/octet-stream'

/** The format of a media type, parameters aside; of those with a suffix that is not known itself, that of the suffix. */
export function codecOfType(contentType: string | undefined): CodecName | undefined {
  const type = mediaTypeOf(contentType)
  const suffix = /\+[a-z0-9]+$/.exec(type)?.[0]
  return nameWith(({ types }) => types.includes(type)) ?? nameWith(({ types }) => suffix !== undefined && types.includes(suffix))
}

/**
 * The format that is meant: by the attributes of an event, the content type, bytes that can mean nothing else, or brackets as JSON has them. A content type that is
 * not known ends it, unless it says no more than bytes or text; nothing is ever tried out.
 */
export function detectCodec(bytes: Uint8Array, context: CodecContext): CodecName | undefined {
  if (cloudEventsCodec.detect!(bytes, context)) return 'cloudevents'
  const type = mediaTypeOf(context.contentType)
  if (!['', 'application/octet-stream', 'text/plain'].includes(type)) return codecOfType(type)
  return nameWith(({ magic }) => magic?.(bytes) ?? false) ?? (looksLikeJson(bytes, context) ? 'json' : undefined)
}

function nameWith(fits: (format: Format) => boolean): CodecName | undefined {
  for (const [name, format] of table) if (fits(format)) return name as CodecName
  return undefined
}
