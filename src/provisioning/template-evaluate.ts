import { LoomError } from '../errors.ts'
import { invalidTemplate, type ListNode, type TextNode } from './template-expression.ts'

/** Values of the parameters of one run. */
export interface Values {
  /** PROV_PARAMETER_MISSING. */
  of(name: string): string
}

/** A text that grows further is refused: nested functions could multiply a small template without end. */
export const maxValueChars = 16_384
const maxItems = 1000

/** PROV_PARAMETER_MISSING, PROV_PARAMETER_INVALID (not in a mapping or list, too long). */
export function textOf(node: TextNode, values: Values): string {
  switch (node.kind) {
    case 'text':
      return node.text
    case 'ref':
      return values.of(node.name)
    case 'join':
      return joined(listOf(node.list, values), node.separator)
    case 'sub':
      return joined(partsOf(node.parts, values), '')
    case 'select': {
      const index = textOf(node.index, values)
      const list = listOf(node.list, values)
      const item = /^\d{1,4}$/.test(index) ? list[Number(index)] : undefined
      if (item === undefined)
        throw new LoomError(
          'PROV_PARAMETER_INVALID',
          `no item ${JSON.stringify(index.slice(0, 40))} in a list of ${list.length}`,
          {
            position: node.path,
          },
        )
      return item
    }
    case 'find': {
      const value = found(node, values)
      if (typeof value === 'string') return value
      throw invalidTemplate(node.path, 'the mapping has a list where one text is expected')
    }
  }
}

export function listOf(node: ListNode, values: Values): string[] {
  if (node.kind === 'list') return node.items.map(item => textOf(item, values))
  if (node.kind === 'split') return textOf(node.source, values).split(node.separator, maxItems)
  const value = found(node, values)
  return typeof value === 'string' ? [value] : [...value]
}

function found({ table, name, first, second, path }: Extract<ListNode, { kind: 'find' }>, values: Values) {
  const [row, column] = [textOf(first, values), textOf(second, values)]
  const value = table.get(row)?.get(column)
  if (value !== undefined) return value
  const place = [name, row, column].map(key => key.slice(0, 40)).join('.')
  throw new LoomError('PROV_PARAMETER_INVALID', `the mapping has no ${JSON.stringify(place)}`, { position: path })
}

/** The same node twice (a value used twice in Fn::Sub) is evaluated once. */
function partsOf(parts: readonly TextNode[], values: Values): string[] {
  const known = new Map<TextNode, string>()
  return parts.map(part => {
    const text = known.get(part) ?? textOf(part, values)
    known.set(part, text)
    return text
  })
}

function joined(parts: readonly string[], separator: string): string {
  const length = parts.reduce((sum, part) => sum + part.length, separator.length * Math.max(0, parts.length - 1))
  if (length > maxValueChars)
    throw new LoomError('PROV_PARAMETER_INVALID', `a text of ${length} characters`, { hint: `at most ${maxValueChars}` })
  return parts.join(separator)
}
