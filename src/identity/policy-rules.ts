import { kindOf, type PolicyAction, policyActions } from './policy-actions.ts'
import { conditionsFor, type Holds } from './policy-conditions.ts'
import type { PolicyDocument } from './policy-document.ts'
import { PatternSet } from './policy-patterns.ts'
import { fits, type Resource } from './policy-resource.ts'
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
  /** Whether a look-up may take long: then the verdict without the time is worth remembering. */
  readonly slow: boolean

  constructor(deny: PatternSet, allow: PatternSet, timed: readonly { effect: Effect; patterns: PatternSet; holds: Holds }[]) {
    this.#deny = deny
    this.#allow = allow
    this.#timed = timed
    this.slow = deny.slow || allow.slow
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

/** Statements of which an action has none are left out, and so is an action of which no statement is left. */
export function rulesFor(documents: readonly PolicyDocument[], resolve: Resolve): Rules {
  const live = documents
    .flatMap(({ statements }) => statements)
    .map(statement => ({ ...statement, holds: conditionsFor(statement.conditions, resolve, statement.effect) }))
    .filter(({ holds }) => holds !== false)
  const rules: Partial<Record<PolicyAction, ActionRules>> = {}
  for (const action of policyActions) {
    const speaking = live.filter(({ actions }) => actions.includes(action))
    if (!speaking.length) continue
    const set = (effect: Effect, of: typeof speaking) =>
      patternSetOf(
        action,
        of.flatMap(({ resources }) => resources),
        effect,
        resolve,
      )
    const fixed = (effect: Effect) =>
      set(
        effect,
        speaking.filter(one => one.effect === effect && one.holds === true),
      )
    const timed = speaking.flatMap(one =>
      typeof one.holds === 'function' ? [{ effect: one.effect, patterns: set(one.effect, [one]), holds: one.holds }] : [],
    )
    rules[action] = new ActionRules(fixed('Deny'), fixed('Allow'), timed)
  }
  return rules
}

function patternSetOf(action: PolicyAction, resources: readonly Resource[], effect: Effect, resolve: Resolve): PatternSet {
  const byReach: Record<'own' | 'whole', Pattern[]> = { own: [], whole: [] }
  for (const resource of resources) {
    const parts = fits(resource, action) && filledIn(resource.template, resolve, effect)
    if (parts) byReach[resource.whole ? 'whole' : 'own'].push(patternOf(parts))
  }
  return new PatternSet(kindOf(action), byReach.own, byReach.whole)
}
