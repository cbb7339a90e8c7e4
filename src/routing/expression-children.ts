import type { Expression, SelectItem } from './ast.ts'

/** The expressions directly inside one, in the order of the text; those inside a nested SELECT too. */
export function childrenOf(expression: Expression): readonly Expression[] {
  switch (expression.kind) {
    case 'literal':
    case 'name':
    case 'variable':
    case 'source':
    case 'star':
      return []
    case 'member':
      return [expression.object]
    case 'index':
      return [expression.object, expression.index]
    case 'unary':
    case 'cast':
      return [expression.operand]
    case 'binary':
      return [expression.left, expression.right]
    case 'call':
      return expression.args
    case 'case': {
      const { subject, branches, otherwise } = expression
      return [...(subject ? [subject] : []), ...branches.flatMap(b => [b.when, b.then]), ...(otherwise ? [otherwise] : [])]
    }
    case 'array':
      return expression.elements
    case 'object':
      return expression.members.map(({ value }) => value)
    case 'select':
      return [...itemExpressions(expression.items), expression.from, ...(expression.where ? [expression.where] : [])]
  }
}

export const itemExpressions = (items: readonly SelectItem[]): Expression[] =>
  items.flatMap(({ expression }) => (expression ? [expression] : []))
