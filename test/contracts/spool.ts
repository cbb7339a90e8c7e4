import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { SpoolPort } from '../../src/routing/action/spool-port.ts'
import { seeded } from '../seeded.ts'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const text = (content: Uint8Array): string => new TextDecoder().decode(content)

/** What every spool must do. `open` opens the same one again for the same folder; `durable`: a closed one keeps its entries. */
export function spoolContract(
  name: string,
  open: (o: { folder: string }) => Promise<SpoolPort>,
  { durable }: { durable: boolean },
): void {
  describe(`spool contract: ${name}`, () => {
    let folder: string
    let spool: SpoolPort
    const put = (endpoint: string, content: string, at = 1) => spool.append(endpoint, { at, content: bytes(content) })
    const all = async (endpoint: string, limit = 1000) =>
      (await spool.read(endpoint, { limit })).map(({ content }) => text(content))

    beforeEach(async () => {
      folder = await mkdtemp(join(tmpdir(), 'loom-spool-'))
      spool = await open({ folder })
    })
    afterEach(async () => {
      await spool.close()
      await rm(folder, { recursive: true, force: true })
    })

    it('gives entries back in their order, with their times, each endpoint its own', async () => {
      const ids = await Promise.all([put('a', 'one', 10), put('b', 'other', 11), put('a', 'two', 12)])
      assert.ok(ids[0]! < ids[1]! && ids[1]! < ids[2]!, `${ids}`)
      const entries = await spool.read('a', { limit: 10 })
      assert.deepEqual(
        entries.map(({ id, at, content }) => [id, at, text(content)]),
        [
          [ids[0], 10, 'one'],
          [ids[2], 12, 'two'],
        ],
      )
      assert.deepEqual([await all('b'), await all('c')], [['other'], []])
    })

    it('knows how much waits and since when, and for whom', async () => {
      assert.deepEqual([spool.figures('a'), spool.endpoints()], [{ count: 0, bytes: 0 }, []])
      const first = await put('a', 'abc', 10)
      await put('a', 'defg', 20)
      await put('b', 'h', 5)
      assert.deepEqual(spool.figures('a'), { count: 2, bytes: 7, oldestAt: 10 })
      assert.deepEqual(spool.endpoints().sort(), ['a', 'b'])
      await spool.remove('a', [first])
      assert.deepEqual(spool.figures('a'), { count: 1, bytes: 4, oldestAt: 20 })
    })

    it('removes what it is told of that endpoint, and nothing else', async () => {
      const [one, , three] = await Promise.all([put('a', '1'), put('a', '2'), put('a', '3')])
      await spool.remove('b', [one!])
      await spool.remove('a', [one!, three!, 999])
      await spool.remove('a', [one!])
      assert.deepEqual([await all('a'), spool.figures('a').count], [['2'], 1])
    })

    it('never gives an id twice, also not that of an entry that was removed last', async () => {
      const first = await put('a', '1')
      await spool.remove('a', [first])
      assert.deepEqual(spool.endpoints(), [])
      assert.ok((await put('a', '2')) > first)
    })

    it('reads at most the limit, and of large entries at most 4 MiB, but always one', async () => {
      const large = 'x'.repeat(3 * 1024 * 1024)
      for (const content of ['1', '2', large, large]) await put('a', content)
      assert.deepEqual(await all('a', 2), ['1', '2'])
      assert.equal((await all('a')).length, 3)
      await spool.remove(
        'a',
        (await spool.read('a', { limit: 3 })).map(({ id }) => id),
      )
      await put('b', 'y'.repeat(5 * 1024 * 1024))
      assert.deepEqual([(await all('a')).length, (await all('b')).length], [1, 1])
    })

    it('reads behind an entry, also one that is gone', async () => {
      const ids = await Promise.all(['1', '2', '3'].map(content => put('a', content)))
      const behind = async (after: number) => (await spool.read('a', { limit: 2, after })).map(({ id }) => id)
      assert.deepEqual([await behind(ids[0]!), await behind(ids[2]!)], [ids.slice(1), []])
      await spool.remove('a', [ids[1]!])
      assert.deepEqual([await behind(ids[0]!), await behind(ids[1]!), await behind(0)], [[ids[2]], [ids[2]], [ids[0], ids[2]]])
    })

    it('keeps any bytes as they are', async () => {
      const content = Uint8Array.from({ length: 256 }, (_, i) => i)
      await spool.append('a', { at: 1, content: content.subarray(10) })
      const [entry] = await spool.read('a', { limit: 1 })
      assert.deepEqual(Buffer.from(entry!.content), Buffer.from(content.subarray(10)))
    })

    it('refuses everything once it is closed', async () => {
      await put('a', '1')
      await spool.close()
      await assert.rejects(put('a', '2'), { code: 'STORE_CLOSED' })
      await assert.rejects(spool.read('a', { limit: 1 }), { code: 'STORE_CLOSED' })
      await assert.rejects(spool.remove('a', [1]), { code: 'STORE_CLOSED' })
      await spool.close()
    })

    it('agrees with a list, whatever is done to it', async () => {
      const random = seeded(11)
      const lists = new Map<string, { id: number; at: number; content: string }[]>()
      for (let i = 0; i < 400; i++) {
        const endpoint = `e${random.below(3)}`
        const list = lists.get(endpoint) ?? []
        lists.set(endpoint, list)
        if (random.below(3)) {
          const entry = { at: i, content: 'x'.repeat(random.below(50)) }
          list.push({ ...entry, id: await put(endpoint, entry.content, i) })
        } else {
          const gone = list.splice(random.below(list.length + 1), random.below(3))
          await spool.remove(
            endpoint,
            gone.map(({ id }) => id),
          )
        }
        if (durable && random.below(50) === 0) {
          await spool.close()
          spool = await open({ folder })
        }
        const bytes = list.reduce((sum, { content }) => sum + content.length, 0)
        assert.deepEqual(spool.figures(endpoint), {
          count: list.length,
          bytes,
          ...(list[0] && { oldestAt: list[0].at }),
        })
        assert.deepEqual(
          (await spool.read(endpoint, { limit: 1000 })).map(({ id, at, content }) => ({ id, at, content: text(content) })),
          list,
        )
      }
    })

    if (durable)
      it('has after a new start what was appended before', async () => {
        await put('a', 'one', 10)
        const last = put('a', 'two', 20)
        await spool.close()
        const id = await last
        spool = await open({ folder })
        assert.deepEqual(await all('a'), ['one', 'two'])
        assert.deepEqual([spool.figures('a'), spool.endpoints()], [{ count: 2, bytes: 6, oldestAt: 10 }, ['a']])
        assert.ok((await put('a', 'three')) > id)
      })
  })
}
