import assert from 'node:assert/strict'
import { type PolicyAction, policyActions } from '../../src/identity/policy-actions.ts'
import { createAccessCompiler } from '../../src/identity/policy-access.ts'
import { readPolicy } from '../../src/identity/policy-document.ts'
import { globMatches, globOf, wildParts } from '../../src/identity/policy-glob.ts'
import { Remembered } from '../../src/identity/policy-remembered.ts'
import { testPolicy } from '../../src/identity/policy-tester.ts'
import type { AccessContext } from '../../src/identity/policy-variables.ts'
import { seeded } from '../seeded.ts'
import { policyFixtures } from './policy-fixtures.ts'
import { accessOf, allow, deny, documentOf, noon } from './policy-make.ts'

const matches = (pattern: string, text: string) => globMatches(globOf(wildParts(pattern)), text)

/** What `*` and `?` mean, as plainly as it can be said. */
function naiveGlob(pattern: string, text: string): boolean {
  const [first, ...rest] = pattern
  const [next, ...left] = text
  if (first === undefined) return next === undefined
  const more = rest.join('')
  if (first === '*') return naiveGlob(more, text) || (next !== undefined && naiveGlob(pattern, left.join('')))
  return next !== undefined && (first === '?' || first === next) && naiveGlob(more, left.join(''))
}

