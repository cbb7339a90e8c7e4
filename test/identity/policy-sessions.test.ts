import assert from 'node:assert/strict'
import { createAccessCompiler } from '../../src/identity/policy-access.ts'
import { createPolicySessions } from '../../src/identity/policy-sessions.ts'
import { openPolicies } from '../../src/identity/policy-store.ts'
import type { AccessContext } from '../../src/identity/policy-variables.ts'
import { openMemoryStateStore } from '../../src/stores/memory/state-store.ts'
import { openGroups } from '../../src/topology/groups.ts'
import { codeOf } from '../pki/make.ts'
import { allow, deny, documentOf, noon } from './policy-make.ts'

const fingerprint = 'cd'.repeat(32)
const now = () => noon
// biome-ignore lint/suspicious/noTemplateCurlyInString: a policy variable
const open = documentOf(allow('topic/${device.id}/open/*'))

/** As a hub wires them: each change renews the sessions it concerns. `changed` waits for that. */
async function houseOf(o: { slow?: () => Promise<void> } = {}) {
  const store = await openMemoryStateStore({ now })
  let renewing: Promise<unknown> = Promise.resolve()
  const renewed: unknown[] = []
  const note = (targets: readonly string[]): void => {
    const done = sessions.changed(targets).then(result => {
      renewed.push(...result.renewed)
      assert.deepEqual(result.failed, [])
    })
    renewing = Promise.all([renewing, done])
  }
  const policies = await openPolicies({ store, now, changed: note })
  const groups = await openGroups({
    store,
    now,
    changed: change => note(change.kind === 'moved' ? [`group:${change.group}`] : change.devices.map(id => `device:${id}`)),
  })
  const sessions = createPolicySessions({
    policies: {
      policiesFor: async who => {
        const found = await policies.policiesFor(who)
        await o.slow?.()
        return found
      },
    },
    compiler: createAccessCompiler({ now }),
    groupsOf: async device => (await groups.groupsOf(device)).all,
  })
  const session = (deviceId: string, more: Partial<AccessContext> = {}) =>
    sessions.open({ context: () => ({ deviceId, ...more }), fingerprint })
  return { store, policies, groups, sessions, session, renewed, settled: () => renewing }
}

