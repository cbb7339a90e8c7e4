import { LoomError } from '../../errors.ts'
import { factsOf, factsOfStatement } from '../../routing/expression-facts.ts'
import type { ExternalCall, RuleHost } from '../../routing/host.ts'
import type { RuleMessage } from '../../routing/message.ts'
import { printExpression } from '../../routing/print.ts'
import type { RuleStats } from '../../routing/rule-entry.ts'
import type { RulePorts } from '../../routing/rule-function.ts'
import { planOf } from '../../routing/rule-renewal.ts'
import { type RuleRow, ruleTextOf } from '../../routing/rule-row.ts'
import { createRuleSet, type RuleMatch, type RuleSet } from '../../routing/rule-set.ts'
import type { ConditionSource, RuleText } from '../../routing/rule-text.ts'
import { compileTemplate } from '../../routing/template.ts'
import type { CountedGuard } from '../../runtime/guarded-regex.ts'
import { askedOfHub } from './externals.ts'

/** A rule as the engine has it, with the row that it is of. */
export type TableRule = RuleText & { row: RuleRow }
export type TableMatch = RuleMatch<TableRule>

export interface RowFault {
  row: RuleRow
  error: LoomError
  /** Whether the version before runs on. */
  kept: boolean
}

interface Options {
  logic: 'three-valued' | 'strict'
  ports: Partial<RulePorts> & { readonly guardedRegex: CountedGuard }
}

/** A row that could be read. */
interface Readable {
  rule: TableRule
  twin: boolean
  asks: boolean
  /** not of the hub alone */
  elsewhere: boolean
  topic?: (message: RuleMessage) => string
}

const answersNothing = async (): Promise<unknown> => undefined

/** The rules of one node. They change between two messages; unchanged ones keep their counters, of one that cannot be read the version before runs on. */
export class RuleTable {
  readonly logic: Options['logic']
  readonly #options: Options & { host: RuleHost; clock: () => number }
  readonly #set: RuleSet<TableRule>
  #rows: readonly RuleRow[] = []
  #running = new Map<string, Readable>()
  #needsTwin = false
  #asks = false
  #faults: RowFault[] = []
  /** Who answers external functions; nodes come and go, the table stays. */
  ask: (call: ExternalCall) => Promise<unknown> = answersNothing
  /** Who decodes Protobuf; Undefined without one. */
  protobuf: RulePorts['protobuf']

  constructor(options: Options) {
    this.logic = options.logic
    const host = { ask: (call: ExternalCall) => this.ask(call), after }
    const protobuf: RulePorts['protobuf'] = { decode: (...asked) => this.protobuf?.decode(...asked) }
    this.#options = { ...options, ports: { ...options.ports, protobuf }, host, clock: () => performance.now() }
    this.#set = createRuleSet<TableRule>([], this.#options)
  }

  /** Of rows that cannot be read: why. Known rows are known by their id. */
  replace(rows: readonly RuleRow[]): readonly RowFault[] {
    const running = new Map<string, Readable>()
    const faults: RowFault[] = []
    for (const row of rows) {
      if (!row.enabled) continue
      const before = this.#running.get(row.id)
      try {
        running.set(row.id, before && isSame(before.rule.row, row) ? { ...before, rule: ruleOf(row) } : this.#read(row))
      } catch (thrown) {
        if (!(thrown instanceof LoomError)) throw thrown
        faults.push({ row, error: thrown, kept: before !== undefined })
        if (before) running.set(row.id, before)
      }
    }
    this.#set.replace([...running.values()].map(({ rule }) => rule))
    this.#rows = rows
    this.#running = running
    this.#needsTwin = this.#some(({ twin }) => twin)
    this.#asks = this.#some(({ asks }) => asks)
    this.#faults = faults
    return faults
  }

  get rows(): readonly RuleRow[] {
    return this.#rows
  }

  get faults(): readonly RowFault[] {
    return this.#faults
  }

  /** What runs, as the hub takes it. */
  get texts(): RuleText[] {
    return [...this.#running.values()].map(({ rule }) => ruleTextOf(rule.row))
  }

  get size(): number {
    return this.#running.size
  }

  /** Some rule looks at the device's twin. */
  get needsTwin(): boolean {
    return this.#needsTwin
  }

  /** Some rule has to ask somebody: only `matchAsync` gives it an answer. */
  get asks(): boolean {
    return this.#asks
  }

  /** What is asked for is known to the hub, which answers many at a time. */
  get asksHubAlone(): boolean {
    return !this.#some(({ elsewhere }) => elsewhere)
  }

  /** Calls of patterns that were given up, over a deploy too: Undefined for their rules. */
  get patternTimeouts(): number {
    return this.#options.ports.guardedRegex.timeouts()
  }

  /** What conditions want to see besides telemetry. */
  get sources(): ReadonlySet<ConditionSource> {
    return new Set([...this.#running.values()].map(({ rule }) => sourceOf(rule)))
  }

  match(message: RuleMessage): TableMatch[] {
    return this.#set.match(message)
  }

  matchAsync(message: RuleMessage): Promise<TableMatch[]> {
    return this.#set.matchAsync(message)
  }

  /** One rule alone, outside the counters; undefined if none of that name runs. */
  matchOnly(name: string, message: RuleMessage): Promise<TableMatch[]> | undefined {
    const found = [...this.#running.values()].filter(({ rule }) => rule.name === name)
    if (found.length === 0) return undefined
    return createRuleSet(
      found.map(({ rule }) => rule),
      this.#options,
    ).matchAsync(message)
  }

  /** The topic of a match; undefined leaves it as it is. ROUTE_TEMPLATE. */
  topicOf({ row }: TableRule, message: RuleMessage): string | undefined {
    return this.#running.get(row.id)?.topic?.(message)
  }

  /** By row id, of those that run. */
  stats(): Map<string, RuleStats<TableRule>> {
    return new Map(this.#set.stats().map(stats => [stats.rule.row.id, stats]))
  }

  #some(test: (row: Readable) => boolean): boolean {
    for (const row of this.#running.values()) if (test(row)) return true
    return false
  }

  #read(row: RuleRow): Readable {
    const rule = ruleOf(row)
    const { logic, ports } = this.#options
    const { statement, condition } = planOf(rule, { logic })
    const { paths, external } = statement ? factsOfStatement(statement) : factsOf([condition!])
    const { topicTemplate = '' } = row
    const set = statement?.set.map(({ name, value }) => `@${name} = ${printExpression(value)}`).join(', ')
    return {
      rule,
      twin: !statement && paths.some(path => /^\$twin\b/i.test(path)),
      asks: external.length > 0,
      elsewhere: external.some(name => !askedOfHub.has(name)),
      ...(topicTemplate.trim() && {
        topic: compileTemplate(topicTemplate.trim(), { logic, ports, topic: true, ...(set && { set: `SET ${set}` }) }),
      }),
    }
  }
}

const ruleOf = (row: RuleRow): TableRule => ({ ...ruleTextOf(row), row })

const sourceOf = (rule: TableRule): ConditionSource => ('condition' in rule && rule.source) || 'DeviceMessages'

const isSame = (a: RuleRow, b: RuleRow): boolean =>
  a.name === b.name &&
  a.language === b.language &&
  a.text === b.text &&
  a.source === b.source &&
  (a.topicTemplate ?? '') === (b.topicTemplate ?? '')

function after(ms: number, then: () => void): () => void {
  const timer = setTimeout(then, ms).unref()
  return () => clearTimeout(timer)
}
