import assert from 'node:assert/strict'
import { FilterTree } from '../../src/broker/filter-tree.ts'
import { publishHead } from '../../src/broker/publish-frame.ts'
import { PublishSlots, type Slot } from '../../src/broker/publish-slots.ts'
import { StateWriter } from '../../src/broker/state-writer.ts'
import { TakeoverWatch } from '../../src/broker/takeover-watch.ts'
import { TokenBucket } from '../../src/broker/token-bucket.ts'
import { TokenBuckets } from '../../src/broker/token-buckets.ts'
import { matches } from '../../src/broker/topic-match.ts'
import { openMemoryStateStore } from '../../src/stores/memory/state-store.ts'
import { packetReader } from '../mqtt-wire.ts'
import { seeded } from '../seeded.ts'
import { publishOf } from './bench.ts'

/** [MQTT-4.7] word by word. */
function matchesByTheBook(filter: string, topic: string): boolean {
  if (topic.startsWith('$') && /^[+#]/.test(filter)) return false
  const walk = (f: string[], t: string[]): boolean => {
    if (f[0] === '#') return true
    if (!f.length) return !t.length
    if (!t.length) return false
    return (f[0] === '+' || f[0] === t[0]) && (walk(f.slice(1), t.slice(1)) || (f[1] === '#' && t.length === 1))
  }
  return walk(filter.split('/'), topic.split('/'))
}

const random = seeded(7)
const randomTopic = () => Array.from({ length: 1 + random.below(4) }, () => random.pick(['a', 'b', '', '$x', 'ab'])).join('/')
const randomFilter = () => {
  const levels = Array.from({ length: 1 + random.below(4) }, () => random.pick(['a', 'b', '', '+', '+', 'ab', '$x']))
  if (random.below(3) === 0) levels.push('#')
  return random.below(10) === 0 ? '#' : levels.join('/')
}

describe('filters and topics', () => {
  it('match as the standard says, on 20,000 random pairs', () => {
    let hits = 0
    for (let i = 0; i < 20_000; i++) {
      const [filter, topic] = [randomFilter(), randomTopic()]
      const expected = matchesByTheBook(filter, topic)
      if (expected) hits++
      assert.equal(matches(filter, topic), expected, `${filter} ~ ${topic}`)
    }
    assert.ok(hits > 2000)
  })

  it('the tree finds the same owners as trying every filter, while filters come and go', () => {
    const tree = new FilterTree()
    const naive = new Map<string, Map<string, number>>()
    for (let i = 0; i < 5000; i++) {
      const [filter, owner, qos] = [randomFilter(), `o${random.below(5)}`, random.below(2)]
      if (random.below(2)) {
        tree.add(filter, owner, qos)
        naive.set(filter, (naive.get(filter) ?? new Map()).set(owner, qos))
      } else {
        tree.remove(filter, owner)
        naive.get(filter)?.delete(owner)
      }
      const topic = randomTopic()
      const expected = new Map<string, number>()
      if (!topic.startsWith('$'))
        for (const [f, owners] of naive)
          if (matchesByTheBook(f, topic)) for (const [o, q] of owners) expected.set(o, Math.max(q, expected.get(o) ?? 0))
      assert.deepEqual(new Map([...(tree.match(topic) ?? [])].sort()), new Map([...expected].sort()), topic)
    }
  })
})

describe('publish slots', () => {
  it('open in order of arrival under any order of settling, also from within a release', () => {
    for (let round = 0; round < 300; round++) {
      const slots = new PublishSlots()
      const released: number[] = []
      const open: Slot[] = []
      let next = 0
      const arrive = () => {
        const n = next++
        const slot = slots.open(2, () => {
          released.push(n)
          if (open.length && random.below(3) === 0) slots.settle(open.splice(random.below(open.length), 1)[0]!)
        })
        open.push(slot, slot)
      }
      while (next < 40 || open.length) {
        if (next < 40 && random.below(2)) arrive()
        else if (open.length) slots.settle(open.splice(random.below(open.length), 1)[0]!)
      }
      assert.deepEqual(
        released,
        Array.from({ length: 40 }, (_, i) => i),
      )
      assert.equal(slots.size, 0)
    }
  })

  it('nothing is released after close', () => {
    const slots = new PublishSlots()
    const slot = slots.open(1, () => assert.fail('released'))
    slots.close()
    slots.settle(slot)
  })
})

describe('PUBLISH frames', () => {
  it('read back as they were written, at every width of the length field', () => {
    for (const size of [0, 1, 100, 127, 128, 16_000, 16_384, 262_144]) {
      for (const qos of [0, 1] as const) {
        const payload = Buffer.alloc(size, 'p')
        const head = publishHead({ topic: 'tö/pic', payload, qos, retain: true, dup: qos === 1, id: 513 })
        const read: ReturnType<typeof publishOf>[] = []
        packetReader((h, body) => read.push(publishOf({ head: h, body: Buffer.from(body) })))(Buffer.concat([head, payload]))
        assert.equal(read.length, 1)
        const { text, ...rest } = read[0]!
        assert.deepEqual(rest, { topic: 'tö/pic', id: qos ? 513 : 0, payload, qos, retain: true, dup: qos === 1 })
        assert.equal(text.length, size)
      }
    }
  })
})

describe('token bucket', () => {
  it('gives its burst, then its rate, and no more after a long rest', () => {
    const bucket = new TokenBucket({ perSecond: 10, burst: 20, now: 0 })
    const taken = (now: number) => {
      let n = 0
      while (bucket.take(now)) n++
      return n
    }
    assert.deepEqual([taken(0), taken(99), taken(100), taken(1100), taken(1_000_000)], [20, 0, 1, 10, 20])
    assert.equal(taken(0), 0)
  })
})

describe('token buckets', () => {
  it('each key has its own', () => {
    const buckets = new TokenBuckets({ perSecond: 1, burst: 2 })
    assert.deepEqual(
      ['a', 'a', 'a', 'b'].map(key => buckets.take(key, 0)),
      [true, true, false, true],
    )
    assert.deepEqual([buckets.take('a', 1000), buckets.take('a', 1000)], [true, false])
    buckets.give('a')
    assert.equal(buckets.take('a', 1000), true)
  })

  it('a rate of 0 is no limit, one below a token a second lets one through at a time', () => {
    const free = new TokenBuckets({ perSecond: 0, burst: 0 })
    for (let i = 0; i < 1000; i++) assert.equal(free.take('a', 0), true)
    assert.equal(free.size, 0)
    const slow = new TokenBuckets({ perSecond: 0.1, burst: 0.2 })
    assert.deepEqual([slow.take('a', 0), slow.take('a', 9999), slow.take('a', 10_000)], [true, false, true])
  })

  it('remembers 20,000 keys, and none that is full again', () => {
    const buckets = new TokenBuckets({ perSecond: 1, burst: 1 })
    for (let i = 0; i < 20_000; i++) buckets.take(`k${i}`, 0)
    buckets.take('k0', 0)
    assert.equal(buckets.take('one more', 0), true)
    assert.equal(buckets.size, 20_000)
    assert.deepEqual([buckets.take('k0', 0), buckets.take('k1', 0)], [false, true])
    buckets.sweep(999)
    assert.equal(buckets.size, 20_000)
    buckets.sweep(1000)
    assert.equal(buckets.size, 0)
  })
})

describe('takeover watch', () => {
  const a = { fingerprint: 'a', remoteAddress: '1' }
  const b = { fingerprint: 'b', remoteAddress: '1' }
  it('five a minute between two origins are allowed, and any number from one', () => {
    const watch = new TakeoverWatch()
    for (let i = 0; i < 50; i++) assert.equal(watch.conflict('x', a, a, 0), false)
    for (let i = 0; i < 5; i++) assert.equal(watch.conflict('x', a, b, i), false)
    assert.equal(watch.conflict('y', a, b, 5), false)
    assert.equal(watch.conflict('x', b, a, 5), true)
    assert.equal(watch.held('x', 30_004), true)
    assert.equal(watch.held('x', 30_005), false)
    for (let i = 0; i < 20; i++) assert.equal(watch.conflict('z', a, b, i * 15_000), false)
  })
})

describe('state writer', () => {
  const writerOn = async () => {
    const store = await openMemoryStateStore({ now: () => 0 })
    await store.declare('c', {})
    let transactions = 0
    const counting: typeof store = new Proxy(store, {
      get(target, name) {
        const value = Reflect.get(target, name)
        if (name === 'tx') transactions++
        return typeof value === 'function' ? value.bind(target) : value
      },
    })
    return { store, writer: new StateWriter(counting), transactions: () => transactions }
  }

  it('commits of one turn share a transaction', async () => {
    const { store, writer, transactions } = await writerOn()
    await Promise.all(Array.from({ length: 100 }, (_, i) => writer.commit({ op: 'put', coll: 'c', id: `i${i}`, doc: { i } })))
    assert.equal(transactions(), 1)
    assert.equal(await store.count('c'), 100)
  })

  it('what is forgotten before the flush is never written; after it, it is removed', async () => {
    const { store, writer } = await writerOn()
    writer.later({ op: 'put', coll: 'c', id: 'a', doc: () => assert.fail('made') })
    writer.forget('c', 'a')
    writer.later({ op: 'put', coll: 'c', id: 'b', doc: () => ({ v: 1 }) })
    await writer.flush()
    assert.equal(await store.count('c'), 1)
    writer.forget('c', 'b')
    await writer.flush()
    assert.equal(await store.count('c'), 0)
  })

  it('a document the store refuses costs the others nothing, and is tried again', async () => {
    const { store, writer } = await writerOn()
    let size = 300_000
    const good = writer.commit({ op: 'put', coll: 'c', id: 'good', doc: {} })
    await assert.rejects(writer.commit({ op: 'put', coll: 'c', id: 'bad', doc: { big: 'x'.repeat(size) } }))
    await good
    writer.later({ op: 'put', coll: 'c', id: 'later', doc: () => ({ big: 'x'.repeat(size) }) })
    await assert.rejects(writer.flush())
    size = 10
    await writer.flush()
    assert.equal(await store.count('c'), 2)
  })
})
