import { LoomError } from '../../errors.ts'
import { setOwn } from '../plain.ts'
import { type AvroField, type AvroType, type RecordType, shownType } from './avro-type.ts'
import { plainBytes } from './avro-default.ts'
import type { AvroInput } from './avro-input.ts'
import { logicalIn, toMs } from './avro-logical.ts'
import { type AvroResolution, createResolution, fieldFor } from './avro-resolution.ts'

/** Reads one value; plain data, with times in ms, bytes in base64 and no word of the branch of a union. */
export type AvroRead = (input: AvroInput) => unknown

/**
 * Makes the function that reads what was written with one schema as another would have it: renamed by alias, added by default, widened. SCHEMA_INCOMPATIBLE
 * with path and reason. Closures, not generated code: a schema can do no more than name its parts.
 */
export function avroReader(writer: AvroType, reader: AvroType = writer): AvroRead {
  const resolution = createResolution()
  if (reader !== writer) {
    const [fault] = resolution.faults(writer, reader)
    if (fault) throw new LoomError('SCHEMA_INCOMPATIBLE', `${fault.path}: ${fault.reason}`, { position: fault.path })
  }
  return resolved(writer, reader, { reads: new Map(), resolution })
}

interface Known {
  /** Made or being made: types may hold themselves. */
  reads: Map<AvroType, Map<AvroType, { read?: AvroRead }>>
  resolution: AvroResolution
}

function resolved(writer: AvroType, reader: AvroType, known: Known): AvroRead {
  const ofWriter = known.reads.get(writer) ?? new Map<AvroType, { read?: AvroRead }>()
  known.reads.set(writer, ofWriter)
  const before = ofWriter.get(reader)
  if (before) return before.read ?? (input => before.read!(input))
  const entry: { read?: AvroRead } = {}
  ofWriter.set(reader, entry)
  entry.read = made(writer, reader, known)
  return entry.read
}

function made(writer: AvroType, reader: AvroType, known: Known): AvroRead {
  if (writer.kind === 'union') return unionReader(writer.branches, reader, known)
  if (reader.kind === 'union') {
    const branch = known.resolution.branchFor(writer, reader.branches)
    if (!branch) throw new LoomError('SCHEMA_INCOMPATIBLE', `no branch reads ${shownType(writer).slice(0, 60)}`)
    return resolved(writer, branch, known)
  }
  switch (writer.kind) {
    case 'record':
      return recordReader(writer, reader as RecordType, known)
    case 'array':
      return arrayReader(resolved(writer.items, (reader as typeof writer).items, known))
    case 'map':
      return mapReader(resolved(writer.values, (reader as typeof writer).values, known))
    case 'enum': {
      const { symbols, default: fallback } = reader as typeof writer
      const read = writer.symbols.map(symbol => (symbols.includes(symbol) ? symbol : fallback))
      return input => {
        const index = input.int()
        return read[index] ?? input.bad(`symbol ${index} of ${writer.name}`)
      }
    }
    case 'fixed': {
      const shown = logicalIn(writer) ? writer : reader
      return input => plainBytes(shown, input.take(writer.size))
    }
    case 'bytes': {
      if (reader.kind === 'string') return input => input.text()
      const shown = logicalIn(writer) ? writer : reader
      return input => plainBytes(shown, input.take(input.size()))
    }
    case 'string':
      return reader.kind === 'bytes' ? input => Buffer.from(input.text()).toString('base64') : input => input.text()
    default:
      return scalarReader(writer, reader)
  }
}

function scalarReader(writer: AvroType, reader: AvroType): AvroRead {
  const time = toMs(logicalIn(writer) ?? logicalIn(reader))
  const real = reader.kind === 'float' || reader.kind === 'double'
  switch (writer.kind) {
    case 'boolean':
      return input => {
        const byte = input.byte()
        return byte > 1 ? input.bad(`a boolean of ${byte}`) : byte === 1
      }
    case 'int':
      return time ? input => time(input.int()) : input => input.int()
    case 'long':
      if (time) return input => time(input.long())
      if (real) return input => Number(input.long())
      return input => {
        const value = input.long()
        return typeof value === 'number' ? value : String(value)
      }
    // Neither has a form in JSON: as if it was not there.
    case 'float':
      return input => finite(input.float())
    case 'double':
      return input => finite(input.double())
    default:
      return () => null
  }
}

const finite = (value: number): number | null => (Number.isFinite(value) ? value : null)

function unionReader(branches: readonly AvroType[], reader: AvroType, known: Known): AvroRead {
  const reads = branches.map(branch =>
    resolved(branch, reader.kind === 'union' && reader.branches === branches ? branch : reader, known),
  )
  return input => {
    const index = input.long()
    const read = typeof index === 'number' ? reads[index] : undefined
    return read ? read(input) : input.bad(`branch ${index} of ${reads.length}`)
  }
}

function arrayReader(item: AvroRead): AvroRead {
  return input => {
    const items: unknown[] = []
    input.enter()
    for (let count = input.block(); count; count = input.block()) for (let i = 0; i < count; i++) items.push(item(input))
    input.leave()
    return items
  }
}

function mapReader(value: AvroRead): AvroRead {
  return input => {
    const entries: Record<string, unknown> = {}
    input.enter()
    for (let count = input.block(); count; count = input.block())
      for (let i = 0; i < count; i++) setOwn(entries, input.text(), value(input))
    input.leave()
    return entries
  }
}

function recordReader(writer: RecordType, reader: RecordType, known: Known): AvroRead {
  const steps = writer.fields.map(field => {
    const target = fieldFor(field, reader, writer)
    return { name: target?.name, read: resolved(field.type, target?.type ?? field.type, known) }
  })
  const added = reader.fields.filter(field => !steps.some(({ name }) => name === field.name))
  // Readers of the same schema see its fields in its order.
  const order = reader === writer || steps.every(({ name }, i) => name === reader.fields[i]?.name) ? undefined : reader.fields
  const count = Math.max(1, steps.length)
  return input => {
    input.expect(count)
    input.enter()
    const values: Record<string, unknown> = {}
    for (const { name, read } of steps) {
      const value = read(input)
      if (name === '__proto__') setOwn(values, name, value)
      else if (name !== undefined) values[name] = value
    }
    for (const field of added) setOwn(values, field.name, defaultOf(field))
    input.leave()
    return order ? inOrder(values, order) : values
  }
}

const defaultOf = ({ default: standard }: AvroField): unknown =>
  typeof standard?.value === 'object' ? structuredClone(standard.value) : standard?.value

function inOrder(values: Record<string, unknown>, fields: readonly AvroField[]): Record<string, unknown> {
  const ordered: Record<string, unknown> = {}
  for (const { name } of fields) setOwn(ordered, name, values[name])
  return ordered
}

/** Reads one value to the end of the bytes. */
export function readWhole(read: AvroRead, input: AvroInput, type: AvroType): unknown {
  const value = read(input)
  if (input.left) input.bad(`${input.left} bytes more than one ${shownType(type).slice(0, 60)}`)
  return value
}
