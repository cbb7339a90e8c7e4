import { LoomError } from '../errors.ts'

/** An intrinsic function or a plain text, read and checked: what is left to find out are the values of parameters. */
export type TextNode =
  | { kind: 'text'; text: string }
  | { kind: 'ref'; name: string }
  | { kind: 'join'; separator: string; list: ListNode }
  | { kind: 'select'; index: TextNode; list: ListNode; path: string }
  | { kind: 'find'; table: Table; name: string; first: TextNode; second: TextNode; path: string }
  | { kind: 'sub'; parts: readonly TextNode[] }

export type ListNode =
  | { kind: 'list'; items: readonly TextNode[] }
  | { kind: 'split'; separator: string; source: TextNode }
  | Extract<TextNode, { kind: 'find' }>

export type Table = ReadonlyMap<string, ReadonlyMap<string, string | readonly string[]>>

/** What expressions may name. */
export interface Scope {
  parameters: ReadonlySet<string>
  mappings: ReadonlyMap<string, Table>
}

/** Facts about the certificate that need no declaration; fleet provisioning has Id only, the others come from the subject. */
export const certificateFields = [
  'Country',
  'Organization',
  'OrganizationalUnit',
  'DistinguishedNameQualifier',
  'StateName',
  'CommonName',
  'SerialNumber',
  'Id',
] as const
export type CertificateField = (typeof certificateFields)[number]
export const certificateParameter = (field: CertificateField): string => `AWS::IoT::Certificate::${field}`
const certificateParameters: ReadonlySet<string> = new Set(certificateFields.map(certificateParameter))
export const isCertificateParameter = (name: string): boolean => certificateParameters.has(name)

const maxDepth = 10

export const invalidTemplate = (path: string, reason: string): LoomError =>
  new LoomError('PROV_TEMPLATE_INVALID', `${path || 'the document'}: ${reason}`, { position: path })

export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** The name of the function if the value is a call of one: an object whose one member is `Ref` or `Fn::..`. */
export function functionOf(value: unknown): string | undefined {
  if (!isObject(value)) return undefined
  const [name, ...more] = Object.keys(value)
  return more.length === 0 && name !== undefined && (name === 'Ref' || name.startsWith('Fn::')) ? name : undefined
}

/** PROV_TEMPLATE_INVALID with the path. */
export function readText(value: unknown, path: string, scope: Scope, depth = 0): TextNode {
  if (typeof value === 'string') return { kind: 'text', text: value }
  const name = functionOf(value)
  if (name === undefined) throw invalidTemplate(path, 'a string or one function is expected')
  const argument = (value as Record<string, unknown>)[name]
  const inner = `${path}.${name}`
  if (depth >= maxDepth) throw invalidTemplate(inner, `functions are nested more than ${maxDepth} deep`)
  const next = depth + 1
  switch (name) {
    case 'Ref':
      if (typeof argument !== 'string') throw invalidTemplate(inner, 'it names one parameter')
      return { kind: 'ref', name: known(argument, inner, scope) }
    case 'Fn::Join': {
      const [separator, list] = tuple(argument, 2, inner, 'a separator and a list')
      return { kind: 'join', separator: plain(separator, `${inner}[0]`), list: readList(list, `${inner}[1]`, scope, next) }
    }
    case 'Fn::Select': {
      const [index, list] = tuple(argument, 2, inner, 'an index and a list')
      const at = typeof index === 'number' ? String(index) : index
      return {
        kind: 'select',
        index: readText(at, `${inner}[0]`, scope, next),
        list: readList(list, `${inner}[1]`, scope, next),
        path: inner,
      }
    }
    case 'Fn::FindInMap':
      return readFind(argument, inner, scope, next)
    case 'Fn::Sub':
      return readSub(argument, inner, scope, next)
    case 'Fn::Split':
      throw invalidTemplate(inner, 'it gives a list where one text is expected: put Fn::Select around it')
    default:
      throw invalidTemplate(inner, 'no such function; there are Ref, Fn::Join, Fn::Select, Fn::FindInMap, Fn::Split, Fn::Sub')
  }
}

