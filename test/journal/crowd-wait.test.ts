import assert from 'node:assert/strict'
import { CrowdWait } from '../../src/journal/crowd-wait.ts'
import { seeded } from '../seeded.ts'

const commitMs = 0.4
const lastsMs = 6000

/** Commits as the queue makes them: the next one begins when its wait is over and a record is there. Without `wait` only as long as a commit takes. */
function simulate(
  arrivals: readonly number[],
  wait?: CrowdWait,
  acknowledged: (records: number, at: number) => number[] = () => [],
): { records: number; commits: number } {
  let due = arrivals.toSorted((a, b) => a - b)
  let at = 0
  let notBefore = 0
  let records = 0
  let commits = 0
  let from = 0
  while (at < lastsMs && from < due.length) {
    at = Math.max(at, notBefore, due[from]!)
    let count = 1
    while (from + count < due.length && due[from + count]! <= at) count++
    from += count
    const lastAdded = due[from - 1]!
    at += commitMs
    records += count
    commits++
    const crowdMs = wait?.after({ records: count, lastAdded, ended: at }) ?? 0
    notBefore = at + Math.max(crowdMs, count === 1 ? 0 : commitMs)
    const more = acknowledged(count, at)
    if (more.length) {
      due = [...due.slice(from), ...more].sort((a, b) => a - b)
      from = 0
    }
  }
  return { records, commits }
}

const everyMs = (ms: number, count: number): number[] =>
  Array.from({ length: (lastsMs / ms) * count }, (_, i) => Math.floor(i / count) * ms)

const perCommit = ({ records, commits }: { records: number; commits: number }): number => records / commits

describe('the wait for a crowd', () => {
  it('lets records come together that arrive on their own schedule, evenly or in bursts', () => {
    const random = seeded(1)
    const even = Array.from({ length: 4 * lastsMs }, () => random.next() * lastsMs)
    assert.ok(perCommit(simulate(even)) < 5)
    assert.ok(perCommit(simulate(even, new CrowdWait())) > 10)
    assert.ok(perCommit(simulate(everyMs(5, 20), new CrowdWait())) > 30)
  })

  it('costs senders that wait for their acknowledgement next to nothing', () => {
    const random = seeded(2)
    const sendAgain = (count: number, at: number): number[] => Array.from({ length: count }, () => at + 0.2 + random.next())
    const closedLoop = (wait?: CrowdWait): number => simulate(sendAgain(50, 0), wait, sendAgain).records
    assert.ok(closedLoop(new CrowdWait()) > 0.97 * closedLoop())
  })

  it('does not come below 1,000 records a second, nor where hundreds share a commit anyway', () => {
    const random = seeded(3)
    const few = Array.from({ length: 0.5 * lastsMs }, () => random.next() * lastsMs)
    assert.ok(perCommit(simulate(few, new CrowdWait())) < 2)
    const plenty = new CrowdWait()
    const waits = Array.from({ length: 100 }, (_, i) =>
      plenty.after({ records: 500, lastAdded: i * 20 + 19, ended: i * 20 + 20 }),
    )
    assert.ok(waits.filter(Boolean).length <= 2)
  })

  it('ends when the crowd is gone', () => {
    const random = seeded(4)
    const wait = new CrowdWait()
    const crowd = Array.from({ length: 4 * lastsMs }, () => random.next() * lastsMs)
    simulate(crowd, wait)
    const later = Array.from({ length: 10 }, (_, i) =>
      wait.after({ records: 1, lastAdded: lastsMs + i * 5, ended: lastsMs + i * 5 + 0.4 }),
    )
    // Its last second may still call for one probe.
    assert.ok(later.slice(4).filter(Boolean).length <= 1)
  })
})
