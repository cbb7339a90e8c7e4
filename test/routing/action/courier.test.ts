import assert from 'node:assert/strict'
import type { Attempt } from '../../../src/routing/action/action.ts'
import { spoolLimits } from '../../../src/routing/action/spool-port.ts'
import { seeded } from '../../seeded.ts'
import { final, gone, ok, order, steppedCourier, transient } from './stepped-courier.ts'

const minute = 60_000
const hour = 60 * minute

describe('the courier of an endpoint', () => {
  const names = (list: { name: string }[]) => list.map(({ name }) => name)

  it('takes messages to it one after the other', async () => {
    const c = steppedCourier()
    let out = 0
    c.answers(async () => {
      assert.equal(++out, 1, 'one at a time')
      await c.settle()
      out--
      return ok
    })
    const answers = await Promise.all(['a', 'b', 'c'].map(name => c.courier.take(order(name))))
    assert.deepEqual(answers, Array(3).fill({ outcome: 'done', tries: 1 }))
    assert.deepEqual(names(c.sent), ['a', 'b', 'c'])
    assert.deepEqual([c.courier.figures().health, c.courier.figures().done], ['healthy', 3])
  })

  it('tries three times, and is degraded for a while when that helped', async () => {
    const c = steppedCourier()
    let tries = 0
    c.answers(() => (++tries < 3 ? transient() : ok))
    const taken = c.courier.take(order('a'))
    await c.pass(10_000)
    assert.deepEqual(await taken, { outcome: 'done', tries: 3 })
    const [first, second, third] = c.sent.map(({ at }) => at)
    assert.deepEqual([second! - first!, third! - second!], [250, 500])
    assert.deepEqual([c.courier.figures().health, c.courier.figures().retries], ['degraded', 2])
    await c.pass(5 * minute)
    assert.equal(c.courier.figures().health, 'healthy')
  })

  it('gives up at once what will never be taken, and goes on with the next', async () => {
    const c = steppedCourier()
    c.answers(name => (name === 'bad' ? final : ok))
    const [bad, good] = await Promise.all([c.courier.take(order('bad')), c.courier.take(order('good'))])
    assert.deepEqual(bad, {
      outcome: 'dead',
      tries: 1,
      error: { code: 'ROUTE_ACTION', message: 'the action of a rule failed: bad' },
      status: 400,
      letter: 1,
    })
    assert.equal(good.outcome, 'done')
    assert.deepEqual([c.buried[0]!.reason, c.sent.length, c.courier.figures().health], ['action', 2, 'healthy'])
  })

  it('lets messages wait while it is down, probes with the first of them, and sends all in order when it is back', async () => {
    const c = steppedCourier()
    c.answers(() => transient())
    const first = c.courier.take(order('a'))
    const more = ['b', 'c'].map(name => c.courier.take(order(name)))
    await c.pass(2000)
    assert.deepEqual(await first, { outcome: 'spooled', tries: 3 })
    assert.deepEqual(await Promise.all(more), Array(2).fill({ outcome: 'spooled', tries: 0 }))
    const { health, waiting, waitingBytes, oldestAt } = c.courier.figures()
    assert.deepEqual([health, waiting, waitingBytes > 0, oldestAt! <= c.time], ['unhealthy', 3, true, true])
    await c.pass(10 * minute)
    assert.deepEqual(new Set(names(c.sent)), new Set(['a']), 'only the first one is tried')
    const gaps = c.sent.map(({ at }, i) => at - (c.sent[i - 1]?.at ?? at)).slice(-5)
    assert.ok(
      gaps.every(gap => gap >= 30_000 && gap <= minute),
      `${gaps}`,
    )
    c.sent.length = 0
    c.answers(() => ok)
    const late = c.courier.take(order('d'))
    await c.pass(minute)
    assert.equal((await late).outcome, 'spooled')
    assert.deepEqual(names(c.sent), ['a', 'b', 'c', 'd'])
    assert.deepEqual([c.courier.figures().waiting, c.courier.figures().health, c.buried], [0, 'degraded', []])
    assert.equal((await c.courier.take(order('e'))).outcome, 'done')
  })

  it('waits as long as it asks: not in hand if that is over 30 s', async () => {
    const c = steppedCourier()
    c.answers(() => transient({ retryAfterMs: 90_000 }))
    assert.deepEqual(await c.courier.take(order('a')), { outcome: 'spooled', tries: 1 })
    await c.pass(89_999)
    assert.equal(c.sent.length, 1)
    await c.pass(1)
    assert.equal(c.sent.length, 2)
  })

  it('gives up what is refused while the rest waits, and goes on', async () => {
    const c = steppedCourier()
    c.answers(() => transient())
    const taken = ['a', 'b', 'c'].map(name => c.courier.take(order(name)))
    await c.pass(2000)
    await Promise.all(taken)
    c.answers(name => (name === 'b' ? final : ok))
    c.sent.length = 0
    await c.pass(minute)
    assert.deepEqual([names(c.sent), names(c.buried)], [['a', 'b', 'c'], ['b']])
    assert.deepEqual([c.buried[0]!.reason, c.buried[0]!.tries], ['action', 1])
  })

  it('gives up what has waited for a day, and is dead after a day: then there are only dead letters, and one try a minute', async () => {
    const c = steppedCourier()
    c.answers(() => transient())
    const taken = c.courier.take(order('a'))
    await c.pass(2000)
    await taken
    await c.pass(12 * hour)
    await c.courier.take(order('b'))
    await c.pass(12 * hour + minute)
    assert.deepEqual(
      c.buried.map(({ name, reason }) => [name, reason]),
      [
        ['a', 'action'],
        ['b', 'action'],
      ],
    )
    assert.deepEqual([c.courier.figures().health, c.courier.figures().waiting], ['dead', 0])
    await c.pass(5 * minute)
    c.sent.length = 0
    const answers = await Promise.all(['c', 'd', 'e'].map(name => c.courier.take(order(name))))
    assert.deepEqual(
      answers.map(({ outcome, tries }) => [outcome, tries]),
      [
        ['dead', 1],
        ['dead', 0],
        ['dead', 0],
      ],
    )
    assert.deepEqual(names(c.sent), ['c'])
    await c.pass(minute)
    c.answers(() => ok)
    assert.equal((await c.courier.take(order('f'))).outcome, 'done')
    assert.equal(c.courier.figures().health, 'degraded')
  })

  it('gives up what waited for a day while nothing ran, and sends the rest', async () => {
    const before = steppedCourier()
    before.answers(() => transient())
    const taken = before.courier.take(order('old'))
    await before.pass(2000)
    await taken
    await before.pass(2 * hour)
    await before.courier.take(order('young'))
    await before.courier.close()
    const after = steppedCourier({ spool: before.spool, from: before.time + 23 * hour })
    await after.pass(0)
    assert.deepEqual(
      [after.buried.map(({ name, reason }) => [name, reason]), names(after.sent)],
      [[['old', 'expired']], ['young']],
    )
  })

  it('is dead at once when it refuses for good: all that waits becomes dead letters', async () => {
    const c = steppedCourier()
    c.answers(() => transient())
    const taken = ['a', 'b', 'c'].map(name => c.courier.take(order(name)))
    await c.pass(2000)
    await Promise.all(taken)
    c.answers(() => gone)
    await c.pass(minute)
    assert.deepEqual([names(c.buried), c.courier.figures().health, c.courier.figures().waiting], [['a', 'b', 'c'], 'dead', 0])
  })

  it('gives up the oldest when too much waits, but not the one on its way', async () => {
    const c = steppedCourier()
    c.answers(() => transient())
    const large = spoolLimits.bytes / 4
    const taken = ['a', 'b', 'c'].map(name => c.courier.take(order(name, large)))
    await c.pass(2000)
    await Promise.all(taken)
    const held = Promise.withResolvers<Attempt>()
    c.answers(() => held.promise)
    await c.pass(minute)
    assert.equal(c.sent.at(-1)!.name, 'a')
    for (const name of ['d', 'e']) await c.courier.take(order(name, large))
    assert.deepEqual(names(c.buried), ['b', 'c'])
    c.answers(() => ok)
    held.resolve(ok)
    await c.pass(minute)
    assert.deepEqual(names(c.sent).slice(-3), ['a', 'd', 'e'])
    assert.deepEqual(names(c.buried), ['b', 'c'])
  })

  it('goes on after a new start with what waits, at once', async () => {
    const before = steppedCourier()
    before.answers(() => transient())
    const taken = ['a', 'b'].map(name => before.courier.take(order(name)))
    await before.pass(2000)
    await Promise.all(taken)
    await before.courier.close()
    const after = steppedCourier({ spool: before.spool })
    assert.equal(after.courier.figures().health, 'unhealthy')
    const late = after.courier.take(order('c'))
    await after.pass(0)
    assert.equal((await late).outcome, 'spooled')
    assert.deepEqual(names(after.sent), ['a', 'b', 'c'])
  })

  it('puts to disk what it has in hand when it closes, and takes nothing more', async () => {
    const c = steppedCourier()
    c.answers(() => new Promise(() => {}))
    const taken = c.courier.take(order('a'))
    const next = c.courier.take(order('b'))
    await c.settle()
    const closed = c.courier.close()
    assert.deepEqual(await taken, { outcome: 'spooled', tries: 1 })
    await assert.rejects(next, { code: 'HUB_DOWN' })
    await closed
    await assert.rejects(c.courier.take(order('c')), { code: 'HUB_DOWN' })
    assert.equal(c.spool.figures('e').count, 1)
  })

  it('has no place to wait without a spool: it is given up after its tries', async () => {
    const c = steppedCourier({ spooling: false })
    c.answers(() => transient())
    const taken = ['a', 'b'].map(name => c.courier.take(order(name)))
    await c.pass(10_000)
    assert.deepEqual(
      (await Promise.all(taken)).map(({ outcome, tries }) => [outcome, tries]),
      [
        ['dead', 3],
        ['dead', 3],
      ],
    )
    assert.equal(c.courier.figures().health, 'unhealthy')
  })

  it('takes nothing that cannot be put to disk, and is told so', async () => {
    const c = steppedCourier()
    c.answers(() => transient())
    const taken = c.courier.take(order('a'))
    await c.pass(2000)
    await taken
    const { append } = c.spool
    c.spool.append = async () => {
      throw new RangeError('full')
    }
    await assert.rejects(c.courier.take(order('b')), /full/)
    c.spool.append = append
    await c.courier.take(order('c'))
    c.answers(() => ok)
    await c.pass(minute)
    assert.deepEqual(names(c.sent).slice(-2), ['a', 'c'])
  })

  it('leaves out what it cannot read any more, and says so', async () => {
    const c = steppedCourier()
    await c.spool.append('e', { at: c.time, content: Buffer.from('{'.padEnd(64)) })
    const again = steppedCourier({ spool: c.spool })
    await again.pass(1000)
    assert.deepEqual([again.faults.length, c.spool.figures('e').count, again.sent], [1, 0, []])
    assert.equal((await again.courier.take(order('a'))).outcome, 'done')
  })

  it('loses nothing and keeps the order, whatever the endpoint does', async () => {
    for (let seed = 1; seed <= 20; seed++) {
      const random = seeded(seed)
      const c = steppedCourier({ random: random.below(100) / 100 })
      const arrived: string[] = []
      let up = true
      c.answers(name => {
        if (!up || random.below(10) === 0) return transient()
        if (random.below(20) === 0) return final
        arrived.push(name)
        return ok
      })
      const taken: Promise<unknown>[] = []
      for (let i = 0; i < 60; i++) {
        taken.push(c.courier.take(order(String(i).padStart(3, '0'))))
        if (random.below(6) === 0) up = !up
        await c.pass(random.below(20_000))
      }
      up = true
      await c.pass(hour)
      await Promise.all(taken)
      assert.deepEqual([...arrived].sort(), arrived, `seed ${seed}: order`)
      assert.deepEqual(
        [...arrived, ...names(c.buried)].sort(),
        Array.from({ length: 60 }, (_, i) => String(i).padStart(3, '0')),
      )
    }
  })
})