// biome-ignore-start lint/suspicious/noTemplateCurlyInString: policy variables
describe('policy access', () => {
  for (const { name, context, document, expect } of policyFixtures)
    it(`documents of AWS projects: ${name}`, () => {
      const text = JSON.stringify(document, null, 4)
      const access = accessOf([text], context)
      for (const [action, resource, verdict] of expect) {
        assert.equal(access.decide(action, resource), verdict, `${action} ${resource}`)
        const question = action === 'Connect' ? { clientId: resource } : { topic: resource }
        const principal = { context, policies: [{ id: 'p', document: readPolicy(text) }] }
        assert.equal(testPolicy({ principal, action, now: noon, ...question }).verdict, verdict)
      }
    })

  it('a pattern matches as the plain definition says, characters beyond the basic plane included', () => {
    const { below, pick } = seeded(21)
    const word = (letters: readonly string[]) => Array.from({ length: below(7) }, () => pick(letters)).join('')
    let hits = 0
    for (let round = 0; round < 30_000; round++) {
      const pattern = word(['a', 'b', '*', '*', '?', '/', '😀'])
      const text = word(['a', 'b', '/', '😀', '+'])
      const expected = naiveGlob(pattern, text)
      assert.equal(matches(pattern, text), expected, `${pattern} on ${text}`)
      if (expected) hits++
    }
    assert.ok(hits > 1000)
  })

  it('gives the verdict of a plain reading of the statements', () => {
    const { below, pick } = seeded(5)
    const level = () => pick(['a', 'b', 'pump', '+', '#', '${device.id}', '${tag.t}', '*', 'a*', '?', 'x'])
    const levels = () => Array.from({ length: 1 + below(3) }, level).join('/')
    const kindsOf: Partial<Record<PolicyAction, string>> = { Publish: 'topic', Subscribe: 'topicfilter', Connect: 'client' }
    const contexts: AccessContext[] = [
      { deviceId: 'pump' },
      { deviceId: 'pump', tags: { t: 'a' } },
      { deviceId: '#', tags: { t: 'a*' } },
      {},
    ]
    const seen = { allow: 0, deny: 0, none: 0 }
    for (let round = 0; round < 1500; round++) {
      const statements = Array.from({ length: 1 + below(12) }, () => {
        const action = pick(['Publish', 'Subscribe', 'Connect'] as const)
        const resource = below(12) === 0 ? pick(['*', 'top*', 't*a']) : `${kindsOf[action]}/${levels()}`
        const fits =
          resource === '*' || resource.startsWith(kindsOf[action]!) || (action !== 'Connect' && /^to?p?\*/.test(resource))
        return { action, resource: fits ? resource : '*', effect: pick(['Allow', 'Allow', 'Deny']) }
      })
      const text = documentOf(
        ...statements.map(({ action, resource, effect }) => ({ ...allow(resource, action), Effect: effect })),
      )
      const context = pick(contexts)
      const access = accessOf([text], context)
      for (let ask = 0; ask < 6; ask++) {
        const action = pick(['Publish', 'Subscribe', 'Connect'] as const)
        const name = Array.from({ length: 1 + below(3) }, () => pick(['a', 'b', 'pump', '+', '#', 'x', 'ab'])).join('/')
        const naive = (effect: string) =>
          statements.some(
            one => one.action === action && one.effect === effect && speaks(one, `${kindsOf[action]}/${name}`, context),
          )
        const expected = naive('Deny') ? 'deny' : naive('Allow') ? 'allow' : 'none'
        assert.equal(access.decide(action, name), expected, `${text} ${action} ${name} ${JSON.stringify(context)}`)
        assert.equal(access.decide(action, name), expected)
        seen[expected]++
      }
    }
    assert.ok(seen.allow > 400 && seen.deny > 200 && seen.none > 400, JSON.stringify(seen))
  })

  const speaks = (
    { resource, effect }: { resource: string; effect: string },
    name: string,
    { deviceId, tags }: AccessContext,
  ) => {
    const values: Record<string, string | undefined> = { '${device.id}': deviceId, '${tag.t}': tags?.t as string | undefined }
    let usable = true
    const filled = resource.replace(/\$\{[a-z.]+\}/g, variable => {
      const value = values[variable]
      if (value !== undefined && !/[*?+#/]/.test(value)) return value
      if (effect === 'Allow') usable = false
      return '*'
    })
    return usable && naiveGlob(filled, name)
  }

  it('many prefixes are searched, not tried one by one', () => {
    const resources = Array.from({ length: 200 }, (_, i) => `topic/p${i}/*`)
    const access = accessOf([documentOf(allow(resources), deny(['topic/p7/secret/*', 'topic/p7/*x']))])
    for (let i = 0; i < 200; i++) assert.equal(access.decide('Publish', `p${i}/a`), 'allow')
    for (const name of ['p200/a', 'p/a', 'p19', 'p', '', 'o', 'q', 'p1a/b'])
      assert.equal(access.decide('Publish', name), 'none', name)
    assert.equal(access.decide('Publish', 'p7/secret/a'), 'deny')
    assert.equal(access.decide('Publish', 'p7/x'), 'deny')
    const { below } = seeded(2)
    const some = Array.from({ length: 60 }, () => below(5000).toString(5))
    const many = accessOf([documentOf(allow(some.map(prefix => `topic/${prefix}*`)))])
    for (let n = 0; n < 5000; n++) {
      const name = n.toString(5)
      assert.equal(
        many.decide('Publish', name) === 'allow',
        some.some(prefix => name.startsWith(prefix)),
        name,
      )
    }
  })

  it('stays right beyond what it remembers', () => {
    const access = accessOf([documentOf(allow('topic/a/*/c'), deny('topic/a/1*/c'))])
    for (let turn = 0; turn < 3; turn++)
      for (let n = 0; n < 1000; n++) {
        const name = `a/${n}/c`
        assert.equal(access.decide('Publish', name), String(n).startsWith('1') ? 'deny' : 'allow', name)
      }
  })

  it('asks the rules once for a name, and remembers 128 names of ordinary length', () => {
    const remembered = new Remembered()
    const asked: string[] = []
    const rules = {
      fixed(name: string) {
        asked.push(name)
        return 'allow' as const
      },
    }
    for (let n = 0; n < 300; n++) assert.equal(remembered.fixed(rules, `t${n % 100}`), 'allow')
    assert.equal(asked.length, 100)
    for (let n = 0; n < 5000; n++) {
      remembered.fixed(rules, `u${n}`)
      assert.ok(remembered.size <= 128)
    }
    const { size } = remembered
    remembered.fixed(rules, 'x'.repeat(513))
    assert.equal(remembered.size, size)
  })

  it('an action without a statement is none, of whatever name', () => {
    const access = accessOf([documentOf(allow('topic/a'))])
    for (const action of policyActions) assert.equal(access.decide(action, 'a'), action === 'Publish' ? 'allow' : 'none')
  })

  it('variables have the values of the connection', () => {
    const context: AccessContext = {
      deviceId: 'pump',
      clientId: 'pump-sub',
      sourceIp: '192.0.2.7',
      domainName: 'hub.example.net',
      model: 'M1',
      attributes: { serial: '42' },
      tags: { line: 'A', plant: { hall: 3, on: true } },
      site: 'north',
      gatewayId: 'gw',
    }
    const values: Record<string, string> = {
      'iot:Connection.Thing.ThingName': 'pump',
      'iot:Connection.Thing.ThingTypeName': 'M1',
      'iot:Connection.Thing.Attributes[serial]': '42',
      'iot:Connection.Thing.IsAttached': 'true',
      'iot:ClientId': 'pump-sub',
      'iot:clientid': 'pump-sub',
      'iot:SourceIp': '192.0.2.7',
      'aws:SourceIp': '192.0.2.7',
      'iot:DomainName': 'hub.example.net',
      'device.id': 'pump',
      'device.model': 'M1',
      'tag.line': 'A',
      'tag.plant.hall': '3',
      'tag.plant.on': 'true',
      site: 'north',
      'gateway.id': 'gw',
      '*': '*',
      '?': '?',
      $: '$',
    }
    for (const [name, value] of Object.entries(values)) {
      const access = accessOf([documentOf(allow(`topic/x/\${${name}}/y`))], context)
      assert.equal(access.decide('Publish', `x/${value}/y`), 'allow', name)
      assert.equal(access.decide('Publish', 'x/other/y'), 'none', name)
    }
    for (const name of [
      'tag.plant',
      'tag.plant.none',
      'tag.constructor',
      'iot:Connection.Thing.Attributes[toString]',
      'iot:ConnectAttributes',
    ])
      assert.equal(accessOf([documentOf(allow(`topic/\${${name}}*`))], context).decide('Publish', 'x'), 'none', name)
  })

  it('a value with wildcards or none never lets an Allow match, and widens a Deny', () => {
    for (const value of ['*', 'a*', 'a?', '#', '+', 'a/b', '', undefined]) {
      const context = value === undefined ? {} : { deviceId: value }
      const opened = accessOf([documentOf(allow('topic/dt/${device.id}/*'))], context)
      for (const topic of ['dt/x/y', 'dt/pump/x', 'dt/*/x', 'dt/#/x', 'dt//x', 'dt/a/b/x', `dt/${value}/x`])
        assert.equal(opened.decide('Publish', topic), 'none', `${value} ${topic}`)
      const closed = accessOf([documentOf(allow('*'), deny('topic/dt/${device.id}/*'))], context)
      assert.equal(closed.decide('Publish', 'dt/pump/x'), 'deny')
      assert.equal(closed.decide('Publish', 'cmd/pump/x'), 'allow')
    }
  })

  it('rules are shared among sessions with equal values, and no others', () => {
    const compiler = createAccessCompiler({ now: () => noon, entries: 3 })
    const policy = (version: number, text: string) => ({ id: 'p', version, document: readPolicy(text) })
    const first = policy(1, documentOf(allow('topic/${device.id}/*/x')))
    const verdicts = (policies: (typeof first)[], deviceId: string) =>
      ['a', 'b'].map(id => compiler.compile({ policies, context: { deviceId } }).decide('Publish', `${id}/1/x`))
    for (let turn = 0; turn < 2; turn++) {
      assert.deepEqual(verdicts([first], 'a'), ['allow', 'none'])
      assert.deepEqual(verdicts([first], 'b'), ['none', 'allow'])
    }
    assert.deepEqual(verdicts([policy(2, documentOf(allow('topic/b/*')))], 'a'), ['none', 'allow'])
    assert.deepEqual(verdicts([], 'a'), ['none', 'none'])
  })
})
// biome-ignore-end lint/suspicious/noTemplateCurlyInString: policy variables
