import type { Expression, Statement } from './ast.ts'
import type { Language } from './compile-context.ts'
import { type CompiledRule, compileBare, compileStatement } from './compile-rule.ts'
import { conditionLanguage, conditionShapes, sqlLanguage, sqlShapes } from './languages.ts'
import type { Memos } from './memo.ts'
import type { MessageSource } from './message.ts'
import { parseCondition } from './parse-condition.ts'
import { parseStatement } from './parse-statement.ts'
import { ruleFault } from './rule-fault.ts'
import type { RuleOptions } from './rule-options.ts'
import type { ConditionSource } from './rule-text.ts'

/** A rule that was read; compiled as often as it joins other rules. */
export interface RulePlan {
  readonly name: string | undefined
  readonly text: string
  readonly language: Language
  /** MQTT filters; without any the topic is not tested. */
  readonly topics: readonly string[]
  readonly statement?: Statement
  readonly condition?: Expression
  /** Of conditions, which messages they see. */
  readonly source?: ConditionSource
  compile(memos?: Memos): CompiledRule
}

const sqlVersion = '2016-03-23'

/** Throws the errors of `parseStatement`. */
export function planOfSql(sql: string, options: RuleOptions = {}): RulePlan {
  const { name, limits, sqlVersion: version = sqlVersion } = options
  if (version !== sqlVersion)
    throw ruleFault(
      'RULE_UNSUPPORTED',
      `version ${version.slice(0, 40)} of SQL`,
      { offset: 0, line: 1, column: 1, length: 0 },
      sqlVersion,
    )
  const statement = parseStatement(sql, { functions: sqlShapes, ...(limits && { limits }) })
  const language = sqlLanguage(options)
  const topics = [...new Set(statement.from.map(({ filter }) => filter))]
  return { name, text: sql, language, topics, statement, compile: memos => compileStatement(statement, language, memos) }
}

/** Throws the errors of `parseCondition`. */
export function planOfCondition(
  text: string,
  {
    name,
    limits,
    source = 'DeviceMessages',
  }: Pick<RuleOptions, 'name' | 'limits'> & { source?: ConditionSource | undefined } = {},
): RulePlan {
  const condition = parseCondition(text, { functions: conditionShapes, ...(limits && { limits }) })
  const language = conditionLanguage
  return { name, text, language, topics: [], condition, source, compile: memos => compileBare(condition, language, memos) }
}

/** Azure's name of where a message comes from. */
export const sourceOf = (source: MessageSource = 'mqtt'): ConditionSource =>
  source === 'mqtt' || source === 'http' ? 'DeviceMessages' : source
