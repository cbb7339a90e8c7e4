import type { ConditionSource, RuleText } from './rule-text.ts'

/** A rule as a table of rules keeps it. */
export interface RuleRow {
  /** Fixed for the life of the row: wires and counters follow it. */
  id: string
  /** Unique in its table; what messages, dead letters and metrics call the rule. */
  name: string
  enabled: boolean
  language: 'sql' | 'condition'
  text: string
  /** Of a condition; telemetry without it. */
  source?: ConditionSource
  /** Topic of the outputs; empty: that of the message. */
  topicTemplate?: string
}

/** The rule itself, as the engine and the hub take it. */
export const ruleTextOf = ({ name, language, text, source }: RuleRow): RuleText =>
  language === 'sql' ? { name, sql: text } : { name, condition: text, ...(source && { source }) }
