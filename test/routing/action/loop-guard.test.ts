import assert from 'node:assert/strict'
import { LoopGuard, loopLimits } from '../../../src/routing/action/loop-guard.ts'

describe('the guard against loops', () => {
  const check =
    (guard: LoopGuard, topic: string, source: string, now = 0, hops = 0) =>
    () =>
      guard.check({ topic, source, hops, now })

  it('refuses what was republished eight times', () => {
    const guard = new LoopGuard()
    assert.doesNotThrow(check(guard, 'b', 'a', 0, 7))
    assert.throws(check(guard, 'b', 'a', 0, 8), { code: 'ROUTE_LOOP' })
    assert.throws(check(guard, 'b', 'a', 0, 1e9), { code: 'ROUTE_LOOP' })
  })

  it('lets any number go to a topic that nothing comes from', () => {
    const guard = new LoopGuard()
    for (let i = 0; i < 5000; i++) guard.check({ topic: 'alarms', source: `dt/${i % 7}`, hops: 0, now: i })
  })

  it('suspends for a minute what sends over 1,000 in 10 s to where its own come from', () => {
    const guard = new LoopGuard()
    for (let i = 0; i < 1000; i++) guard.check({ topic: 'a', source: 'a', hops: 0, now: i })
    assert.throws(check(guard, 'a', 'a', 1000), { code: 'ROUTE_LOOP', message: /"a"/ })
    assert.throws(check(guard, 'other', 'x', 1000 + loopLimits.suspendMs - 1), { code: 'ROUTE_LOOP' })
    assert.doesNotThrow(check(guard, 'other', 'x', 1000 + loopLimits.suspendMs))
  })

  it('sees a circle of several topics', () => {
    const guard = new LoopGuard()
    assert.throws(
      () => {
        for (let i = 0; i < 1100; i++) guard.check({ topic: `t${(i + 1) % 3}`, source: `t${i % 3}`, hops: 0, now: i })
      },
      { code: 'ROUTE_LOOP' },
    )
  })

  it('lets 1,000 go in each 10 s', () => {
    const guard = new LoopGuard()
    for (let i = 0; i < 5000; i++) guard.check({ topic: 'a', source: 'a', hops: 0, now: i * 11 })
  })

  it('remembers the last thousand topics only', () => {
    const guard = new LoopGuard()
    guard.check({ topic: 'x', source: 'a', hops: 0, now: 0 })
    for (let i = 0; i < loopLimits.topics; i++) guard.check({ topic: 'x', source: `s${i}`, hops: 0, now: 1 })
    for (let i = 0; i < 3000; i++) guard.check({ topic: 'a', source: '', hops: 0, now: 2 })
  })
})
