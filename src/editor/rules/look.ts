import { type ErrorData, errorData } from '../../errors.ts'
import { base64Of } from '../../routing/base64.ts'
import { compile } from '../../routing/compile-expression.ts'
import { contextOf } from '../../routing/compile-rule.ts'
import { compileCondition } from '../../routing/condition.ts'
import { explain } from '../../routing/explain.ts'
import { factsOf } from '../../routing/expression-facts.ts'
import { callKey } from '../../routing/functions/external-functions.ts'
import type { ExternalCall } from '../../routing/host.ts'
import { conditionLanguage, sqlLanguage } from '../../routing/languages.ts'
import type { LintFinding } from '../../routing/lint-finding.ts'
import { Memos } from '../../routing/memo.ts'
import type { RuleMessage } from '../../routing/message.ts'
import { parseCondition } from '../../routing/parse-condition.ts'
import { parseExpression } from '../../routing/parse-expression.ts'
import { printExpression } from '../../routing/print.ts'
import { compileRule } from '../../routing/rule.ts'
import { type RuleOptions, surroundingsOf } from '../../routing/rule-options.ts'
import { planOf } from '../../routing/rule-renewal.ts'
import { type RuleRow, ruleTextOf } from '../../routing/rule-row.ts'
import { Scope } from '../../routing/scope.ts'
import { compileTemplate } from '../../routing/template.ts'
import { isBytes } from '../../routing/values.ts'
import { plainRegex } from './plain-regex.ts'
import type { Asked, Look, Question, Read, RowState, Trial } from './question.ts'
import { ruleMessageFrom, UnreadableMessage } from './try-message.ts'

const shownChars = 20_000
const valueChars = 60

const optionsOf = (strict: boolean): RuleOptions => ({
  logic: strict ? 'strict' : 'three-valued',
  // Whoever looks ends the worker after a while.
  ports: { guardedRegex: plainRegex },
})

/** What a row is worth without a message. */
export function stateOf(row: RuleRow, strict: boolean): RowState & { paths: string[] } {
  const { language, text, topicTemplate = '' } = row
  const options = optionsOf(strict)
  try {
    const found = language === 'sql' ? sqlState(text, topicTemplate.trim(), options) : conditionState(text)
    const templateFault = faultOf(() => templateOf(row, options))
    return { ...found, ...(templateFault && { templateFault }) }
  } catch (thrown) {
    return { warnings: [], paths: [], fault: errorData(thrown) }
  }
}

function sqlState(text: string, publishTopic: string, options: RuleOptions): { warnings: LintFinding[]; paths: string[] } {
  const { warnings, paths } = compileRule(text, { ...options, ...(publishTopic && { publishTopic }) })
  return { warnings: [...warnings], paths: [...paths] }
}

function conditionState(text: string): { warnings: LintFinding[]; paths: string[] } {
  const { warnings } = compileCondition(text)
  return { warnings: [...warnings], paths: factsOf([parseCondition(text)]).paths }
}

/** The topic of what a row puts out; its variables are those of the rule. */
function templateOf(row: RuleRow, options: RuleOptions): ((message: RuleMessage) => string) | undefined {
  const template = row.topicTemplate?.trim()
  if (!template) return undefined
  const { statement } = planOf(ruleTextOf(row), options)
  const set = statement?.set.map(({ name, value }) => `@${name} = ${printExpression(value)}`).join(', ')
  return compileTemplate(template, { ...options, topic: true, ...(set && { set: `SET ${set}` }) })
}

/** A rule and a message, live: the engine itself decides. */
export function look({ row, strict, message, answers }: Extract<Question, { kind: 'look' }>): Look {
  const state = stateOf(row, strict)
  if (state.fault) return state
  try {
    return { ...state, trial: trialOf({ row, strict, message: ruleMessageFrom(message), answers }) }
  } catch (thrown) {
    if (!(thrown instanceof UnreadableMessage)) throw thrown
    return { ...state, unreadable: { part: thrown.part, message: thrown.message } }
  }
}

function trialOf(o: { row: RuleRow; strict: boolean; message: RuleMessage; answers: Readonly<Record<string, string>> }): Trial {
  const { row, message } = o
  const asked = new Map<string, Asked>()
  const options = { ...optionsOf(o.strict), host: { answer: (call: ExternalCall) => answerTo(call, o.answers, asked) } }
  const { matched, concerned, conjuncts, index, error, output } = explain(ruleTextOf(row), message, options)
  return {
    matched,
    concerned,
    conjuncts: conjuncts.map(conjunct => ({ ...conjunct, reads: readsOf(conjunct.text, row, message, options) })),
    ...(index && { index }),
    ...(error && { error }),
    ...(matched && output !== undefined && { output: shown(output) }),
    ...(matched && topicOf(row, message, options)),
    asked: [...asked.values()],
  }
}

/** What a person typed as the answer: JSON, or a text if it is none; nothing: Undefined. */
function answerTo({ name, args }: ExternalCall, answers: Readonly<Record<string, string>>, asked: Map<string, Asked>): unknown {
  const key = callKey(name, args) ?? name
  asked.set(key, { key, text: `${name}(${args.map(arg => JSON.stringify(arg) ?? 'undefined').join(', ')})`.slice(0, 200) })
  const typed = answers[key]?.trim()
  if (!typed) return undefined
  try {
    return JSON.parse(typed)
  } catch {
    return typed
  }
}

/** The keys of a part with what the message has for them. A part with variables cannot be read alone and shows none. */
function readsOf(text: string, { language }: RuleRow, message: RuleMessage, options: RuleOptions): Read[] {
  const parse = language === 'sql' ? parseExpression : parseCondition
  const grammar = language === 'sql' ? sqlLanguage(options) : conditionLanguage
  try {
    return factsOf([parse(text)]).paths.map(path => {
      const context = contextOf(grammar, new Memos())
      const value = compile(parse(path), context)(new Scope(message, surroundingsOf(options), message.topic))
      return value === undefined ? { path } : { path, value: shown(value, valueChars).text }
    })
  } catch {
    return []
  }
}

function topicOf(row: RuleRow, message: RuleMessage, options: RuleOptions): Pick<Trial, 'topic' | 'topicError'> {
  try {
    const topic = templateOf(row, options)?.(message)
    return topic === undefined ? {} : { topic }
  } catch (thrown) {
    return { topicError: errorData(thrown) }
  }
}

function shown(value: unknown, most = shownChars): { text: string; bytes?: true } {
  if (isBytes(value)) return { text: cut(base64Of(value), most), bytes: true }
  const indent = most === shownChars ? 2 : undefined
  return { text: cut(JSON.stringify(value, undefined, indent) ?? 'undefined', most) }
}

const cut = (text: string, most: number): string => (text.length > most ? `${text.slice(0, most)}…` : text)

function faultOf(work: () => unknown): ErrorData | undefined {
  try {
    work()
    return undefined
  } catch (thrown) {
    return errorData(thrown)
  }
}
