import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { type AuditLog, openAuditLog } from '../../src/guard/audit-log.ts'
import { openAuditOutbox } from '../../src/guard/audit-outbox.ts'
import { redacted } from '../../src/guard/redact.ts'
import type { StateStore } from '../../src/storage/state-store.ts'
import { openMemoryStateStore } from '../../src/stores/memory/state-store.ts'
import { openSqliteStateStore } from '../../src/stores/sqlite/state-store.ts'
import { tempFolder } from '../processes.ts'

const key = Buffer.alloc(32, 7)
const random = randomBytes
const fact = (i: number, detail?: Record<string, unknown>) => ({
  time: 1000 + i,
  actor: i % 2 ? 'user anna' : 'hub',
  action: 'device.create',
  target: `pump-${i}`,
  result: 'ok' as const,
  ...(detail && { detail }),
})

describe('the audit log', () => {
  let time = 5000
  const now = () => time
  let store: StateStore
  let log: AuditLog
  beforeEach(async () => {
    time = 5000
    store = await openMemoryStateStore({ now })
    log = await openAuditLog({ store, key, now })
  })
  const id = (seq: number) => String(seq).padStart(15, '0')
  const change = async (coll: string, seq: number, edit: object) => {
    const stored = (await store.get<object>(coll, id(seq)))!
    await store.put(coll, id(seq), { ...stored.doc, ...edit })
  }

  it('chains entries in the order of the calls and goes on after a restart', async () => {
    await Promise.all([log.append([fact(1), fact(2)]), log.append([fact(3)])])
    const again = await openAuditLog({ store, key, now })
    await again.append([fact(4, { tags: { site: 'b' } })])
    const { items } = await again.query({})
    assert.deepEqual(
      items.map(({ seq, target }) => [seq, target]),
      [4, 3, 2, 1].map(seq => [seq, `pump-${seq}`]),
    )
    assert.equal(items[0]!.prev, items[1]!.hash)
    assert.deepEqual(items[0]!.detail, { tags: { site: 'b' } })
    assert.deepEqual(await again.verify(), { ok: true, checked: 4, head: 4 })
  })

  it('answers by actor, action, target and time, a page at a time', async () => {
    await log.append(Array.from({ length: 30 }, (_, i) => fact(i)))
    const anna = await log.query({ actor: 'user anna', limit: 10 })
    assert.equal(anna.items.length, 10)
    const rest = await log.query({ actor: 'user anna', limit: 10, cursor: anna.next! })
    assert.deepEqual(
      [...anna.items, ...rest.items].map(({ target }) => target),
      Array.from({ length: 15 }, (_, i) => `pump-${29 - 2 * i}`),
    )
    assert.deepEqual(
      (await log.query({ from: 1003, to: 1005 })).items.map(({ time }) => time),
      [1004, 1003],
    )
    assert.equal((await log.query({ target: 'pump-7' })).items.length, 1)
    assert.equal((await log.query({ action: 'other' })).items.length, 0)
  })

  for (const [what, edit, reason] of [
    ['a changed actor', { actor: 'someone else' }, 'its content was changed'],
    ['a changed time', { time: 1 }, 'its content was changed'],
    ['another previous hash', { prev: 'ab'.repeat(32) }, 'it does not follow the entry before'],
  ] as const)
    it(`names the first bad entry: ${what}`, async () => {
      await log.append([1, 2, 3, 4, 5].map(i => fact(i)))
      await change('audit', 3, edit)
      assert.deepEqual(await log.verify(), { ok: false, checked: 2, seq: 3, reason })
    })

  it('finds an entry that is missing, in the middle and at the end', async () => {
    await log.append([1, 2, 3, 4, 5].map(i => fact(i)))
    await store.delete('audit', id(3))
    assert.deepEqual(await log.verify(), { ok: false, checked: 2, seq: 3, reason: 'entry 3 is missing' })
    await log.verify()
    await Promise.all([4, 5].map(seq => store.delete('audit', id(seq))))
    assert.deepEqual(await log.verify(), { ok: false, checked: 2, seq: 3, reason: 'the end of the chain is missing' })
  })

  it('finds a chain that was cut or written anew, with a checkpoint kept elsewhere', async () => {
    await log.append([1, 2, 3].map(i => fact(i)))
    const kept = (await log.checkpoint({ force: true }))!
    const forger = await openMemoryStateStore({ now })
    const forged = await openAuditLog({ store: forger, key: Buffer.alloc(32), now })
    await forged.append([1, 2, 9].map(i => fact(i)))
    const seen = await openAuditLog({ store: forger, key, now })
    assert.equal((await seen.verify()).ok, true)
    assert.deepEqual(await seen.verify({ upTo: kept }), {
      ok: false,
      checked: 3,
      seq: 3,
      reason: 'the chain was written anew after its checkpoint',
    })
    const short = await openAuditLog({ store: await openMemoryStateStore({ now }), key, now })
    assert.equal((await short.verify({ upTo: kept })).ok, false)
    await assert.rejects(log.verify({ upTo: { ...kept, seq: 2 } }), { code: 'AUDIT_BROKEN' })
    assert.deepEqual(await log.verify({ after: kept }), { ok: true, checked: 0, head: 3 })
  })

  it('signs a checkpoint each thousand entries or day, not for nothing', async () => {
    assert.equal(await log.checkpoint({ force: true }), undefined)
    await log.append([fact(1)])
    assert.equal(await log.checkpoint(), undefined)
    time += 86_400_000
    assert.equal((await log.checkpoint())!.seq, 1)
    await log.append(Array.from({ length: 1000 }, (_, i) => fact(i)))
    assert.equal((await log.checkpoint())!.seq, 1001)
    assert.equal(await log.checkpoint({ force: true }), undefined)
    assert.deepEqual(
      (await log.checkpoints({ limit: 5 })).map(({ seq }) => seq),
      [1001, 1],
    )
  })

  it('finds a changed detail; an erased one leaves the chain whole', async () => {
    await log.append([fact(1, { tags: { owner: 'Ann' } }), fact(2, { tags: { owner: 'Bo' } })])
    assert.deepEqual(await log.eraseDetails({ target: 'pump-1', by: 'user root' }), { erased: 1 })
    assert.deepEqual(await log.verify(), { ok: true, checked: 3, head: 3 })
    const [erasure, second, first] = (await log.query({})).items
    assert.deepEqual(
      [erasure!.action, second!.detail, first!.detail],
      ['audit.eraseDetails', { tags: { owner: 'Bo' } }, undefined],
    )
    await change('audit_details', 2, { text: '{"tags":{"owner":"Eve"}}' })
    assert.deepEqual(await log.verify(), { ok: false, checked: 1, seq: 2, reason: 'its detail was changed' })
  })

  it('erases the details of what someone did, too, and of nobody else', async () => {
    const detail = { note: 'x' }
    await log.append([fact(1, detail), fact(2, detail), fact(3, detail)])
    assert.deepEqual(await log.eraseDetails({ actor: 'user anna', by: 'user root' }), { erased: 2 })
    assert.deepEqual(
      (await log.query({})).items.map(({ action, detail }) => [action, detail]),
      [
        ['audit.eraseDetailsOf', undefined],
        ['device.create', undefined],
        ['device.create', detail],
        ['device.create', undefined],
      ],
    )
    assert.deepEqual(await log.verify(), { ok: true, checked: 4, head: 4 })
    await assert.rejects(log.eraseDetails({ by: 'user root' }), { code: 'REQUEST_INVALID' })
  })

  it('finds by its own checkpoints that it was written anew, and a checkpoint that is not signed', async () => {
    await log.append([1, 2, 3].map(i => fact(i)))
    await log.checkpoint({ force: true })
    const forger = await openMemoryStateStore({ now })
    const forged = await openAuditLog({ store: forger, key: Buffer.alloc(32), now })
    await forged.append([1, 2, 9, 10].map(i => fact(i)))
    for (const seq of [1, 2, 3]) await store.put('audit', id(seq), (await forger.get('audit', id(seq)))!.doc)
    assert.deepEqual(await log.verify(), {
      ok: false,
      checked: 3,
      seq: 3,
      reason: 'the chain was written anew after its checkpoint',
    })
    await change('audit_checkpoints', 3, { hash: (await forger.get<{ hash: string }>('audit', id(3)))!.doc.hash })
    const verdict = await log.verify()
    assert.deepEqual([verdict.ok, !verdict.ok && verdict.reason], [false, 'its checkpoint was not signed by this hub'])
  })

  it('passes over facts that it was told before', async () => {
    await log.append([{ ...fact(1), source: 'a/1' }])
    await log.append([
      { ...fact(1), source: 'a/1' },
      { ...fact(2), source: 'a/2' },
    ])
    assert.equal(log.head, 2)
  })
})

