import assert from 'node:assert/strict'
import { compilePolicy, decideTopic, defaultStatements, refusedAlways, type Statement } from '../../src/identity/policy.ts'
import { seeded } from '../seeded.ts'
import { codeOf } from '../pki/make.ts'

const decideAll = (topic: string, deviceId = 'pump') =>
  (['publish', 'subscribe', 'receive'] as const).filter(action => decideTopic({ action, topic, deviceId }))

// biome-ignore-start lint/suspicious/noTemplateCurlyInString: policy variables
describe('topic policy', () => {
  it('a device sends below dt/{id} and hears below cmd/{id}', () => {
    assert.deepEqual(decideAll('dt/pump/temperature'), ['publish'])
    assert.deepEqual(decideAll('dt/pump/a/b/c'), ['publish'])
    assert.deepEqual(decideAll('cmd/pump/restart'), ['subscribe', 'receive'])
    assert.deepEqual(decideAll('cmd/pump/#'), ['subscribe'])
    assert.deepEqual(decideAll('cmd/pump/+/x'), ['subscribe'])
  })

  it('everything else is refused', () => {
    const refused = [
      'dt/valve/x', 'cmd/valve/x', 'dt/pump', 'dt/pump/', 'cmd/pump', 'dt/pump2/x', 'dt/Pump/x', 'dt//x', 'other/pump/x', '', '/', 'pump',
      '#', '+/#', '+', '/#', '$SYS/broker', '$SYS/#', '$share/g/cmd/pump/#', '$share/g/#', 'cmd/#', 'cmd/+/x', 'cmd/+', '+/pump/x', 'cmd/pump+/x',
      '$aws/things/pump/shadow/get', '$iothub/twin/res/#', 'xdt/pump/x', 'dt/pump\0/x',
    ] // biome-ignore format: one list
    for (const topic of refused) assert.deepEqual(decideAll(topic), [], topic)
    assert.deepEqual(decideAll('dt/pump/#'), [])
    assert.deepEqual(decideAll('dt//x', ''), [])
  })

  it('is what the default statements say', () => {
    const { pick, below } = seeded(3)
    const ids = ['pump', 'valve', 'p', 'pump:1']
    let allowed = 0
    for (let round = 0; round < 20_000; round++) {
      const deviceId = pick(ids)
      const levels = [
        pick(['dt', 'cmd', 'dt', 'x', '$SYS', '+', '#', '']),
        ...Array.from({ length: below(4) }, () => pick([...ids, 'a', '', '+', '#'])),
      ]
      const topic = levels.join('/')
      const decide = compilePolicy(defaultStatements, { 'device.id': deviceId })
      for (const [action, name, kind] of [
        ['publish', 'Publish', 'topic'],
        ['subscribe', 'Subscribe', 'topicfilter'],
        ['receive', 'Receive', 'topic'],
      ] as const) {
        const naive = !refusedAlways(action, topic) && decide(name, `${kind}/${topic}`) === 'allow'
        // the pattern dt/{id}/* also means dt/{id}/ itself, an empty last level that says nothing
        const empty = topic === `dt/${deviceId}/` || topic === `cmd/${deviceId}/`
        assert.equal(decideTopic({ action, topic, deviceId }), naive && !empty, `${action} ${topic} ${deviceId}`)
        if (naive) allowed++
      }
    }
    assert.ok(allowed > 100)
  })

  const allow = (Resource: string | string[], Action: string | string[] = 'iot:Publish'): Statement => ({
    Effect: 'Allow',
    Action,
    Resource,
  })
  const deny = (Resource: string | string[], Action: string | string[] = 'iot:Publish'): Statement => ({
    Effect: 'Deny',
    Action,
    Resource,
  })
  const verdict = (
    statements: Statement[],
    topic: string,
    variables: Record<string, string | undefined> = { 'device.id': 'pump' },
  ) => compilePolicy(statements, variables)('Publish', `topic/${topic}`)

  it('literal text and a star at the end match; wildcards of MQTT are ordinary characters', () => {
    assert.equal(verdict([allow('topic/a/b')], 'a/b'), 'allow')
    assert.equal(verdict([allow('topic/a/b')], 'a/b/c'), 'none')
    assert.equal(verdict([allow('topic/a/*')], 'a/b/c'), 'allow')
    assert.equal(verdict([allow('topic/a/#')], 'a/b'), 'none')
    assert.equal(verdict([allow('*')], 'anything/at/all'), 'allow')
    assert.equal(verdict([allow('arn:aws:iot:eu-west-1:123456789012:topic/a/*')], 'a/b'), 'allow')
  })

  it('any Deny outranks every Allow, in whatever order', () => {
    for (const order of [(s: Statement[]) => s, (s: Statement[]) => s.reverse()]) {
      const statements = order([allow('*', '*'), deny('topic/secret/*')])
      assert.equal(verdict(statements, 'secret/x'), 'deny')
      assert.equal(verdict(statements, 'open/x'), 'allow')
    }
  })

  it('actions are kept apart', () => {
    const decide = compilePolicy([allow('topic/a', ['Publish', 'iot:Receive'])], {})
    assert.deepEqual(
      (['Publish', 'Receive', 'Subscribe', 'Connect', 'RetainPublish'] as const).map(action => decide(action, 'topic/a')),
      ['allow', 'allow', 'none', 'none', 'none'],
    )
  })

  it('variables stand for the device', () => {
    for (const name of ['device.id', 'iot:Connection.Thing.ThingName']) {
      assert.equal(verdict([allow(`topic/dt/\${${name}}/*`)], 'dt/pump/x'), 'allow')
      assert.equal(verdict([allow(`topic/dt/\${${name}}/*`)], 'dt/valve/x'), 'none')
    }
  })

  it('a value with wildcards or none never lets an Allow match, and widens a Deny', () => {
    for (const value of ['*', 'a*', 'a?', '#', '+', 'a/b', '', undefined]) {
      const variables = { 'device.id': value }
      for (const topic of ['dt/x/y', 'dt/pump/x', 'dt/*/x', 'dt/#/x', 'dt//x', 'dt/a/b/x', `dt/${value}/x`])
        assert.equal(verdict([allow('topic/dt/${device.id}/*')], topic, variables), 'none', `${value} ${topic}`)
      assert.equal(verdict([allow('*'), deny('topic/dt/${device.id}/*')], 'dt/pump/x', variables), 'deny')
      assert.equal(verdict([allow('*'), deny('topic/dt/${device.id}/*')], 'cmd/pump/x', variables), 'allow')
    }
    assert.equal(verdict([allow('topic/${no.such}')], ''), 'none')
  })

  it('what cannot be compiled yet is refused, not ignored', () => {
    for (const resource of ['topic/*/x', 'topic/a?', 'topic/**'])
      assert.throws(() => compilePolicy([allow(resource)], {}), codeOf('POLICY_INVALID'), resource)
    assert.throws(() => compilePolicy([allow('topic/a', 'iot:UpdateThingShadow')], {}), codeOf('POLICY_INVALID'))
    assert.throws(() => compilePolicy([{ ...allow('topic/a'), Effect: 'Maybe' as never }], {}), codeOf('POLICY_INVALID'))
  })
})
// biome-ignore-end lint/suspicious/noTemplateCurlyInString: policy variables
