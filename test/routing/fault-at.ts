import assert from 'node:assert/strict'
import { LoomError, type TextPosition } from '../../src/errors.ts'

/** The error that a text with `>>` and `<<` around the wrong part causes; its position must be that part. */
export function faultAt(marked: string, parse: (text: string) => unknown): LoomError {
  const offset = marked.indexOf('>>')
  const end = marked.lastIndexOf('<<')
  assert.ok(offset >= 0 && end > offset, `no marks: ${marked}`)
  const text = marked.slice(0, offset) + marked.slice(offset + 2, end) + marked.slice(end + 2)
  const lines = text.slice(0, offset).split('\n')
  const position: TextPosition = { offset, line: lines.length, column: lines.at(-1)!.length + 1, length: end - offset - 2 }
  try {
    parse(text)
  } catch (error) {
    assert.ok(error instanceof LoomError, String(error))
    assert.deepEqual(error.position, position, `${text}: ${error.message}`)
    assert.match(error.message, new RegExp(`: line ${position.line} column ${position.column}: `))
    return error
  }
  return assert.fail(`no error: ${text}`)
}
