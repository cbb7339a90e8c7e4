import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { LoomError } from '../../src/errors.ts'
import type { Doc, Query, StateStore, Stored } from '../../src/storage/state-store.ts'
import { seeded } from '../seeded.ts'

const day = 24 * 3_600_000
const code = (expected: LoomError['code']) => (error: LoomError) =>
  error.code === expected || assert.fail(`${error.code}: ${error.message}`)

/** What every state store must do. `open` opens the same store again for the same folder; `durable`: a closed one keeps its documents. */
export function stateStoreContract(
  name: string,
  open: (o: { folder: string; now: () => number }) => Promise<StateStore>,
  { durable }: { durable: boolean },
): void {
  describe(`state store contract: ${name}`, () => {
    let folder: string
    let time: number
    let store: StateStore
    const now = () => time
    const ids = async (coll: string, query: Query) => (await store.query(coll, query)).items.map(i => i.id)

    beforeEach(async () => {
      folder = await mkdtemp(join(tmpdir(), 'loom-state-'))
      time = 1_800_000_000_000
      store = await open({ folder, now })
      await store.declare('things', { indexes: ['n', 's', 'a.b', 'flag'], unique: ['key'] })
      await store.declare('others', {})
    })
    afterEach(async () => {
      await store.close()
      await rm(folder, { recursive: true, force: true })
    })

    it('gives versions from 1 and null for an absent document', async () => {
      assert.equal(await store.get('things', 'a'), null)
      assert.equal(await store.put('things', 'a', { x: 1 }), 1)
      assert.deepEqual(await store.get('things', 'a'), { id: 'a', doc: { x: 1 }, version: 1 })
      assert.equal(await store.put('things', 'a', { x: 2 }), 2)
      assert.deepEqual(await store.get('things', 'a'), { id: 'a', doc: { x: 2 }, version: 2 })
      assert.equal(await store.get('others', 'a'), null)
    })

    it('goes on with the version of a deleted document, but not past seven days', async () => {
      await store.put('things', 'a', { x: 1 })
      await store.put('things', 'a', { x: 2 })
      assert.ok(await store.get('things', 'a'))
      await store.delete('things', 'a')
      assert.equal(await store.get('things', 'a'), null)
      assert.equal(await store.put('things', 'a', { x: 3 }, { version: 'new' }), 3)
      await store.delete('things', 'a', { version: 3 })
      time += 8 * day
      await store.put('things', 'b', {})
      assert.equal(await store.put('things', 'a', {}), 1)
    })

    it('refuses a write that expects another version', async () => {
      await assert.rejects(store.put('things', 'a', {}, { version: 1 }), code('STORE_VERSION_CONFLICT'))
      await store.put('things', 'a', {}, { version: 'new' })
      await assert.rejects(store.put('things', 'a', {}, { version: 'new' }), code('STORE_VERSION_CONFLICT'))
      await assert.rejects(store.put('things', 'a', {}, { version: 2 }), code('STORE_VERSION_CONFLICT'))
      assert.equal(await store.put('things', 'a', {}, { version: 1 }), 2)
      await assert.rejects(store.delete('things', 'a', { version: 1 }), code('STORE_VERSION_CONFLICT'))
      await assert.rejects(store.delete('things', 'b', { version: 1 }), code('STORE_NOT_FOUND'))
      await store.delete('things', 'b')
      await store.delete('things', 'a', { version: 2 })
    })

    it('lets exactly one of many writers of a version win, and the others fail alone', async () => {
      await store.put('things', 'a', { by: -1 })
      const results = await Promise.allSettled([
        ...Array.from({ length: 20 }, (_, by) => store.put('things', 'a', { by }, { version: 1 })),
        store.put('things', 'b', { fine: true }),
      ])
      assert.equal(results.filter(r => r.status === 'fulfilled').length, 2)
      assert.deepEqual((await store.get('things', 'a'))?.doc, { by: 0 })
      assert.deepEqual((await store.get('things', 'b'))?.doc, { fine: true })
      assert.deepEqual(
        (await store.changes(0, 10)).map(c => c.seq),
        [1, 2, 3],
      )
    })

    it('hands out and takes in copies', async () => {
      const mine = { list: [1], inner: { x: 1 } }
      const put = store.put('things', 'a', mine)
      mine.list.push(2)
      await put
      const first = await store.get<typeof mine>('things', 'a')
      first!.doc.inner.x = 9
      const [found] = (await store.query<typeof mine>('things', {})).items
      found!.doc.list.push(3)
      assert.deepEqual((await store.get('things', 'a'))?.doc, { list: [1], inner: { x: 1 } })
    })

    it('keeps exactly what JSON keeps, names like __proto__ too', async () => {
      const doc = JSON.parse('{"__proto__":{"x":1},"é":"\\u2028\\ud83d\\ude00","n":null,"deep":{"a":[{"b":[]}]}}')
      await store.put('things', '__proto__', { ...doc, gone: undefined, at: new Date(0) })
      const read = await store.get('things', '__proto__')
      assert.equal(JSON.stringify(read?.doc), JSON.stringify({ ...doc, at: '1970-01-01T00:00:00.000Z' }))
    })

    it('takes documents up to 262,144 bytes', async () => {
      const fits = { text: 'é'.repeat((262_144 - '{"text":""}'.length) / 2) }
      await store.put('things', 'a', fits)
      await assert.rejects(store.put('things', 'b', { text: `${fits.text}éé` }), code('STORE_LIMIT'))
      assert.deepEqual((await store.get('things', 'a'))?.doc, fits)
      assert.equal(await store.count('things'), 1)
    })

    it('refuses wrong names, ids, documents and undeclared collections', async () => {
      const bad = code('STORE_QUERY_INVALID')
      await assert.rejects(store.declare('Bad name', {}), bad)
      await assert.rejects(store.declare('things', { indexes: ['a..b'] }), bad)
      await assert.rejects(store.declare('things', { indexes: ['a"b'] }), bad)
      await assert.rejects(store.put('things', '', {}), bad)
      await assert.rejects(store.put('things', 'a\0b', {}), bad)
      await assert.rejects(store.put('things', 'a', [] as Doc), bad)
      await assert.rejects(store.put('things', 'a', undefined as unknown as Doc), bad)
      await assert.rejects(store.put('things', 'a', {}, { version: 0 }), bad)
      await assert.rejects(store.put('never', 'a', {}), bad)
      await assert.rejects(store.get('never', 'a'), bad)
      await assert.rejects(store.query('never', {}), bad)
      await assert.rejects(store.count('never'), bad)
      await assert.rejects(store.changes(-1, 1), bad)
    })

    describe('queries', () => {
      beforeEach(async () => {
        const docs: [string, Doc][] = [
          ['a', { n: 1, s: 'apple', flag: true, a: { b: 'x' } }],
          ['b', { n: 2, s: 'apricot', flag: false, a: { b: 'y' } }],
          ['c', { n: 2.5, s: 'banana', a: { b: 1 } }],
          ['d', { n: '2', s: '', a: 'none' }],
          ['e', { n: null, s: "o'brien\u{1f600}" }],
          ['f', { n: -3, s: 'ap\u{ffee}', a: [{ b: 'x' }] }],
          ['g', { s: 'ap\u{1f600}' }],
        ]
        await store.tx(docs.map(([id, doc]) => ({ op: 'put', coll: 'things', id, doc })))
      })

      const table: [string, Query['where'], string[]][] = [
        ['equal number', [['n', '=', 2]], ['b']],
        ['equal string, which is no number', [['n', '=', '2']], ['d']],
        ['equal boolean', [['flag', '=', true]], ['a']],
        ['equal false', [['flag', '=', false]], ['b']],
        ['equal nested', [['a.b', '=', 'x']], ['a']],
        ['less', [['n', '<', 2]], ['a', 'f']],
        ['less or equal', [['n', '<=', 2]], ['a', 'b', 'f']],
        ['greater, numbers only', [['n', '>', 1]], ['b', 'c']],
        ['greater or equal', [['n', '>=', 1]], ['a', 'b', 'c']],
        ['strings only below a string', [['n', '<', 'z']], ['d']],
        ['strings by code point', [['s', '>', 'ap\u{ffee}']], ['c', 'e', 'g']],
        ['in', [['n', 'in', [1, 2.5, 7, '2']]], ['a', 'c', 'd']],
        ['in nothing', [['n', 'in', []]], []],
        ['prefix', [['s', 'prefix', 'ap']], ['a', 'b', 'f', 'g']],
        ['empty prefix: every string', [['s', 'prefix', '']], ['a', 'b', 'c', 'd', 'e', 'f', 'g']],
        ['prefix of numbers: none', [['n', 'prefix', '']], ['d']],
        ['id', [['id', '=', 'c']], ['c']],
        ['ids', [['id', 'in', ['c', 'a', 'zz', 'c']]], ['a', 'c']],
        ['no ids', [['id', 'in', []]], []],
        [
          'ids and another that holds for some',
          [
            ['id', 'in', ['a', 'b', 'c']],
            ['n', '>', 1],
          ],
          ['b', 'c'],
        ],
        [
          'id and another that fails',
          [
            ['id', '=', 'c'],
            ['n', '=', 1],
          ],
          [],
        ],
        [
          'range',
          [
            ['n', '>', 1],
            ['n', '<', 2.5],
          ],
          ['b'],
        ],
        ['quote', [['s', '=', "o'brien\u{1f600}"]], ['e']],
      ]
      for (const [what, where, expected] of table)
        it(`finds ${what}`, async () => {
          assert.deepEqual(await ids('things', { where: where! }), expected)
        })

      it('orders by a path, missing values first, ties by id, and backwards', async () => {
        assert.deepEqual(await ids('things', { order: { by: 'n' } }), ['e', 'g', 'f', 'a', 'b', 'c', 'd'])
        assert.deepEqual(await ids('things', { order: { by: 'n', desc: true } }), ['d', 'c', 'b', 'a', 'f', 'g', 'e'])
        assert.deepEqual(await ids('things', { order: { by: 'id', desc: true } }), ['g', 'f', 'e', 'd', 'c', 'b', 'a'])
        assert.deepEqual(await ids('things', { order: { by: 's' } }), ['d', 'a', 'b', 'f', 'g', 'c', 'e'])
      })

      it('pages without loss or repeat, also over documents that come and go', async () => {
        for (const desc of [false, true])
          for (const by of ['id', 'n', 'flag']) {
            const all = await ids('things', { order: { by, desc } })
            const paged: string[] = []
            let cursor: string | undefined
            do {
              const page = await store.query('things', { order: { by, desc }, limit: 2, ...(cursor && { cursor }) })
              paged.push(...page.items.map(i => i.id))
              cursor = page.next
            } while (cursor && paged.length < 20)
            assert.deepEqual(paged, all)
          }
        const { next } = await store.query('things', { limit: 2 })
        await store.delete('things', 'b')
        assert.deepEqual(await ids('things', { limit: 2, cursor: next! }), ['c', 'd'])
      })

      it('refuses a path without an index unless a scan is allowed', async () => {
        await assert.rejects(store.query('things', { where: [['size', '=', 1]] }), code('STORE_NOT_INDEXED'))
        await assert.rejects(store.query('things', { order: { by: 'size' } }), code('STORE_NOT_INDEXED'))
        await store.put('things', 'z', { size: 1 })
        assert.deepEqual(await ids('things', { where: [['size', '=', 1]], scan: true }), ['z'])
        await store.declare('things', { indexes: ['size'] })
        assert.deepEqual(await ids('things', { where: [['size', '=', 1]] }), ['z'])
      })

      it('refuses a query that means nothing', async () => {
        const { next } = await store.query('things', { limit: 1 })
        const queries: unknown[] = [
          { limit: 0 },
          { limit: 1001 },
          { limit: 1.5 },
          { cursor: 'nonsense' },
          { cursor: next, order: { by: 'n' } },
          { cursor: next, order: { by: 'id', desc: true } },
          { where: [['n', '!=', 1]] },
          { where: [['n', '=', null]] },
          { where: [['n', '<', Number.NaN]] },
          { where: [['n', 'in', 1]] },
          { where: [['s', 'prefix', 1]] },
          { where: [['s".x', '=', 1]], scan: true },
        ]
        for (const query of queries)
          await assert.rejects(store.query('things', query as Query), code('STORE_QUERY_INVALID'), JSON.stringify(query))
      })

      it('counts', async () => {
        assert.equal(await store.count('things'), 7)
        await store.delete('things', 'a')
        assert.equal(await store.count('things'), 6)
        assert.equal(await store.count('others'), 0)
      })
    })

    it('refuses a second document with the same unique value', async () => {
      await store.put('things', 'a', { key: 'k' })
      await assert.rejects(store.put('things', 'b', { key: 'k' }), code('STORE_VERSION_CONFLICT'))
      await store.put('things', 'b', { key: null })
      await store.put('things', 'c', {})
      await store.put('things', 'a', { key: 'k', again: true })
      await assert.rejects(store.put('things', 'c', { key: 'k' }), code('STORE_VERSION_CONFLICT'))
      await store.put('things', 'a', { key: 'other' })
      await store.put('things', 'c', { key: 'k' })
      await store.delete('things', 'c')
      await store.put('things', 'd', { key: 'k' })
      assert.deepEqual(await ids('things', { where: [['key', '=', 'k']] }), ['d'])
    })

    it('refuses to make a path unique whose values are not', async () => {
      await store.put('others', 'a', { v: 1 })
      await store.put('others', 'b', { v: 1 })
      await assert.rejects(store.declare('others', { unique: ['v'] }), code('STORE_VERSION_CONFLICT'))
      await store.put('others', 'b', { v: 2 })
      await store.declare('others', { unique: ['v'] })
      await assert.rejects(store.put('others', 'c', { v: 2 }), code('STORE_VERSION_CONFLICT'))
    })

    it('applies a transaction as a whole or not at all', async () => {
      await store.put('things', 'a', { key: 1 })
      const versions = await store.tx(
        [
          { op: 'put', coll: 'things', id: 'a', doc: { key: 2 }, version: 1 },
          { op: 'put', coll: 'others', id: 'x', doc: {}, version: 'new' },
          { op: 'delete', coll: 'others', id: 'absent' },
          { op: 'delete', coll: 'things', id: 'a', version: 2 },
          { op: 'put', coll: 'things', id: 'a', doc: { key: 3 } },
        ],
        { by: 'me' },
      )
      assert.deepEqual(versions, [2, 1, 0, 2, 3])
      const before = await store.changes(0, 100)
      await assert.rejects(
        store.tx([
          { op: 'put', coll: 'things', id: 'b', doc: { key: 4 } },
          { op: 'delete', coll: 'others', id: 'x' },
          { op: 'put', coll: 'things', id: 'a', doc: { key: 5 }, version: 1 },
        ]),
        code('STORE_VERSION_CONFLICT'),
      )
      assert.equal(await store.get('things', 'b'), null)
      assert.equal((await store.get('others', 'x'))?.version, 1)
      assert.deepEqual((await store.get('things', 'a'))?.doc, { key: 3 })
      assert.deepEqual(await store.changes(0, 100), before)
      await store.put('things', 'b', { key: 4 })
      assert.equal((await store.changes(0, 100)).at(-1)?.seq, before.length + 1)
      assert.deepEqual(await store.tx([]), [])
    })

    it('feeds every change, densely, with who and when', async () => {
      await store.put('things', 'a', {}, { by: 'ann' })
      time += 5
      await store.put('others', 'a', {})
      await store.delete('things', 'a', { by: 'bob' })
      const at = time
      const feed = await store.changes(0, 10)
      assert.deepEqual(feed, [
        { seq: 1, coll: 'things', id: 'a', version: 1, op: 'put', at: at - 5, by: 'ann' },
        { seq: 2, coll: 'others', id: 'a', version: 1, op: 'put', at, by: '' },
        { seq: 3, coll: 'things', id: 'a', version: 1, op: 'delete', at, by: 'bob' },
      ])
      assert.deepEqual(await store.changes(1, 1), [feed[1]])
      assert.deepEqual(await store.changes(3, 10), [])
    })

    it('forgets changes after seven days and goes on counting', async () => {
      for (let i = 0; i < 5; i++) await store.put('things', `old${i}`, {})
      time += 8 * day
      await store.put('things', 'new', {})
      assert.deepEqual(
        (await store.changes(0, 10)).map(c => [c.seq, c.id]),
        [[6, 'new']],
      )
      time -= 30 * day
      await store.put('things', 'clock went back', {})
      assert.deepEqual(
        (await store.changes(0, 10)).map(c => c.seq),
        [6, 7],
      )
      assert.ok((await store.changes(6, 1))[0]!.at >= (await store.changes(5, 1))[0]!.at)
    })

    it('is closed once closed', async () => {
      const last = store.put('things', 'a', {})
      await store.close()
      assert.equal(await last, 1)
      for (const attempt of [
        () => store.put('things', 'b', {}),
        () => store.get('things', 'a'),
        () => store.query('things', {}),
        () => store.tx([]),
        () => store.changes(0, 1),
        () => store.count('things'),
        () => store.declare('more', {}),
      ])
        await assert.rejects(attempt(), code('STORE_CLOSED'))
      await store.close()
    })

    if (durable)
      it('keeps everything over a close: documents, versions, indexes, the feed and what is gone', async () => {
        await store.tx([
          { op: 'put', coll: 'things', id: 'a', doc: { key: 'k', n: 1 } },
          { op: 'put', coll: 'things', id: 'b', doc: {} },
          { op: 'delete', coll: 'things', id: 'b' },
        ])
        const feed = await store.changes(0, 10)
        await store.close()
        store = await open({ folder, now })
        assert.deepEqual(await store.get('things', 'a'), { id: 'a', doc: { key: 'k', n: 1 }, version: 1 })
        assert.deepEqual(await store.changes(0, 10), feed)
        assert.deepEqual(await ids('things', { where: [['n', '=', 1]] }), ['a'])
        await assert.rejects(store.put('things', 'c', { key: 'k' }), code('STORE_VERSION_CONFLICT'))
        assert.equal(await store.put('things', 'b', {}), 2)
        assert.equal((await store.changes(3, 10))[0]?.seq, 4)
        assert.equal(await store.count('others'), 0)
      })

    for (const seed of [1, 2, 3])
      it(`answers as a naive model does, over random work (seed ${seed})`, async () => {
        const random = seeded(seed)
        const docs = new Map<string, Stored>()
        const versions = new Map<string, number>()
        let changes = 0
        for (let round = 0; round < 60; round++) {
          const work = Array.from({ length: 1 + random.below(8) }, async () => {
            const id = `id${random.below(12)}`
            const expected = random.below(3) === 0 ? random.below(4) + 1 : undefined
            const o = expected === undefined ? {} : { version: expected }
            const current = docs.get(id)
            const conflicts = expected !== undefined && current?.version !== expected
            if (random.below(4) === 0) {
              if (!conflicts && current) {
                docs.delete(id)
                changes++
              }
              return conflicts ? assert.rejects(store.delete('things', id, o)) : store.delete('things', id, o)
            }
            const doc = { n: random.pick([1, 2, 3, 2.5, 'x', null]), s: random.pick(['', 'a', 'ab', 'b\u{1f600}', 'b\u{ffff}']) }
            if (conflicts) return assert.rejects(store.put('things', id, doc, o), code('STORE_VERSION_CONFLICT'))
            const version = (versions.get(id) ?? 0) + 1
            versions.set(id, version)
            docs.set(id, { id, doc, version })
            changes++
            assert.equal(await store.put('things', id, doc, o), version)
          })
          await Promise.all(work)
          const by = random.pick(['id', 'n', 's'])
          const desc = random.below(2) === 1
          const least = random.pick(['a', 'ab', 1, 2.5])
          const where = random.pick<Query['where']>([undefined, [['s', 'prefix', 'b']], [[random.pick(['n', 's']), '>=', least]]])
          const expected = naive([...docs.values()], { ...(where && { where }), order: { by, desc } })
          const got: Stored[] = []
          let cursor: string | undefined
          do {
            const page = await store.query('things', {
              ...(where && { where }),
              order: { by, desc },
              limit: 1 + random.below(5),
              ...(cursor && { cursor }),
            })
            got.push(...page.items)
            cursor = page.next
          } while (cursor && got.length < 100)
          assert.deepEqual(got, expected)
        }
        assert.equal(await store.count('things'), docs.size)
        for (const stored of docs.values()) assert.deepEqual(await store.get('things', stored.id), stored)
        const feed = await store.changes(0, 10_000)
        assert.deepEqual(
          feed.map(c => c.seq),
          Array.from({ length: changes }, (_, i) => i + 1),
        )
      })
  })
}

/** The answer by plain JavaScript, bytes of UTF-8 compared. */
function naive(all: Stored[], { where = [], order }: Query): Stored[] {
  const at = (s: Stored, path: string) =>
    path === 'id' ? s.id : ((s.doc as Record<string, string | number | null>)[path] ?? null)
  const rank = (v: unknown) => (v === null ? 0 : typeof v === 'number' ? 1 : 2)
  const compare = (a: string | number | null, b: string | number | null): number => {
    if (rank(a) !== rank(b)) return rank(a) - rank(b)
    if (a === null) return 0
    return typeof a === 'number' ? a - (b as number) : Buffer.compare(Buffer.from(a), Buffer.from(b as string))
  }
  const sign = order?.desc ? -1 : 1
  return all
    .filter(s =>
      where.every(([path, op, value]) => {
        const v = at(s, path)
        if (typeof v !== typeof value) return false
        return op === 'prefix' ? String(v).startsWith(String(value)) : compare(v, value as string) >= 0
      }),
    )
    .sort((a, b) => sign * (compare(at(a, order!.by), at(b, order!.by)) || compare(a.id, b.id)))
}
