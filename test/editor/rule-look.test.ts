import assert from 'node:assert/strict'
import { answerOf } from '../../src/editor/rules/answer.ts'
import type { Answers, Look, Question } from '../../src/editor/rules/question.ts'
import { tryMessageOf } from '../../src/editor/rules/recent-message.ts'
import { firstMessage, linesFrom, linesOf, type TryMessage } from '../../src/editor/rules/try-message.ts'
import type { RuleRow } from '../../src/routing/rule-row.ts'

const row = (text: string, more: Partial<RuleRow> = {}): RuleRow => ({
  id: 'r',
  name: 'hot',
  enabled: true,
  language: 'sql',
  text,
  ...more,
})
const look = (
  rule: RuleRow,
  o: { message?: Partial<TryMessage>; answers?: Record<string, string>; strict?: boolean } = {},
): Look => {
  const { message, answers = {}, strict = false } = o
  return answerOf({ kind: 'look', row: rule, strict, message: { ...firstMessage, ...message }, answers }) as Look
}
const topicOf = (expression: string): string => `a/\${${expression}}`
const ask = <Q extends Question>(question: Q) => answerOf(question) as Answers[Q['kind']]

describe('looking at a message by a rule', () => {
  it('tells the output, its topic and by what the rule is found', () => {
    const { trial } = look(
      row("SELECT temperature AS t FROM 'dt/+/telemetry' WHERE state = 'running'", { topicTemplate: topicOf('topic(2)') }),
    )
    assert.deepEqual([trial?.matched, trial?.output, trial?.topic], [true, { text: '{\n  "t": 71.5\n}' }, 'a/pump-1'])
    assert.deepEqual(trial?.index, { kind: 'equality', text: "state = 'running'" })
  })

  it('tells of every part what it is and what it read', () => {
    const { trial } = look(row('SELECT * WHERE temperature > 80 AND humidity < 50 AND state = "running"'))
    assert.equal(trial?.matched, false)
    assert.deepEqual(
      trial?.conjuncts.map(({ text, value, undefined: without, reads }) => [text, without ? 'Undefined' : value, reads]),
      [
        ['temperature > 80', false, [{ path: 'temperature', value: '71.5' }]],
        ['humidity < 50', 'Undefined', [{ path: 'humidity' }]],
        ["state = 'running'", true, [{ path: 'state', value: '"running"' }]],
      ],
    )
  })

  it('reads the parts of conditions from the whole message', () => {
    const condition = row("$body.temperature > 70 AND level = 'high' AND $twin.tags.site = 'A'", { language: 'condition' })
    const message = { properties: 'level=high\n other = 1=2', twin: '{"tags": {"site": "A"}}' }
    const { trial } = look(condition, { message })
    assert.equal(trial?.matched, true)
    assert.deepEqual(
      trial?.conjuncts.flatMap(({ reads }) => reads),
      [
        { path: '$body.temperature', value: '71.5' },
        { path: 'level', value: '"high"' },
        { path: '$twin.tags.site', value: '"A"' },
      ],
    )
    const elsewhere = look({ ...condition, source: 'TwinChangeEvents' }, { message })
    assert.deepEqual([elsewhere.trial?.matched, elsewhere.trial?.concerned], [false, false])
  })

  it('says when the topic is not that of the rule', () => {
    const { trial } = look(row("SELECT * FROM 'other/#'"))
    assert.deepEqual([trial?.matched, trial?.concerned], [false, false])
  })

  it('places the errors of rule, template and message', () => {
    const { fault, trial } = look(row('SELECT * WHERE temperatur(1) > 2'))
    const place = fault?.position as { offset: number } | undefined
    assert.deepEqual([fault?.code, place?.offset, trial], ['RULE_FUNCTION', 15, undefined])
    const wrong = look(row('SELECT *', { topicTemplate: 'a/${nope(' }))
    assert.ok(wrong.templateFault)
    const missing = look(row('SELECT *', { topicTemplate: topicOf('nope') }))
    assert.deepEqual([missing.templateFault, missing.trial?.topicError?.code], [undefined, 'ROUTE_TEMPLATE'])
    assert.equal(look(row('SELECT *'), { message: { payload: '{' } }).unreadable?.part, 'payload')
    assert.equal(look(row('SELECT *'), { message: { twin: 'x' } }).unreadable?.part, 'twin')
    assert.equal(look(row('SELECT *'), { message: { payload: '*', format: 'base64' } }).unreadable?.part, 'payload')
  })

  it('asks a person what others would answer', () => {
    const rule = row("SELECT lookup('sites', state) AS site WHERE lookup('sites', state).open = true")
    const first = look(rule).trial!
    assert.deepEqual([first.matched, first.asked.length], [false, 1])
    const [{ key, text }] = first.asked as [{ key: string; text: string }]
    assert.equal(text, 'lookup("sites", "running")')
    const second = look(rule, { answers: { [key]: '{"open": true}' } }).trial!
    assert.deepEqual([second.matched, JSON.parse(second.output!.text)], [true, { site: { open: true } }])
    const typed = look(row('SELECT VALUE lookup("a", 1)'), { answers: { '["lookup",["a"],[1]]': 'plain' } })
    assert.equal(typed.trial?.output?.text, '"plain"')
  })

  it('knows warnings with their fixes, and the variables of a rule in its template', () => {
    const { warnings, trial } = look(row("SET @s = state SELECT * WHERE state <> 'off'", { topicTemplate: topicOf('@s') }))
    assert.ok(warnings.some(({ fix }) => fix))
    assert.equal(trial?.topic, 'a/running')
    const loop = look(row("SELECT * FROM 'a/#'", { topicTemplate: 'a/b' }))
    assert.ok(loop.warnings.some(({ code }) => code === 'loop'))
  })

  it('runs patterns that need a guard where it stands', () => {
    const guarded = row(
      "SELECT regexp_replace(state, '(r)(?=u)', 'R') AS s WHERE regexp_matches(state, '^(?!off).*$') AND regexp_substr(state, '(?<=r)u') = 'u'",
    )
    assert.equal(JSON.parse(look(guarded).trial!.output!.text).s, 'Running')
  })

  it('follows strict logic', () => {
    const rule = row('SELECT * WHERE temperature > 70 OR humidity > 1')
    assert.deepEqual([look(rule).trial?.matched, look(rule, { strict: true }).trial?.matched], [true, false])
  })

  it('checks all rows, imports topic rules and knows the functions', () => {
    const states = ask({ kind: 'check', rows: [row('SELECT *'), row('SELECT')], strict: false })
    assert.deepEqual([states[0]!.fault, states[1]!.fault?.code], [undefined, 'RULE_SYNTAX'])
    assert.ok('rule' in ask({ kind: 'import', text: '{"sql": "SELECT *"}' }))
    assert.ok('fault' in ask({ kind: 'import', text: '{}' }))
    const words = ask({ kind: 'words' })
    assert.ok(words.sql.some(({ signature }) => signature.startsWith('regexp_matches(')))
    assert.ok(words.condition.some(({ name }) => name === 'IS_DEFINED'))
  })
})

