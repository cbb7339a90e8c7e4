import assert from 'node:assert/strict'
import type { TextPosition } from '../../src/errors.ts'
import { compileCondition } from '../../src/routing/condition.ts'
import { explain } from '../../src/routing/explain.ts'
import { conditionShapes, sqlShapes } from '../../src/routing/languages.ts'
import type { RuleMessage } from '../../src/routing/message.ts'
import { parseCondition } from '../../src/routing/parse-condition.ts'
import { parseStatement } from '../../src/routing/parse-statement.ts'
import { printExpression, printStatement } from '../../src/routing/print.ts'
import { compileRule } from '../../src/routing/rule.ts'
import type { GivenRule } from '../../src/routing/rule-renewal.ts'
import { createRuleSet } from '../../src/routing/rule-set.ts'
import { compileTemplate } from '../../src/routing/template.ts'
import { importTopicRule } from '../../src/routing/topic-rule-file.ts'
import { loadLinearRegex } from '../../src/runtime/linear-regex.ts'
import { createRulePorts } from '../../src/runtime/rule-ports.ts'
import { randomCondition, randomStatement, unplaced } from '../routing/random-rules.ts'
import { deepFrozen, randomMessage, randomRule } from '../routing/random-traffic.ts'
import { seeded } from '../seeded.ts'
import { hostile, mutatedText, mutatedValue } from './mutate.ts'
import { bytesIn, type Family, type Random, type Target } from './target.ts'

const limits = { textBytes: 200_000 }
const ofRules = /^(RULE|ROUTE)_/
const functions = [...sqlShapes.keys()]
const open = '${'
const words = [
  ...[
    "'",
    '"',
    '`',
    '\\',
    '\\u',
    '(',
    ')',
    '[',
    ']',
    '{',
    '}',
    ',',
    '.',
    ':',
    '@',
    '$',
    open,
    '$$',
    '*',
    '-',
    '--',
    '/*',
    '#',
    ';',
    '!',
    '=',
    '<>',
    '%',
  ],
  ...['\n', '\r', '\u0000', '\u00a0', '\ufeff', '🙂', '\ud800', 'é', '0x', '1e', '1e999', '.5', '9'.repeat(30)],
  ...[
    ' SELECT ',
    ' VALUE ',
    ' FROM ',
    ' WHERE ',
    ' AS ',
    ' CASE ',
    ' WHEN ',
    ' THEN ',
    ' END ',
    ' NOT ',
    ' IN ',
    ' AND ',
    ' OR ',
    ' SET ',
    ' FOREACH ',
  ],
  ...[
    ' DO ',
    ' INCASE ',
    ' CAST(',
    ' NULL ',
    '__proto__',
    'constructor',
    '$body',
    '$twin.',
    '$sys.',
    '(SELECT ',
    ' LIKE ',
    ' DISTINCT ',
    'IS_DEFINED(',
  ],
  ...functions.map(name => `${name}(`),
]

const statements = Array.from({ length: 300 }, (_, i) =>
  printStatement({ ...randomStatement(seeded(i)), extensions: [] }),
).concat(
  "SELECT *, topic(3) AS device, (SELECT VALUE n FROM list WHERE n > 2) AS l FROM 'dt/+/x/#' WHERE a.b[0] > 5 AND NOT c IN ['x', 2]",
  "SET @a = 1 FOREACH list AS x DO x.y AS v, a INCASE x.y > 1 FROM 'a/#'",
  "SELECT VALUE CASE color WHEN 'red' THEN cast(a AS Decimal) ELSE {'a': [1, b], 'c': NULL} END FROM 'a' WHERE regexp_matches(s, '^(a|b)+$')",
)
const conditions = Array.from({ length: 300 }, (_, i) => printExpression(randomCondition(seeded(i), 4), 'condition'))
const templates = [
  `a/${open}topic(2)}/b`,
  `${open}concat(a, 'x}')}`,
  `${open}(SELECT VALUE b FROM c)}-${open}timestamp()}`,
  '$$aws/x',
  `${open}get_secret('a', 'b')}`,
]

/** A tree prints as a text that is the same tree. */
function textTarget(from: readonly string[], read: (text: string) => void): Target<string> {
  return {
    codes: /^RULE_/,
    make: random => mutatedText(random, from, words),
    run(text) {
      try {
        read(text)
      } catch (error) {
        const { offset, length, line } = ((error as { position?: TextPosition }).position ?? {}) as TextPosition
        assert.ok(offset >= 0 && length >= 0 && offset + length <= text.length && line >= 1, `${error} has no place in the text`)
        throw error
      }
    },
  }
}

function sqlText(text: string): void {
  const statement = parseStatement(text)
  const { extensions: _, ...again } = parseStatement(printStatement(statement), { limits })
  const { extensions: __, ...first } = statement
  assert.deepEqual(unplaced(again), unplaced(first))
  assert.ok(compileRule(text, { publishTopic: text }).warnings.length < 10_000)
}

