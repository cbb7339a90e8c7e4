import type { CallExpression, Expression, Statement } from './ast.ts'
import { childrenOf } from './expression-children.ts'
import { factsOf, factsOfStatement, isExternalName } from './expression-facts.ts'
import type { RuleMessage } from './message.ts'
import { printStatement } from './print.ts'
import type { RulePorts } from './rule-function.ts'
import { planOf } from './rule-renewal.ts'
import { createRuleSet } from './rule-set.ts'
import type { RuleText } from './rule-text.ts'

/** Whether some of many rules may fire, decided where their outputs are not made. */
export interface RuleGate {
  /** Some rule looks at the device's twin. */
  readonly needsTwin: boolean
  /** False only if no rule fires, whatever external functions answer and chance brings. */
  opensFor(message: RuleMessage): boolean
}

/**
 * Conditions are tested once for all here and again where the outputs are made: so what may differ then (`rand`, `newuuid`, external functions, Protobuf) is left out here.
 * A rule that cannot be read fires nowhere.
 */
export function openRuleGate(
  { rules, logic }: { rules: readonly RuleText[]; logic?: 'three-valued' | 'strict' | undefined },
  ports: RulePorts,
): RuleGate {
  const options = { ports, ...(logic && { logic }) }
  const readable = rules.flatMap(rule => {
    try {
      const { statement, condition } = planOf(rule, options)
      const { paths, external } = statement ? factsOfStatement(statement) : factsOf([condition!])
      const gate: RuleText = statement ? { name: rule.name, sql: printStatement(gateOf(statement)) } : rule
      return [{ gate, twin: paths.some(path => path.startsWith('$twin')) || external.includes('get_thing_shadow') }]
    } catch {
      return []
    }
  })
  const set = createRuleSet(
    readable.map(({ gate }) => gate),
    // What was short enough as it was written may be longer as it is printed.
    { ...options, limits: { textBytes: Number.POSITIVE_INFINITY } },
  )
  return { needsTwin: readable.some(({ twin }) => twin), opensFor: message => set.match(message).length > 0 }
}

/** The statement with an output that costs nothing, and without conditions that may be decided otherwise the next time. */
function gateOf({ set, output, where, from }: Statement): Statement {
  const loose = new Set<string>()
  for (const { name, value } of set) if (isLoose(value, loose)) loose.add(name)
  const fanOut = output.kind === 'foreach' && [output.source, ...(output.condition ? [output.condition] : [])]
  const keepsFanOut = fanOut && !fanOut.some(each => isLoose(each, loose))
  const one = { expression: yes, path: ['fires'], position: nowhere }
  return {
    set,
    from,
    extensions: [],
    output: keepsFanOut ? { ...output, items: [one] } : { kind: 'select', value: false, items: [one] },
    ...(where && { where: stable(where, loose) }),
  }
}

const nowhere = { offset: 0, line: 1, column: 1, length: 0 }

const yes: Expression = { kind: 'literal', value: true, position: nowhere }

/** The condition with `true` for its loose parts. Beside AND, texts count as Booleans: what is left goes on standing beside one. */
function stable(where: Expression, loose: ReadonlySet<string>): Expression {
  if (!isLoose(where, loose)) return where
  if (where.kind !== 'binary' || where.operator !== 'and') return yes
  return { ...where, left: stable(where.left, loose), right: stable(where.right, loose) }
}

const isLoose = (expression: Expression, variables: ReadonlySet<string>): boolean =>
  (expression.kind === 'call' && isLooseCall(expression)) ||
  (expression.kind === 'variable' && variables.has(expression.name)) ||
  childrenOf(expression).some(each => isLoose(each, variables))

const chance = new Set(['rand', 'newuuid'])

/** Protobuf is decoded with schemas that are not at hand here. */
const isLooseCall = ({ name, args }: CallExpression): boolean =>
  isExternalName(name) || chance.has(name) || (name === 'decode' && args.length > 2)
