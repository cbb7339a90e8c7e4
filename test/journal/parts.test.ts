import assert from 'node:assert/strict'
import { CommitQueue } from '../../src/journal/commit-queue.ts'
import { LostRanges } from '../../src/journal/lost-ranges.ts'
import { pendingRecord } from '../../src/journal/pending-record.ts'
import { RecordTail } from '../../src/journal/record-tail.ts'
import { seqOfTime } from '../../src/journal/seq-of-time.ts'
import { trimmable, unneededUpTo } from '../../src/journal/trimming.ts'
import { MemoryJournalLog } from '../../src/stores/memory/journal-log.ts'
import { message, range } from './records.ts'

describe('group commit', () => {
  /** A disk whose commit takes `ms`, and a schedule that notes what is asked of it. */
  const slowDisk = (ms: number) => {
    let now = 0
    const waits: number[] = []
    const due: (() => void)[] = []
    const log = new MemoryJournalLog()
    const append = log.append.bind(log)
    log.append = rows => {
      now += ms
      append(rows)
    }
    const queue = new CommitQueue(1, {
      log,
      clock: () => now,
      schedule(wait, fn) {
        waits.push(wait)
        due.push(fn)
        return () => due.splice(due.indexOf(fn), 1)
      },
      emit: () => {},
      maxPendingBytes: 1e9,
      admit: () => undefined,
      committed: () => {},
      failed: () => {},
      settled: () => {},
    })
    const add = (): void => queue.add(pendingRecord(message('d'), 0, () => {}))
    return { add, queue, waits, runNext: () => due.shift()?.(), pass: (by: number) => (now += by) }
  }

  it('writes at once on a quiet disk', () => {
    const { add, waits, runNext } = slowDisk(0)
    for (let i = 0; i < 3; i++) {
      add()
      runNext()
    }
    assert.deepEqual(waits, [0, 0, 0])
  })

  it('waits for the mean duration of a commit before the next one, but never longer than 25 ms', () => {
    for (const [ms, wait] of [
      [4, 4],
      [10, 10],
      [300, 25],
    ] as const) {
      const { add, waits, runNext, queue } = slowDisk(ms)
      for (let i = 0; i < 2; i++) {
        add()
        add()
        runNext()
      }
      assert.deepEqual(waits, [0, wait])
      assert.equal(queue.commitMs, ms)
    }
  })

  it('does not wait after a quick commit that carried one record: nobody was there to share it', () => {
    const { add, waits, runNext } = slowDisk(4)
    for (let i = 0; i < 3; i++) {
      add()
      runNext()
    }
    assert.deepEqual(waits, [0, 0, 0])
  })

  it('does not wait when the last commit is long ago, and smooths what it measures', () => {
    const { add, waits, runNext, pass, queue } = slowDisk(10)
    add()
    runNext()
    pass(1000)
    add()
    assert.deepEqual(waits, [0, 0])
    runNext()
    assert.equal(queue.commitMs, 10)
  })

  it('writes several batches in one turn, but hands the loop back after some time', () => {
    const { add, queue, runNext } = slowDisk(10)
    for (let i = 0; i < 10_000; i++) add()
    runNext()
    assert.equal(queue.headSeq, 3000)
    assert.equal(queue.pending, 7000)
    runNext()
    assert.equal(queue.headSeq, 6000)
  })
})

describe('the tail of recent records', () => {
  const rows = (from: number, to: number, size = 100) =>
    range(from, to).map(seq =>
      Object.assign(
        pendingRecord(message('d', 'x'.repeat(size)), 0, () => {}),
        { seq },
      ),
    )

  it('keeps the newest, bounded by number and size, and finds them by seq', () => {
    const tail = new RecordTail(100, 1_000_000)
    for (let i = 0; i < 50; i++) tail.push(rows(i * 30 + 1, i * 30 + 30))
    assert.deepEqual(
      [tail.get(1400), tail.get(1401)?.seq, tail.get(1500)?.seq, tail.get(1501)],
      [undefined, 1401, 1500, undefined],
    )
    const small = new RecordTail(1000, 10_000)
    small.push(rows(1, 50, 900))
    assert.equal(small.get(40), undefined)
    assert.equal(small.get(50)?.seq, 50)
  })

  it('starts anew after a jump of the sequence', () => {
    const tail = new RecordTail()
    tail.push(rows(1, 5))
    tail.push(rows(100, 101))
    assert.deepEqual([tail.get(5), tail.get(99), tail.get(100)?.seq], [undefined, undefined, 100])
  })
})

