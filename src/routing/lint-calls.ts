import type { CallExpression } from './ast.ts'
import { finding, type LintFinding } from './lint-finding.ts'
import { isReplacement } from './replacement.ts'
import { expressionOf, readPattern } from './safe-pattern.ts'
import type { FunctionShape } from './token-reader.ts'

interface CallInfo {
  functions?: ReadonlyMap<string, FunctionShape>
  isSafePattern?: (pattern: string) => boolean
}

export function lintCall(call: CallExpression, { functions, isSafePattern }: CallInfo): LintFinding[] {
  const { name, args, position } = call
  const found: LintFinding[] = []
  const arity = functions?.get(name)?.arity
  if (arity && (args.length < arity[0] || args.length > arity[1]))
    found.push(finding('arity', `${name}() takes ${counted(arity)}, not ${args.length}; it is always Undefined`, position))
  const pattern = name.startsWith('regexp_') ? args[1] : undefined
  if (pattern?.kind === 'literal' && typeof pattern.value === 'string') {
    const expression = expressionOf(readPattern(pattern.value))
    const replacement = name === 'regexp_replace' ? args[2] : undefined
    if (!expression)
      found.push(finding('regex-invalid', 'this is no regular expression; the result is always Undefined', pattern.position))
    else if (isSafePattern && !isSafePattern(pattern.value))
      found.push(
        finding('regex-guarded', 'this pattern can be slow, so it runs under guard at some 40 times the cost', pattern.position),
      )
    if (
      expression &&
      replacement?.kind === 'literal' &&
      typeof replacement.value === 'string' &&
      !isReplacement(replacement.value, expression)
    )
      found.push(
        finding(
          'regex-invalid',
          'a $ names no group of the pattern, or a backslash ends it; each match is Undefined',
          replacement.position,
        ),
      )
  }
  return found
}

function counted([fewest, most]: readonly [number, number]): string {
  if (!Number.isFinite(most)) return `at least ${arguments_(fewest)}`
  return fewest === most ? arguments_(most) : `${fewest} to ${arguments_(most)}`
}

const arguments_ = (count: number): string => (count === 0 ? 'no arguments' : `${count} argument${count === 1 ? '' : 's'}`)
