import type { Expression, SelectItem } from './ast.ts'
import { itemName } from './compile-select.ts'
import { type Path, pathOf } from './expression-path.ts'
import { finding, type LintFinding, visit } from './lint-finding.ts'
import { printExpression } from './print.ts'

/** Names of the output that nobody chose, or that are taken twice. */
export function lintItems(items: readonly SelectItem[]): LintFinding[] {
  const found: LintFinding[] = []
  const seen = new Set<string>()
  for (const [i, { expression, path, position }] of items.entries()) {
    if (!expression) continue
    const name = itemName(expression, i)
    if (!path && name === `expr${i + 1}`)
      found.push({
        ...finding('unnamed-item', `this becomes ${name}; name it by AS`, position),
        fix: { offset: position.offset + position.length, length: 0, text: ` AS ${name}` },
      })
    const key = JSON.stringify(path ?? [name])
    if (seen.has(key))
      found.push(finding('duplicate-name', `${(path ?? [name]).join('.')} is taken; the last item wins`, position))
    seen.add(key)
  }
  return found
}

/** WHERE comes before SELECT and knows keys only. */
export function lintAliases(items: readonly SelectItem[], where: Expression): LintFinding[] {
  const aliases = items.filter(({ expression, path }) => expression && path && !readsKey(expression, path[0]!))
  if (aliases.length === 0) return []
  const found: LintFinding[] = []
  for (const path of pathsIn(where)) {
    const keys = [path.root, ...path.steps]
    const alias = aliases.find(({ path: name = [] }) => name.every((part, i) => part === keys[i]))
    if (!alias) continue
    const whole = alias.path!.length === keys.length
    const message = `${alias.path!.join('.')} is a name of the output; WHERE sees the keys of the message`
    found.push(finding('alias-in-where', message, path.expression.position, whole ? asOperand(alias.expression!) : undefined))
  }
  return found
}

interface NamedPath {
  expression: Expression
  root: string
  steps: Path['steps']
}

/** The longest paths that begin with a key. */
function pathsIn(where: Expression): NamedPath[] {
  const found: NamedPath[] = []
  const inside = new Set<Expression>()
  visit(where, expression => {
    if ((expression.kind === 'member' || expression.kind === 'index') && (inside.has(expression) || pathOf(expression)))
      inside.add(expression.object)
    const path = inside.has(expression) ? undefined : pathOf(expression)
    if (path?.root.kind === 'name') found.push({ expression, root: path.root.name, steps: path.steps })
  })
  return found
}

const readsKey = (expression: Expression, key: string): boolean => pathsIn(expression).some(({ root }) => root === key)

function asOperand(expression: Expression): string {
  const text = printExpression(expression)
  return expression.kind === 'binary' || expression.kind === 'unary' ? `(${text})` : text
}
