import assert from 'node:assert/strict'
import { topicMatches } from '../../src/telemetry/topic.ts'
import { Recent } from '../../src/routing/recent.ts'
import { TopicTrie } from '../../src/routing/topic-trie.ts'
import { seeded } from '../seeded.ts'

describe('a topic trie', () => {
  it('finds what a scan of all filters finds, before and after filters are added', () => {
    const random = seeded(7)
    const level = (): string => random.pick(['a', 'b', 'c', '', '$x'])
    const filterOf = (): string => {
      const levels = Array.from({ length: 1 + random.below(4) }, () => (random.below(3) ? level() : '+'))
      return [...levels, ...(random.below(3) ? [] : ['#'])].join('/')
    }
    const trie = new TopicTrie<string, string[]>(values => values.sort())
    const filters = new Set<string>(['#'])
    trie.at('#', () => '#')
    for (let round = 0; round < 200; round++) {
      const filter = filterOf()
      filters.add(filter)
      assert.equal(
        trie.at(filter, () => filter),
        filter,
      )
      for (let i = 0; i < 10; i++) {
        const topic = Array.from({ length: 1 + random.below(5) }, level).join('/')
        assert.deepEqual(trie.match(topic), [...filters].filter(each => topicMatches(each, topic)).sort(), topic)
      }
    }
  })
})

describe('what is remembered of late', () => {
  it('is forgotten when it was not used for long, and never more than the limit', () => {
    const recent = new Recent<number, number>(10)
    for (let i = 0; i < 1000; i++) {
      recent.set(i, i)
      assert.equal(recent.get(0), 0, 'used all the time')
    }
    const left = Array.from({ length: 1000 }, (_, i) => i).filter(i => recent.get(i) !== undefined)
    assert.ok(left.length <= 10)
  })
})
