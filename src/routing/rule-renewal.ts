import type { LoomError } from '../errors.ts'
import type { Memos } from './memo.ts'
import { partsOfRule, type Rule } from './rule.ts'
import { RuleEntry } from './rule-entry.ts'
import { type RuleOptions, surroundingsOf } from './rule-options.ts'
import { planOfCondition, planOfSql, type RulePlan } from './rule-plan.ts'
import type { ConditionSource } from './rule-text.ts'
import type { Surroundings } from './scope.ts'

/** A rule of `compileRule`, or a text; what else the object holds stays untouched and comes back with its matches. */
export type GivenRule = Rule | { name?: string; sql: string } | { name?: string; condition: string; source?: ConditionSource }

/** What became of the rules that were given. Of those that failed, `kept` says whether an older version runs on. */
export interface Replaced<R> {
  unchanged: R[]
  compiled: R[]
  removed: R[]
  failed: { rule: R; error: LoomError; kept: boolean }[]
}

/** The entries of a set after its rules were given anew; those of before are not touched if something throws that is no error of a rule. */
export function renewed<R extends GivenRule>(
  before: readonly RuleEntry<R>[],
  rules: readonly R[],
  options: RuleOptions,
  memos: Memos,
): { entries: RuleEntry<R>[]; around: Surroundings; replaced: Replaced<R> } {
  const old = byKey(before)
  const times = new Map<string, number>()
  const replaced: Replaced<R> = { unchanged: [], compiled: [], removed: [], failed: [] }
  const steps = rules.flatMap((given, order): Step<R>[] => {
    const entry = old.size > 0 ? taken(old, keyOf(given, times)) : undefined
    try {
      const known = partsOfRule(given)?.plan
      if (entry && isUnchanged(entry.plan, given, known)) {
        replaced.unchanged.push(given)
        return [{ given, order, entry }]
      }
      const plan = known ?? planOf(given, options)
      replaced.compiled.push(given)
      return [{ given, order, plan }]
    } catch (error) {
      replaced.failed.push({ rule: given, error: error as LoomError, kept: entry !== undefined })
      return entry ? [{ given: entry.given, order, entry }] : []
    }
  })
  replaced.removed = [...old.values()].map(({ given }) => given)
  return { entries: compiled(steps, memos), around: aroundOf(rules, options), replaced }
}

function taken<V>(map: Map<string, V>, key: string): V | undefined {
  const value = map.get(key)
  map.delete(key)
  return value
}

type Step<R> = { given: R; order: number } & ({ entry: RuleEntry<R> } | { plan: RulePlan })

/** New rules share with those that stay what these have worked out. */
function compiled<R>(steps: readonly Step<R>[], memos: Memos): RuleEntry<R>[] {
  memos.keep(new Set(steps.flatMap(step => ('entry' in step ? step.entry.compiled.used : []))))
  return steps.map(step => {
    const { given, order } = step
    if ('plan' in step) return new RuleEntry(given, order, step.plan, step.plan.compile(memos))
    return Object.assign(step.entry, { given, order })
  })
}

/** Reads a rule that was given as text. */
export function planOf(given: GivenRule, { logic, integerDivision, limits }: RuleOptions): RulePlan {
  const { name } = given
  const common = { ...(name !== undefined && { name }), ...(limits && { limits }) }
  if ('condition' in given) return planOfCondition(given.condition, { ...common, source: given.source })
  return planOfSql(given.sql, { ...common, ...(logic && { logic }), ...(integerDivision && { integerDivision }) })
}

function isUnchanged(plan: RulePlan, given: GivenRule, known: RulePlan | undefined): boolean {
  if (known) return known === plan || (known.text === plan.text && known.language.prefix === plan.language.prefix)
  if ('condition' in given) return plan.text === given.condition && plan.source === (given.source ?? 'DeviceMessages')
  return plan.source === undefined && plan.text === given.sql
}

/** Rules are known by name, those without by their text; equal ones by their order. */
function keyOf(given: GivenRule, taken: Map<string, number>): string {
  const text = 'condition' in given ? given.condition : given.sql
  const key = given.name === undefined ? `text ${text}` : `name ${given.name}`
  const times = taken.get(key) ?? 0
  taken.set(key, times + 1)
  return `${times} ${key}`
}

function byKey<R extends GivenRule>(entries: readonly RuleEntry<R>[]): Map<string, RuleEntry<R>> {
  const taken = new Map<string, number>()
  return new Map(entries.map(entry => [keyOf(entry.given, taken), entry]))
}

/** What the set does not bring, the rules do that were compiled with it. */
function aroundOf(rules: readonly GivenRule[], { accountId, host, ports }: RuleOptions): Surroundings {
  const theirs = rules.flatMap(rule => partsOfRule(rule)?.options ?? [])
  const first = <K extends 'accountId' | 'host' | 'ports'>(key: K, own: RuleOptions[K]): Pick<RuleOptions, K> => {
    const value = own ?? theirs.find(each => each[key] !== undefined)?.[key]
    return (value === undefined ? {} : { [key]: value }) as Pick<RuleOptions, K>
  }
  return surroundingsOf({ ...first('accountId', accountId), ...first('host', host), ...first('ports', ports) })
}
