import type { Expression, SelectItem, Statement } from './ast.ts'
import { childrenOf, itemExpressions } from './expression-children.ts'
import { pathOf } from './expression-path.ts'
import { externalShape } from './external-shapes.ts'

export function isExternal(expression: Expression): boolean {
  return (expression.kind === 'call' && isExternalName(expression.name)) || childrenOf(expression).some(isExternal)
}

/** Whether somebody outside answers the function. */
export const isExternalName = (name: string): boolean => externalShape(name) !== undefined

/** The items of what a rule puts out. */
export const outputItems = ({ output }: Statement): readonly SelectItem[] => output.items ?? []

/** All expressions of a statement, outermost ones only. */
export function expressionsOf(statement: Statement): Expression[] {
  const { set, output, where } = statement
  return [
    ...set.map(({ value }) => value),
    ...(where ? [where] : []),
    ...(output.kind === 'foreach' ? [output.source, ...(output.condition ? [output.condition] : [])] : []),
    ...itemExpressions(outputItems(statement)),
  ]
}

/** What a rule reads and asks. */
export function factsOfStatement(statement: Statement): { paths: string[]; external: string[] } {
  const { set, output, where } = statement
  const outside = [...set.map(({ value }) => value), ...(where ? [where] : [])]
  if (output.kind === 'select') return factsOf([...outside, ...itemExpressions(output.items)])
  const before = factsOf([...outside, output.source])
  const each = factsOf([...(output.condition ? [output.condition] : []), ...itemExpressions(output.items ?? [])], output.name)
  return {
    paths: [...new Set([...before.paths, ...each.paths])],
    external: [...new Set([...before.external, ...each.external])],
  }
}

/** The paths of the message that are read, as written and without those inside elements, and the external functions that are called; each once. */
export function factsOf(expressions: readonly Expression[], itemName?: string): { paths: string[]; external: string[] } {
  const paths = new Set<string>()
  const external = new Set<string>()
  const visit = (expression: Expression, inElement: boolean): void => {
    const path = pathOf(expression)
    if (path && path.root.kind !== 'variable') {
      const { root, steps } = path
      if (!inElement && !(root.kind === 'name' && root.name === itemName)) paths.add(pathText(root, steps))
      return
    }
    if (expression.kind === 'call' && isExternalName(expression.name)) external.add(expression.name)
    for (const child of childrenOf(expression))
      visit(child, inElement || (expression.kind === 'select' && child !== expression.from))
  }
  for (const expression of expressions) visit(expression, false)
  return { paths: [...paths], external: [...external] }
}

type Root = Extract<Expression, { kind: 'name' | 'source' | 'variable' }>

function pathText(root: Root, steps: readonly (string | number)[]): string {
  const begin = root.kind === 'source' ? `$${root.source === 'system' ? root.name : root.source}` : root.name
  return begin + steps.map(step => (typeof step === 'number' ? `[${step}]` : `.${step}`)).join('')
}
