import assert from 'node:assert/strict'
import { type CsvLimits, CsvReader, type CsvRow } from '../../src/codec/csv-reader.ts'
import { csvLine } from '../../src/codec/csv-writer.ts'
import { seeded } from '../seeded.ts'

const read = (parts: string[], limits?: CsvLimits): CsvRow[] => {
  const reader = new CsvReader(limits)
  return [...parts.flatMap(part => reader.push(part)), ...reader.end()]
}

/** The whole text at once, one character after the other, without limits. */
function naive(text: string): CsvRow[] {
  const rows: CsvRow[] = []
  let at = text.startsWith('\uFEFF') ? 1 : 0
  let line = 1
  while (at < text.length) {
    const start = line
    const fields: string[] = []
    let fault: string | undefined
    let quoted = false
    for (;;) {
      let field = ''
      if (text[at] === '"') {
        quoted = true
        at++
        for (;;) {
          if (at >= text.length) {
            rows.push({ line: start, fault: 'a quote is never closed' })
            return rows
          }
          if (text[at] === '"' && text[at + 1] === '"') at += 2
          else if (text[at] === '"') break
          else {
            if (text[at] === '\n') line++
            at++
            field += text[at - 1]
            continue
          }
          field += '"'
        }
        at++
        if (at < text.length && !',\r\n'.includes(text[at]!)) fault = 'text follows a closing quote'
      } else {
        while (at < text.length && !',"\r\n'.includes(text[at]!)) field += text[at++]
        if (text[at] === '"') fault = 'a quote stands inside a field that does not begin with one'
      }
      if (fault) break
      fields.push(field)
      if (text[at] === '\r' && at + 1 < text.length && text[at + 1] !== '\n') {
        fault = 'a carriage return stands inside a line'
        break
      }
      if (text[at] === '\r') at++
      if (at >= text.length || text[at] === '\n') break
      at++
    }
    if (fault) {
      rows.push({ line: start, fault })
      while (at < text.length && text[at] !== '\n') at++
    } else if (fields.length > 1 || fields[0] !== '' || quoted) rows.push({ line: start, fields })
    at++
    line++
  }
  return rows
}

