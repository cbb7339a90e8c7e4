import type { Expression } from './ast.ts'
import { takeName } from './parse-operands.ts'
import type { OperandParser, TokenReader } from './token-reader.ts'

/** An operand and what follows it: members, and elements, of which `index` reads the bracket and what is in it. */
export function parsePostfix(reader: TokenReader, operand: OperandParser, index: OperandParser): Expression {
  const start = reader.token
  let object = operand(reader)
  for (;;) {
    const sign = reader.token
    if (sign.word === '.') {
      reader.take()
      const name = takeName(reader, 'the name of a member')
      reader.raise(reader.height, sign)
      object = { kind: 'member', object, name, position: reader.since(start) }
    } else if (sign.word === '[') {
      const { height } = reader
      const inner = index(reader)
      reader.expect(']')
      reader.raise(Math.max(height, reader.height), sign)
      object = { kind: 'index', object, index: inner, position: reader.since(start) }
    } else return object
  }
}