function conditionText(text: string): void {
  const condition = parseCondition(text)
  assert.deepEqual(unplaced(parseCondition(printExpression(condition, 'condition'), { limits })), unplaced(condition))
  assert.ok(compileCondition(text).warnings.length < 10_000)
}

const topicRule = {
  topicRulePayload: {
    sql: "SELECT * FROM 'a/#'",
    description: 'd',
    ruleDisabled: false,
    awsIotSqlVersion: '2016-03-23',
    actions: [{ sns: { targetArn: 'arn', roleArn: 'r' } }, { republish: { topic: 'b', qos: 1 } }, { unknown: {} }],
    errorAction: { s3: { bucketName: 'b', key: 'k' } },
  },
}

const topicRuleFile: Target<string> = {
  codes: /^(REQUEST_INVALID|RULE_.*)$/,
  make: random => {
    const text = JSON.stringify(mutatedValue(random, random.below(2) ? topicRule : topicRule.topicRulePayload))
    return random.below(3)
      ? text
      : mutatedText(random, [text], ['"', '{', '}', '[', ',', '\\u', '\ufeff', '"__proto__":', 'null', ...words])
  },
  run(text) {
    const imported = importTopicRule(text)
    compileRule(imported.rule.sql)
    return imported
  },
}

interface Message extends Omit<RuleMessage, 'payload' | 'raw' | 'mqtt'> {
  payload?: unknown
  /** base64, instead of the payload */
  bytes?: string
}

const messageOf = ({ bytes, ...message }: Message): RuleMessage =>
  deepFrozen(bytes === undefined ? message : { ...message, payload: bytesIn(bytes) })

function hostileMessage(random: Random): Message {
  const { payload, ...rest } = randomMessage(random)
  const given = payload instanceof Uint8Array ? Buffer.from(payload).toString() : payload
  if (given === undefined || random.below(8) === 0) return rest
  const value = random.below(3) ? mutatedValue(random, given) : given
  if (random.below(2)) return { ...rest, payload: value }
  const text = JSON.stringify(value)
  const cut = random.below(6) ? text : mutatedText(random, [text], words)
  return { ...rest, bytes: Buffer.from(cut).toString('base64') }
}

/** Calls of every function with arguments of any kind, and the operators between them. */
function hostileExpression(random: Random, depth: number): string {
  const inner = (): string => hostileExpression(random, depth - 1)
  switch (depth > 0 ? random.below(10) : random.below(3)) {
    case 0:
      return random.pick(['a', 'b', 'c.d', 'c.e[0]', 'list', '`__proto__`', 'missing', '*', 'c', 'constructor', 'list[1]'])
    case 1:
      return literalOf(hostile(random))
    case 2:
      return `'${random.pick(['(a+)+$', '(a|aa)+$', '^(([a-z])+.)+[A-Z]([a-z])+$', '(.*)*x', '[^\\\\]*\\\\1', 'a'.repeat(2000), '\\\\d{1,999}', '(?=x)'])}'`
    case 3:
      return `(${inner()} ${random.pick(['+', '-', '*', '/', '%', '=', '<>', '<', '>=', 'IN', 'AND', 'OR'])} ${inner()})`
    case 4:
      return `(SELECT ${random.pick(['*', 'VALUE a', 'n AS m'])} FROM ${random.pick(['list', 'c', inner()])}${random.below(2) ? ` WHERE ${inner()}` : ''})`
    case 5:
      return `CAST(${inner()} AS ${random.pick(['String', 'Int', 'Decimal', 'Boolean'])})`
    default: {
      const name = random.pick(functions)
      const [least = 0, most = 3] = sqlShapes.get(name)!.arity ?? []
      const count = random.below(12) ? least + random.below(Math.min(most, 6) - least + 1) : random.below(6)
      return `${name}(${Array.from({ length: count }, inner).join(', ')})`
    }
  }
}

function literalOf(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(literalOf).join(', ')}]`
  if (typeof value === 'string') return `'${value.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
  if (typeof value !== 'object' || value === null) return String(value).toUpperCase()
  return `{${Object.entries(value)
    .map(([name, member]) => `${literalOf(name)}: ${literalOf(member)}`)
    .join(', ')}}`
}

const answer = ({ args }: { args: readonly unknown[] }): unknown => args[0]

