import type { Expression, NestedSelect, SelectItem } from './ast.ts'
import type { Token } from './lexer.ts'
import { parseOperators } from './parse-operators.ts'
import { takeName } from './parse-operands.ts'
import { ruleFault } from './rule-fault.ts'
import { placeOf, type TokenReader } from './token-reader.ts'
import { refuseDistinct } from './unsupported.ts'

/** `[VALUE] item, ..` behind SELECT. */
export function parseSelection(reader: TokenReader): { value: boolean; items: SelectItem[] } {
  refuseDistinct(reader)
  const value = isValueKeyword(reader)
  if (value) reader.take()
  const items = parseItems(reader)
  if (value && items.length > 1)
    throw ruleFault('RULE_SYNTAX', 'SELECT VALUE makes one value', items[1]!.position, 'an object: SELECT VALUE {a: x, b: y}')
  return { value, items }
}

/** Before whatever may end a key or follow it as operator, VALUE is a key; `- [ (` begin an expression instead. */
function isValueKeyword(reader: TokenReader): boolean {
  if (!reader.is('value')) return false
  const { kind, word } = reader.peek(1)
  if (word === '*') return isEndOfItems(reader.peek(2))
  if (kind === 'end') return false
  if (kind === 'sign') return word === '-' || word === '[' || word === '(' || word === '{'
  return !followsKey.has(word)
}

const followsKey = new Set(['from', 'where', 'as', 'and', 'or', 'in', 'like', 'between', 'is'])
const isEndOfItems = ({ kind, word }: Token): boolean => kind === 'end' || word === 'from' || word === 'where'

export function parseItems(reader: TokenReader): SelectItem[] {
  const items: SelectItem[] = []
  let height = 0
  do {
    if (items.length === reader.limits.items)
      throw ruleFault('RULE_LIMIT', `more than ${reader.limits.items} items`, placeOf(reader.token))
    if (items.length > 0 && isEndOfItems(reader.token)) throw reader.unexpected('an expression', 'one comma too many')
    items.push(parseItem(reader))
    height = Math.max(height, reader.height)
  } while (reader.takes(','))
  reader.height = height
  return items
}

function parseItem(reader: TokenReader): SelectItem {
  const start = reader.token
  const expression = reader.takes('*') ? undefined : parseOperators(reader)
  if (!expression) reader.height = 1
  const path = reader.takes('as') ? parsePath(reader) : undefined
  return { ...(expression && { expression }), ...(path && { path }), position: reader.since(start) }
}

function parsePath(reader: TokenReader): string[] {
  const path: string[] = []
  do path.push(takeName(reader, 'a name'))
  while (reader.takes('.'))
  return path
}

/** `(SELECT .. FROM expr AS name WHERE ..)`; the current token is SELECT, `start` the bracket that was taken. */
export function parseNestedSelect(reader: TokenReader, start: Token): NestedSelect {
  reader.take()
  const { value, items } = parseSelection(reader)
  let { height } = reader
  reader.expect('from', 'a nested SELECT names the array or object that it reads')
  const from = parseOperators(reader)
  height = Math.max(height, reader.height)
  const elementName = reader.takes('as') ? takeName(reader, 'a name') : undefined
  let where: Expression | undefined
  if (reader.takes('where')) {
    where = parseTest(reader)
    height = Math.max(height, reader.height)
  }
  reader.expect(')')
  reader.raise(height, start)
  return {
    kind: 'select',
    value,
    items,
    from,
    ...(elementName !== undefined && { elementName }),
    ...(where && { where }),
    position: reader.since(start),
  }
}

/** What decides rather than makes output. */
export function parseTest(reader: TokenReader): Expression {
  const { projecting } = reader
  reader.projecting = false
  const condition = parseOperators(reader)
  reader.projecting = projecting
  return condition
}