describe('the CSV reader', () => {
  const cases: [what: string, text: string, rows: CsvRow[]][] = [
    [
      'rows and fields',
      'a,b\n1,2\n',
      [
        { line: 1, fields: ['a', 'b'] },
        { line: 2, fields: ['1', '2'] },
      ],
    ],
    [
      'CR LF, a byte order mark and no line break at the end',
      '\uFEFFa,b\r\n1,2',
      [
        { line: 1, fields: ['a', 'b'] },
        { line: 2, fields: ['1', '2'] },
      ],
    ],
    [
      'quotes, commas and line breaks in quotes',
      '"a ""b"", c","d\r\ne"\nx',
      [
        { line: 1, fields: ['a "b", c', 'd\r\ne'] },
        { line: 3, fields: ['x'] },
      ],
    ],
    [
      'empty fields and lines',
      'a,,\n\n\r\n,\n""\n',
      [
        { line: 1, fields: ['a', '', ''] },
        { line: 4, fields: ['', ''] },
        { line: 5, fields: [''] },
      ],
    ],
    [
      'a quote in a plain field',
      'a"b,c\nx',
      [
        { line: 1, fault: 'a quote stands inside a field that does not begin with one' },
        { line: 2, fields: ['x'] },
      ],
    ],
    [
      'text behind a quote',
      '"a"b,c\nx',
      [
        { line: 1, fault: 'text follows a closing quote' },
        { line: 2, fields: ['x'] },
      ],
    ],
    [
      'a lonely carriage return',
      'a\rb\nx',
      [
        { line: 1, fault: 'a carriage return stands inside a line' },
        { line: 2, fields: ['x'] },
      ],
    ],
    [
      'a quote without end',
      'x\n"a\nb',
      [
        { line: 1, fields: ['x'] },
        { line: 2, fault: 'a quote is never closed' },
      ],
    ],
    ['nothing', '', []],
  ]
  for (const [what, text, rows] of cases)
    it(`reads ${what}`, () => {
      assert.deepEqual(read([text]), rows)
      assert.deepEqual(read([...text]), rows)
      assert.deepEqual(naive(text), rows)
    })

  it('gives the same as a naive reader, however the text is cut', () => {
    const { below, pick } = seeded(11)
    const pieces = ['a', 'bc', '"', '""', ',', '\n', '\r\n', '\r', ' ', 'é', '\uFEFF', '"x"', '"y,""z\n"']
    let faults = 0
    for (let round = 0; round < 4000; round++) {
      const text = Array.from({ length: below(25) }, () => pick(pieces)).join('')
      const parts: string[] = []
      for (let at = 0; at < text.length; ) {
        const end = at + below(6)
        parts.push(text.slice(at, end))
        at = end
      }
      const rows = read(parts)
      assert.deepEqual(rows, naive(text), JSON.stringify(text))
      faults += rows.filter(row => 'fault' in row).length
    }
    assert.ok(faults > 500, `${faults}`)
  })

  it('gives a row that is too long up, and goes on behind its line', () => {
    const limits = { rowChars: 20, fieldChars: 10, columns: 3 }
    const text = `ok,1\n${'x'.repeat(40)},2\n"${'y,'.repeat(30)}\n",3\nlonger-than-ten,4\n1,2,3,4\nend,5`
    const expected = [
      { line: 1, fields: ['ok', '1'] },
      { line: 2, fault: 'the row has more than 20 characters' },
      { line: 3, fault: 'the row has more than 20 characters' },
      { line: 4, fault: 'a quote is never closed' },
    ]
    for (const parts of [[text], [...text]]) {
      const rows = read(parts, limits)
      assert.deepEqual(rows.slice(0, 3), expected.slice(0, 3))
    }
    const rest = `longer-than-ten,4\n1,2,3,4\nend,5`
    for (const parts of [[rest], [...rest]])
      assert.deepEqual(read(parts, limits), [
        { line: 1, fault: 'a field has more than 10 characters' },
        { line: 2, fault: 'there are more than 3 columns' },
        { line: 3, fields: ['end', '5'] },
      ])
  })

  it('holds no more than a row of a text without line breaks', () => {
    const reader = new CsvReader({ rowChars: 1000 })
    const rows: CsvRow[] = []
    for (let i = 0; i < 10_000; i++) rows.push(...reader.push('"x'.padEnd(100, 'x')))
    assert.deepEqual(
      rows.map(row => 'fault' in row),
      [true],
    )
  })
})

describe('CSV written for people', () => {
  const cases: [value: string | number | undefined, line: string][] = [
    ['plain', 'plain'],
    [undefined, ''],
    [7, '7'],
    [-7.5, '-7.5'],
    ['a,b', '"a,b"'],
    ['say "x"', '"say ""x"""'],
    ['two\nlines', '"two\nlines"'],
    ['=1+2', "'=1+2"],
    ['+cmd|x', "'+cmd|x"],
    ['-cmd', "'-cmd"],
    ['@SUM(A1)', "'@SUM(A1)"],
    ['  =1', "'  =1"],
    ['\t=1', `'\t=1`],
    ['\r=1', `"'\r=1"`],
    ['\uFF1D1', "'\uFF1D1"],
    ['=HYPERLINK("http://x","y")', `"'=HYPERLINK(""http://x"",""y"")"`],
  ]
  for (const [value, line] of cases)
    it(`has ${JSON.stringify(value)} as ${JSON.stringify(line)}`, () => assert.equal(csvLine([value]), `${line}\r\n`))

  it('is read again as it was, but for the apostrophes', () => {
    const { below, pick } = seeded(3)
    for (let round = 0; round < 500; round++) {
      const fields = Array.from({ length: 1 + below(4) }, () =>
        Array.from({ length: below(6) }, () => pick(['a', ',', '"', '\n', '\r\n', ' ', 'ü', '=', '-'])).join(''),
      )
      const [row] = read([csvLine(fields)])
      if (fields.length === 1 && fields[0] === '') continue
      assert.ok(row && 'fields' in row)
      assert.deepEqual(
        row.fields.map((field, i) => (field === `'${fields[i]}` ? field.slice(1) : field)),
        fields,
      )
    }
  })
})
