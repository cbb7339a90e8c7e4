import type { RuleRow } from '../../src/routing/rule-row.ts'

export const type = 'loom-route'

export interface RouteConfig {
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
  /** From here on only `from: hub`; durable name of the consumer; empty: the node's id */
  consumer: string
  /** lists, comma-separated; empty: all */
  devices: string
  topics: string
  streams: string
  ack: 'delivery' | 'flow'
  start: 'latest' | 'earliest' | 'time'
  startTime: string
  /** records in flight */
  window: number
  batchMax: number
  batchLingerMs: number
  strictOrder: boolean
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
  consumer: '',
  devices: '',
  topics: '',
  streams: '',
  ack: 'delivery',
  start: 'latest',
  startTime: '',
  window: 256,
  batchMax: 1,
  batchLingerMs: 20,
  strictOrder: false,
}

/** How many outputs a node has. */
export const outputsOf = ({
  outputRules,
  unmatched,
  errors,
}: Pick<RouteConfig, 'outputRules' | 'unmatched' | 'errors'>): number =>
  outputRules.length + (unmatched ? 1 : 0) + (errors ? 1 : 0)
