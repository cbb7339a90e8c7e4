import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { openAllowLists } from '../../src/provisioning/allow-list.ts'
import { type AllowListRow, createAllowListReader } from '../../src/provisioning/allow-list-csv.ts'
import { openMemoryStateStore } from '../../src/stores/memory/state-store.ts'
import { codeOf, start } from '../pki/make.ts'
import { seeded } from '../seeded.ts'

const houseOf = async (mostEntries?: number) => {
  const store = await openMemoryStateStore({ now: () => start })
  const lists = await openAllowLists({ store, now: () => start, ...(mostEntries && { mostEntries }) })
  await lists.create('batch', { by: 'anna' })
  return { store, lists }
}

describe('an allow list', () => {
  it('finds serials in any case, their hashes, and beginnings', async () => {
    const { lists } = await houseOf()
    const hash = createHash('sha256').update('sn-9').digest('hex')
    const done = await lists.add('batch', [
      { serial: 'SN-1', owner: 'x' },
      { serial: `SHA256:${hash.toUpperCase()}` },
      { serial: 'AB-*', batch: 'b' },
    ])
    assert.deepEqual(done, { added: 3, replaced: 0 })
    assert.equal((await lists.match('batch', 'sn-1'))?.entry.owner, 'x')
    assert.ok(await lists.match('batch', 'SN-9'))
    assert.equal((await lists.match('batch', 'ab-77'))?.entry.batch, 'b')
    for (const other of ['sn-2', 'ab', 'xab-1', '', '*', hash, 'sn-1/x'])
      assert.equal(await lists.match('batch', other), undefined, other)
    assert.equal(await lists.match('other', 'sn-1'), undefined)
    assert.equal(await lists.match('../batch', 'sn-1'), undefined)
  })

  it('keeps lists apart, removes and deletes', async () => {
    const { lists, store } = await houseOf()
    await lists.create('batc')
    await lists.add(
      'batch',
      Array.from({ length: 500 }, (_, at) => ({ serial: `a${at}` })),
    )
    await lists.add(
      'batch',
      Array.from({ length: 500 }, (_, at) => ({ serial: `b${at}` })),
    )
    await lists.add('batc', [{ serial: 'a1' }, { serial: 'p*' }])
    assert.deepEqual(await lists.remove('batch', ['A1', 'none', 'x*', '']), { removed: 1 })
    assert.equal(await lists.match('batch', 'a1'), undefined)
    assert.ok(await lists.match('batc', 'a1'))
    assert.deepEqual(await lists.remove('batc', ['P*']), { removed: 1 })
    assert.equal(await lists.match('batc', 'px'), undefined)
    await lists.delete('batch')
    assert.equal(await store.count('allow_list_entries'), 1)
    assert.deepEqual(
      (await lists.list()).map(({ name }) => name),
      ['batc'],
    )
    await assert.rejects(lists.add('batch', [{ serial: 'x' }]), codeOf('NOT_FOUND'))
    await assert.rejects(lists.create('batc'), codeOf('PROV_EXISTS'))
    await assert.rejects(lists.create('a/b'), codeOf('PROV_INVALID'))
  })

  it('spends an entry once, and importing it again leaves it spent', async () => {
    const { lists, store } = await houseOf()
    await lists.add('batch', [{ serial: 'SN-1' }])
    const [one, two] = [await lists.match('batch', 'sn-1'), await lists.match('batch', 'sn-1')]
    await store.tx(one!.spend({ by: 'sn-1', at: 5 }))
    await assert.rejects(store.tx(two!.spend({ by: 'clone', at: 6 })), codeOf('STORE_VERSION_CONFLICT'))
    assert.deepEqual(await lists.add('batch', [{ serial: 'sn-1', model: 'm' }, { serial: 'sn-2' }]), { added: 1, replaced: 1 })
    assert.deepEqual((await lists.match('batch', 'sn-1'))?.entry, { serial: 'sn-1', model: 'm', spentBy: 'sn-1', spentAt: 5 })
  })

  it('has a limit over all lists, at once and after a restart', async () => {
    const { lists, store } = await houseOf(3)
    await lists.add('batch', [{ serial: 'a' }, { serial: 'b' }])
    await assert.rejects(lists.add('batch', [{ serial: 'c' }, { serial: 'd' }]), codeOf('PROV_LIMIT'))
    await lists.add('batch', [{ serial: 'c' }, { serial: 'A' }])
    const again = await openAllowLists({ store, now: () => start, mostEntries: 3 })
    await assert.rejects(again.add('batch', [{ serial: 'd' }]), codeOf('PROV_LIMIT'))
    await again.remove('batch', ['a'])
    await again.add('batch', [{ serial: 'd' }])
    await assert.rejects(again.add('batch', Array(501).fill({ serial: 'x' })), codeOf('PROV_LIMIT'))
    await assert.rejects(
      again.add('batch', Array.from({ length: 500 }, (_, at) => ({ serial: `p${at}*` })).concat([{ serial: 'q*' }])),
      codeOf('PROV_LIMIT'),
    )
  })

  it('refuses entries that are none, all of them', async () => {
    const { lists } = await houseOf()
    for (const bad of [
      {},
      7,
      { serial: '' },
      { serial: 'a b' },
      { serial: '*' },
      { serial: 'a*b' },
      { serial: 'sha256:12' },
      { serial: 'x'.repeat(129) },
      { serial: '=1+1' },
      { serial: 'a', thumbprint: 'zz' },
      { serial: 'a', notAfter: 'soon' },
      { serial: 'a', notAfter: -1 },
      { serial: 'a', cn: 'a\nb' },
    ])
      await assert.rejects(lists.add('batch', [{ serial: 'fine' }, bad]), codeOf('PROV_INVALID'), JSON.stringify(bad))
    assert.equal(await lists.match('batch', 'fine'), undefined)
  })
})

