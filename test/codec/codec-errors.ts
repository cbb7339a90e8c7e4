import assert from 'node:assert/strict'
import { LoomError } from '../../src/errors.ts'

export const bytesOf = (hex: string): Buffer => Buffer.from(hex.replaceAll(' ', ''), 'hex')

/** Runs what must throw, and gives `code at position` of the LoomError. */
export function refusal(run: () => unknown): string {
  try {
    run()
  } catch (error) {
    assert.ok(error instanceof LoomError, `not a LoomError: ${String((error as Error)?.stack)}`)
    return `${error.code} at ${String(error.position)}`
  }
  assert.fail('nothing was thrown')
}

/** Runs what may throw LoomErrors of formats only, and gives what it returns. */
export function codedOnly<T>(run: () => T): T | undefined {
  try {
    return run()
  } catch (error) {
    const coded = error instanceof LoomError && error.code.startsWith('CODEC_') && error.position !== undefined
    assert.ok(coded, `not a coded error: ${String((error as Error)?.stack)}`)
    return undefined
  }
}

/** Fails if something of the decoded value got into the prototype that all objects share. */
export function assertUnpolluted(): void {
  assert.deepEqual(Object.keys(Object.prototype), [])
  assert.equal(({} as Record<string, unknown>).polluted, undefined)
}
