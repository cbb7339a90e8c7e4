import assert from 'node:assert/strict'
import { EndpointHealth, healthLimits } from '../../../src/routing/action/health.ts'

const minute = 60_000
const day = 24 * 60 * minute

describe('health of an endpoint', () => {
  type Step = [at: number, what: 'ok' | 'retried' | 'failed' | 'gone' | 'look', then: string]
  const stories: Record<string, Step[]> = {
    'is unknown until something was sent': [[0, 'look', 'unknown']],
    'is healthy once it answers': [
      [0, 'ok', 'healthy'],
      [day, 'look', 'healthy'],
    ],
    'is degraded for five minutes after a retry': [
      [0, 'retried', 'degraded'],
      [1 * minute, 'ok', 'degraded'],
      [5 * minute - 1, 'look', 'degraded'],
      [5 * minute, 'look', 'healthy'],
    ],
    'is unhealthy when the tries failed, and degraded when it comes back': [
      [0, 'ok', 'healthy'],
      [1000, 'failed', 'unhealthy'],
      [2000, 'failed', 'unhealthy'],
      [3000, 'ok', 'degraded'],
      [3000 + 5 * minute, 'look', 'healthy'],
    ],
    'is dead after a day, counted from the first failure, and lives again when it answers': [
      [0, 'failed', 'unhealthy'],
      [day - 1, 'failed', 'unhealthy'],
      [day, 'look', 'dead'],
      [day + minute, 'failed', 'dead'],
      [day + 2 * minute, 'ok', 'degraded'],
    ],
    'is dead at once when it refuses for good': [
      [0, 'ok', 'healthy'],
      [1, 'gone', 'dead'],
      [minute, 'failed', 'dead'],
      [2 * minute, 'ok', 'degraded'],
    ],
  }
  for (const [name, steps] of Object.entries(stories))
    it(name, () => {
      const health = new EndpointHealth()
      for (const [at, what, then] of steps) {
        if (what === 'ok' || what === 'retried') health.answered(at, { retried: what === 'retried' })
        if (what === 'failed') health.failed(at)
        if (what === 'gone') health.gone(at)
        assert.equal(health.at(at), then, `${what} at ${at}`)
      }
    })

  it('counts as failing from a start at which messages wait, and is probed at once', () => {
    const health = new EndpointHealth(1000)
    assert.equal(health.at(1000), 'unhealthy')
    assert.equal(health.probeInMs(1000, 0.9), 0)
  })

  it('is probed after a second, doubled up to a minute, half of it by chance', () => {
    const health = new EndpointHealth()
    const seen: number[][] = []
    for (let failures = 1; failures <= 8; failures++) {
      health.failed(0)
      seen.push([health.probeInMs(0, 0), health.probeInMs(0, 0.999_999)])
    }
    assert.deepEqual(
      seen.map(([least]) => least),
      [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000],
    )
    assert.deepEqual(seen.at(-1), [30_000, 60_000])
  })

  it('is left alone for as long as it asks, but an hour at most', () => {
    const health = new EndpointHealth()
    health.failed(0, { retryAfterMs: 90_000 })
    assert.equal(health.probeInMs(0, 0), 90_000)
    assert.equal(health.probeInMs(80_000, 0), 10_000)
    health.failed(0, { retryAfterMs: 10 * day })
    assert.equal(health.probeInMs(0, 0), healthLimits.mostPauseMs)
  })

  it('is tried once a minute when it is dead', () => {
    const health = new EndpointHealth()
    health.gone(1000)
    assert.deepEqual(
      [1000, 60_999, 61_000, 0].map(now => health.mayTryDead(now)),
      [false, false, true, true],
    )
    health.failed(61_000)
    assert.equal(health.mayTryDead(100_000), false)
  })
})
