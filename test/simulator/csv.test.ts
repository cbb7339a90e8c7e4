import assert from 'node:assert/strict'
import { CsvReader } from '../../src/simulator/csv.ts'
import { randomOf } from '../../src/simulator/random.ts'

const read = (text: string, o?: ConstructorParameters<typeof CsvReader>[0]): string[][] => {
  const reader = new CsvReader(o)
  return [...reader.push(text), ...reader.end()].map(record => record.fields)
}

describe('CsvReader', () => {
  it('reads quotes, doubled quotes, separators and line breaks in quotes, empty fields', () => {
    assert.deepEqual(read('a,"b,c","say ""hi"""\r\n"two\r\nlines",,\n'), [
      ['a', 'b,c', 'say "hi"'],
      ['two\r\nlines', '', ''],
    ])
  })

  it('needs no line break at the end, skips a byte order mark and empty lines', () => {
    assert.deepEqual(read('\uFEFFa,b\n\n\r\n1,2'), [
      ['a', 'b'],
      ['1', '2'],
    ])
  })

  it('says line and field of what is wrong', () => {
    for (const [text, line, column] of [
      ['a,b\n1,2"3\n', 2, 2],
      ['a,b\n"1"x,2\n', 2, 1],
      ['a,b\n1,"2\n3', 3, 2],
      ['a\rb\n', 1, 1],
      ['"one\ntwo"\nx,y,z"\n', 3, 3],
    ] as const) {
      assert.throws(() => read(text), { line, column }, JSON.stringify(text))
    }
  })

  it('refuses a record longer than its bound, however it comes', () => {
    assert.throws(() => read('x'.repeat(101), { recordChars: 100 }), /longer than 100/)
    const reader = new CsvReader({ recordChars: 100 })
    assert.throws(() => {
      for (let i = 0; i < 11; i++) reader.push(`"${'y'.repeat(10)}\n`.slice(i ? 1 : 0))
    }, /longer than 100/)
  })

  it('reads back what was written, split anywhere', () => {
    const random = randomOf('csv')
    const alphabet = ['a', '1', ',', '"', '\n', '\r\n', ' ', 'ü', '\t']
    const cell = (): string =>
      Array.from({ length: Math.floor(random.next() * 5) }, () => alphabet[Math.floor(random.next() * alphabet.length)]).join('')
    for (let round = 0; round < 300; round++) {
      const width = 2 + Math.floor(random.next() * 3)
      const rows = Array.from({ length: 1 + Math.floor(random.next() * 5) }, () => Array.from({ length: width }, cell))
      const quote = (text: string): string =>
        /[",\r\n]/.test(text) || random.next() < 0.2 ? `"${text.replaceAll('"', '""')}"` : text
      const text = rows.map(row => row.map(quote).join(',')).join(random.next() < 0.5 ? '\n' : '\r\n')
      const reader = new CsvReader()
      const got: string[][] = []
      for (let at = 0; at < text.length; ) {
        const next = at + 1 + Math.floor(random.next() * 6)
        got.push(...reader.push(text.slice(at, next)).map(record => record.fields))
        at = next
      }
      got.push(...reader.end().map(record => record.fields))
      assert.deepEqual(got, rows)
    }
  })
})
