import { type ConsumerConfig, consumerDefaults } from '../../src/fields/consumer-fields.ts'
import type { RuleRow } from '../../src/routing/rule-row.ts'

export const type = 'loom-route'

/** What the consumer's fields say counts only with `from: hub`. */
export interface RouteConfig extends ConsumerConfig {
  name: string
  /** optional while `from` is `wires` */
  hub: string
  /** id of a loom-rules node; empty: `rules` */
  ruleSet: string
  rules: RuleRow[]
  /** Ids of the rules that have outputs, in the order of these; set by the editor for `rules` and `ruleSet` alike. */
  outputRules: string[]
  /** `outputRules`, then unmatched, then error */
  outputs: number
  deliver: 'all' | 'first'
  unmatched: boolean
  errors: boolean
  strict: boolean
  from: 'wires' | 'hub'
}

/** Of a node that was just dragged into a flow. */
export const defaults: RouteConfig = {
  name: '',
  hub: '',
  ruleSet: '',
  rules: [],
  outputRules: [],
  outputs: 0,
  deliver: 'all',
  unmatched: false,
  errors: false,
  strict: false,
  from: 'wires',
  ...consumerDefaults,
}

/** How many outputs a node has. */
export const outputsOf = ({
  outputRules,
  unmatched,
  errors,
}: Pick<RouteConfig, 'outputRules' | 'unmatched' | 'errors'>): number =>
  outputRules.length + (unmatched ? 1 : 0) + (errors ? 1 : 0)
