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
  /** patterns that were given up, Undefined for their rules */
  patternTimeouts: number
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
    const nodes = [...this.#live.values()]
      .map(node => ({ summary: node.summary(), node }))
      .filter(({ summary }) => summary.hub === hub)
    const views = nodes.flatMap(({ summary, node }) => node.rules().map(rule => ({ id: summary.node, rule })))
    if (views.length === 0) return ''
    const lines = counters.flatMap(([name, help, key]) =>
      counterLines(
        name,
        help,
        views.map(({ id, rule }) => [{ hub, node: id, rule: rule.name }, rule[key]]),
      ),
    )
    const timeouts = nodes.map(({ summary }): Counted => [{ hub, node: summary.node }, summary.patternTimeouts])
    lines.push(...counterLines('pattern_timeouts_total', 'patterns that took too long, by node', timeouts))
    return lines.map(line => `${line}\n`).join('')
  }
}

type Counted = [labels: Record<string, string>, count: number]

const counterLines = (name: string, help: string, counted: readonly Counted[]): string[] => [
  `# HELP thingloom_rule_${name} ${help}`,
  `# TYPE thingloom_rule_${name} counter`,
  ...counted.map(([labels, count]) => {
    const texts = Object.entries(labels).map(([label, text]) => `${label}="${escaped(text)}"`)
    return `thingloom_rule_${name}{${texts.join(',')}} ${count}`
  }),
]

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