describe('a list as CSV', () => {
  const read = (text: string, size = 7): AllowListRow[] => {
    const reader = createAllowListReader()
    const rows: AllowListRow[] = []
    for (let at = 0; at < text.length; at += size) rows.push(...reader.push(text.slice(at, at + size)))
    return [...rows, ...reader.end()]
  }
  const serials = (rows: AllowListRow[]) => rows.map(row => ('entry' in row ? row.entry.serial : row.fault))

  it('has columns by name, in any order, with quotes and a byte order mark', () => {
    const thumbprint = `${'AB:'.repeat(31)}AB`
    const text = `\uFEFFOwner,Serial,Key-Hash,unknown,thumbprint,not after\r\n"O, ""X""",sn-1,,zzz,${thumbprint},2026-01-02\r\n\r\n,sn-2,,,,1767312000000\n`
    assert.deepEqual(read(text), [
      { line: 2, entry: { serial: 'sn-1', owner: 'O, "X"', thumbprint: 'ab'.repeat(32), notAfter: Date.UTC(2026, 0, 2) } },
      { line: 4, entry: { serial: 'sn-2', notAfter: 1_767_312_000_000 } },
    ])
  })

  it('without a header is a list of serials', () => {
    assert.deepEqual(serials(read('sn-1\nsn-2\nab-*')), ['sn-1', 'sn-2', 'ab-*'])
    assert.deepEqual(serials(read('id\nsn-1')), ['sn-1'])
    assert.deepEqual(read(''), [])
  })

  it('goes on behind bad lines', () => {
    const rows = read(`serial,owner\nsn-1\n=cmd|x,o\nsn-2,"open\n${'x'.repeat(5000)}\nsn-3,a,b\n"sn"x,1\nsn-4,ok`)
    assert.deepEqual(
      rows.map(row => ('entry' in row ? row.entry.serial : row.line)),
      ['sn-1', 3, 4, 5, 6, 7, 'sn-4'],
    )
  })

  it('reads the same in whatever parts it comes', () => {
    const { next, pick, below } = seeded(5)
    const parts = ['serial', 'sn-1', ',', '"', '\n', '\r\n', 'owner', '*', 'sha256:', '\uFEFF', ' ', 'x'.repeat(3000)]
    for (let round = 0; round < 300; round++) {
      const text = (next() < 0.5 ? 'serial,owner\n' : '') + Array.from({ length: below(30) }, () => pick(parts)).join('')
      assert.deepEqual(read(text, 1 + below(50)), read(text, 1_000_000))
    }
  })

  it('of a hundred thousand rows comes out whole', () => {
    const reader = createAllowListReader()
    let count = 0
    for (let part = 0; part < 100; part++) {
      const text = Array.from({ length: 1000 }, (_, at) => `sn-${part}-${at},owner\n`).join('')
      count += reader.push(part === 0 ? `serial,owner\n${text}` : text).length
    }
    assert.equal(count + reader.end().length, 100_000)
  })
})
