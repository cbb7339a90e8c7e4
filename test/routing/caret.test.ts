import assert from 'node:assert/strict'
import { withCaret } from '../../src/routing/caret.ts'

describe('an error with its place in the text', () => {
  const place = (offset: number, length: number) => ({ message: 'wrong', position: { offset, line: 1, column: 1, length } })
  const cases: [string, number, number, string][] = [
    ['SELECT a b', 9, 1, 'wrong\n  SELECT a b\n           ^'],
    ['SELECT abc', 7, 3, 'wrong\n  SELECT abc\n         ^^^'],
    ['SELECT', 6, 0, 'wrong\n  SELECT\n        ^'],
    ['', 0, 0, 'wrong\n  \n  ^'],
    ['a\n\tb\nc', 3, 1, 'wrong\n  \tb\n  \t^'],
    ["a\n'b\nc", 2, 4, "wrong\n  'b\n  ^^"],
    ['a\r\nb', 0, 9, 'wrong\n  a\n  ^'],
  ]
  for (const [text, offset, length, shown] of cases)
    it(JSON.stringify(text), () => assert.equal(withCaret(place(offset, length), text), shown))

  it('shows a part of a long line', () => {
    const shown = withCaret(place(500, 3), `${'a'.repeat(500)}bcd${'e'.repeat(500)}`).split('\n')
    assert.equal(shown[1], `  ..${'a'.repeat(50)}bcd${'e'.repeat(47)}..`)
    assert.equal(shown[2], `  ${' '.repeat(52)}^^^`)
  })

  it('is the message alone if there is no place', () => {
    assert.equal(withCaret({ message: 'wrong' }, 'text'), 'wrong')
    assert.equal(withCaret({ message: 'wrong', position: 'a.b' }, 'text'), 'wrong')
    assert.equal(withCaret(place(9, 1), 'text'), 'wrong')
  })
})
