import assert from 'node:assert/strict'
import { placeIn } from '../../src/editor/text-place.ts'
import { readPolicy } from '../../src/identity/policy-document.ts'
import type { LoomError } from '../../src/errors.ts'

describe('a place in a text', () => {
  const text = '{\n  "Action": "iot:\\"Pub",\n  12.5e-3 }'
  const marked = (offset: number, of = text) => {
    const { row, column, end } = placeIn(of, offset)
    return of.split('\n')[row]!.slice(column, end)
  }

  it('is the string, number or sign that stands there', () => {
    assert.equal(marked(text.indexOf('"iot')), '"iot:\\"Pub"')
    assert.equal(marked(text.indexOf('12')), '12.5e-3')
    assert.equal(marked(text.indexOf('}')), '}')
    assert.equal(marked(0), '{')
    assert.equal(marked(1, '{"open'), '"open')
  })

  it('has something to be marked at the ends of lines and of the text', () => {
    assert.deepEqual(placeIn(text, 1), { row: 0, column: 1, end: 2 })
    assert.deepEqual(placeIn('', 0), { row: 0, column: 0, end: 1 })
    assert.deepEqual(placeIn('a\n', 99), { row: 1, column: 0, end: 1 })
    assert.deepEqual(placeIn('ab', -3), { row: 0, column: 0, end: 2 })
  })

  it('is the line and column that the message of a policy names', () => {
    const wrong = '{\n  "Statement": [\n    {"Effect": "Allow", "Action": "iot:Plublish", "Resource": "topic/a"}\n  ]\n}'
    let fault: LoomError | undefined
    try {
      readPolicy(wrong)
    } catch (error) {
      fault = error as LoomError
    }
    const { row, column } = placeIn(wrong, Number(fault!.position))
    assert.match(fault!.message, new RegExp(`line ${row + 1} column ${column + 1}:`))
    assert.equal(marked(Number(fault!.position), wrong), '"iot:Plublish"')
  })
})
