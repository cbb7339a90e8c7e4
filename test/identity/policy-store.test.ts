import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createAccessCompiler } from '../../src/identity/policy-access.ts'
import { defaultPolicyId, openPolicies, type Policies } from '../../src/identity/policy-store.ts'
import { defaultPolicyText } from '../../src/identity/policy.ts'
import type { StateStore, Write } from '../../src/storage/state-store.ts'
import { openMemoryStateStore } from '../../src/stores/memory/state-store.ts'
import { openSqliteStateStore } from '../../src/stores/sqlite/state-store.ts'
import { codeOf } from '../pki/make.ts'
import { allow, deny, documentOf, noon } from './policy-make.ts'

const fingerprint = 'ab'.repeat(32)
const open = documentOf(allow('topic/open/*'))
const closed = documentOf(deny('topic/open/*'))

async function houseOf(store?: StateStore) {
  const kept = store ?? (await openMemoryStateStore({ now: () => noon }))
  await kept.declare('extra', {})
  const told: string[][] = []
  const policies = await openPolicies({ store: kept, now: () => noon, changed: targets => told.push([...targets]) })
  const compiler = createAccessCompiler({ now: () => noon })
  const verdict = async (topic: string, o: { deviceId?: string; groups?: string[]; fingerprint?: string } = {}) => {
    const { policies: found } = await policies.policiesFor({ deviceId: 'pump', groups: [], ...o })
    return compiler.compile({ policies: found, context: { deviceId: o.deviceId ?? 'pump' } }).decide('Publish', topic)
  }
  return { store: kept, policies, told, verdict }
}

const extra = (id: string): Write => ({ op: 'put', coll: 'extra', id, doc: { id }, version: 'new' })

