import assert from 'node:assert/strict'
import { readingsOfDecoded } from '../../src/codec/decoded-readings.ts'
import { readingsOfBody, verdictOnBody } from '../../src/telemetry/body.ts'
import { readingsOfRows } from '../../src/telemetry/header-rows.ts'

const arrived = 1_700_000_000_000
const source = { device: 'd1', arrived }
const bodyOf = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value))
const read = (value: unknown): any => readingsOfBody({ ...source, body: bodyOf(value) })
const seen = (value: unknown): unknown => read(value).readings.map(({ time, stream, values }: any) => [time, stream, values])

const header = { gw: 'a', stream: 's' }
const columns = {
  header,
  columns: ['time', 't', 'h'],
  rows: [
    [1_600_000_000, 21.5, 40],
    [1_600_000_001_000, 22],
    [1_600_000_002, null, 41],
  ],
}

describe('a batch of header and rows', () => {
  it('with columns is a reading for each row, with what the header has', () =>
    assert.deepEqual(seen(columns), [
      [1_600_000_000_000, 's', { gw: 'a', t: 21.5, h: 40 }],
      [1_600_000_001_000, 's', { gw: 'a', t: 22 }],
      [1_600_000_002_000, 's', { gw: 'a', h: 41 }],
    ]))

  it('may have objects as rows, which win over the header', () =>
    assert.deepEqual(
      seen({ header: { ...header, time: 1_600_000_000 }, rows: [{ t: 1 }, { t: 2, gw: 'b', stream: '', time: 1_600_000_001 }] }),
      [
        [1_600_000_000_000, 's', { gw: 'a', t: 1 }],
        [1_600_000_001_000, '', { gw: 'b', t: 2 }],
      ],
    ))

  it('needs no header where there are columns, and may be empty', () => {
    assert.deepEqual(seen({ columns: ['t'], rows: [[1]] }), [[arrived, '', { t: 1 }]])
    assert.deepEqual(seen({ header, rows: [] }), [])
  })

  it('is nothing else: values that look like it stay values', () => {
    for (const value of [
      { rows: [{ t: 1 }] },
      { header: 'x', rows: [{ t: 1 }] },
      { header, rows: 3 },
      { header, rows: [1, 2] },
      { header, rows: [{ t: 1 }], more: 1 },
      { header, columns: 2, rows: [[1]] },
      { columns: ['a', 'a'], rows: [[1, 2]] },
      { columns: ['', 'a'], rows: [[1, 2]] },
      { header, columns: ['a'] },
    ])
      assert.deepEqual(seen(value), [[arrived, '', value]], JSON.stringify(value))
  })

  it('with a row that does not fit cannot be decoded', () => {
    for (const [value, why] of [
      [{ columns: ['a'], rows: [[1], [1, 2]] }, 'row 1 of the batch is not a list by its columns'],
      [{ columns: ['a'], rows: [{ a: 1 }] }, 'row 0 of the batch is not a list by its columns'],
      [{ header, rows: [{ t: 1 }, [1]] }, 'row 1 of the batch is not an object'],
    ] as const) {
      assert.deepEqual(read(value), { undecodable: why })
      assert.equal(verdictOnBody({ body: bodyOf(value) }, arrived).undecodable, why)
      for (const timeMember of ['', 'at'])
        assert.throws(() => readingsOfDecoded('json', value, { ...source, timeMember }), { code: 'TELEMETRY_UNDECODABLE' })
    }
  })

  it('holds a thousand readings and no more', () => {
    const of = (count: number) => ({ columns: ['n'], rows: Array.from({ length: count }, (_, n) => [n]) })
    assert.equal(read(of(1000)).readings.length, 1000)
    assert.match(read(of(1001)).undecodable, /1001 readings/)
  })

  it('does not make much more of a message than came in', () => {
    const of = (header: object, names: string[]) => ({
      header,
      columns: ['n', ...names],
      rows: Array.from({ length: 1000 }, (_, n) => [n]),
    })
    assert.equal(read(of({ x: 'x'.repeat(4000) }, [])).readings.length, 1000)
    assert.match(read(of({ x: 'x'.repeat(4200) }, [])).undecodable, /more than 4194304 characters/)
    assert.match(
      read(
        of(
          {},
          Array.from({ length: 1000 }, (_, i) => `c${i}`),
        ),
      ).undecodable,
      /more than 4194304 characters/,
    )
  })

  it('is judged as it is read, and stays a batch where its values are changed', () => {
    const ahead = { header, rows: [{ t: 1 }, { t: 2, time: (arrived + 400_000) / 1000 }] }
    assert.deepEqual([verdictOnBody({ body: bodyOf(ahead) }, arrived).timeUnsure, read(ahead).timeUnsure], [true, true])
    for (const rows of [columns.rows, columns.rows.slice(0, 1)]) {
      const body = bodyOf({ ...columns, rows })
      const before = readingsOfBody({ ...source, body }) as any
      const changed = verdictOnBody({ body }, arrived, values => ({ ...values, added: 1 })).body!
      const after = readingsOfBody({ ...source, body: changed }) as any
      assert.deepEqual(
        after.readings,
        before.readings.map((reading: any) => ({ ...reading, values: { ...reading.values, added: 1 } })),
      )
      assert.equal(verdictOnBody({ body }, arrived, values => values).body, undefined)
    }
  })

  it('may have its time by another name where that is said', () => {
    const value = {
      header: { gw: 'a' },
      columns: ['ts', 't', 'time'],
      rows: [
        [1_600_000_000, 1, 'noon'],
        ['never', 2],
      ],
    }
    assert.deepEqual(
      readingsOfDecoded('cbor', value, { ...source, timeMember: 'ts' }).map(({ time, values }) => [time, values]),
      [
        [1_600_000_000_000, { gw: 'a', t: 1, time: 'noon' }],
        [arrived, { gw: 'a', ts: 'never', t: 2 }],
      ],
    )
  })

  it('keeps hostile names plain', () => {
    const value = JSON.parse('{"header": {"__proto__": {"x": 1}}, "columns": ["constructor"], "rows": [[1]]}')
    const [{ values }] = readingsOfRows(value, 1) as any
    assert.equal(Object.getPrototypeOf(values), Object.prototype)
    assert.deepEqual(Object.keys(values), ['__proto__', 'constructor'])
  })
})
