import assert from 'node:assert/strict'
import { openReferenceStore, type ReferenceStore } from '../../src/hub/reference-store.ts'
import { readReference, referenceLimits } from '../../src/storage/reference-table.ts'
import type { StateStore } from '../../src/storage/state-store.ts'
import { openMemoryStateStore } from '../../src/stores/memory/state-store.ts'

describe('reference tables on disk', () => {
  let state: StateStore
  let failing: number
  let writes: number

  const open = (over: StateStore = state): Promise<ReferenceStore> =>
    openReferenceStore({
      state: over,
      trail: { write: (_, { action, target }) => ({ op: 'put', coll: 'audited', id: `${action} ${target}`, doc: {} }) },
      now: () => 5,
    })
  /** Fails at the `failing`th transaction of rows, and ever after. */
  const breaking = (): StateStore =>
    Object.assign(Object.create(state) as StateStore, {
      tx: async (...given: Parameters<StateStore['tx']>) => {
        if (given[0].some(({ coll }) => coll === 'reference_rows') && ++writes >= failing) throw new Error('disk gone')
        return state.tx(...given)
      },
    })
  const numbered = (n: number, of: unknown) =>
    readReference({ rows: Object.fromEntries(Array.from({ length: n }, (_, i) => [`k${i}`, of])) })
  const put = (store: ReferenceStore, name: string, n: number, of: unknown) =>
    store.put({ name, by: 'test', content: numbered(n, of) })
  const rowsLeft = () => state.count('reference_rows')

  beforeEach(async () => {
    state = await openMemoryStateStore({ now: () => 1 })
    await state.declare('audited', {})
    ;[failing, writes] = [Number.POSITIVE_INFINITY, 0]
  })

  it('are replaced as a whole; the rows of before go, and versions count up', async () => {
    const store = await open()
    assert.equal((await put(store, 'a', 1200, 'old')).version, 1)
    const { version } = await put(store, 'a', 3, 'new')
    assert.equal(version, 2)
    const keys = Array.from({ length: 1200 }, (_, i) => `k${i}`)
    assert.deepEqual(
      (await store.lookup('a', keys)).items.map(({ key, row }) => [key, row]),
      [0, 1, 2].map(i => [`k${i}`, 'new']),
    )
    assert.equal(await rowsLeft(), 1203)
    await store.clean()
    assert.equal(await rowsLeft(), 3)
    assert.deepEqual(await state.get('audited', 'reference.put a').then(found => found?.version), 2)
  })

  it('answer with rows of one version, though they are replaced and removed between two reads of a lookup', async () => {
    let meanwhile: (() => Promise<void>) | undefined
    const store = await open(
      Object.assign(Object.create(state) as StateStore, {
        query: async (...given: Parameters<StateStore['query']>) => {
          const page = await state.query(...given)
          const then = given[1].where?.[0]?.[1] === 'in' ? meanwhile : undefined
          if (then) meanwhile = undefined
          await then?.()
          return page
        },
      }),
    )
    await put(store, 'a', 1100, 'old')
    meanwhile = async () => {
      await put(store, 'a', 1100, 'new')
      await store.clean()
    }
    const { version, items } = await store.lookup(
      'a',
      Array.from({ length: 1100 }, (_, i) => `k${i}`),
    )
    assert.deepEqual([version, items.length, new Set(items.map(({ row }) => row))], [2, 1100, new Set(['new'])])
  })

  it('stay as they were when a write fails or the process ends, and nothing is left behind', async () => {
    const first = await open()
    await put(first, 'a', 10, 'old')
    failing = 2
    const broken = await open(breaking())
    await assert.rejects(put(broken, 'a', 1200, 'new'), /disk gone/)
    await assert.rejects(put(broken, 'b', 1200, 'new'), /disk gone/)
    assert.equal((await broken.lookup('a', ['k1'])).items[0]!.row, 'old')
    assert.ok((await rowsLeft()) > 10)
    const again = await open()
    assert.deepEqual(
      again.list({}).items.map(({ name, version, rows }) => [name, version, rows]),
      [['a', 1, 10]],
    )
    await again.clean()
    assert.equal(await rowsLeft(), 10)
    assert.equal(await state.get('reference_tables', 'b'), null)
    // The rows that a crash left were of version 2.
    assert.equal((await put(again, 'a', 2, 'new')).version, 2)
  })

  it('are gone when they are deleted, also if the process ends before their rows are', async () => {
    const store = await open()
    await put(store, 'a', 700, 1)
    await store.delete({ name: 'a', by: 'test' })
    await assert.rejects(store.lookup('a', ['k1']), { code: 'REFERENCE_UNKNOWN' })
    assert.throws(() => store.need('a'), { code: 'REFERENCE_UNKNOWN' })
    assert.equal(await rowsLeft(), 700)
    const again = await open()
    assert.deepEqual(again.list({}).items, [])
    assert.equal((await put(again, 'a', 2, 1)).version, 2)
    await again.clean()
    assert.equal(await rowsLeft(), 2)
  })

  it('have keys that are told apart from those of other tables and versions', async () => {
    const store = await open()
    const content = readReference({ rows: { '1|x': 1, x: 2, '': 3, 'ü |': 4 } })
    await store.put({ name: 'a', by: 'test', content })
    await store.put({ name: 'a-1', by: 'test', content: readReference({ rows: { x: 5 } }) })
    const { items } = await store.lookup('a', ['x', '', 'ü |', '1|x', '|'])
    assert.deepEqual(
      items.map(({ key, row }) => [key, row]).sort(),
      [
        ['', 3],
        ['1|x', 1],
        ['x', 2],
        ['ü |', 4],
      ].sort(),
    )
  })

  it('are listed by name in pages, and end at their number', async () => {
    const store = await open()
    for (let i = 0; i < referenceLimits.tables; i++) await put(store, `t${String(i).padStart(3, '0')}`, 1, i)
    await assert.rejects(put(store, 'more', 1, 1), { code: 'REFERENCE_LIMIT' })
    await put(store, 't005', 2, 1)
    const { items, next } = store.list({ prefix: 't00', limit: 4 })
    assert.deepEqual([items.map(({ name }) => name), next], [['t000', 't001', 't002', 't003'], 't003'])
    assert.equal(store.list({ prefix: 't00', limit: 10, cursor: next! }).items.length, 6)
    await assert.rejects(put(store, 'no name', 1, 1), { code: 'REFERENCE_INVALID' })
  })

  it('leave what is not cleaned up to the next start when they are stopped', async () => {
    const store = await open()
    await put(store, 'a', 1500, 1)
    await put(store, 'a', 1, 2)
    await store.stop()
    await store.clean()
    assert.equal(await rowsLeft(), 1501)
    await (await open()).clean()
    assert.equal(await rowsLeft(), 1)
  })
})
