import assert from 'node:assert/strict'
import { seeded } from '../seeded.ts'
import { call, describeExamples } from './call-function.ts'

const _ = undefined

describeExamples('functions of texts', [
  ['length', ['hi'], 2],
  ['length', [false], 5],
  ['length', ['a𝄞é'], 3],
  ['length', [''], 0],
  ['length', ['\ud834'], 1],
  ['length', [[1, 2]], 5],
  ['numbytes', ['hi'], 2],
  ['numbytes', ['€'], 3],
  ['numbytes', ['a𝄞'], 5],
  ['lower', ['HELLO'], 'hello'],
  ['lower', [true], 'true'],
  ['upper', ['hello'], 'HELLO'],
  ['upper', [['a']], '["A"]'],
  ['upper', [{ a: 1 }], '{"A":1}'],
  ['trim', [' hi '], 'hi'],
  ['trim', ['\u00a0\u2003hi\t\n\u3000'], 'hi'],
  ['ltrim', [' h i '], 'h i '],
  ['rtrim', [' h i '], ' h i'],
  ['lpad', ['hello', 2], '  hello'],
  ['lpad', [1, 3], '   1'],
  ['lpad', ['x', -2], 'x'],
  ['lpad', ['x', 1e9], `${' '.repeat(1000)}x`],
  ['rpad', ['hello', 2], 'hello  '],
  ['rpad', ['x', 1001], `x${' '.repeat(1000)}`],
  ['substring', ['012345', 0], '012345'],
  ['substring', ['012345', 2], '2345'],
  ['substring', ['012345', 2.745], '2345'],
  ['substring', [123, 2], '3'],
  ['substring', ['012345', -1], '012345'],
  ['substring', [true, 1.2], 'rue'],
  ['substring', [false, -2.411e247], 'false'],
  ['substring', ['012345', 1, 3], '12'],
  ['substring', ['012345', -50, 50], '012345'],
  ['substring', ['012345', 3, 1], ''],
  ['substring', ['012345', 9], ''],
  ['substring', ['012345', 1, -1], ''],
  ['substring', ['012345', 1, null], _],
  ['substring', ['012345', 1, undefined], _],
  ['substring', ['a𝄞c', 1, 2], '𝄞'],
  ['indexof', ['abcd', 'bc'], 1],
  ['indexof', ['abcd', 'x'], -1],
  ['indexof', ['𝄞𝄞a', 'a'], 2],
  ['indexof', ['abc', ''], 0],
  ['indexof', [1234, 34], 2],
  ['startswith', ['ranger', 'ran'], true],
  ['startswith', ['ranger', 'anger'], false],
  ['startswith', [123, 1], true],
  ['endswith', ['cat', 'at'], true],
  ['endswith', ['cat', 'ca'], false],
  ['endswith', ['cat', ''], true],
  ['replace', ['abcd', 'bc', 'x'], 'axd'],
  ['replace', ['abcdabcd', 'b', 'x'], 'axcdaxcd'],
  ['replace', ['a.b.c', '.', '$&'], 'a$&b$&c'],
  ['replace', ['abc', '', '-'], '-a-b-c-'],
  ['replace', ['𝄞', '', '-'], '-𝄞-'],
  ['replace', ['abc', 'x', 'y'], 'abc'],
  ['replace', [112, 1, 2], '222'],
  ['replace', ['abc', 'b', null], _],
  ['chr', [65], 'A'],
  ['chr', [49], '1'],
  ['chr', ['65.9'], 'A'],
  ['chr', [0], '\0'],
  ['chr', [127], '\x7f'],
  ['chr', [128], _],
  ['chr', [-1], _],
  ['concat', [], _],
  ['concat', [1], 1],
  ['concat', [null], null],
  ['concat', ['con', 'cat'], 'concat'],
  ['concat', [1, 'hello'], '1hello'],
  ['concat', ['he', 'is', 'man'], 'heisman'],
  ['concat', ['a', true, 1.5, { b: 1 }], 'atrue1.5{"b":1}'],
  ['concat', [1, 2], _],
  ['concat', [true, { a: 1 }], _],
  ['concat', ['a', null], _],
  ['concat', ['a', _], _],
  ['concat', [[1, 2, 3], 4], [1, 2, 3, 4]],
  ['concat', [[1, 2, 3], 'hello'], [1, 2, 3, 'hello']],
  ['concat', ['hello', [1, 2, 3]], ['hello', 1, 2, 3]],
  ['concat', [[1, 2, 3], 'hello', [4, 5, 6]], [1, 2, 3, 'hello', 4, 5, 6]],
  ['concat', [[[1]], [[2]]], [[1], [2]]],
  ['concat', [[1], null], [1, null]],
  ['concat', [[1], _], _],
])

describe('functions of texts', () => {
  const { below, pick } = seeded(31)
  const letters = ['a', 'b', 'é', '€', '𝄞', '😀', '\u0301']
  const random = (most: number): string => Array.from({ length: below(most) }, () => pick(letters)).join('')

  it('count code points as a list of characters does, for 5,000 texts', () => {
    for (let i = 0; i < 5000; i++) {
      const text = random(8)
      const part = random(3)
      const [start, end] = [below(12) - 2, below(12) - 2]
      const characters = [...text]
      const parts = [...part]
      const found = characters.findIndex((_, at) => parts.every((each, j) => characters[at + j] === each))
      assert.equal(call('length', [text]), characters.length)
      assert.equal(
        call('substring', [text, start, end]),
        characters.filter((_, at) => at >= start && at < end).join(''),
        `${text} ${start} ${end}`,
      )
      assert.equal(call('indexof', [text, part]), part === '' ? 0 : found, `${text} ${part}`)
      assert.equal(
        call('startswith', [text, part]),
        parts.every((each, j) => characters[j] === each),
      )
      assert.equal(call('endswith', [text, part]), part === '' || characters.slice(-parts.length).join('') === part)
      if (part !== '') assert.equal(call('replace', [text, part, '-']), text.split(part).join('-'))
      assert.equal(call('numbytes', [text]), Buffer.byteLength(text))
    }
  })

  it('make no text or list without end', () => {
    const long = 'a'.repeat(3000)
    let text: unknown = 'a'
    for (let i = 0; i < 30; i++) text = call('replace', [text, 'a', long])
    assert.equal(text, undefined)
    let joined: unknown = 'aaaaaaaaaa'
    let list: unknown = ['a', 'b']
    for (let i = 0; i < 40; i++) {
      joined = call('concat', [joined, joined])
      list = call('concat', [list, list])
    }
    assert.equal(joined, undefined)
    assert.equal(list, undefined)
    assert.equal(call('replace', [long, '', long]), undefined)
    assert.equal(call('regexp_replace', [long, 'a', long]), undefined)
  })
})
