import type { RuleRow } from '../../routing/rule-row.ts'

/** Which output of the node is whose, counted from 0. */
export interface Outputs {
  of(rowId: string): number | undefined
  unmatched?: number
  error?: number
}

interface Fields {
  outputRules: readonly string[]
  unmatched: boolean
  errors: boolean
}

/** Outputs of rules stand first, then the unmatched one, then that of errors. Without a list of ids, rules have them in the order of the table. */
export function outputsOfNode({ outputRules, unmatched, errors }: Fields, rows: readonly RuleRow[]): Outputs & { rules: number } {
  const ids = outputRules.length > 0 ? outputRules : rows.map(({ id }) => id)
  const byId = new Map(ids.map((id, i) => [id, i]))
  return {
    rules: ids.length,
    of: id => byId.get(id),
    ...(unmatched && { unmatched: ids.length }),
    ...(errors && { error: ids.length + (unmatched ? 1 : 0) }),
  }
}
