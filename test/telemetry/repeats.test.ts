import assert from 'node:assert/strict'
import { flags, type JournalRecord, kinds, replayFor } from '../../src/journal/journal-port.ts'
import { mostRemembered, Repeats, type RepeatsOptions } from '../../src/telemetry/repeats.ts'
import { seeded } from '../seeded.ts'

type Said = Partial<Omit<JournalRecord, 'props' | 'payload'>> & {
  e?: JournalRecord['props']['e']
  p?: Record<string, string>
  text?: string
}

/** Numbers records as a journal does, one a second. */
function journal() {
  let seq = 0
  return ({ e = {}, p = {}, text = '{"t":1}', ...more }: Said = {}): JournalRecord => ({
    seq: ++seq,
    at: seq * 1000,
    kind: kinds.message,
    device: 'd',
    topic: 'devices/d/telemetry',
    qos: 1,
    flags: 0,
    props: { v: 1, p, s: {}, e },
    payload: Buffer.from(text),
    ...more,
  })
}

const repeats = (more: Partial<RepeatsOptions> = {}) => new Repeats({ by: 'id', withinMs: 600_000, ...more })

/** Whether the second of two messages is a repeat of the first. */
function isSame(by: RepeatsOptions['by'], first: Said, second: Said): boolean {
  const [known, record] = [repeats({ by }), journal()]
  assert.equal(known.isRepeat(record(first)), false)
  return known.isRepeat(record(second))
}

