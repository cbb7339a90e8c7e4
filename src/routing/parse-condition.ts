import type { Expression } from './ast.ts'
import type { Token } from './lexer.ts'
import { parseCall, parseConstant, parseLiteral, parseNumber } from './parse-operands.ts'
import { parseOperators } from './parse-operators.ts'
import { parsePostfix } from './parse-postfix.ts'
import { ruleFault } from './rule-fault.ts'
import { type ParseOptions, placeOf, TokenReader } from './token-reader.ts'
import { refuseTail } from './unsupported.ts'

/**
 * A routing condition of Azure IoT Hub. Names keep their case, though the language ignores it; `-` belongs to the names of properties, not to members of paths.
 * RULE_SYNTAX, RULE_FUNCTION, RULE_UNSUPPORTED, RULE_LIMIT, each with its position.
 */
export function parseCondition(text: string, options?: ParseOptions): Expression {
  const reader = new TokenReader(text, 'condition', parseItem, options)
  refuseStatement(reader)
  const condition = parseOperators(reader)
  if (reader.token.kind !== 'end') throw reader.unexpected('an operator or the end', doubledQuote(reader, text))
  return condition
}

/** A property may have the name of a keyword; a sign or the end follows it then. */
function refuseStatement(reader: TokenReader): void {
  if (!reader.is('case') && !reader.is('select') && !reader.is('where')) return
  const { kind, word } = reader.peek(1)
  if ((kind !== 'sign' && kind !== 'end') || word === '*') refuseTail(reader)
}

const doubledQuote = (reader: TokenReader, text: string): string | undefined =>
  reader.token.kind === 'string' && text[reader.end - 1] === text[reader.token.offset] ? "write \\' for a quote" : undefined

const parseItem = (reader: TokenReader): Expression => parsePostfix(reader, parseOperand, parseIndex)

function parseIndex(reader: TokenReader): Expression {
  reader.take()
  const { kind, value } = reader.token
  if (kind !== 'number' || !Number.isInteger(value)) throw reader.unexpected('a whole number', 'a condition indexes arrays')
  return parseNumber(reader)
}

function parseOperand(reader: TokenReader): Expression {
  const { kind, word, value } = reader.token
  if (kind === 'word') return parseWord(reader)
  if (kind === 'number' || word === '-') return parseNumber(reader)
  if (kind === 'string') return parseLiteral(reader, value)
  if (word === '(') {
    reader.enter()
    reader.take()
    const inner = parseOperators(reader)
    reader.expect(')')
    reader.leave()
    return inner
  }
  if (word === '[' || word === '{')
    throw ruleFault('RULE_UNSUPPORTED', 'a condition has no arrays or objects', placeOf(reader.token), 'compare single values')
  throw reader.unexpected('an expression')
}

function parseWord(reader: TokenReader): Expression {
  if (reader.is('and') || reader.is('or')) throw reader.unexpected('an expression')
  return parseConstant(reader) ?? parseName(reader.take(), reader)
}

function parseName(named: Token, reader: TokenReader): Expression {
  if (reader.is('(')) return parseCall(reader, named)
  reader.height = 1
  const { word } = named
  const name = named.value as string
  const position = placeOf(named)
  if (word === '$body' || word === '$twin') return { kind: 'source', source: word === '$body' ? 'body' : 'twin', position }
  if (!name.startsWith('$')) return { kind: 'name', name, position }
  const property = word.startsWith('$sys.') ? name.slice(5) : name.slice(1)
  if (!property || word === '$sys')
    throw ruleFault('RULE_SYNTAX', 'the name of a system property is missing', position, '$name or $sys.name')
  return { kind: 'source', source: 'system', name: property, position }
}
