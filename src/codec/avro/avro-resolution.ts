import { type AvroField, type AvroType, type RecordType, shownType } from './avro-type.ts'
import { logicalIn } from './avro-logical.ts'

/** Why a reader cannot read what a writer wrote, and where in the reader's schema. */
export interface Unreadable {
  path: string
  reason: string
}

const widened: Readonly<Record<string, readonly string[]>> = {
  int: ['long', 'float', 'double'],
  long: ['float', 'double'],
  float: ['double'],
  string: ['bytes'],
  bytes: ['string'],
}
const mostFaults = 20

const simpleName = (name: string): string => name.slice(name.lastIndexOf('.') + 1)

/** Named types match by name without namespace, or by an alias of the reader. */
const sameName = (writer: { name: string }, reader: { name: string; aliases: readonly string[] }): boolean =>
  simpleName(writer.name) === simpleName(reader.name) || reader.aliases.includes(writer.name)

/** The field of the reader that a field of the writer becomes. A name of its own comes before an alias. */
export function fieldFor({ name }: AvroField, reader: RecordType, writer: RecordType): AvroField | undefined {
  const own = reader.fields.find(field => field.name === name)
  if (own) return own
  const known = (field: AvroField): boolean => writer.fields.some(other => other.name === field.name)
  return reader.fields.find(field => field.aliases.includes(name) && !known(field) && firstAlias(field, writer) === name)
}

/** Of several aliases that the writer has, the first counts. */
const firstAlias = ({ aliases }: AvroField, writer: RecordType): string | undefined =>
  aliases.find(alias => writer.fields.some(({ name }) => name === alias))

/** What one schema reads of another, remembered by pair of types: they may hold themselves, and each other many times over. */
export interface AvroResolution {
  /** All that keeps a reader from reading whatever a writer may write, at most 20; none if it can. */
  faults(writer: AvroType, reader: AvroType): readonly Unreadable[]
  /** The branch of the reader's union that takes what the writer wrote: the same type before one that it widens to. */
  branchFor(writer: AvroType, branches: readonly AvroType[]): AvroType | undefined
}

export function createResolution(): AvroResolution {
  const known = new Map<AvroType, Map<AvroType, readonly Unreadable[]>>()

  function faults(writer: AvroType, reader: AvroType): readonly Unreadable[] {
    const ofWriter = known.get(writer) ?? new Map<AvroType, readonly Unreadable[]>()
    known.set(writer, ofWriter)
    const before = ofWriter.get(reader)
    if (before) return before
    // While it is looked at it counts as good, or types that hold themselves would have no end.
    ofWriter.set(reader, [])
    const found = found20(writer, reader)
    ofWriter.set(reader, found)
    return found
  }

  function branchFor(writer: AvroType, branches: readonly AvroType[]): AvroType | undefined {
    const exact = branches.filter(
      branch => branch.kind === writer.kind && (!('name' in branch) || sameName(writer as typeof branch, branch)),
    )
    const wider = branches.filter(branch => widened[writer.kind]?.includes(branch.kind))
    return [...exact, ...wider].find(branch => !faults(writer, branch).length)
  }

  const below = (part: string, list: readonly Unreadable[]): Unreadable[] =>
    list.map(({ path, reason }) => ({ path: `/${part}${path === '/' ? '' : path}`, reason }))

  function found20(writer: AvroType, reader: AvroType): readonly Unreadable[] {
    const fault = (reason: string): Unreadable[] => [{ path: '/', reason }]
    if (writer.kind === 'union') return writer.branches.flatMap(branch => faults(branch, reader)).slice(0, mostFaults)
    if (reader.kind === 'union')
      return branchFor(writer, reader.branches) ? [] : fault(`no branch of the union reads ${shownType(writer)}`)
    if (writer.kind !== reader.kind)
      return widened[writer.kind]?.includes(reader.kind) ? [] : fault(`${shownType(reader)} cannot read ${shownType(writer)}`)
    if ('name' in writer && 'name' in reader && !sameName(writer, reader))
      return fault(`is called ${reader.name}, not ${writer.name}`)
    const [was, is] = [logicalIn(writer), logicalIn(reader)]
    if (typeof was === 'object' && typeof is === 'object' && (was.scale !== is.scale || was.precision !== is.precision))
      return fault(`decimal(${is.precision}, ${is.scale}) cannot read decimal(${was.precision}, ${was.scale})`)
    switch (writer.kind) {
      case 'array':
        return below('items', faults(writer.items, (reader as typeof writer).items))
      case 'map':
        return below('values', faults(writer.values, (reader as typeof writer).values))
      case 'fixed': {
        const { size } = reader as typeof writer
        return size === writer.size ? [] : fault(`has ${size} bytes, not ${writer.size}`)
      }
      case 'enum': {
        const { symbols, default: fallback } = reader as typeof writer
        const missing = fallback === undefined ? writer.symbols.filter(symbol => !symbols.includes(symbol)) : []
        return missing.length ? fault(`lacks the symbols ${missing.join(', ').slice(0, 100)} and has no default`) : []
      }
      case 'record':
        return faultsOfFields(writer, reader as RecordType)
      default:
        return []
    }
  }

  function faultsOfFields(writer: RecordType, reader: RecordType): readonly Unreadable[] {
    const targets = writer.fields.map(field => [field, fieldFor(field, reader, writer)] as const)
    const filled = new Set(targets.map(([, target]) => target))
    const found = targets.flatMap(([field, target]) => (target ? below(target.name, faults(field.type, target.type)) : []))
    for (const field of reader.fields)
      if (!filled.has(field) && !field.default) found.push({ path: `/${field.name}`, reason: 'is new and has no default' })
    return found.slice(0, mostFaults)
  }

  return { faults, branchFor }
}
