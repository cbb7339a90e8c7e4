import assert from 'node:assert/strict'
import { RestartPlan } from '../../src/hub/restart-plan.ts'

describe('the restart plan', () => {
  it('waits twice as long after each crash and gives up to one try a minute at the fifth in ten minutes', () => {
    const plan = new RestartPlan()
    assert.deepEqual(
      [0, 1, 2, 3, 4, 5].map(i => plan.next(i * 1000)),
      [500, 1000, 2000, 4000]
        .map(delayMs => ({ delayMs, failed: false }))
        .concat([
          { delayMs: 60_000, failed: true },
          { delayMs: 60_000, failed: true },
        ]),
    )
  })

  it('forgets crashes after ten minutes', () => {
    const plan = new RestartPlan()
    for (let i = 0; i < 5; i++) plan.next(i)
    assert.deepEqual(plan.next(600_010), { delayMs: 500, failed: false })
  })
})
