import assert from 'node:assert/strict'
import { compareKeys, compareText, keyAt, prefixEnd } from '../../src/storage/value-order.ts'
import { seeded } from '../seeded.ts'

const parts = ['', 'a', 'b', '\u{7f}', 'é', '\ud7ff', '\ue000', '\uffff', '\u{10000}', '\u{1f600}', '\u{10ffff}']

describe('order of values', () => {
  it('is that of the UTF-8 bytes for strings', () => {
    const random = seeded(5)
    const text = () => Array.from({ length: random.below(4) }, () => random.pick(parts)).join('')
    for (let i = 0; i < 3000; i++) {
      const [a, b] = [text(), text()]
      assert.equal(Math.sign(compareText(a, b)), Buffer.compare(Buffer.from(a), Buffer.from(b)), JSON.stringify([a, b]))
    }
  })

  it('puts null before numbers before strings', () => {
    const sorted = [null, -1, 0, 2.5, 10, '', '10', '2']
    assert.deepEqual([...sorted].reverse().sort(compareKeys), sorted)
  })

  it('bounds exactly the strings of a prefix', () => {
    for (const prefix of parts.flatMap(a => parts.map(b => a + b))) {
      const end = prefixEnd(prefix)
      for (const tail of ['', ...parts, '\u{10ffff}\u{10ffff}'])
        if (end !== undefined) assert.ok(compareText(prefix + tail, end) < 0, JSON.stringify([prefix, tail, end]))
      if (end !== undefined) assert.ok(!end.startsWith(prefix) || prefix === '')
    }
    assert.equal(prefixEnd(''), undefined)
    assert.equal(prefixEnd('\u{10ffff}'), undefined)
  })

  it('reads paths of own names only, and no arrays', () => {
    const doc = { a: { b: true }, list: [{ b: 1 }], deep: { x: { y: 1 } } }
    assert.equal(keyAt(doc, 'a.b'), 1)
    assert.equal(keyAt(doc, 'list.0'), null)
    assert.equal(keyAt(doc, 'a.toString'), null)
    assert.equal(keyAt(doc, 'constructor.name'), null)
    assert.equal(keyAt(doc, 'deep.x'), '{"y":1}')
  })
})