describe('the end of the audit log, kept apart', () => {
  const now = () => 5000
  let store: StateStore
  let apart: StateStore
  beforeEach(async () => {
    store = await openMemoryStateStore({ now })
    apart = await openMemoryStateStore({ now })
    const log = await open()
    await log.append([1, 2, 3, 4, 5].map(i => fact(i, { i })))
    await log.keepEnd()
  })
  const id = (seq: number) => String(seq).padStart(15, '0')
  const open = (chain = store) => openAuditLog({ store: chain, apart, key, now })
  const cut = async (from: number) => {
    for (let seq = from; seq <= 5; seq++) for (const coll of ['audit', 'audit_details']) await store.delete(coll, id(seq))
  }
  const missing = 'the end of the chain is missing'
  const anew = 'the chain was written anew after its end was kept apart'

  it('agrees with a chain that went on, whether its newest end was kept or not', async () => {
    const log = await open()
    await log.append([fact(6)])
    assert.equal((await log.verify()).ok, true)
    const next = await open()
    assert.deepEqual([next.found, next.breaches, await next.verify()], [undefined, [], { ok: true, checked: 6, head: 6 }])
    await next.eraseDetails({ target: 'pump-1', by: 'user root' })
    await next.keepEnd()
    const last = await open()
    assert.deepEqual([last.found, (await last.verify()).ok], [undefined, true])
  })

  for (const [what, spoil, seq, reason] of [
    ['cut off', () => cut(4), 4, missing],
    ['emptied', () => cut(1), 1, missing],
    [
      'replaced by one of another making',
      async () => {
        store = await openMemoryStateStore({ now })
        const forged = await openAuditLog({ store, key, now })
        await forged.append([1, 2, 3, 4, 9, 10].map(i => fact(i)))
      },
      5,
      anew,
    ],
  ] as const)
    it(`shows at the start that the chain was ${what}, until someone accepts it`, async () => {
      await spoil()
      const log = await open()
      assert.deepEqual([log.found?.seq, log.found?.reason, log.breaches.length], [seq, reason, 1])
      // it goes on, and the chain alone would hold together
      await log.append([7, 8, 9, 10, 11, 12].map(i => fact(i)))
      await log.keepEnd()
      assert.deepEqual(
        [(await openAuditLog({ store, key, now })).head, (await (await openAuditLog({ store, key, now })).verify()).ok],
        [log.head, true],
      )
      const later = await open()
      assert.equal(later.found, undefined)
      const verdict = await later.verify()
      assert.deepEqual([verdict.ok, !verdict.ok && verdict.seq, !verdict.ok && verdict.reason], [false, seq, reason])
      assert.equal((await later.accept({ by: 'user root' })).length, 1)
      const [entry] = (await later.query({})).items
      assert.deepEqual([entry!.action, entry!.actor], ['audit.accept', 'user root'])
      assert.equal((await later.verify()).ok, true)
      assert.deepEqual(await later.accept({ by: 'user root' }), [])
      assert.equal((await (await open()).verify()).ok, true)
    })

  it('shows a chain that was rolled back to an earlier state, and once more if the right one comes back', async () => {
    const earlier = await openMemoryStateStore({ now })
    const old = await openAuditLog({ store: earlier, key, now })
    await old.append([1, 2, 3].map(i => fact(i, { i })))
    const rolled = await open(earlier)
    assert.deepEqual([rolled.found?.seq, rolled.found?.reason], [4, missing])
    await rolled.append([fact(66)])
    await rolled.keepEnd()
    const back = await open()
    assert.deepEqual([back.found?.seq, back.found?.reason, back.breaches.length], [4, anew, 2])
  })

  it('is not believed with a wrong signature, and is found changed while the log is open', async () => {
    const log = await open()
    const { doc } = (await apart.get<object>('audit_anchor', 'end'))!
    await apart.put('audit_anchor', 'end', { ...doc, seq: 2 })
    assert.match((await open()).found!.reason, /not signed/)
    await cut(5)
    assert.equal((await log.verify()).ok, false)
  })
})

