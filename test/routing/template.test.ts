// biome-ignore-all lint/suspicious/noTemplateCurlyInString: templates of rules
import assert from 'node:assert/strict'
import { compileTemplate } from '../../src/routing/template.ts'

const message = { topic: 'dt/pump/x', payload: { t: 5, s: 'a}b', n: null, o: { k: 1 } } }

describe('a template', () => {
  const cases: [string, string][] = [
    ['plain', 'plain'],
    ['${t}', '5'],
    ['a/${topic(2)}/${t + 1}', 'a/pump/6'],
    ["${concat(s, '}')}/${{x: t}}", 'a}b}/{"x":5}'],
    ['${missing}${n}.', '.'],
    ['$${t} ${o}', '${t} {"k":1}'],
  ]
  for (const [text, expected] of cases) it(text, () => assert.equal(compileTemplate(text)(message), expected))

  it('sees the variables of SET', () => assert.equal(compileTemplate('${@d}/${@d}', { set: 'SET @d = t * 2' })(message), '10/10'))

  it('of a topic fails where a part has no value', () => {
    const topic = compileTemplate('devices/${missing}/x', { topic: true })
    assert.throws(() => topic(message), { code: 'ROUTE_TEMPLATE', position: { offset: 10, line: 1, column: 11, length: 7 } })
    assert.equal(compileTemplate('devices/${t}/x', { topic: true })(message), 'devices/5/x')
  })

  it('reads secrets in actions, and asks nobody in error actions', () => {
    const host = { answer: ({ args }: { args: readonly unknown[] }) => `secret of ${args[0]}` }
    assert.equal(compileTemplate("${get_secret('key', 'SecretString')}", { host })(message), 'secret of key')
    assert.throws(() => compileTemplate("${lookup('t', 1)}", { use: 'errorAction' }), { code: 'RULE_UNSUPPORTED' })
  })

  it('sees the topic of Basic Ingest without its first levels', () =>
    assert.equal(compileTemplate('${topic()}')({ topic: '$aws/rules/r/a/b', payload: 1 }), 'a/b'))

  it('that cannot be read is refused with its place', () =>
    assert.throws(() => compileTemplate('a ${t +}'), { code: 'RULE_SYNTAX' }))
})
