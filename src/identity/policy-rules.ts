import { kindOf, type PolicyAction } from './policy-actions.ts'
import { conditionsFor, type Holds } from './policy-conditions.ts'
import type { PolicyDocument, PolicyStatement } from './policy-document.ts'
import { noPatterns, PatternSet } from './policy-patterns.ts'
import { fits } from './policy-resource.ts'
import { filledIn, type Pattern, patternOf } from './policy-template.ts'
import type { Resolve } from './policy-variables.ts'

/** `deny` outranks every `allow`; `none`: no statement speaks of it, which means no. */
export type Verdict = 'allow' | 'deny' | 'none'

type Effect = 'Allow' | 'Deny'

/** What the policies of one connection say of one action. */
export class ActionRules {
  readonly #deny: PatternSet
  readonly #allow: PatternSet
  readonly #timed: readonly { effect: Effect; patterns: PatternSet; holds: Holds }[]

  constructor(deny: PatternSet, allow: PatternSet, timed: readonly { effect: Effect; patterns: PatternSet; holds: Holds }[]) {
    this.#deny = deny
    this.#allow = allow
    this.#timed = timed
  }

  /** By the statements that do not depend on the time. */
  fixed(name: string): Verdict {
    return this.#deny.has(name) ? 'deny' : this.#allow.has(name) ? 'allow' : 'none'
  }

  /** The final verdict, given the one without the time. */
  at(fixed: Verdict, name: string, now: () => number): Verdict {
    if (this.#timed.length === 0 || fixed === 'deny') return fixed
    const time = now()
    let verdict = fixed
    for (const { effect, patterns, holds } of this.#timed) {
      if (!patterns.has(name) || !holds(time)) continue
      if (effect === 'Deny') return 'deny'
      verdict = 'allow'
    }
    return verdict
  }
}

/** Policies with the values of one connection filled in; connections with equal values may share them. */
export type Rules = Readonly<Partial<Record<PolicyAction, ActionRules>>>

/** Statements that cannot match are left out, and so is an action of which none is left. */
export function rulesFor(documents: readonly PolicyDocument[], resolve: Resolve): Rules {
  const byAction = new Map<PolicyAction, Live[]>()
  for (const { statements } of documents)
    for (const statement of statements) {
      const holds = conditionsFor(statement.conditions, resolve, statement.effect)
      if (holds === false) continue
      for (const action of statement.actions) {
        const live = byAction.get(action)
        if (live) live.push({ statement, holds })
        else byAction.set(action, [{ statement, holds }])
      }
    }
  const rules: Partial<Record<PolicyAction, ActionRules>> = {}
  for (const [action, live] of byAction) rules[action] = actionRulesOf(action, live, resolve)
  return rules
}

/** A statement that may match, with its condition on the time if it has one. */
interface Live {
  statement: PolicyStatement
  holds: true | Holds
}

function actionRulesOf(action: PolicyAction, live: readonly Live[], resolve: Resolve): ActionRules {
  const fixed = (effect: Effect) =>
    patternSetOf(
      action,
      live.filter(({ statement, holds }) => statement.effect === effect && holds === true),
      resolve,
    )
  const timed = live.flatMap(one =>
    typeof one.holds === 'function'
      ? [{ effect: one.statement.effect, patterns: patternSetOf(action, [one], resolve), holds: one.holds }]
      : [],
  )
  return new ActionRules(fixed('Deny'), fixed('Allow'), timed)
}

function patternSetOf(action: PolicyAction, live: readonly Live[], resolve: Resolve): PatternSet {
  const own: Pattern[] = []
  const whole: Pattern[] = []
  for (const { statement } of live)
    for (const resource of statement.resources) {
      const parts = fits(resource, action) && filledIn(resource.template, resolve, statement.effect)
      if (parts) (resource.whole ? whole : own).push(patternOf(parts))
    }
  return own.length + whole.length > 0 ? new PatternSet(kindOf(action), own, whole.length ? whole : undefined) : noPatterns
}
