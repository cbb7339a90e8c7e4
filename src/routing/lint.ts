import type { Expression, Statement } from './ast.ts'
import { conjunctsOf } from './conjuncts.ts'
import { itemExpressions } from './expression-children.ts'
import type { RuleLanguage } from './lexer.ts'
import { lintCall } from './lint-calls.ts'
import { finding, type LintFinding, visit } from './lint-finding.ts'
import { lintLoop } from './lint-loop.ts'
import { lintAliases, lintItems } from './lint-output.ts'
import { lintTest } from './lint-tests.ts'
import type { FunctionShape } from './token-reader.ts'

export interface LintInfo {
  functions?: ReadonlyMap<string, FunctionShape>
  /** Whether a valid pattern may run without a guard. */
  isSafePattern?: (pattern: string) => boolean
  /** Where the rule's output is published, a template. */
  publishTopic?: string
}

/** Warnings in the order of the text. */
export function lintStatement(statement: Statement, info: LintInfo = {}): LintFinding[] {
  const { set, output, from, where, extensions } = statement
  const items = output.items ?? []
  const tests: Expression[] = where ? [where] : []
  if (output.kind === 'foreach' && output.condition) tests.push(output.condition)
  const values = [...set.map(({ value }) => value), ...itemExpressions(items)]
  if (output.kind === 'foreach') values.push(output.source)
  return inOrder([
    ...lintExpressions([...values, ...tests], tests, 'sql', info),
    ...lintItems(output.kind === 'select' && output.value ? [] : items),
    ...(where ? [...lintAliases(items, where), ...lintIndex(where, 'sql')] : []),
    ...lintLoop(from, info.publishTopic),
    ...extensions.map(({ what, position }) =>
      finding('not-portable', `AWS IoT does not know this: ${what}`, position, what === '!=' ? '<>' : undefined),
    ),
  ])
}

export function lintCondition(condition: Expression, info: LintInfo = {}): LintFinding[] {
  // `true` is how a route says that it takes everything.
  if (condition.kind === 'literal' && condition.value === true) return []
  return inOrder([...lintExpressions([condition], [condition], 'condition', info), ...lintIndex(condition, 'condition')])
}

function lintExpressions(
  all: readonly Expression[],
  tests: readonly Expression[],
  language: RuleLanguage,
  info: LintInfo,
): LintFinding[] {
  const found = tests.flatMap(test => lintTest(test, language))
  for (const expression of all)
    visit(expression, one => {
      if (one.kind === 'call') found.push(...lintCall(one, info))
      else if (one.kind === 'select') {
        found.push(...lintItems(one.value ? [] : one.items))
        if (one.where) found.push(...lintTest(one.where, language), ...lintAliases(one.items, one.where))
      } else if (one.kind === 'literal' && typeof one.value === 'number' && Math.abs(one.value) > Number.MAX_SAFE_INTEGER)
        found.push(finding('precision', 'numbers beyond 2^53 are not exact; compare them as texts', one.position))
    })
  return found
}

function lintIndex(where: Expression, language: RuleLanguage): LintFinding[] {
  if (conjunctsOf(where, language).some(({ access }) => access)) return []
  const message = 'no part compares a key with a constant, so this is worked out for every message of the topic'
  return [finding('not-indexed', message, where.position)]
}

const inOrder = (found: LintFinding[]): LintFinding[] => found.sort((a, b) => a.position.offset - b.position.offset)
