import assert from 'node:assert/strict'
import { createAccessCompiler } from '../../src/identity/policy-access.ts'
import { readPolicy } from '../../src/identity/policy-document.ts'
import { globMatches, globOf, wildParts } from '../../src/identity/policy-glob.ts'
import { ruleAccess, type TableRuling } from '../../src/identity/policy-order.ts'
import { openPolicies } from '../../src/identity/policy-store.ts'
import { defaultPolicyText, refusedAlways } from '../../src/identity/policy.ts'
import { ruleFilter } from '../../src/dialects/topic-table.ts'
import { openMemoryStateStore } from '../../src/stores/memory/state-store.ts'
import { openGroups } from '../../src/topology/groups.ts'
import { codeOf } from '../pki/make.ts'
import { accessOf, allow, deny, documentOf, noon } from './policy-make.ts'

/** How many characters of the text a match reads. */
function reads(pattern: string, text: string): { steps: number; matches: boolean } {
  let steps = 0
  const watched = {
    length: text.length,
    charCodeAt(at: number) {
      steps++
      return text.charCodeAt(at)
    },
  }
  const matches = globMatches(globOf(wildParts(pattern)), watched)
  return { steps, matches }
}

// biome-ignore-start lint/suspicious/noTemplateCurlyInString: policy variables
describe('policy threats', () => {
  it('no pattern makes a long topic expensive', () => {
    const texts = ['a'.repeat(1024), 'ab'.repeat(512), `${'a'.repeat(1023)}b`, 'a/'.repeat(500)]
    const patterns = [
      '*a*a*a*b', `${'*a'.repeat(30)}*c`, `${'*a'.repeat(400)}b`, `${'a*'.repeat(400)}c`, `${'*?'.repeat(200)}c`, `*${'a'.repeat(500)}c`,
      `*${'a'.repeat(511)}b*${'a'.repeat(511)}c`, `${'*/'.repeat(100)}c`, '*'.repeat(4000), `${'?'.repeat(600)}*c`, `*${'?'.repeat(500)}c`,
    ] // biome-ignore format: one list
    for (const pattern of patterns)
      for (const text of texts) {
        const { steps } = reads(pattern, text)
        // three reads a step at most, and the quarter of a square at most for one literal run that never fits
        assert.ok(
          steps <= 3 * (text.length + text.length ** 2 / 4),
          `${pattern.slice(0, 20)}.. on ${text.slice(0, 10)}..: ${steps}`,
        )
      }
    const { steps, matches } = reads(`${'*a'.repeat(30)}*b`, 'a'.repeat(1024))
    assert.ok(!matches)
    assert.ok(steps < 5000, `${steps} steps where a backtracking expression needs more than 10^50`)
  })

  it('a pattern longer than the name is not even begun', () => {
    assert.deepEqual(reads(`*${'a'.repeat(2000)}`, 'a'.repeat(1024)), { steps: 0, matches: false })
  })

  it('a document full of such patterns is answered', () => {
    const resources = Array.from({ length: 100 }, (_, i) => `topic/${'*a'.repeat(20)}*${i}`)
    const access = accessOf([documentOf(deny(resources), allow('topic/a*'))])
    assert.equal(access.decide('Publish', 'a'.repeat(1000)), 'allow')
    assert.equal(access.decide('Publish', `${'a'.repeat(1000)}99`), 'deny')
  })

  it('an action pattern with many stars is answered', () => {
    assert.throws(() => readPolicy(documentOf(allow('*', `iot:${'*e'.repeat(500)}x`))), codeOf('POLICY_INVALID'))
  })

  /** As a gate asks about a filter. */
  const mayHear = (filter: string, text: string, deviceId = 'pump'): boolean => {
    const { kind } = ruleFilter('thing', filter, { deviceId })
    const table: TableRuling =
      kind === 'ordinary' && !refusedAlways('subscribe', filter) ? 'ordinary' : kind === 'granted' ? 'granted' : 'denied'
    const verdict = accessOf([text], { deviceId, clientId: deviceId }).decide('Subscribe', filter)
    return ruleAccess({ table, verdict, feature: 'ordinary', direction: 'subscribe' }).allow
  }

  it('a wildcard over devices is refused, by policy and, whatever the policy says, by the table', () => {
    const filters = [
      '+/telemetry',
      'devices/+/#',
      'devices/+/telemetry',
      '#',
      '+/#',
      '+',
      'cmd/#',
      'cmd/+/x',
      '$share/g/cmd/pump/#',
      '$SYS/#',
      '$aws/things/+/shadow/#',
    ]
    const all = documentOf(allow('*', 'iot:*'))
    for (const filter of filters) {
      assert.ok(!mayHear(filter, defaultPolicyText), filter)
      assert.ok(!mayHear(filter, all), `${filter} under a policy that allows all`)
    }
    assert.ok(mayHear('cmd/pump/#', defaultPolicyText))
    assert.ok(mayHear('site/a/b', all))
  })

  it('an Allow for single topics of a tree does not grant the filter that covers them', () => {
    const access = accessOf([documentOf(allow(['topicfilter/a/b/?', 'topicfilter/a/b/cd'], 'iot:Subscribe'))])
    assert.equal(access.decide('Subscribe', 'a/b/x'), 'allow')
    for (const filter of ['a/b/#x', 'a/+/x', 'a/#', '#', '+/b/x'])
      assert.equal(access.decide('Subscribe', filter), 'none', filter)
  })

  it('a client called # or + opens nothing', () => {
    const text = documentOf(
      allow('topicfilter/${iot:ClientId}', 'iot:Subscribe'),
      allow('topicfilter/my/${iot:ClientId}/x', 'iot:Subscribe'),
      allow('topic/${iot:ClientId}*'),
      allow('client/${iot:ClientId}', 'iot:Connect'),
    )
    for (const clientId of ['#', '+', '*', '?', 'a/b', 'a/#', '+/+']) {
      const access = accessOf([text], { clientId })
      for (const filter of ['#', '+', clientId, `my/${clientId}/x`, 'my/+/x'])
        assert.equal(access.decide('Subscribe', filter), 'none', clientId)
      assert.equal(access.decide('Publish', 'anything'), 'none')
      assert.equal(access.decide('Connect', clientId), 'none')
    }
    assert.equal(accessOf([text], { clientId: 'a' }).decide('Subscribe', 'my/a/x'), 'allow')
  })

  it('tags, attributes and names of a certificate cannot smuggle a wildcard in either', () => {
    const text = documentOf(
      allow('topic/a/${tag.x}/*'),
      allow('topic/b/${iot:Connection.Thing.Attributes[x]}/*'),
      allow('topic/c', 'iot:Publish', { StringLike: { 'iot:ClientId': '${tag.x}' } }),
    )
    for (const x of ['*', 'v/w', '${device.id}', '+', '#', 'v*']) {
      const access = accessOf([text], { deviceId: 'pump', clientId: 'pump', tags: { x }, attributes: { x } })
      for (const name of ['a/v/1', 'a/pump/1', `a/${x}/1`, 'b/v/1', `b/${x}/1`, 'c'])
        assert.equal(access.decide('Publish', name), /^\$/.test(x) && name.includes('$') ? 'allow' : 'none', `${x} ${name}`)
    }
  })

  it('a policy with an unknown variable is not taken, so it cannot fail open later', async () => {
    const store = await openMemoryStateStore({ now: () => noon })
    const policies = await openPolicies({ store, now: () => noon })
    const text = documentOf(allow('*'), deny('topic/${iot:Certificate.Subject.Shoesize}/*'))
    await assert.rejects(policies.create({ id: 'p', text }), { code: 'POLICY_INVALID', position: text.indexOf('${') })
    assert.equal(await policies.get('p'), undefined)
  })

  it('a policy of a group counts for a session from the join on, and no longer once the device or the group left', async () => {
    const store = await openMemoryStateStore({ now: () => noon })
    const stale = new Set<string>()
    const note = (targets: readonly string[]): void => {
      for (const target of targets) stale.add(target)
    }
    const policies = await openPolicies({
      store,
      now: () => noon,
      changed: note,
    })
    const groups = await openGroups({
      store,
      now: () => noon,
      changed: change => note(change.kind === 'moved' ? [`group:${change.group}`] : change.devices.map(id => `device:${id}`)),
      forgetting: group => policies.planForget({ group }),
    })
    const compiler = createAccessCompiler({ now: () => noon })
    const session = async () => {
      const { all } = await groups.groupsOf('pump')
      const { policies: found, targets } = await policies.policiesFor({ deviceId: 'pump', groups: all })
      return { targets, access: compiler.compile({ policies: found, context: { deviceId: 'pump' } }) }
    }
    let live = await session()
    /** What the hub does after a change: compile the sessions it concerns anew. */
    const verdict = async () => {
      if (live.targets.some(target => stale.has(target))) live = await session()
      stale.clear()
      return live.access.decide('Publish', 'yard/x')
    }
    await policies.create({ id: 'yard', text: documentOf(allow('topic/yard/*')) })
    for (const [id, parent] of [['top'], ['side'], ['yard', 'top']]) await groups.create({ id: id!, ...(parent && { parent }) })
    await policies.attach({ policy: 'yard', target: { group: 'top' } })
    assert.equal(await verdict(), 'none')
    await groups.addDevices({ group: 'yard', devices: ['pump'] })
    assert.equal(await verdict(), 'allow')
    await groups.update('yard', { parent: 'side' })
    assert.equal(await verdict(), 'none')
    await groups.update('side', { parent: 'top' })
    assert.equal(await verdict(), 'allow')
    await policies.update('yard', { text: documentOf(deny('topic/yard/*')) })
    assert.equal(await verdict(), 'deny')
    await groups.removeDevices({ group: 'yard', devices: ['pump'] })
    assert.equal(await verdict(), 'none')
    await groups.addDevices({ group: 'yard', devices: ['pump'] })
    assert.equal(await verdict(), 'deny')
    await groups.delete('top', { force: true })
    assert.equal(await verdict(), 'none')
    await policies.delete('yard')
  })
})
// biome-ignore-end lint/suspicious/noTemplateCurlyInString: policy variables
