import type { CallExpression, CastExpression, CastType, CaseExpression, Expression, Literal } from './ast.ts'
import type { Token } from './lexer.ts'
import { nearestNames, suggestion } from './nearest-names.ts'
import { parseOperators } from './parse-operators.ts'
import { ruleFault, shown } from './rule-fault.ts'
import { placeOf, type TokenReader } from './token-reader.ts'
import { refuseFunction } from './unsupported.ts'

const castTypes: ReadonlyMap<string, CastType> = new Map([
  ...['string', 'nvarchar', 'text', 'ntext', 'varchar'].map(name => [name, 'string'] as const),
  ...['int', 'integer'].map(name => [name, 'int'] as const),
  ...['decimal', 'double'].map(name => [name, 'decimal'] as const),
  ...['bool', 'boolean'].map(name => [name, 'boolean'] as const),
])

/** A number with the minus sign that stands before it. */
export function parseNumber(reader: TokenReader): Literal {
  const start = reader.token
  const negative = reader.takes('-')
  const value = reader.take().value as number
  reader.height = 1
  return { kind: 'literal', value: negative && value !== 0 ? -value : value, position: reader.since(start) }
}

export function parseLiteral(reader: TokenReader, value: Literal['value']): Literal {
  const start = reader.take()
  reader.height = 1
  return { kind: 'literal', value, position: placeOf(start) }
}

const constants: ReadonlyMap<string, Literal['value']> = new Map<string, Literal['value']>([
  ['true', true],
  ['false', false],
  ['null', null],
  ['undefined', undefined],
])

/** A word that stands for a value, if the current one does. */
export const parseConstant = (reader: TokenReader): Literal | undefined =>
  constants.has(reader.token.word) ? parseLiteral(reader, constants.get(reader.token.word)) : undefined

/** The member's name behind a dot; any word is one. */
export function takeName(reader: TokenReader, what: string): string {
  const { token } = reader
  if (token.kind !== 'word' && token.kind !== 'quoted-name') throw reader.unexpected(what)
  if (token.kind === 'quoted-name') reader.extend('backticks', placeOf(token))
  return reader.take().value as string
}

/** `name(..)`; the current token is the bracket. RULE_FUNCTION, RULE_UNSUPPORTED */
export function parseCall(reader: TokenReader, named: Token): CallExpression {
  const name = named.word
  refuseFunction(reader, named)
  const shape = reader.options.functions?.get(name)
  if (reader.options.functions && !shape) throw unknownFunction(reader, named)
  if (name === 'lookup' || name === 'jsonata') reader.extend(name, placeOf(named))
  reader.enter()
  reader.take()
  const args: Expression[] = []
  let height = 0
  if (!reader.is(')'))
    do {
      args.push(reader.language === 'sql' && reader.is('*') ? parseStar(reader, named, shape) : parseOperators(reader))
      height = Math.max(height, reader.height)
    } while (reader.takes(','))
  reader.expect(')')
  reader.leave()
  reader.raise(height, named)
  if (name === 'decode') checkDecode(reader, named, args)
  return { kind: 'call', name, args, position: reader.since(named) }
}

function parseStar(reader: TokenReader, named: Token, shape: { star?: true } | undefined): Expression {
  const star = reader.take()
  reader.height = 1
  if (shape && !shape.star) throw ruleFault('RULE_SYNTAX', `* is no argument of ${named.word}()`, placeOf(star), 'name a key')
  return { kind: 'star', position: placeOf(star) }
}

function unknownFunction(reader: TokenReader, named: Token): Error {
  const hint = suggestion(nearestNames(named.word, reader.options.functions!.keys()))
  return ruleFault('RULE_FUNCTION', `no function ${shown(String(named.value))}`, placeOf(named), hint)
}

/** AWS reads the schema from a bucket. */
function checkDecode(reader: TokenReader, named: Token, args: readonly Expression[]): void {
  if (args.length > 4)
    throw ruleFault(
      'RULE_UNSUPPORTED',
      'decode() with a bucket is not offered',
      reader.since(named),
      "decode(text, 'proto', subject, type) reads the schema registry",
    )
  if (args.length > 2) reader.extend('decode with a schema of the registry', placeOf(named))
}

export function parseCast(reader: TokenReader): CastExpression {
  reader.enter()
  const start = reader.take()
  reader.expect('(')
  const operand = parseOperators(reader)
  reader.expect('as')
  const type = castTypes.get(reader.token.word)
  if (!type) throw reader.unexpected('a type', 'String, Int, Decimal or Boolean')
  reader.take()
  reader.expect(')')
  reader.leave()
  reader.raise(reader.height, start)
  return { kind: 'cast', operand, type, position: reader.since(start) }
}

/** With a value after CASE or, which AWS does not know, without. */
export function parseCase(reader: TokenReader): CaseExpression {
  reader.enter()
  const start = reader.take()
  let height = 0
  const part = (): Expression => {
    const expression = parseOperators(reader)
    height = Math.max(height, reader.height)
    return expression
  }
  const searched = reader.is('when')
  if (searched) reader.extend('CASE without a value', placeOf(start))
  const subject = searched ? undefined : part()
  const branches: CaseExpression['branches'] = []
  if (!reader.is('when')) throw reader.unexpected('WHEN')
  while (reader.takes('when')) {
    const when = part()
    reader.expect('then')
    // biome-ignore lint/suspicious/noThenProperty: the word of the language; nothing awaits a branch
    branches.push({ when, then: part() })
  }
  const otherwise = reader.takes('else') ? part() : undefined
  reader.expect('end', otherwise ? undefined : 'CASE .. WHEN .. THEN .. ELSE .. END')
  reader.leave()
  reader.raise(height, start)
  return {
    kind: 'case',
    ...(subject && { subject }),
    branches,
    ...(otherwise && { otherwise }),
    position: reader.since(start),
  }
}

/** A bracketed list; `close` ends it. */
export function parseList(reader: TokenReader, close: string, one: () => void): void {
  reader.enter()
  const start = reader.take()
  let height = 0
  if (!reader.is(close))
    do {
      one()
      height = Math.max(height, reader.height)
    } while (reader.takes(','))
  reader.expect(close)
  reader.leave()
  reader.raise(height, start)
}