describe('the audit outbox', () => {
  const now = () => 5000
  let path: string
  beforeEach(() => {
    path = tempFolder('audit')
  })
  const open = (name: string) => openSqliteStateStore({ path: join(path, `${name}.db`), now })

  it('tells of a change and of its record together or not at all', async () => {
    const store = await open('data')
    await store.declare('things', {})
    const log = await openAuditLog({ store: await open('log'), key, now })
    const outbox = await openAuditOutbox({ name: 'data', store, log, now, random })
    await store.tx([{ op: 'put', coll: 'things', id: 'a', doc: {}, version: 'new' }, outbox.record(fact(1))])
    await assert.rejects(store.tx([{ op: 'put', coll: 'things', id: 'a', doc: {}, version: 'new' }, outbox.record(fact(2))]))
    await Promise.all([outbox.drain(), outbox.drain()])
    assert.deepEqual(
      (await log.query({})).items.map(({ target }) => target),
      ['pump-1'],
    )
    assert.equal(await store.count('audit_outbox'), 0)
  })

  it('neither loses nor doubles a fact over a crash between the two files', async () => {
    const store = await open('data')
    const audit = await open('log')
    const log = await openAuditLog({ store: audit, key, now })
    const first = await openAuditOutbox({ name: 'data', store, log, now, random })
    await store.tx([first.record(fact(1)), first.record(fact(2))])
    // the chain has them, the outbox could not be emptied any more
    const broken: StateStore = { ...store, tx: async () => Promise.reject(new Error('crash')), query: store.query.bind(store) }
    await assert.rejects(async () => {
      const dying = await openAuditOutbox({ name: 'data', store: { ...broken, declare: async () => {} }, log, now, random })
      await dying.drain()
    })
    assert.equal(log.head, 2)
    const next = await openAuditOutbox({ name: 'data', store, log: await openAuditLog({ store: audit, key, now }), now, random })
    await store.tx([next.record(fact(3))])
    await next.drain()
    assert.deepEqual(
      (await log.query({})).items.map(({ target }) => target),
      ['pump-3', 'pump-2', 'pump-1'],
    )
    assert.deepEqual(await log.verify(), { ok: true, checked: 3, head: 3 })
  })
})

describe('redaction', () => {
  it('leaves out what is named or looks like a secret, and keeps the rest short', () => {
    const pem = '-----BEGIN PRIVATE KEY-----\nMIG'
    const out = redacted({
      primaryKey: 'abc',
      password: 'abc',
      credentials: { kind: 'sas', primaryKey: 'x', token: 'y', hint: 'ab12' },
      privateKeyPem: pem,
      note: pem,
      link: 'HostName=x;SharedAccessKey=y',
      reason: 'r'.repeat(300),
      bytes: Buffer.alloc(9),
      list: Array.from({ length: 60 }, (_, i) => i),
      deep: { a: { b: { c: { d: 1 } } } },
      keyboard: 'qwertz',
    })
    assert.deepEqual(out.credentials, { kind: 'sas', hint: 'ab12' })
    assert.deepEqual([out.note, out.link, out.bytes, out.keyboard], ['(left out)', '(left out)', '9 bytes', 'qwertz'])
    assert.equal((out.reason as string).length, 202)
    assert.equal((out.list as unknown[]).length, 41)
    assert.ok(!('primaryKey' in out) && !('password' in out) && !('privateKeyPem' in out))
    assert.deepEqual(out.deep, { a: { b: { c: '{..}' } } })
  })
})
