import type { RuleRow } from '../../src/routing/rule-row.ts'

export const type = 'loom-rules'

export interface RulesConfig {
  name: string
  rules: RuleRow[]
}