export function readList(value: unknown, path: string, scope: Scope, depth = 0): ListNode {
  if (Array.isArray(value))
    return { kind: 'list', items: value.map((item, at) => readText(item, `${path}[${at}]`, scope, depth)) }
  const name = functionOf(value)
  const inner = `${path}.${name}`
  const argument = name === undefined ? undefined : (value as Record<string, unknown>)[name]
  if (depth >= maxDepth) throw invalidTemplate(inner, `functions are nested more than ${maxDepth} deep`)
  if (name === 'Fn::FindInMap') return readFind(argument, inner, scope, depth + 1)
  if (name !== 'Fn::Split') throw invalidTemplate(path, 'a list, Fn::Split or Fn::FindInMap is expected')
  const [separator, source] = tuple(argument, 2, inner, 'a separator and a text')
  const text = plain(separator, `${inner}[0]`)
  if (text === '') throw invalidTemplate(`${inner}[0]`, 'the separator is empty')
  return { kind: 'split', separator: text, source: readText(source, `${inner}[1]`, scope, depth + 1) }
}

function readFind(argument: unknown, path: string, scope: Scope, depth: number): Extract<TextNode, { kind: 'find' }> {
  const [map, first, second] = tuple(argument, 3, path, 'a mapping and two keys')
  const name = plain(map, `${path}[0]`)
  const table = scope.mappings.get(name)
  if (!table) throw invalidTemplate(`${path}[0]`, `no mapping ${JSON.stringify(name.slice(0, 80))}`)
  return {
    kind: 'find',
    table,
    name,
    first: readText(first, `${path}[1]`, scope, depth),
    second: readText(second, `${path}[2]`, scope, depth),
    path,
  }
}

/** `text ${Name} ${!literal}`, or `[text, {name: value}]` with names of its own. */
function readSub(argument: unknown, path: string, scope: Scope, depth: number): TextNode {
  const [text, values = {}] = Array.isArray(argument) ? tuple(argument, 2, path, 'a text and its values') : [argument]
  if (!isObject(values)) throw invalidTemplate(`${path}[1]`, 'an object is expected')
  const own = new Map(
    Object.entries(values).map(([name, value]) => [name, readText(value, `${path}[1].${name}`, scope, depth)] as const),
  )
  const source = plain(text, path)
  const parts: TextNode[] = []
  let at = 0
  for (let open = source.indexOf('${'); open >= 0; open = source.indexOf('${', at)) {
    const close = source.indexOf('}', open)
    if (close < 0) throw invalidTemplate(path, `a \${ at character ${open} is never closed`)
    const name = source.slice(open + 2, close)
    parts.push({ kind: 'text', text: source.slice(at, open) })
    if (name.startsWith('!')) parts.push({ kind: 'text', text: `\${${name.slice(1)}}` })
    else parts.push(own.get(name) ?? { kind: 'ref', name: known(name, path, scope) })
    at = close + 1
  }
  parts.push({ kind: 'text', text: source.slice(at) })
  return { kind: 'sub', parts }
}

function known(name: string, path: string, { parameters }: Scope): string {
  if (parameters.has(name) || isCertificateParameter(name)) return name
  throw invalidTemplate(
    path,
    `no parameter ${JSON.stringify(name.slice(0, 80))} is declared (\${!name} in Fn::Sub leaves a \${name} standing)`,
  )
}

function plain(value: unknown, path: string): string {
  if (typeof value === 'string') return value
  throw invalidTemplate(path, 'a plain string is expected')
}

function tuple(value: unknown, length: number, path: string, what: string): unknown[] {
  if (Array.isArray(value) && value.length === length) return value
  throw invalidTemplate(path, `it takes ${what}`)
}
