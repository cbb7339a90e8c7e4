import type { BinaryOperator, Expression } from './ast.ts'
import type { Token } from './lexer.ts'
import { ruleFault } from './rule-fault.ts'
import { placeOf, type TokenReader } from './token-reader.ts'
import { refuseTail } from './unsupported.ts'

/** How strongly operators bind; all of them to the left. */
const binding: ReadonlyMap<string, number> = new Map([
  ['or', 1],
  ['and', 2],
  ['=', 4],
  ['<>', 4],
  ['!=', 4],
  ['<', 4],
  ['<=', 4],
  ['>', 4],
  ['>=', 4],
  ['in', 4],
  ['+', 5],
  ['-', 5],
  ['*', 6],
  ['/', 6],
  ['%', 6],
])
const notBinding = 3
const minusBinding = 7

/** An expression of operators that bind more strongly than `weakest`; operands come from the reader's language. */
export function parseOperators(reader: TokenReader, weakest = 0): Expression {
  const start = reader.token
  let left = parsePrefix(reader, start)
  for (;;) {
    const sign = reader.token
    const power = binding.get(sign.word)
    if (power === undefined || power <= weakest || (sign.word === 'in' && reader.language === 'condition')) {
      if (sign.kind === 'word') refuseTail(reader)
      return left
    }
    reader.take()
    const { height } = reader
    const right = parseOperators(reader, power)
    reader.raise(Math.max(height, reader.height), sign)
    const operator = operatorOf(reader, sign, right)
    left = { kind: 'binary', operator, left, right, position: reader.since(start) }
  }
}

function operatorOf(reader: TokenReader, sign: Token, right: Expression): BinaryOperator {
  if (sign.word === '!=') {
    reader.extend('!=', placeOf(sign))
    return '<>'
  }
  if (sign.word === 'in' && right.kind === 'array') checkElements(reader, right.elements)
  return sign.word as BinaryOperator
}

function checkElements(reader: TokenReader, elements: readonly Expression[]): void {
  const over = elements[reader.limits.inElements]
  if (over) throw ruleFault('RULE_LIMIT', `more than ${reader.limits.inElements} values behind IN`, over.position)
}

function parsePrefix(reader: TokenReader, start: Token): Expression {
  if (start.word === 'not') return parseUnary(reader, start, 'not', notBinding)
  if (start.word !== '-') return reader.operand(reader)
  const number = reader.peek(1)
  if (number.kind !== 'number') return parseUnary(reader, start, '-', minusBinding)
  return reader.operand(reader)
}

function parseUnary(reader: TokenReader, start: Token, operator: 'not' | '-', power: number): Expression {
  reader.enter()
  reader.take()
  const operand = parseOperators(reader, power)
  reader.leave()
  reader.raise(reader.height, start)
  return { kind: 'unary', operator, operand, position: reader.since(start) }
}