describe('lost ranges', () => {
  it('name the reason of every part of a gap', () => {
    const lost = new LostRanges(new MemoryJournalLog())
    lost.add('dropped', [{ from: 11, to: 20 }])
    lost.add('dropped', [{ from: 21, to: 30 }])
    lost.add('corrupt', [{ from: 51, to: 60 }])
    assert.deepEqual(lost.gaps(1, 70, 41), [
      { from: 1, to: 10, reason: 'trimmed' },
      { from: 11, to: 30, reason: 'dropped' },
      { from: 31, to: 50, reason: 'trimmed' },
      { from: 51, to: 60, reason: 'corrupt' },
      { from: 61, to: 70, reason: 'corrupt' },
    ])
    assert.deepEqual(lost.gaps(25, 28, 1), [{ from: 25, to: 28, reason: 'dropped' }])
  })

  it('are remembered, up to a number', () => {
    const log = new MemoryJournalLog()
    const lost = new LostRanges(log)
    for (let i = 0; i < 1000; i++) lost.add('corrupt', [{ from: i * 10, to: i * 10 + 1 }])
    assert.equal(log.lost().length, 256)
    assert.deepEqual(new LostRanges(log).gaps(9990, 9991, 1), [{ from: 9990, to: 9991, reason: 'corrupt' }])
  })
})

describe('trimming decisions', () => {
  const consumer = (name: string, cursor: number, state: 'live' | 'idle' | 'stale' = 'idle') => ({
    name,
    cursor,
    state,
    spec: '{}',
    updated: 0,
    seen: 0,
  })

  it('hold at the lowest cursor or pin of all that are not stale', () => {
    assert.equal(unneededUpTo(100, [], []), 100)
    assert.equal(unneededUpTo(100, [consumer('a', 50, 'live'), consumer('b', 40)], [['x', 45]]), 40)
    assert.equal(
      unneededUpTo(
        100,
        [consumer('a', 50), consumer('b', 10, 'stale')],
        [
          ['b/window', 5],
          ['b', 6],
          ['bb', 30],
        ],
      ),
      30,
    )
  })

  it('never name the active segment, and stop at the first that is needed or young', () => {
    const segment = (firstSeq: number, lastSeq: number, lastAt: number) => ({ firstSeq, lastSeq, lastAt, created: 0 })
    const all = [segment(1, 10, 100), segment(11, 20, 200), segment(21, 30, 300), segment(31, 40, 400)]
    const names = (upTo: number, before: number): number[] => trimmable(all, upTo, before).map(({ firstSeq }) => firstSeq)
    assert.deepEqual(names(40, 1000), [1, 11, 21])
    assert.deepEqual(names(20, 1000), [1, 11])
    assert.deepEqual(names(19, 1000), [1])
    assert.deepEqual(names(40, 200), [1])
    assert.deepEqual(names(0, 1000), [])
  })
})

describe('the seq of a time', () => {
  it('is the first not before it, for any non-decreasing times with holes', () => {
    const at = new Map([
      [5, 10],
      [6, 10],
      [7, 20],
      [10, 20],
      [11, 30],
    ])
    const atOf = (seq: number): number | undefined =>
      range(seq, 11)
        .map(each => at.get(each))
        .find(each => each !== undefined)
    assert.deepEqual(
      [0, 10, 11, 20, 21, 30, 31].map(time => seqOfTime(time, 5, 11, atOf)),
      [5, 5, 7, 7, 11, 11, 12],
    )
  })
})