describe('a message that a node saw', () => {
  it('is looked at again as it was', () => {
    const seen = { at: 5, message: { topic: 'a/b', deviceId: 'd1', payload: { t: 1 }, properties: { k: 'v=w' }, clientId: 'c9' } }
    const written = tryMessageOf(seen)
    assert.deepEqual(
      [written.topic, written.device, JSON.parse(written.payload), written.properties],
      ['a/b', 'd1', { t: 1 }, 'k=v=w'],
    )
    const { trial } = look(row('SELECT timestamp() AS at, clientid() AS c, t WHERE get_user_properties("k") <> "x"'), {
      message: written,
    })
    assert.deepEqual(JSON.parse(trial!.output!.text), { at: 5, c: 'c9', t: 1 })
  })

  it('shows bytes of JSON as JSON, others as base64', () => {
    const base64 = (text: string) => Buffer.from(text, 'latin1').toString('base64')
    const json = tryMessageOf({ at: 1, message: { payloadBase64: base64('{"a":1}') } })
    assert.deepEqual([json.format, JSON.parse(json.payload)], ['json', { a: 1 }])
    const bytes = tryMessageOf({ at: 1, message: { payloadBase64: base64('\xff\xfe') } })
    assert.deepEqual([bytes.format, bytes.payload], ['base64', '//4='])
    assert.deepEqual(look(row('SELECT *'), { message: bytes }).trial?.output, { text: '//4=', bytes: true })
  })

  it('has properties as lines of name and value', () => {
    assert.deepEqual(linesOf('a=1\n\n b = 2=3 \nnothing\n=x'), { a: '1', b: '2=3' })
    assert.equal(linesFrom({ a: '1', b: '2' }), 'a=1\nb=2')
  })
})
