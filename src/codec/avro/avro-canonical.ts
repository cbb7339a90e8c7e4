import { createHash } from 'node:crypto'
import { crc64Avro } from './crc64-avro.ts'
import type { AvroType, Logical } from './avro-type.ts'

/** What a schema is known by. */
export interface Fingerprints {
  /** CRC-64-AVRO as a number is written, 16 hexadecimal digits; of other formats than Avro there is none */
  crc64?: string
  /** of the canonical text, hexadecimal */
  sha256: string
}

/** The parsing canonical form of Avro 1.11: full names, fixed order, nothing that does not count when bytes are parsed. */
export const canonicalText = (type: AvroType): string => written(type, false)

/** The canonical form with what counts when data is resolved too: aliases, defaults, logical types. Schemas of equal text are the same. */
export const resolutionText = (type: AvroType): string => written(type, true)

export const sha256Of = (text: string): string => createHash('sha256').update(text).digest('hex')

export function avroFingerprints(type: AvroType): Required<Fingerprints> {
  const text = canonicalText(type)
  return { crc64: crc64Avro(text), sha256: sha256Of(text) }
}

function written(root: AvroType, whole: boolean): string {
  const defined = new Set<string>()
  const logicalPart = (logical: Logical | undefined): string => {
    if (!whole || logical === undefined) return ''
    return typeof logical === 'string'
      ? `,"logicalType":"${logical}"`
      : `,"logicalType":"decimal","precision":${logical.precision},"scale":${logical.scale}`
  }
  const aliasPart = (aliases: readonly string[]): string =>
    whole && aliases.length ? `,"aliases":${JSON.stringify(aliases)}` : ''
  const write = (type: AvroType): string => {
    switch (type.kind) {
      case 'array':
        return `{"type":"array","items":${write(type.items)}}`
      case 'map':
        return `{"type":"map","values":${write(type.values)}}`
      case 'union':
        return `[${type.branches.map(write).join(',')}]`
      case 'record':
      case 'enum':
      case 'fixed': {
        const name = `"${type.name}"`
        if (defined.has(name)) return name
        defined.add(name)
        const head = `{"name":${name},"type":"${type.kind}"`
        if (type.kind === 'fixed') return `${head},"size":${type.size}${logicalPart(type.logical)}${aliasPart(type.aliases)}}`
        if (type.kind === 'enum') {
          const fallback = whole && type.default !== undefined ? `,"default":"${type.default}"` : ''
          return `${head},"symbols":${JSON.stringify(type.symbols)}${fallback}${aliasPart(type.aliases)}}`
        }
        const fields = type.fields.map(field => {
          const standard = whole && field.default ? `,"default":${JSON.stringify(sorted(field.default.json))}` : ''
          return `{"name":"${field.name}","type":${write(field.type)}${standard}${aliasPart(field.aliases)}}`
        })
        return `${head},"fields":[${fields.join(',')}]${aliasPart(type.aliases)}}`
      }
      default: {
        const logical = logicalPart(type.logical)
        return logical ? `{"type":"${type.kind}"${logical}}` : `"${type.kind}"`
      }
    }
  }
  return write(root)
}

/** The same value with the keys of its objects in order. */
export function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, item]) => [key, sorted(item)]),
  )
}
