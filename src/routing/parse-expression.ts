import type { ArrayExpression, Expression, ObjectExpression } from './ast.ts'
import {
  parseCall,
  parseCase,
  parseCast,
  parseConstant,
  parseList,
  parseLiteral,
  parseNumber,
  takeName,
} from './parse-operands.ts'
import { parseOperators } from './parse-operators.ts'
import { parsePostfix } from './parse-postfix.ts'
import { parseNestedSelect } from './parse-select.ts'
import { type ParseOptions, placeOf, TokenReader } from './token-reader.ts'

/** An expression of SQL that stands alone. RULE_SYNTAX, RULE_FUNCTION, RULE_UNSUPPORTED, RULE_VARIABLE, RULE_LIMIT, each with its position. */
export function parseExpression(text: string, options?: ParseOptions): Expression {
  const reader = sqlReader(text, options)
  const expression = parseOperators(reader)
  if (reader.token.kind !== 'end') throw reader.unexpected('an operator or the end')
  return expression
}

export const sqlReader = (text: string, options?: ParseOptions, offset = 0): TokenReader =>
  new TokenReader(text, 'sql', parseItem, options, offset)

const parseItem = (reader: TokenReader): Expression => parsePostfix(reader, parseOperand, parseIndex)

function parseIndex(reader: TokenReader): Expression {
  reader.extend('brackets for get()', placeOf(reader.token))
  reader.enter()
  reader.take()
  const index = parseOperators(reader)
  reader.leave()
  return index
}

function parseOperand(reader: TokenReader): Expression {
  const { token } = reader
  switch (token.kind) {
    case 'word':
      return parseWord(reader)
    case 'number':
      return parseNumber(reader)
    case 'string':
      return parseLiteral(reader, token.value)
    case 'quoted-name':
      reader.extend('backticks', placeOf(token))
      return parseName(reader)
    case 'variable':
      if (!reader.knows(token.value as string)) throw reader.unknownVariable(token)
      reader.take()
      reader.height = 1
      return { kind: 'variable', name: token.value as string, position: placeOf(token) }
    case 'sign':
      return parseSign(reader)
    default:
      throw reader.unexpected('an expression')
  }
}

function parseSign(reader: TokenReader): Expression {
  switch (reader.token.word) {
    case '(':
      return parseBracket(reader)
    case '[':
      return parseArray(reader)
    case '{':
      return parseObject(reader)
    case '-':
      return parseNumber(reader)
    case '*':
      throw reader.unexpected('an expression', '* stands alone in SELECT or as the argument of a function')
    default:
      throw reader.unexpected('an expression')
  }
}

function parseWord(reader: TokenReader): Expression {
  switch (reader.token.word) {
    case 'case':
      return parseCase(reader)
    case 'cast':
      return parseCast(reader)
    case 'select':
      throw reader.unexpected('an expression', 'a nested SELECT stands in brackets')
    case 'exists':
      return reader.peek(1).word === '(' && reader.peek(2).word === 'select' ? parseExists(reader) : parseName(reader)
    default:
      return parseConstant(reader) ?? parseName(reader)
  }
}

/** A key of the payload, or a call if a bracket follows. */
function parseName(reader: TokenReader): Expression {
  const { word, value } = reader.token
  if (reserved.has(word))
    throw reader.unexpected('an expression', clauseWords.has(word) ? undefined : `the key in backticks: \`${value}\``)
  const named = reader.take()
  if (word && reader.is('(')) return parseCall(reader, named)
  reader.height = 1
  return { kind: 'name', name: value as string, position: placeOf(named) }
}

const clauseWords = new Set(['and', 'from', 'or', 'where'])

/** Words that are no key without backticks. */
export const reserved: ReadonlySet<string> = new Set([
  ...['and', 'as', 'case', 'cast', 'else', 'end', 'false', 'from', 'not', 'null', 'or', 'select', 'then', 'true'],
  ...['undefined', 'when', 'where'],
])

function parseExists(reader: TokenReader): Expression {
  const start = reader.take()
  reader.enter()
  const inner = parseNestedSelect(reader, reader.take())
  reader.leave()
  return { ...inner, exists: true, position: reader.since(start) }
}

function parseBracket(reader: TokenReader): Expression {
  reader.enter()
  const start = reader.take()
  let inner: Expression
  if (reader.is('select')) inner = parseNestedSelect(reader, start)
  else {
    inner = parseOperators(reader)
    reader.expect(')', reader.is(',') ? 'a list stands in square brackets: [1, 2]' : undefined)
  }
  reader.leave()
  return inner
}

function parseArray(reader: TokenReader): ArrayExpression {
  const start = reader.token
  const elements: Expression[] = []
  parseList(reader, ']', () => elements.push(parseOperators(reader)))
  return { kind: 'array', elements, position: reader.since(start) }
}

function parseObject(reader: TokenReader): ObjectExpression {
  const start = reader.token
  const members: ObjectExpression['members'] = []
  parseList(reader, '}', () => {
    const key = reader.token.kind === 'string' ? (reader.take().value as string) : takeName(reader, 'a key')
    reader.expect(':')
    members.push({ key, value: parseOperators(reader) })
  })
  return { kind: 'object', members, position: reader.since(start) }
}