async function evaluation(): Promise<Target<{ sql: string; message: Message; linear: boolean }>> {
  const linear = await loadLinearRegex()
  const ports = { linear: createRulePorts({ linear }), timed: createRulePorts() }
  return {
    codes: ofRules,
    make(random) {
      const items = Array.from({ length: 1 + random.below(3) }, (_, i) => `${hostileExpression(random, 3)} AS x${i}`).join(', ')
      const where = random.below(3) ? '' : ` WHERE ${hostileExpression(random, 2)}`
      const sql = random.below(3) ? `SELECT ${items}${where}` : random.pick(statements)
      return { sql, message: hostileMessage(random), linear: random.below(4) > 0 }
    },
    run({ sql, message: given, linear: isLinear }) {
      const message = messageOf(given)
      const rule = compileRule(sql, { ports: isLinear ? ports.linear : ports.timed, host: { answer }, accountId: '1' })
      const result = rule.evaluate(message)
      const explained = explain({ sql }, message, {
        ports: isLinear ? ports.linear : ports.timed,
        host: { answer },
        accountId: '1',
      })
      assert.equal(typeof explained, 'object')
      // Bytes that are no JSON go through as they are.
      return result.matched && !(result.output instanceof Uint8Array) ? result.output : undefined
    },
  }
}

const conditionNames = [...conditionShapes.keys()]

const conditionEvaluation: Target<{ text: string; message: Message }> = {
  codes: ofRules,
  make(random) {
    const text = random.below(2)
      ? random.pick(conditions)
      : `${random.pick(conditionNames)}($body.${random.pick(['a', 'c.d', 'list[0]', 'c'])}, ${random.pick(["'x'", '1', '$twin.tags.t', 'p', 'null'])}) ${random.pick(['=', 'AND', '<', '+'])} ${random.pick(conditions)}`
    const message = hostileMessage(random)
    const twin = random.below(2)
      ? { tags: mutatedValue(random, { t: { u: 1 } }), properties: { reported: hostile(random) } }
      : message.twin
    return { text, message: { ...message, ...(twin && { twin }) } }
  },
  run: ({ text, message }) => compileCondition(text)(messageOf(message)),
}

const templateEvaluation: Target<{ text: string; message: Message; topic: boolean }> = {
  codes: ofRules,
  make: random => ({
    text: random.below(2) ? `x${open}${hostileExpression(random, 2)}}${open}a}` : mutatedText(random, templates, words),
    message: hostileMessage(random),
    topic: random.below(2) === 0,
  }),
  run: ({ text, message, topic }) => compileTemplate(text, { topic, host: { answer } })(messageOf(message)),
}

/** Each rule by itself, without the index, of messages that come by no rule's own topic. */
const ruleSet: Target<{ rules: GivenRule[]; messages: Message[] }> = {
  codes: ofRules,
  make(random) {
    const rules = Array.from({ length: 1 + random.below(20) }, () =>
      random.below(3) ? randomRule(random) : { sql: `SELECT a, b AS x WHERE ${hostileExpression(random, 2)}` },
    )
    return {
      rules: rules.filter(isReadable),
      messages: Array.from({ length: 1 + random.below(4) }, () => plainTopic(hostileMessage(random))),
    }
  },
  run({ rules, messages }) {
    const steady = { now: () => 1, random: () => 0.5, uuid: () => 'u' }
    const set = createRuleSet(rules, { ports: steady, host: { answer } })
    for (const given of messages) {
      const message = messageOf(given)
      const found = set.match(message).filter(({ rule }) => 'sql' in rule)
      const alone = rules.flatMap(rule => ('sql' in rule ? matchesAlone(rule, message, steady) : []))
      // As texts: outputs may be nested deeper than a comparison goes.
      assert.equal(JSON.stringify(found.map(shownMatch)), JSON.stringify(alone.map(shownMatch)))
    }
  },
}

const plainTopic = (message: Message): Message => (message.topic?.startsWith('$aws/') ? { ...message, topic: 'a/b/c' } : message)

const shownMatch = ({ rule, output, error }: { rule: unknown; output?: unknown; error?: unknown }) => ({
  rule,
  output,
  code: (error as { code?: string } | undefined)?.code,
})

function matchesAlone(rule: GivenRule & { sql: string }, message: RuleMessage, ports: object) {
  const compiled = compileRule(rule.sql, { ports, host: { answer } })
  try {
    const result = compiled.evaluate(message)
    if (!result.matched) return []
    return (compiled.fanOut ? (result.output as unknown[]) : [result.output]).map(output => ({ rule, output }))
  } catch (error) {
    return [{ rule, output: undefined, error }]
  }
}

function isReadable(rule: GivenRule): boolean {
  try {
    createRuleSet([rule])
    return true
  } catch {
    return false
  }
}

export const ruleTargets = {
  'sql-text': () => textTarget(statements, sqlText),
  'condition-text': () => textTarget(conditions, conditionText),
  'template-text': () => textTarget(templates, text => void compileTemplate(text)),
  'topic-rule-file': () => topicRuleFile,
  'rule-evaluation': evaluation,
  'condition-evaluation': () => conditionEvaluation,
  'template-evaluation': () => templateEvaluation,
  'rule-set': () => ruleSet,
} satisfies Family
