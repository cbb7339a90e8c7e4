import type { LoomError } from '../../errors.ts'
import { parseCondition } from '../../routing/parse-condition.ts'
import { parseStatement } from '../../routing/parse-statement.ts'
import type { RuleRow } from '../../routing/rule-row.ts'

export interface RowFault {
  row: RuleRow
  kind: 'unnamed' | 'sameName' | 'unreadable'
  message: string
}

/** What keeps rows from running, as far as it can be told without the functions of the language; disabled rows may be unfinished. */
export function rowFaults(rows: readonly RuleRow[]): RowFault[] {
  const names = new Set<string>()
  return rows.flatMap((row): RowFault[] => {
    const name = row.name.trim()
    const taken = names.has(name)
    names.add(name)
    if (!name) return [{ row, kind: 'unnamed', message: '' }]
    if (taken) return [{ row, kind: 'sameName', message: name }]
    if (!row.enabled) return []
    const message = parseFault(row)
    return message === undefined ? [] : [{ row, kind: 'unreadable', message }]
  })
}

function parseFault({ language, text }: RuleRow): string | undefined {
  try {
    if (language === 'sql') parseStatement(text)
    else parseCondition(text)
    return undefined
  } catch (thrown) {
    return (thrown as LoomError).message
  }
}

/** A name that no row has: the wanted one, or with a number. */
export function freeName(rows: readonly RuleRow[], wanted: string): string {
  const taken = new Set(rows.map(({ name }) => name.trim()))
  for (let i = 1; ; i++) {
    const name = i === 1 ? wanted : `${wanted} ${i}`
    if (!taken.has(name)) return name
  }
}
