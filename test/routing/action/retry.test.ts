import assert from 'node:assert/strict'
import { readRetryAfter, retryDelayMs, verdictOnStatus } from '../../../src/routing/action/retry.ts'

describe('retries of an action', () => {
  it('wait up to half a second, doubled with each failure, and at most 30 s', () => {
    const most = (failed: number) => retryDelayMs({ failed, random: 0.999_999 })
    assert.deepEqual([1, 2, 3, 6, 7, 20].map(most), [499, 999, 1999, 15_999, 29_999, 29_999])
  })

  it('have full jitter: any wait down to none', () => {
    assert.deepEqual(
      [0, 0.25, 0.5].map(random => retryDelayMs({ failed: 2, random })),
      [0, 250, 500],
    )
  })

  it('wait as long as the endpoint asks, and not at all if it asks for more than 30 s', () => {
    assert.equal(retryDelayMs({ failed: 1, random: 0.5, retryAfterMs: 7000 }), 7000)
    assert.equal(retryDelayMs({ failed: 5, random: 0.9, retryAfterMs: 1000 }), 7200)
    assert.equal(retryDelayMs({ failed: 1, random: 0, retryAfterMs: 30_000 }), 30_000)
    assert.equal(retryDelayMs({ failed: 1, random: 0, retryAfterMs: 30_001 }), undefined)
  })

  it('read Retry-After as seconds or as a date', () => {
    const now = Date.parse('2026-01-31T08:00:00Z')
    for (const [text, ms] of [
      ['0', 0],
      ['120', 120_000],
      [' 5 ', 5000],
      ['Sat, 31 Jan 2026 08:00:10 GMT', 10_000],
      ['Sat, 31 Jan 2026 07:00:00 GMT', 0],
      ['-1', undefined],
      ['1.5', undefined],
      ['soon', undefined],
      ['', undefined],
      [null, undefined],
    ] as const)
      assert.equal(readRetryAfter(text, now), ms, String(text))
  })

  it('are for what may pass: 429 and faults of the server, never another refusal', () => {
    const verdicts = {
      done: [200, 201, 202, 204, 299],
      transient: [429, 500, 502, 503, 504, 599],
      final: [301, 302, 307, 400, 401, 403, 404, 408, 409, 413, 422, 451],
      gone: [410],
    }
    for (const [verdict, statuses] of Object.entries(verdicts))
      for (const status of statuses) assert.equal(verdictOnStatus(status), verdict, String(status))
  })
})