describe('repeats', () => {
  for (const by of ['id', 'content'] as const) {
    it(`by ${by} know a message by its id, whatever else it says`, () => {
      assert.equal(isSame(by, { e: { messageId: 'm' } }, { e: { messageId: 'm' }, topic: 'other', text: 'other' }), true)
      assert.equal(isSame(by, { e: { messageId: 'm' } }, { e: { messageId: 'n' } }), false)
      assert.equal(isSame(by, { e: { messageId: 'm' } }, {}), false)
    })

    it(`by ${by} tell devices and modules apart`, () => {
      const e = { messageId: 'm' }
      assert.equal(isSame(by, { e }, { e, device: 'other' }), false)
      assert.equal(isSame(by, { e }, { e: { ...e, module: 'a' } }), false)
    })

    it(`by ${by} know a message without id by client, sequence and content`, () => {
      const e = { clientId: 'c', seq: 7 }
      assert.equal(isSame(by, { e }, { e: { ...e, connectionId: 'later' }, flags: flags.dup }), true)
      assert.equal(isSame(by, { e }, { e: { ...e, seq: 8 } }), false)
      assert.equal(isSame(by, { e }, { e: { ...e, clientId: 'other' } }), false)
      assert.equal(isSame(by, { e }, { e, text: '{"t":2}' }), false, 'a device that began to count anew')
    })

    it(`by ${by} leave wills, replays, erased records and what no device sent alone`, () => {
      const e = { messageId: 'm' }
      for (const bits of [flags.will, flags.replay, flags.erased]) assert.equal(isSame(by, { e }, { e, flags: bits }), false)
      for (const kind of [kinds.injected, kinds.twin, kinds.lifecycle]) {
        assert.equal(isSame(by, { e, kind }, { e, kind }), false)
        assert.equal(isSame(by, { e }, { e, kind }), false)
      }
      assert.equal(isSame(by, { e: { messageId: 'm' }, flags: flags.will }, { e }), false, 'nor remember a will')
    })

    it(`by ${by} hold nothing back for what came in quarantine`, () => {
      const e = { messageId: 'm' }
      assert.equal(isSame(by, { e, kind: kinds.quarantined }, { e }), false)
      assert.equal(isSame(by, { e, kind: kinds.quarantined }, { e, kind: kinds.quarantined }), true)
    })
  }

  it('by content know what has neither id nor sequence by topic, properties, time and payload', () => {
    assert.equal(isSame('content', {}, {}), true)
    assert.equal(isSame('content', {}, { flags: flags.dup, e: { clientId: 'other' } }), true)
    const others: Said[] = [{ text: '{"t":2}' }, { topic: 'dt/d' }, { p: { a: 'b' } }, { e: { time: 5 } }, { e: { seq: 5 } }]
    for (const other of others) assert.equal(isSame('content', {}, other), false, JSON.stringify(other))
  })

  it('by id keep equal content, and the DUP flag means nothing', () => {
    assert.equal(isSame('id', {}, { flags: flags.dup }), false)
  })

  it('count from the first, to the millisecond', () => {
    const [known, record] = [repeats({ by: 'content', withinMs: 10_000 }), journal()]
    const at = (ms: number): boolean => known.isRepeat(record({ at: ms }))
    assert.deepEqual([at(0), at(6000), at(10_000), at(10_001), at(20_001), at(20_002)], [false, true, true, false, true, false])
  })

  it('take a record that is delivered again for itself, and its repeat for a repeat again', () => {
    const [known, record] = [repeats(), journal()]
    const [first, second] = [record({ e: { messageId: 'm' } }), record({ e: { messageId: 'm' } })]
    const answers = [first, first, second, first, second, first].map(one => known.isRepeat(one))
    assert.deepEqual(answers, [false, false, true, false, true, false])
  })

  it('never take a record for the repeat of a later one', () => {
    const [known, record] = [repeats({ withinMs: 1000 }), journal()]
    const said = { e: { messageId: 'm' } }
    const old = record({ ...said, at: 0 })
    assert.equal(known.isRepeat(old), false)
    assert.equal(known.isRepeat(record({ ...said, at: 5000 })), false)
    assert.equal(known.isRepeat(old), false)
  })

  it('know repeats across a journal that was begun anew', () => {
    const known = repeats()
    const [old, anew] = [journal(), journal()]
    old()
    const first = old({ e: { messageId: 'm' } })
    assert.equal(known.isRepeat(first), false)
    assert.equal(known.isRepeat(anew({ e: { messageId: 'm' }, at: first.at + 1 })), true)
  })

  it('do not know a replayed dead letter, nor hold back what comes after it', () => {
    const [known, record] = [repeats(), journal()]
    const said = { e: { messageId: 'm' } }
    const replay = record({ ...said, kind: kinds.injected, flags: flags.replay })
    replay.props.s[replayFor] = 'c'
    assert.deepEqual([known.isRepeat(record(said)), known.isRepeat(replay), known.isRepeat(replay)], [false, false, false])
  })

  it('forget the oldest beyond what they may remember', () => {
    assert.equal(mostRemembered, 1_000_000)
    const [known, record] = [repeats({ most: 3 }), journal()]
    const say = (messageId: string): boolean => known.isRepeat(record({ e: { messageId } }))
    assert.deepEqual(['a', 'b', 'c', 'a', 'd', 'b', 'a', 'b'].map(say), [
      ...[false, false, false, true, false, true],
      ...[false, false],
    ])
  })

  it('remember more and more after they have forgotten some', () => {
    const [known, record] = [repeats({ withinMs: 1000 }), journal()]
    const say = (n: number, at: number): boolean => known.isRepeat(record({ at, e: { messageId: `${n}` } }))
    for (let n = 0; n < 600; n++) say(n, 0)
    for (let n = 600; n < 5000; n++) assert.equal(say(n, 2000), false)
    for (let n = 600; n < 5000; n++) assert.equal(say(n, 2500), true, `${n}`)
    assert.equal(say(0, 2500), false)
  })

  for (const most of [5, 50, 5000])
    it(`agree with a list that remembers ${most}, whatever comes, comes again or waits`, () => {
      for (let seed = 1; seed <= 3; seed++) {
        const { below, pick, next } = seeded(seed)
        const withinMs = most === 5000 ? 200_000 : 1 + below(3000)
        const known = repeats({ withinMs, most })
        const list: { id: string; at: number; seq: number }[] = []
        const naive = ({ at, seq, props }: JournalRecord): boolean => {
          const id = props.e.messageId!
          const first = list.findLast(one => one.id === id)
          const sinceMs = first ? at - first.at : 0
          if (first && (sinceMs < 0 || (sinceMs === 0 && seq <= first.seq))) return false
          if (first && sinceMs <= withinMs) return true
          for (let n = 0; n < 2 && list[0] && at - list[0].at > withinMs; n++) list.shift()
          if (list.length === most) list.shift()
          list.push({ id, at, seq })
          return false
        }
        const record = journal()
        const seen: JournalRecord[] = []
        let at = 0
        let found = 0
        for (let n = 0; n < 2000; n++) {
          at += next() < 0.01 ? below(5000) : below(4)
          const fresh = record({ at, e: { messageId: `${below(most === 5000 ? 20_000 : 200)}` } })
          if (next() < 0.9) seen.push(fresh)
          const one = next() < 0.2 && seen.length ? pick(seen.slice(-100)) : fresh
          const expected = naive(one)
          if (expected) found++
          assert.equal(known.isRepeat(one), expected, `seed ${seed}, step ${n}`)
        }
        assert.ok(found > 10, `${found} repeats`)
      }
    })
})
