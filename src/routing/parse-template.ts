import type { Expression } from './ast.ts'
import { sqlReader } from './parse-expression.ts'
import { parseOperators } from './parse-operators.ts'
import type { ParseOptions, TokenReader } from './token-reader.ts'

/**
 * A text with `${expression}` in it: texts and expressions in turn, no empty texts. `$${` is a literal `${`. The parser finds the closing brace, so braces and
 * quotes inside are safe. Errors as of an expression, with positions in the whole text.
 */
export function parseTemplate(text: string, options?: ParseOptions): (string | Expression)[] {
  const parts: (string | Expression)[] = []
  let reader: TokenReader | undefined
  let literal = ''
  let from = 0
  for (let at = text.indexOf('${'); at >= 0; at = text.indexOf('${', from)) {
    if (text[at - 1] === '$') {
      literal += `${text.slice(from, at - 1)}\${`
      from = at + 2
      continue
    }
    literal += text.slice(from, at)
    if (literal) parts.push(literal)
    literal = ''
    if (reader) reader.restart(at + 2)
    else reader = sqlReader(text, options, at + 2)
    parts.push(parseOperators(reader))
    if (!reader.is('}')) throw reader.unexpected('an operator or }')
    from = reader.token.end
  }
  literal += text.slice(from)
  if (literal) parts.push(literal)
  return parts
}
