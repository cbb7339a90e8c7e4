import type { CayenneOptions } from '../../codec/cayenne.ts'
import { type CodecName, codecNames } from '../../codec/codecs.ts'
import type { Compression } from '../../codec/compression.ts'
import type { CsvOptions } from '../../codec/csv.ts'
import { type LayoutOptions, layoutCodec } from '../../codec/layout/layout-codec.ts'
import { versionNumberOf } from '../../codec/registry/registered-schema.ts'
import { LoomError } from '../../errors.ts'
import { type SparkplugMessagesOptions, sparkplugWaiting } from './sparkplug-messages.ts'

/** What decoding and encoding nodes ask of their formats. */
export interface FormatFields {
  timeMember?: string
  /** of Protobuf */
  message?: string
  /** of CSV, comma-separated; empty: the first row has the names */
  columns?: string
  separator?: string
  decimal?: string
  /** of Cayenne LPP */
  extended?: boolean
  /** of layouts: JSON */
  layout?: string
}

export interface DecodeFields extends FormatFields {
  hub?: string
  schemas?: string
  format?: string
  compression?: string
  /** of Sparkplug, `edge` or `group`: where the names of devices begin */
  deviceNames?: string
  /** of Sparkplug: messages that wait for a birth, at most */
  waiting?: number | string
  keyFrames?: boolean
  /** subject of type JSON that values must fit; empty: none */
  subject?: string
  /** number; empty: the latest */
  version?: string
}

const compressions = ['gzip', 'deflate', 'zstd'] as const

/** NODE_CONFIG for a name that is none. */
export function formatOf(format: string | undefined): CodecName {
  if ((codecNames as readonly (string | undefined)[]).includes(format)) return format as CodecName
  throw new LoomError('NODE_CONFIG', `format "${String(format).slice(0, 40)}"`, { hint: `one of ${codecNames.join(', ')}` })
}

export function compressionOfField<O extends string>(value: string | undefined, others: readonly O[]): Compression | O {
  const known: readonly (Compression | O)[] = [...others, ...compressions]
  const found = known.find(one => one === (value || others[0]))
  if (found) return found
  throw new LoomError('NODE_CONFIG', `compression "${String(value).slice(0, 40)}"`, { hint: `one of ${known.join(', ')}` })
}

/** NODE_CONFIG for what is no version. */
export function versionOf(version: string | number | undefined): number | 'latest' {
  const text = String(version ?? '').trim()
  if (text === '' || text === 'latest') return 'latest'
  const known = versionNumberOf(text)
  if (known !== undefined) return known
  throw new LoomError('NODE_CONFIG', `version "${text.slice(0, 40)}"`, { hint: 'a whole number from 1, or empty for the latest' })
}

export function csvOptionsOf({ columns = '', separator, decimal }: FormatFields): CsvOptions {
  const names = columns
    .split(',')
    .map(name => name.trim())
    .filter(Boolean)
  return {
    ...(names.length && { columns: names }),
    ...(separator && { separator: separator === '\\t' ? '\t' : separator }),
    ...(decimal === ',' && { decimal }),
  }
}

/** NODE_CONFIG. */
export function sparkplugOptionsOf({
  deviceNames,
  waiting,
}: DecodeFields): Pick<SparkplugMessagesOptions, 'deviceNames' | 'waiting'> {
  const names = (['edge', 'group'] as const).find(one => one === (deviceNames || 'edge'))
  if (!names) throw new LoomError('NODE_CONFIG', `device names "${deviceNames?.slice(0, 40)}"`, { hint: 'edge or group' })
  const { messages, most } = sparkplugWaiting
  const count = Number(waiting ?? messages)
  if (!Number.isInteger(count) || count < 1 || count > most)
    throw new LoomError('NODE_CONFIG', `waiting "${String(waiting).slice(0, 40)}"`, { hint: `a whole number from 1 to ${most}` })
  return { deviceNames: names, waiting: count }
}

export const cayenneOptionsOf = ({ extended }: FormatFields): CayenneOptions => ({ extended: extended === true })

/** The layout of a node of that format, `undefined` of others: NODE_CONFIG with the path of what is wrong in it. */
export function layoutOptionsOf({ format, layout }: FormatFields & { format?: string }): LayoutOptions | undefined {
  if (format !== 'layout') return undefined
  const hint = 'a list of fields {name, type, ..}'
  try {
    const options = { layout: JSON.parse(layout || '[]') }
    layoutCodec(options)
    return options
  } catch (error) {
    if (!(error instanceof LoomError)) throw new LoomError('NODE_CONFIG', 'the layout is not JSON', { hint, position: 'layout' })
    const { message, position = '' } = error
    throw new LoomError('NODE_CONFIG', message.slice(message.indexOf('layout')), { hint, position })
  }
}
