import assert from 'node:assert/strict'
import { openPairings } from '../../src/provisioning/pairing-store.ts'
import { createAttemptLimit } from '../../src/provisioning/attempt-limit.ts'
import { newPairingCode, readPairingCode, shownPairingCode } from '../../src/provisioning/pairing-code.ts'
import { openMemoryStateStore } from '../../src/stores/memory/state-store.ts'
import { codeOf, random, sealerOf, start } from '../pki/make.ts'
import { seeded } from '../seeded.ts'

const minute = 60_000
const ip = '192.0.2.7'

async function house() {
  const clock = { now: start }
  const now = () => clock.now
  const store = await openMemoryStateStore({ now })
  const sealer = sealerOf()
  const options = { store, now, random, key: sealer.subkey('tokens'), hint: (code: string) => sealer.hint(code) }
  const pairings = await openPairings({ ...options, mostOpen: 3 })
  const state = async (id: string) => (await pairings.list()).items.find(one => one.id === id)?.state
  return { clock, store, options, pairings, state }
}
const wrong = codeOf('PROV_CODE_INVALID')

describe('pairing codes', () => {
  it('have 8 characters of which none can be taken for another, and are read as people write them', () => {
    const code = newPairingCode(random)
    assert.match(code, /^[2-9A-HJ-NP-Z]{8}$/)
    const shown = shownPairingCode(code)
    assert.match(shown, /^\w{4}-\w{4}$/)
    for (const text of [shown, code, shown.toLowerCase(), ` ${code.slice(0, 3)} ${code.slice(3)} `])
      assert.equal(readPairingCode(text), code)
    for (const text of ['', 'ABCD-EFG', 'ABCD-EFGO', 'ABCD-EFG1', 'ABCD-EFGHJ', 7, null, 'A'.repeat(1e6)])
      assert.equal(readPairingCode(text), undefined)
  })

  it('use every character alike', () => {
    const counts = new Map<string, number>()
    let byte = 0
    const code = () => newPairingCode(size => Buffer.from(Array.from({ length: size }, () => byte++ % 256)))
    for (let i = 0; i < 32; i++) for (const letter of code()) counts.set(letter, (counts.get(letter) ?? 0) + 1)
    assert.deepEqual([counts.size, new Set(counts.values()).size], [32, 1])
  })

  it('are good for ten minutes, and of what is kept of them nothing tells them', async () => {
    const { pairings, clock, store, state } = await house()
    const { pairing, code } = await pairings.create({ deviceId: 'lamp' }, { by: 'user anna' })
    const [stored] = (await store.query<any>('pairings', {})).items
    assert.match(stored!.doc.hash, /^scrypt\$16384\$/)
    assert.ok(!JSON.stringify([stored, await pairings.list()]).includes(code.slice(0, 4)))
    assert.deepEqual(Object.keys(pairing).sort(), [
      'createdAt',
      'createdBy',
      'deviceId',
      'expiresAt',
      'hint',
      'id',
      'state',
      'tries',
    ])
    clock.now += 10 * minute - 1
    ;(await pairings.hold(code, { ip })).release()
    clock.now++
    await assert.rejects(pairings.hold(code, { ip }), wrong)
    assert.equal(await state(pairing.id), 'expired')
    assert.equal(await pairings.sweep(clock.now), 0)
    clock.now += 60 * minute
    assert.equal(await pairings.sweep(clock.now), 1)
  })

  it('are held by one at a time, spent with the device, and then known to its key alone, also after a restart', async () => {
    const { pairings, store, options, state } = await house()
    const { pairing, code } = await pairings.create({ deviceId: 'lamp' })
    const held = await pairings.hold(code, { ip, key: 'k1' })
    await assert.rejects(pairings.hold(code, { ip }), codeOf('PROV_THROTTLED'))
    await store.tx([held.spend('lamp')])
    held.release()
    assert.equal(await state(pairing.id), 'used')
    const again = await openPairings(options)
    for (const key of [undefined, 'k2']) await assert.rejects(again.hold(code, { ip, ...(key && { key }) }), wrong)
    assert.equal((await again.hold(code, { ip, key: 'k1' })).usedBy, 'lamp')
  })

  it('are ended by the fifth refusal, of which waiting and the hub’s own failures are none', async () => {
    const { pairings, state } = await house()
    const { pairing, code } = await pairings.create({ deviceId: 'lamp' })
    const refuse = async (why: string, key?: string) => {
      const held = await pairings.hold(code, { ip, ...(key && { key }) })
      await held.refused(why)
      held.release()
    }
    for (const why of ['PROV_THROTTLED', 'PROV_HOOK_TIMEOUT', 'STORE_LIMIT', 'NODE_FAULT', 'HUB_DOWN']) await refuse(why)
    for (let i = 0; i < 4; i++) await refuse('PKI_CSR_INVALID')
    assert.equal(await state(pairing.id), 'open')
    await refuse('PROV_DENIED')
    assert.equal(await state(pairing.id), 'failed')
    await assert.rejects(pairings.hold(code, { ip }), wrong)
  })

  it('wait a day for a person, with the key that showed them', async () => {
    const { pairings, clock, state } = await house()
    const { pairing, code } = await pairings.create({ template: 't', parameters: { SerialNumber: '1' } })
    const held = await pairings.hold(code, { ip, key: 'k1' })
    await held.refused('PROV_PENDING')
    held.release()
    assert.equal(await state(pairing.id), 'waiting')
    await assert.rejects(pairings.hold(code, { ip, key: 'k2' }), wrong)
    clock.now += 23 * 60 * minute
    ;(await pairings.hold(code, { ip, key: 'k1' })).release()
    clock.now += 60 * minute
    await assert.rejects(pairings.hold(code, { ip, key: 'k1' }), wrong)
  })

  it('a revoked one is none, and spends nothing that was under way', async () => {
    const { pairings, store, state } = await house()
    const { pairing, code } = await pairings.create({ deviceId: 'lamp' })
    const held = await pairings.hold(code, { ip })
    await pairings.revoke(pairing.id)
    await assert.rejects(store.tx([held.spend('lamp')]), codeOf('STORE_VERSION_CONFLICT'))
    await held.refused('IDENTITY_CONFLICT')
    held.release()
    assert.equal(await state(pairing.id), 'revoked')
    await assert.rejects(pairings.hold(code, { ip }), wrong)
    await assert.rejects(pairings.revoke('pair-x'), codeOf('NOT_FOUND'))
  })

  it('twenty wrong ones from a sender are the end for ten minutes; right ones are not counted', async () => {
    const { pairings, clock } = await house()
    const { code } = await pairings.create({ deviceId: 'lamp' })
    for (let i = 0; i < 30; i++) (await pairings.hold(code, { ip })).release()
    for (let i = 0; i < 20; i++) await assert.rejects(pairings.hold('ABCD-EFGH', { ip: `2001:db8::${i}` }), wrong)
    await assert.rejects(pairings.hold(code, { ip: '2001:db8::ffff' }), codeOf('PROV_THROTTLED'))
    ;(await pairings.hold(code, { ip: '2001:db8:0:1::1' })).release()
    clock.now += 10 * minute
    const fresh = await pairings.create({ deviceId: 'lamp' })
    ;(await pairings.hold(fresh.code, { ip: '2001:db8::1' })).release()
  })

  it('are for one device, and not too many at once', async () => {
    const { pairings, clock } = await house()
    for (const target of [{}, { parameters: {} }, { deviceId: 'l', parameters: {} }, { template: 'no such name!' }])
      await assert.rejects(pairings.create(target), codeOf('PROV_INVALID'))
    await assert.rejects(pairings.create({ template: 't', parameters: { 'AWS::x': '1' } }), codeOf('PROV_INVALID'))
    await assert.rejects(pairings.create({ deviceId: 'a b' }), codeOf('IDENTITY_INVALID'))
    for (let i = 0; i < 3; i++) await pairings.create({ deviceId: `lamp-${i}` })
    await assert.rejects(pairings.create({ deviceId: 'lamp-4' }), codeOf('PROV_LIMIT'))
    clock.now += 10 * minute
    await pairings.create({ deviceId: 'lamp-4' })
  })
})

