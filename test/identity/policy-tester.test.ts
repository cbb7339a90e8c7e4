import assert from 'node:assert/strict'
import { readPolicy } from '../../src/identity/policy-document.ts'
import { testPolicy, whoMay } from '../../src/identity/policy-tester.ts'
import { codeOf } from '../pki/make.ts'
import { allow, deny, documentOf, noon } from './policy-make.ts'

// biome-ignore-start lint/suspicious/noTemplateCurlyInString: policy variables
const policies = [
  { id: 'yard', document: readPolicy(documentOf(allow('topic/a/*'), { Sid: 'own', ...allow('topic/dt/${device.id}/*') })) },
  {
    id: 'stop',
    document: readPolicy(
      documentOf(allow('topicfilter/#', 'iot:Subscribe'), { Sid: 'no', ...deny('topic/a/secret/${tag.line}') }),
    ),
  },
  {
    id: 'night',
    document: readPolicy(documentOf(allow('topic/n', 'iot:Publish', { DateLessThan: { 'aws:CurrentTime': '2026-05-01' } }))),
  },
]
const principal = { context: { deviceId: 'pump', clientId: 'pump' }, policies }

describe('policy tester', () => {
  const ask = (action: string, topic: string, now = noon) => testPolicy({ principal, action, topic, now })

  it('names the statement that settles it', () => {
    assert.deepEqual(ask('iot:Publish', 'a/b').statement, { policyId: 'yard', index: 0 })
    assert.deepEqual(ask('Publish', 'dt/pump/x'), {
      verdict: 'allow',
      statement: { policyId: 'yard', index: 1, sid: 'own' },
      variables: { 'device.id': 'pump', 'tag.line': null },
    })
    assert.deepEqual(ask('Subscribe', '#').statement, { policyId: 'stop', index: 0 })
  })

  it('a Deny settles it, also one whose variable does not resolve', () => {
    const { verdict, statement } = ask('Publish', 'a/secret/x')
    assert.equal(verdict, 'deny')
    assert.deepEqual(statement, { policyId: 'stop', index: 1, sid: 'no' })
  })

  it('nothing speaks of it: no statement', () => {
    assert.deepEqual(ask('Publish', 'b'), { verdict: 'none', variables: { 'device.id': 'pump', 'tag.line': null } })
    assert.equal(testPolicy({ principal, action: 'Connect', clientId: 'pump', now: noon }).verdict, 'none')
  })

  it('takes the time it is given', () => {
    assert.equal(ask('Publish', 'n').verdict, 'none')
    assert.equal(ask('Publish', 'n', Date.UTC(2026, 3, 1)).verdict, 'allow')
  })

  it('asks for one known action and its resource', () => {
    for (const question of [
      { action: 'iot:*', topic: 'a' },
      { action: 'Fly', topic: 'a' },
      { action: 'greengrass:Discover', topic: 'a' },
      { action: 'Connect', topic: 'a' },
      { action: 'Publish', clientId: 'a' },
    ])
      assert.throws(() => testPolicy({ principal, now: noon, ...question }), codeOf('REQUEST_INVALID'), question.action)
  })

  it('who may: those with an Allow, in pages that go on', async () => {
    const devices = Array.from({ length: 50 }, (_, i) => `d${String(i).padStart(2, '0')}`)
    function* principalsAfter(last = '') {
      for (const id of devices) if (id > last) yield { id, context: { deviceId: id, tags: { line: id } }, policies }
    }
    const all: string[] = []
    let last: string | undefined
    let pages = 0
    do {
      const page = await whoMay({
        principals: principalsAfter(last),
        action: 'Publish',
        topic: 'a/secret/d07',
        limit: 10,
        most: 30,
        now: noon,
      })
      assert.ok(page.items.length <= 10 && page.looked <= 30)
      all.push(...page.items.map(({ id }) => id))
      last = page.last
    } while (last !== undefined && ++pages < 20)
    assert.deepEqual(
      all,
      devices.filter(id => id !== 'd07'),
    )
    const own = await whoMay({ principals: principalsAfter(), action: 'Publish', topic: 'dt/d33/x', now: noon })
    assert.deepEqual(own, { items: [{ id: 'd33', statement: { policyId: 'yard', index: 1, sid: 'own' } }], looked: 50 })
  })

  it('who may: looks at no more than it was told, though none is found', async () => {
    let given = 0
    async function* endless() {
      while (true) yield { id: String(++given), context: {}, policies: [] }
    }
    const { items, looked, last } = await whoMay({ principals: endless(), action: 'Publish', topic: 'a', most: 1000, now: noon })
    assert.deepEqual({ items, looked, last, given }, { items: [], looked: 1000, last: '1000', given: 1000 })
  })
})
// biome-ignore-end lint/suspicious/noTemplateCurlyInString: policy variables
