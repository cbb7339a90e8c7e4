import assert from 'node:assert/strict'
import { isTableName, readReference, referenceKey, referenceLimits } from '../../src/storage/reference-table.ts'

const csv = (text: string, key?: string) => readReference({ text, format: 'csv' }, key)

describe('reference tables', () => {
  it('have rows of CSV by the first column, with numbers and Booleans where all digits survive', () => {
    const { key, columns, rows } = csv(
      'id,name,floor,open,code\nr1,"Hall, west",2,true,007\nr2,,-1.5,false,12345678901234567890\n',
    )
    assert.deepEqual([key, columns], ['id', ['id', 'name', 'floor', 'open', 'code']])
    assert.deepEqual(
      [...rows],
      [
        ['r1', { id: 'r1', name: 'Hall, west', floor: 2, open: true, code: '007' }],
        ['r2', { id: 'r2', floor: -1.5, open: false, code: '12345678901234567890' }],
      ],
    )
  })

  it('take any column for the key, whose values are texts', () => {
    assert.deepEqual([...csv('name,id\na,7\nb,007\n', 'id').rows.keys()], ['7', '007'])
    const list = readReference({ rows: [{ n: 'x', id: 1 }, { id: true }] }, 'id')
    assert.deepEqual(
      [[...list.rows.keys()], list.columns],
      [
        ['1', 'true'],
        ['n', 'id'],
      ],
    )
  })

  it('have rows of a list, of JSON text, of JSON lines, and of an object by key', () => {
    const list = [{ id: 'a', v: 1 }, { id: 'b' }]
    const want = [...readReference({ rows: list }).rows]
    assert.deepEqual([...readReference({ text: JSON.stringify(list), format: 'json' }).rows], want)
    assert.deepEqual([...readReference({ text: '{"id":"a","v":1}\n\n{"id":"b"}\n', format: 'jsonl' }).rows], want)
    const byKey = readReference({ rows: { a: 1, b: { x: 2 } } })
    assert.deepEqual([...byKey.rows, byKey.key], [['a', 1], ['b', { x: 2 }], ''])
  })

  it('name the row that is wrong', () => {
    const wrong: [() => unknown, number][] = [
      [() => csv('id\na\na\n'), 3],
      [() => csv('id,v\n,1\n'), 2],
      [() => csv('id\na,b\n'), 2],
      [() => csv('id,id\n'), 1],
      [() => csv('id\na\n', 'none'), 1],
      [() => csv('id\n"a\n'), 2],
      [() => csv(''), 1],
      [() => readReference({ rows: [{ id: 'a' }, { v: 1 }] }), 2],
      [() => readReference({ rows: [{ id: 'a' }, 5] }), 2],
      [() => readReference({ rows: [{ id: { x: 1 } }] }), 1],
      [() => readReference({ rows: [{}] }), 1],
      [() => readReference({ rows: 'id\na' }), 0],
      [() => readReference({ rows: { a: 1 } }, 'id'), 0],
      [() => readReference({ text: '{"id":"a"}\n{', format: 'jsonl' }), 2],
      [() => readReference({ text: '[', format: 'json' }), 0],
    ]
    for (const [read, position] of wrong) assert.throws(read, { code: 'REFERENCE_INVALID', position }, String(read))
  })

  it('end at their limits', () => {
    const long = 'x'.repeat(referenceLimits.keyChars)
    assert.equal(csv(`id\n${long}\n`).rows.size, 1)
    assert.throws(() => csv(`id\n${long}x\n`), { code: 'REFERENCE_LIMIT', position: 2 })
    assert.throws(() => readReference({ rows: { a: 'x'.repeat(referenceLimits.rowBytes) } }), { code: 'REFERENCE_LIMIT' })
    const row = 'x'.repeat(60_000)
    const many = Object.fromEntries(Array.from({ length: 300 }, (_, i) => [i, row]))
    assert.throws(() => readReference({ rows: many }), { code: 'REFERENCE_LIMIT' })
    const lines = (n: number) => `id\n${Array.from({ length: n }, (_, i) => `${i}\n`).join('')}`
    assert.equal(csv(lines(referenceLimits.rows)).rows.size, referenceLimits.rows)
    assert.throws(() => csv(lines(referenceLimits.rows + 1)), { code: 'REFERENCE_LIMIT' })
  })

  it('keep a column or key __proto__ as one of their own', () => {
    const { rows } = csv('id,__proto__\na,b\n')
    assert.deepEqual(Object.entries(rows.get('a') as object), [
      ['id', 'a'],
      ['__proto__', 'b'],
    ])
    assert.deepEqual([...readReference({ text: '{"__proto__":1}', format: 'json' }).rows], [['__proto__', 1]])
  })

  it('compare keys as texts, of texts, numbers and Booleans only', () => {
    assert.deepEqual([referenceKey(7), referenceKey('7'), referenceKey(false)], ['7', '7', 'false'])
    assert.deepEqual([null, undefined, Number.NaN, {}, []].map(referenceKey), Array(5).fill(undefined))
    assert.deepEqual(['sites', 'a-1_b', '1a', 'a|1', '', 'x'.repeat(65), 5].map(isTableName), [
      true,
      true,
      false,
      false,
      false,
      false,
      false,
    ])
  })
})