describe('a limit of attempts', () => {
  it('does what a plain list of attempts says', () => {
    const draw = seeded(41)
    const clock = { now: 0 }
    const limit = createAttemptLimit({ now: () => clock.now, windowMs: 100, perSender: 3, inAll: 7 })
    type Window = { since: number; count: number }
    const senders: Record<string, Window> = {}
    let all: Window = { since: 0, count: 0 }
    const fresh = (window: Window | undefined): Window =>
      window && clock.now - window.since < 100 ? window : { since: clock.now, count: 0 }
    for (let step = 0; step < 5000; step++) {
      clock.now += draw.below(12)
      const sender = `192.0.2.${draw.below(5)}`
      const mine = fresh(senders[sender])
      all = fresh(all)
      const allowed = mine.count < 3 && all.count < 7
      const back = limit.take(draw.below(2) ? sender : `::ffff:${sender}`)
      assert.equal(back !== undefined, allowed, `step ${step}`)
      if (!allowed) continue
      senders[sender] = mine
      mine.count++
      all.count++
      if (draw.below(3)) continue
      back!()
      back!()
      mine.count--
      all.count--
    }
  })

  it('forgets the senders it has not seen for the longest', () => {
    const limit = createAttemptLimit({ now: () => 0, windowMs: 100, perSender: 1, inAll: 100, mostSenders: 2 })
    for (const sender of ['a', 'b', 'c']) assert.ok(limit.take(sender))
    assert.deepEqual([limit.take('c'), limit.take('b')], [undefined, undefined])
    assert.ok(limit.take('a'))
  })
})