describe('policy sessions', () => {
  it('a live session follows every change that concerns it, and only those', async () => {
    const { policies, groups, session, renewed, settled } = await houseOf()
    const [pump, valve] = [await session('pump'), await session('valve')]
    const heard = async (...expected: [pump: string, valve: string, renewed: number]) => {
      await settled()
      const verdicts = [pump.decide('Publish', 'pump/open/x'), valve.decide('Publish', 'valve/open/x'), renewed.splice(0).length]
      assert.deepEqual(verdicts, expected)
    }
    await policies.create({ id: 'p', text: open })
    await heard('none', 'none', 0)
    await policies.attach({ policy: 'p', target: { device: 'pump' } })
    await heard('allow', 'none', 1)
    await policies.detach({ policy: 'p', target: { device: 'pump' } })
    await heard('none', 'none', 1)
    await groups.create({ id: 'top' })
    await groups.create({ id: 'yard', parent: 'top' })
    await policies.attach({ policy: 'p', target: { group: 'top' } })
    await heard('none', 'none', 0)
    await groups.addDevices({ group: 'yard', devices: ['valve', 'other'] })
    await heard('none', 'allow', 1)
    await groups.update('yard', { parent: null })
    await heard('none', 'none', 1)
    await policies.attach({ policy: 'p', target: { certificate: fingerprint } })
    await heard('allow', 'allow', 2)
    await policies.update('p', { text: documentOf(deny('*')) })
    await heard('deny', 'deny', 2)
    await policies.setStrict(true)
    await heard('deny', 'deny', 2)
  })

  it('takes what is known of the connection anew', async () => {
    const { policies, sessions, settled } = await houseOf()
    const tags: Record<string, string> = { line: 'A' }
    // biome-ignore lint/suspicious/noTemplateCurlyInString: a policy variable
    await policies.create({ id: 'p', text: documentOf(allow('topic/${tag.line}/*')) })
    await policies.attach({ policy: 'p', target: { hub: true } })
    await settled()
    const session = await sessions.open({ context: async () => ({ deviceId: 'pump', tags: { ...tags } }) })
    tags.line = 'B'
    assert.equal(session.decide('Publish', 'A/x'), 'allow')
    assert.deepEqual(await sessions.changed(['device:pump']), { renewed: [session], failed: [] })
    assert.equal(session.decide('Publish', 'A/x'), 'none')
    assert.equal(session.decide('Publish', 'B/x'), 'allow')
  })

  it('a change while a session is opened is in it, though its policies had been read before', async () => {
    const waiting: (() => void)[] = []
    let hold = false
    const { policies, session, settled } = await houseOf({
      slow: async () => {
        if (hold) await new Promise<void>(resolve => waiting.push(resolve))
      },
    })
    await policies.create({ id: 'p', text: open })
    hold = true
    const opening = session('pump')
    for (let turn = 0; turn < 10_000 && !waiting.length; turn++) await new Promise(setImmediate)
    hold = false
    await policies.attach({ policy: 'p', target: { device: 'pump' } })
    for (const release of waiting) release()
    assert.equal((await opening).decide('Publish', 'pump/open/x'), 'allow')
    await settled()
  })

  it('two changes at once are both in it', async () => {
    const { policies, session, settled } = await houseOf({ slow: () => new Promise(setImmediate) })
    for (const id of ['p', 'q']) await policies.create({ id, text: documentOf(allow(`topic/${id}`)) })
    const pump = await session('pump')
    await Promise.all(['p', 'q'].map(policy => policies.attach({ policy, target: { device: 'pump' } })))
    await settled()
    assert.deepEqual(
      ['p', 'q'].map(topic => pump.decide('Publish', topic)),
      ['allow', 'allow'],
    )
  })

  it('an opening session that never comes to rest is refused', async () => {
    const { sessions, session } = await houseOf({ slow: async () => void (await sessions_.changed(['hub:'])) })
    const sessions_ = sessions
    await assert.rejects(session('pump'), codeOf('POLICY_CONFLICT'))
    assert.equal(sessions.count, 0)
  })

  it('a session whose policies cannot be read is denied everything until they can', async () => {
    let broken = false
    const { policies, sessions, session } = await houseOf({
      slow: async () => {
        if (broken) throw new Error('disk')
      },
    })
    await policies.create({ id: 'p', text: open })
    const pump = await session('pump')
    broken = true
    assert.deepEqual(await sessions.changed(['device:pump']), { renewed: [], failed: [pump] })
    assert.equal(pump.decide('Publish', 'dt/pump/x'), 'deny')
    await assert.rejects(session('valve'), /disk/)
    assert.equal(sessions.count, 1)
    broken = false
    assert.deepEqual((await sessions.changed(['device:pump'])).renewed, [pump])
    assert.equal(pump.decide('Publish', 'dt/pump/x'), 'allow')
  })

  it('an ended session is forgotten, also while it is being renewed', async () => {
    const { sessions, session } = await houseOf({ slow: () => new Promise(setImmediate) })
    const [pump, valve] = [await session('pump'), await session('valve')]
    const renewing = sessions.changed(['hub:'])
    valve.end()
    pump.end()
    pump.end()
    await renewing
    assert.equal(sessions.count, 0)
    assert.deepEqual(await sessions.changed(['hub:', 'device:pump']), { renewed: [], failed: [] })
  })

  it('lets others run while many are renewed', async () => {
    const store = await openMemoryStateStore({ now })
    const policies = await openPolicies({ store, now })
    let turns = 0
    const sessions = createPolicySessions({
      policies,
      compiler: createAccessCompiler({ now }),
      groupsOf: async () => [],
      turn: async () => void turns++,
    })
    for (let i = 0; i < 250; i++) await sessions.open({ context: () => ({ deviceId: `d${i}` }) })
    assert.equal((await sessions.changed(['hub:'])).renewed.length, 250)
    assert.equal(turns, 5)
  })
})
