import assert from 'node:assert/strict'
import { compileRule } from '../../src/routing/rule.ts'
import { importTopicRule } from '../../src/routing/topic-rule-file.ts'

const payload = {
  sql: "SELECT *, topic(2) AS device FROM 'dt/+' WHERE temperature > 50",
  description: 'hot ones',
  ruleDisabled: true,
  awsIotSqlVersion: '2016-03-23',
  actions: [
    { sns: { targetArn: 'arn:aws:sns:eu-central-1:123456789012:hot', roleArn: 'arn:aws:iam::123456789012:role/r' } },
    { lambda: { functionArn: 'arn:aws:lambda:eu-central-1:123456789012:function:f' } },
    { quantum: { entangled: true } },
  ],
  errorAction: { republish: { topic: 'errors', qos: 1 } },
}

describe('a topic rule of AWS', () => {
  it('is read with its actions and the nodes for them; what is not known is named', () => {
    const { rule, outputs, errorAction, unknown } = importTopicRule(JSON.stringify({ ...payload, colour: 'red' }))
    assert.deepEqual(rule, { sql: payload.sql, enabled: false, description: 'hot ones', sqlVersion: '2016-03-23' })
    assert.deepEqual(
      outputs.map(({ action, suggestion }) => [action, suggestion]),
      [
        ['sns', ['e-mail', 'http request']],
        ['lambda', ['link call', 'function']],
        ['quantum', []],
      ],
    )
    assert.deepEqual(outputs[0]?.settings, payload.actions[0]?.sns)
    assert.equal(errorAction?.action, 'republish')
    assert.deepEqual(unknown, ['colour', 'actions[2].quantum'])
    assert.ok(compileRule(rule.sql).evaluate({ topic: 'dt/x', payload: { temperature: 51 } }).matched)
  })

  it('may be wrapped as for create-topic-rule or by get-topic-rule', () => {
    const created = importTopicRule({ ruleName: 'hot', topicRulePayload: payload })
    assert.equal(created.rule.name, 'hot')
    const got = importTopicRule({ ruleArn: 'arn', rule: { ...payload, ruleName: 'hot', createdAt: 1, ruleDisabled: false } })
    assert.deepEqual([got.rule.name, got.rule.enabled, got.unknown], ['hot', true, ['actions[2].quantum']])
  })

  it('leads to the node that republishes and posts, also for errors; another version of the language is named', () => {
    const { outputs, errorAction, unknown } = importTopicRule({
      ...payload,
      awsIotSqlVersion: '2015-10-08',
      actions: [{ republish: { topic: 'a' } }, { http: { url: 'https://example.com' } }],
    })
    for (const action of [...outputs, errorAction]) assert.equal(action?.suggestion[0], 'loom-action')
    assert.equal(outputs.length, 2)
    assert.deepEqual(unknown, ['awsIotSqlVersion'])
  })

  for (const [name, given] of [
    ['no JSON', '{'],
    ['no object', []],
    ['without sql', { actions: [] }],
    ['with actions that are no list', { sql: 'SELECT *', actions: {} }],
    ['larger than 256 KiB', JSON.stringify({ sql: 'SELECT *', description: 'é'.repeat(131_072) })],
    ['nested deeper than 64 levels', `{"sql":"SELECT *","actions":${'['.repeat(64)}${']'.repeat(64)}}`],
  ] as const)
    it(`that is ${name} is refused`, () => assert.throws(() => importTopicRule(given), { code: 'REQUEST_INVALID' }))
})