describe('policy store', () => {
  it('begins with the own policy of the hub, attached to the hub', async () => {
    const { policies, verdict } = await houseOf()
    assert.deepEqual(await policies.attached({ hub: true }), [defaultPolicyId])
    assert.equal((await policies.get(defaultPolicyId))?.text, defaultPolicyText)
    assert.equal(await verdict('dt/pump/x'), 'allow')
    assert.equal(await verdict('dt/valve/x'), 'none')
    assert.equal(policies.strict, false)
  })

  it('keeps documents as given, with an etag for each version', async () => {
    const { policies } = await houseOf()
    const text = `\n${open}\n`
    const made = await policies.create({ id: 'p', text, description: 'for the yard' })
    assert.deepEqual(made, { id: 'p', text, description: 'for the yard', createdAt: noon, updatedAt: noon, etag: '1' })
    assert.deepEqual(await policies.get('p'), made)
    const changed = await policies.update('p', { text: closed, etag: '1' })
    assert.equal(changed.etag, '2')
    assert.equal(changed.description, 'for the yard')
    await assert.rejects(policies.update('p', { text: open, etag: '1' }), codeOf('POLICY_CONFLICT'))
    await assert.rejects(policies.delete('p', { etag: '1' }), codeOf('POLICY_CONFLICT'))
    assert.equal(await policies.get('q'), undefined)
  })

  it('refuses wrong documents, ids and doubles', async () => {
    const { policies } = await houseOf()
    await policies.create({ id: 'p', text: open })
    await assert.rejects(policies.create({ id: 'p', text: open }), codeOf('POLICY_EXISTS'))
    await assert.rejects(policies.create({ id: 'q', text: '{' }), codeOf('POLICY_INVALID'))
    await assert.rejects(policies.update('p', { text: '{' }), codeOf('POLICY_INVALID'))
    await assert.rejects(policies.update('q', { text: open }), codeOf('POLICY_NOT_FOUND'))
    await assert.rejects(policies.delete('q'), codeOf('POLICY_NOT_FOUND'))
    for (const id of ['', 'a b', 'a/b', 'x'.repeat(129), 'a|b'])
      await assert.rejects(policies.create({ id, text: open }), codeOf('REQUEST_INVALID'))
    for (const target of [{ device: 'a b' }, { device: '' }])
      await assert.rejects(policies.attach({ policy: 'p', target }), codeOf('IDENTITY_INVALID'))
    await assert.rejects(policies.attach({ policy: 'p', target: { group: 'a.b' } }), codeOf('GROUP_INVALID'))
    await assert.rejects(policies.attach({ policy: 'p', target: { certificate: 'AB' } }), codeOf('REQUEST_INVALID'))
    await assert.rejects(policies.attach({ policy: 'q', target: { device: 'pump' } }), codeOf('POLICY_NOT_FOUND'))
    assert.equal((await policies.get('p'))?.text, open)
  })

  it('lists in pages', async () => {
    const { policies } = await houseOf()
    for (const id of ['b1', 'a1', 'b2']) await policies.create({ id, text: open })
    const first = await policies.page({ limit: 2 })
    assert.deepEqual(
      first.items.map(({ id }) => id),
      ['a1', 'b1'],
    )
    const rest = await policies.page({ limit: 2, cursor: first.next! })
    assert.deepEqual(
      rest.items.map(({ id }) => id),
      ['b2', defaultPolicyId],
    )
    assert.deepEqual(
      (await policies.page({ prefix: 'b' })).items.map(({ id }) => id),
      ['b1', 'b2'],
    )
  })

  it('counts what is attached to the device, its groups, its certificate and the hub', async () => {
    for (const target of [{ device: 'pump' }, { group: 'yard' }, { certificate: fingerprint }, { hub: true }] as const) {
      const { policies, verdict } = await houseOf()
      const connection = { groups: ['yard', 'top'], fingerprint }
      assert.equal(await verdict('open/x', connection), 'none')
      await policies.create({ id: 'p', text: open })
      await policies.attach({ policy: 'p', target })
      assert.equal(await verdict('open/x', connection), 'allow', JSON.stringify(target))
      assert.equal(await verdict('open/x', { deviceId: 'valve' }), 'hub' in target ? 'allow' : 'none')
      await policies.update('p', { text: closed })
      assert.equal(await verdict('open/x', connection), 'deny')
      await policies.detach({ policy: 'p', target })
      assert.equal(await verdict('open/x', connection), 'none')
      await policies.delete('p')
    }
  })

  it('a Deny of one target outranks an Allow of another', async () => {
    const { policies, verdict } = await houseOf()
    await policies.create({ id: 'open', text: open })
    await policies.create({ id: 'closed', text: closed })
    await policies.attach({ policy: 'open', target: { device: 'pump' } })
    await policies.attach({ policy: 'closed', target: { group: 'yard' } })
    assert.equal(await verdict('open/x'), 'allow')
    assert.equal(await verdict('open/x', { groups: ['yard'] }), 'deny')
  })

  it('an attached policy is not deleted, and the own policy of the hub never', async () => {
    const { policies } = await houseOf()
    await policies.create({ id: 'p', text: open })
    await policies.attach({ policy: 'p', target: { device: 'pump' } })
    await policies.attach({ policy: 'p', target: { device: 'pump' } })
    await assert.rejects(policies.delete('p'), { code: 'POLICY_ATTACHED', message: /device:pump/ })
    await policies.detach({ policy: 'p', target: { device: 'pump' } })
    await policies.detach({ policy: 'p', target: { device: 'pump' } })
    await policies.delete('p')
    await policies.detach({ policy: defaultPolicyId, target: { hub: true } })
    await assert.rejects(policies.delete(defaultPolicyId), codeOf('POLICY_ATTACHED'))
  })

  it('the own policy of the hub may be replaced and detached', async () => {
    const { policies, verdict } = await houseOf()
    await policies.update(defaultPolicyId, { text: open })
    assert.equal(await verdict('dt/pump/x'), 'none')
    assert.equal(await verdict('open/x'), 'allow')
    await policies.detach({ policy: defaultPolicyId, target: { hub: true } })
    assert.equal(await verdict('open/x'), 'none')
    assert.deepEqual(await policies.attached({ hub: true }), [])
  })

  it('ten policies are the most for one target', async () => {
    const { policies } = await houseOf()
    for (let i = 0; i < 11; i++) await policies.create({ id: `p${i}`, text: open })
    for (let i = 0; i < 10; i++) await policies.attach({ policy: `p${i}`, target: { device: 'pump' } })
    await assert.rejects(policies.attach({ policy: 'p10', target: { device: 'pump' } }), codeOf('POLICY_LIMIT'))
    await policies.attach({ policy: 'p9', target: { device: 'pump' } })
    await policies.attach({ policy: 'p10', target: { device: 'valve' } })
    const eleven = Array.from({ length: 11 }, (_, i) => `p${i}`)
    await assert.rejects(policies.planAttach({ target: { device: 'new' }, policies: eleven }), codeOf('POLICY_LIMIT'))
  })

  it('attaching at once does not pass the limit', async () => {
    const { policies } = await houseOf()
    for (let i = 0; i < 20; i++) await policies.create({ id: `p${i}`, text: open })
    const results = await Promise.allSettled(
      Array.from({ length: 20 }, (_, i) => policies.attach({ policy: `p${i}`, target: { device: 'pump' } })),
    )
    assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 10)
    assert.equal((await policies.attached({ device: 'pump' })).length, 10)
  })

  it('tells whom a change concerns, and has another revision', async () => {
    const { policies, told } = await houseOf()
    const revisions = new Set([policies.revision])
    const heard = (...expected: string[][]) => {
      assert.deepEqual(told.splice(0), expected)
      assert.ok(!revisions.has(policies.revision))
      revisions.add(policies.revision)
    }
    await policies.create({ id: 'p', text: open })
    heard()
    await policies.attach({ policy: 'p', target: { device: 'pump' } })
    heard(['device:pump'])
    await policies.attach({ policy: 'p', target: { group: 'yard' } })
    heard(['group:yard'])
    await policies.update('p', { text: closed })
    heard(['device:pump', 'group:yard'])
    await policies.update('p', { description: 'x' })
    heard()
    await policies.setStrict(true)
    heard(['hub:'])
    assert.equal(policies.strict, true)
    await policies.detach({ policy: 'p', target: { group: 'yard' } })
    heard(['group:yard'])
    assert.deepEqual((await policies.targetsOf('p')).items, [{ device: 'pump' }])
    assert.deepEqual((await policies.policiesFor({ deviceId: 'pump', groups: ['a', 'b'], fingerprint })).targets, [
      'hub:',
      'group:a',
      'group:b',
      'device:pump',
      `certificate:${fingerprint}`,
    ])
  })

  it('tells of many targets in pages', async () => {
    const { policies, told } = await houseOf()
    await policies.create({ id: 'p', text: open })
    for (let i = 0; i < 1100; i++) await policies.attach({ policy: 'p', target: { device: `d${i}` } })
    told.length = 0
    await policies.update('p', { text: closed })
    assert.deepEqual(
      told.map(({ length }) => length),
      [500, 500, 100],
    )
    assert.equal(new Set(told.flat()).size, 1100)
  })

  it('writes what else belongs to a change in the same transaction, under its author', async () => {
    const { store, policies } = await houseOf()
    const before = (await store.changes(0, 1000)).length
    await policies.create({ id: 'p', text: open, by: 'user anna', also: [extra('1')] })
    await policies.attach({ policy: 'p', target: { device: 'pump' }, by: 'user anna', also: [extra('2')] })
    await policies.update('p', { text: closed, by: 'user anna', also: [extra('3')] })
    await policies.setStrict(true, { by: 'user anna', also: [extra('4')] })
    await policies.detach({ policy: 'p', target: { device: 'pump' }, by: 'user anna', also: [extra('5')] })
    await policies.delete('p', { by: 'user anna', also: [extra('6')] })
    const changes = (await store.changes(0, 1000)).slice(before)
    assert.ok(changes.every(({ by }) => by === 'user anna'))
    assert.deepEqual(
      changes.filter(({ coll }) => coll === 'extra').map(({ id }) => id),
      ['1', '2', '3', '4', '5', '6'],
    )
  })

  it('a change whose further write fails has not happened, nor in memory', async () => {
    const { policies, verdict, told } = await houseOf()
    await policies.create({ id: 'p', text: open, also: [extra('1')] })
    assert.equal(await verdict('open/x'), 'none')
    told.length = 0
    await assert.rejects(
      policies.attach({ policy: 'p', target: { device: 'pump' }, also: [extra('1')] }),
      codeOf('STORE_VERSION_CONFLICT'),
    )
    await assert.rejects(policies.update('p', { text: closed, also: [extra('1')] }), codeOf('STORE_VERSION_CONFLICT'))
    await assert.rejects(policies.setStrict(true, { also: [extra('1')] }), codeOf('STORE_VERSION_CONFLICT'))
    assert.equal(await verdict('open/x'), 'none')
    assert.equal(policies.strict, false)
    assert.deepEqual(told, [])
    await policies.attach({ policy: 'p', target: { device: 'pump' } })
    assert.equal(await verdict('open/x'), 'allow')
  })

  it('what was read while a change was written is not remembered', async () => {
    const inner = await openMemoryStateStore({ now: () => noon })
    let held: Promise<void> | undefined
    const store: StateStore = {
      ...inner,
      async query(coll, query) {
        const page = await inner.query(coll, query)
        const wait = held
        held = undefined
        await wait
        return page as never
      },
    }
    const { policies, verdict } = await houseOf(store)
    await policies.create({ id: 'p', text: open })
    await verdict('open/x')
    let release = () => {}
    held = new Promise(resolve => (release = resolve))
    const reading = verdict('open/x', { groups: ['yard'] })
    await policies.attach({ policy: 'p', target: { group: 'yard' } })
    release()
    assert.equal(await reading, 'none')
    assert.equal(await verdict('open/x', { groups: ['yard'] }), 'allow')
  })

  it('plans what belongs to a device made or deleted elsewhere', async () => {
    const { store, policies, verdict, told } = await houseOf()
    await policies.create({ id: 'p', text: open })
    assert.equal(await verdict('open/x', { deviceId: 'new' }), 'none')
    const plan = await policies.planAttach({ target: { device: 'new' }, policies: ['p', 'p'] })
    assert.equal(plan.writes.length, 1)
    await assert.rejects(policies.delete('p'), { code: 'POLICY_ATTACHED', message: /being made/ })
    await store.tx([...plan.writes, extra('device')])
    plan.settled(true)
    assert.deepEqual(told.pop(), ['device:new'])
    assert.equal(await verdict('open/x', { deviceId: 'new' }), 'allow')
    await assert.rejects(policies.planAttach({ target: { device: 'n' }, policies: ['q'] }), codeOf('POLICY_NOT_FOUND'))

    const leave = await policies.planForget({ device: 'new' })
    await store.tx(leave.writes)
    leave.settled(true)
    assert.equal(await verdict('open/x', { deviceId: 'new' }), 'none')
    const given = await policies.planAttach({ target: { device: 'n' }, policies: ['p'] })
    told.length = 0
    given.settled(false)
    given.settled(false)
    assert.deepEqual(told, [])
    await policies.delete('p')
  })

  it('is what it was after it was closed and opened again', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'policies-'))
    try {
      const opened = async (): Promise<{ store: StateStore; policies: Policies; verdict: (topic: string) => Promise<string> }> =>
        houseOf(await openSqliteStateStore({ path: join(folder, 'identity.db'), now: () => noon }))
      const first = await opened()
      await first.policies.create({ id: 'p', text: open })
      await first.policies.attach({ policy: 'p', target: { device: 'pump' } })
      await first.policies.detach({ policy: defaultPolicyId, target: { hub: true } })
      await first.policies.setStrict(true)
      await first.store.close()
      const second = await opened()
      assert.equal(await second.verdict('open/x'), 'allow')
      assert.equal(await second.verdict('dt/pump/x'), 'none')
      assert.equal(second.policies.strict, true)
      await assert.rejects(second.policies.delete('p'), codeOf('POLICY_ATTACHED'))
      await second.store.close()
    } finally {
      await rm(folder, { recursive: true })
    }
  })
})
