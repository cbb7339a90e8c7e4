import type { Expression, NameExpression, SourceExpression, VariableExpression } from './ast.ts'
import { toDecimal } from './values.ts'

export type PathRoot = NameExpression | SourceExpression | VariableExpression

/** `a.b[0].c` taken apart: what it begins with, and the members and constant indexes behind it. */
export interface Path {
  root: PathRoot
  steps: readonly (string | number)[]
}

/** `undefined` for anything that is more than a name with members and constant indexes. */
export function pathOf(expression: Expression): Path | undefined {
  const steps: (string | number)[] = []
  let at = expression
  while (true) {
    if (at.kind === 'member') {
      steps.push(at.name)
      at = at.object
    } else if (at.kind === 'index' && at.index.kind === 'literal' && isStep(at.index.value)) {
      steps.push(at.index.value)
      at = at.object
    } else if (at.kind === 'name' || at.kind === 'source' || at.kind === 'variable') {
      return { root: at, steps: steps.reverse() }
    } else return undefined
  }
}

/** A text of digits is no step: it finds an element where a member of that name would not. */
const isStep = (value: unknown): value is string | number =>
  typeof value === 'number' || (typeof value === 'string' && toDecimal(value) === undefined)

/** Equal paths have equal texts, different ones different texts: a member is `.name`, an element `[0]`, an unusual name in quotes. */
export function pathKey({ root, steps }: Path): string {
  let text = root.kind === 'source' ? `$${root.source} ${root.name ?? ''}` : nameText(root.name)
  for (const step of steps) text += typeof step === 'number' ? `[${step}]` : `.${nameText(step)}`
  return text
}

const nameText = (name: string): string => (/[^\w$]/.test(name) ? JSON.stringify(name) : name)
