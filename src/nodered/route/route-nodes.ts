import { errorData, type ErrorData, LoomError } from '../../errors.ts'
import type { RuleStats } from '../../routing/rule-entry.ts'
import type { RuleRow } from '../../routing/rule-row.ts'
import type { RuleTable } from './rule-table.ts'
import type { SeenMessage } from './seen.ts'

/** A rule of a node, as people see it. */
export interface RuleView extends RuleRow, Omit<RuleStats<RuleRow>, 'rule' | 'name'> {
  /** Counted from 1; absent: it has none. */
  output?: number
  /** It runs, maybe in the version before. */
  running: boolean
  /** Why it cannot be read. */
  error?: ErrorData
}

/** The rules of a node; `failed` counts those that cannot be read. */
export interface RouteSummary {
  node: string
  name: string
  /** hub id */
  hub?: string
  rules: number
  failed: number
  /** messages and readings since the node started */
  seen: number
  lastError?: { at: number; rule: string; code: string; message: string }
}

/** A running node with rules. */
export interface RouteNode {
  summary(): RouteSummary
  rules(): RuleView[]
  recent(): readonly SeenMessage[]
  /** Other rules from the next message on, until the flow is deployed anew. NODE_CONFIG. */
  put(rules: unknown): void
}

/** The nodes with rules in this process, and what those leave behind that start again with a deploy. */
export class RouteNodes {
  readonly #live = new Map<string, RouteNode>()
  readonly #tables = new Map<string, RuleTable>()

  enter(id: string, node: RouteNode): void {
    this.#live.set(id, node)
  }

  /** `table`: for the node that comes in its place. */
  leave(id: string, node: RouteNode, table: RuleTable | undefined): void {
    if (this.#live.get(id) === node) this.#live.delete(id)
    if (table) this.#tables.set(id, table)
    else this.#tables.delete(id)
  }

  /** The table that the node of this id had before, with its counters. */
  tableOf(id: string, logic: RuleTable['logic']): RuleTable | undefined {
    const table = this.#tables.get(id)
    this.#tables.delete(id)
    return table?.logic === logic ? table : undefined
  }

  /** NOT_FOUND */
  get(id: string): RouteNode {
    const node = this.#live.get(id)
    if (!node) throw new LoomError('NOT_FOUND', `a node with rules, ${id.slice(0, 64)}`)
    return node
  }

  list(): RouteSummary[] {
    return [...this.#live.values()].map(node => node.summary())
  }

  /** Forgets what nodes left behind. */
  clear(): void {
    this.#tables.clear()
  }

  /** Counters of the rules of a hub's nodes in the Prometheus text format; empty without any. */
  metricsOf(hub: string): string {
    const views = [...this.#live.values()].flatMap(node => {
      const { node: id, hub: of } = node.summary()
      return of === hub ? node.rules().map(rule => ({ id, rule })) : []
    })
    if (views.length === 0) return ''
    return counters
      .flatMap(([name, help, key]) => [
        `# HELP thingloom_rule_${name} ${help}`,
        `# TYPE thingloom_rule_${name} counter`,
        ...views.map(({ id, rule }) => {
          const labels = Object.entries({ hub, node: id, rule: rule.name }).map(([label, text]) => `${label}="${escaped(text)}"`)
          return `thingloom_rule_${name}{${labels.join(',')}} ${rule[key]}`
        }),
      ])
      .map(line => `${line}\n`)
      .join('')
  }
}

const counters = [
  ['matched_total', 'messages that the rule matched', 'matched'],
  ['not_matched_total', 'messages that it did not match', 'notMatched'],
  ['undefined_total', 'messages that it did not match for want of a value', 'undefined'],
  ['errors_total', 'evaluations that failed', 'errors'],
  ['outputs_total', 'outputs made', 'outputs'],
  ['time_ms_total', 'estimated time of evaluation, ms', 'timeMs'],
] as const satisfies (readonly [string, string, keyof RuleView])[]

const escaped = (text: string): string => text.replace(/[\\"\n]/g, c => (c === '\n' ? '\\n' : `\\${c}`))

/** The rules of a table as people see them. */
export function viewsOf(table: RuleTable, outputOf: (rowId: string) => number | undefined): RuleView[] {
  const stats = table.stats()
  const faults = new Map(table.faults.map(({ row, error }) => [row.id, error]))
  return table.rows.map(row => {
    const counted = stats.get(row.id)
    const { matched = 0, notMatched = 0, undefined: withoutValue = 0, errors = 0, outputs = 0, timeMs = 0 } = counted ?? {}
    const output = outputOf(row.id)
    const fault = faults.get(row.id)
    return {
      ...row,
      ...(output !== undefined && { output: output + 1 }),
      running: counted !== undefined,
      ...(fault && { error: errorData(fault) }),
      matched,
      notMatched,
      undefined: withoutValue,
      errors,
      outputs,
      timeMs,
    }
  })
}

/** Those of this process. */
export const routeNodes = new RouteNodes()
