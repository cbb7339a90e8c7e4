import assert from 'node:assert/strict'
import { Deliveries, type DeliveryToken, splitDelivery, tokenOf } from '../../src/nodered/delivery.ts'
import { seeded } from '../seeded.ts'

/** A consumer that only remembers what it was told. */
function consumer(name = 'c') {
  const told: [string, number[], unknown?][] = []
  return {
    told,
    name,
    ack: (seqs: readonly number[]) => void told.push(['ack', [...seqs]]),
    retry: (seqs: readonly number[], delayMs: number) => void told.push(['retry', [...seqs], delayMs]),
    deadletter: async (seqs: readonly number[], why: object) => void told.push(['deadletter', [...seqs], why]),
    pause: () => {},
    close: async () => {},
    state: () => ({}) as never,
  }
}

const clone = (token: DeliveryToken): DeliveryToken => JSON.parse(JSON.stringify(token))

describe('deliveries', () => {
  it('acknowledge the records a token stands for, after it went through JSON', async () => {
    const deliveries = new Deliveries()
    const told = consumer()
    const live = deliveries.open('h', told)
    const token = live.issue([3, 5, 9])
    assert.deepEqual(token, { hub: 'h', consumer: 'c', from: 3, to: 9 })
    await deliveries.settle(clone(token), { do: 'ack' })
    assert.deepEqual(told.told, [['ack', [3, 5, 9]]])
    assert.equal(live.open, 0)
  })

  it('do nothing the second time', async () => {
    const deliveries = new Deliveries()
    const told = consumer()
    const token = deliveries.open('h', told).issue([1])
    await deliveries.settle(token, { do: 'ack' })
    await deliveries.settle(token, { do: 'ack' })
    await deliveries.settle(token, { do: 'retry', delayMs: 1 })
    assert.equal(told.told.length, 1)
  })

  it('are complete when all parts are, however nested and in whatever order', async () => {
    const { next: random } = seeded(7)
    for (let round = 0; round < 200; round++) {
      const deliveries = new Deliveries()
      const told = consumer()
      let tokens = [deliveries.open('h', told).issue([1, 2])]
      for (let depth = 0; depth < 3; depth++)
        tokens = tokens.flatMap(token => (random() < 0.5 ? [token] : splitDelivery(token, 1 + Math.floor(random() * 4))))
      const order = tokens.map(token => [random(), token] as const).sort(([a], [b]) => a - b)
      for (const [i, [, token]] of order.entries()) {
        assert.equal(told.told.length, 0)
        await deliveries.settle(clone(token), { do: 'ack' })
        if (i < order.length - 1 && random() < 0.3) await deliveries.settle(token, { do: 'ack' })
      }
      assert.deepEqual(told.told, [['ack', [1, 2]]])
    }
  })

  it('come again as a whole when one part asks for it', async () => {
    const deliveries = new Deliveries()
    const told = consumer()
    const [a, b] = splitDelivery(deliveries.open('h', told).issue([4]), 2)
    await deliveries.settle(a!, { do: 'ack' })
    await deliveries.settle(b!, { do: 'retry', delayMs: 50 })
    assert.deepEqual(told.told, [['retry', [4], 50]])
  })

  it('become dead letters with their reason', async () => {
    const deliveries = new Deliveries()
    const told = consumer()
    const token = deliveries.open('h', told).issue([4])
    await deliveries.settle(token, { do: 'deadletter', code: 'X', message: 'why', node: 'n' })
    assert.deepEqual(told.told, [['deadletter', [4], { code: 'X', message: 'why', node: 'n' }]])
  })

  it('are acknowledged but for records that failed, which become dead letters', async () => {
    const deliveries = new Deliveries()
    const told = consumer()
    const token = deliveries.open('h', told).issue([4, 5, 6])
    const why = { code: 'X', message: 'why', node: 'n' }
    await deliveries.acknowledge(clone(token), { seqs: [5, 99], ...why })
    assert.deepEqual(told.told, [
      ['deadletter', [5], why],
      ['ack', [4, 6]],
    ])
    await deliveries.acknowledge(token, { seqs: [5], ...why })
    assert.equal(told.told.length, 2)
  })

  it('of a consumer that is gone are refused', async () => {
    const deliveries = new Deliveries()
    const live = deliveries.open('h', consumer())
    const token = live.issue([1])
    live.close()
    await assert.rejects(deliveries.settle(token, { do: 'ack' }), { code: 'DELIVERY_INVALID' })
    await deliveries.acknowledge(token)
  })

  it('forget what the cursor has passed', () => {
    const live = new Deliveries().open('h', consumer())
    live.issue([1, 2])
    live.issue([3, 4])
    live.forget(2)
    assert.equal(live.open, 1)
  })

  it('take only real tokens', () => {
    assert.equal(tokenOf(undefined), undefined)
    const good = { hub: 'h', consumer: 'c', from: 1, to: 2 }
    assert.deepEqual(tokenOf(good), good)
    for (const bad of [
      'x',
      {},
      { ...good, from: 3 },
      { ...good, to: 1.5 },
      { ...good, parts: [{ i: 2, of: 2 }] },
      { ...good, parts: 'all' },
    ])
      assert.throws(() => tokenOf(bad), { code: 'DELIVERY_INVALID' })
  })
})
