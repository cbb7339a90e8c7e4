import type { RuleRow } from '../../routing/rule-row.ts'
import type { ConsumerFields } from '../consumer-fields.ts'

/** The fields of a node that is fed by its wires, or by the hub. */
export interface RouteFields extends ConsumerFields {
  hub: string
  ruleSet: string
  rules: RuleRow[]
  outputRules: string[]
  deliver: 'all' | 'first'
  unmatched: boolean
  errors: boolean
  strict: boolean
  from: 'wires' | 'hub'
  devices: string
  topics: string
  streams: string
  ack: 'delivery' | 'flow'
  batchMax: number
  batchLingerMs: number
}
