import assert from 'node:assert/strict'
import {
  openSparkplug,
  type Sparkplug,
  type SparkplugOptions,
  type SparkplugTaken,
} from '../../src/codec/sparkplug/open-sparkplug.ts'
import { openSparkplugCodec, type SparkplugCodec } from '../../src/codec/sparkplug/sparkplug-codec.ts'
import type { SparkplugMetric } from '../../src/codec/sparkplug/sparkplug-payload.ts'
import { seeded } from '../seeded.ts'
import { refusal } from './codec-errors.ts'

const start = 1_700_000_000_000

describe('Sparkplug edges', () => {
  let codec: SparkplugCodec
  let now: number
  let edges: Sparkplug<unknown>
  before(async () => {
    codec = await openSparkplugCodec()
  })
  const open = async (limits: SparkplugOptions['limits'] = {}) => {
    edges = await openSparkplug({ now: () => now, limits })
  }
  beforeEach(async () => {
    now = start
    await open()
  })

  type Parts = { seq?: number; at?: number; bdSeq?: number; source?: unknown; again?: boolean }
  const send = (
    at: string,
    metrics: readonly SparkplugMetric[],
    { seq, at: timestamp = now, bdSeq, source = at, again = false }: Parts = {},
  ) => {
    const [kind, edge = 'e', device] = at.split(' ')
    const all = bdSeq === undefined ? metrics : [{ name: 'bdSeq', type: 'UInt64' as const, value: bdSeq }, ...metrics]
    const payload = codec.encode!({ timestamp, ...(seq !== undefined && { seq }), metrics: all }, {})
    return edges.take({ topic: ['spBv1.0/g', kind, edge, ...(device ? [device] : [])].join('/'), payload, source, again })
  }
  const a = (value: number, more: object = {}): SparkplugMetric => ({ name: 'a', alias: 1, type: 'Int32', value, ...more })
  /** by alias alone, as data is */
  const byAlias = (value: number, alias = 1): SparkplugMetric => ({ alias, type: 'Int32', value })
  const values = ({ messages }: SparkplugTaken<unknown>) => messages.map(message => message.values)
  const reasons = ({ dropped }: SparkplugTaken<unknown>) => dropped.map(({ reason }) => reason)
  const born = () => send('NBIRTH', [a(0)], { seq: 0, bdSeq: 7 })

  it('a birth tells names, and data of them comes by alias', () => {
    const at = { group: 'g', edge: 'e', time: start }
    assert.deepEqual(born().messages, [{ ...at, device: 'e', values: { a: 0 }, birth: true, source: 'NBIRTH' }])
    assert.deepEqual(send('DBIRTH e d', [a(1)], { seq: 1 }).messages[0]!.device, 'e/d')
    assert.deepEqual(send('DDATA e d', [byAlias(2)], { seq: 2 }).messages, [
      { ...at, device: 'e/d', values: { a: 2 }, source: 'DDATA e d' },
    ])
  })

  it('a value without type has that of the birth', () => {
    born()
    const payload = codec.encode!({ seq: 1, metrics: [{ alias: 1, value: null }] }, {})
    assert.deepEqual(values(edges.take({ topic: 'spBv1.0/g/NDATA/e', payload, source: 0 })), [{ a: null }])
    // alias 1, int_value -5
    const untyped = Buffer.from('18021208100150fbffffff0f', 'hex')
    assert.deepEqual(values(edges.take({ topic: 'spBv1.0/g/NDATA/e', payload: untyped, source: 0 })), [{ a: -5 }])
  })

  it('values are apart by their times, and by whether they are historical', () => {
    born()
    const taken = send(
      'NDATA',
      [a(1, { timestamp: 5, historical: true }), a(2, { timestamp: 6, historical: true }), a(3), a(4)],
      { seq: 1 },
    )
    assert.deepEqual(
      taken.messages.map(({ time, historical = false, values: { a: of } }) => [time, historical, of]),
      [
        [5, true, 1],
        [6, true, 2],
        [start, false, 3],
        [start, false, 4],
      ],
    )
  })

  it('of a session that began before, a birth is asked for once in 30 s, and what waited comes with it', () => {
    const first = send('NDATA', [byAlias(1)], { seq: 9, source: 1 })
    assert.deepEqual(first.messages, [])
    assert.equal(first.rebirths[0]!.topic, 'spBv1.0/g/NCMD/e')
    assert.deepEqual((codec.decode(first.rebirths[0]!.payload, {}) as any).metrics, [
      { name: 'Node Control/Rebirth', type: 'Boolean', value: true },
    ])
    now += 29_999
    assert.deepEqual(send('NDATA', [byAlias(2)], { seq: 10 }).rebirths, [])
    assert.equal(edges.dueAt(), start + 30_000)
    now += 1
    assert.equal(edges.due().rebirths.length, 1)
    assert.equal(edges.dueAt(), undefined)
    now += 5
    assert.deepEqual(values(born()), [{ a: 1 }, { a: 2 }, { a: 0 }])
  })

  it('what came too early waits for 2 s, then for a birth', () => {
    born()
    assert.deepEqual(values(send('NDATA', [byAlias(3)], { seq: 3 })), [])
    assert.deepEqual(values(send('NDATA', [byAlias(2)], { seq: 2 })), [])
    assert.deepEqual(values(send('NDATA', [byAlias(1)], { seq: 1 })), [{ a: 1 }, { a: 2 }, { a: 3 }])
    assert.equal(edges.dueAt(), undefined)
    send('NDATA', [byAlias(5)], { seq: 5 })
    assert.equal(edges.dueAt(), start + 2000)
    now += 1999
    assert.deepEqual(edges.due().rebirths, [])
    now += 1
    assert.equal(edges.due().rebirths.length, 1)
    now += 1
    assert.deepEqual(values(send('NBIRTH', [a(9)], { seq: 0, bdSeq: 7 })), [{ a: 5 }, { a: 9 }])
  })

  it('an unknown alias and a device that was not born ask for a birth', () => {
    born()
    assert.equal(send('NDATA', [byAlias(1, 2)], { seq: 1 }).rebirths.length, 1)
    now += 1
    assert.deepEqual(reasons(born()), ['unknown'])
    now += 30_000
    assert.equal(send('DDATA e d', [byAlias(4)], { seq: 1 }).rebirths.length, 1)
    now += 1
    assert.deepEqual(values(born()), [{ a: 0 }])
    assert.deepEqual(values(send('DBIRTH e d', [a(5)], { seq: 1 })), [{ a: 4 }, { a: 5 }])
  })

  it('numbers go on at 0 after 255', () => {
    born()
    for (let i = 1; i < 600; i++) assert.deepEqual(values(send('NDATA', [byAlias(i)], { seq: i & 255 })), [{ a: i }])
  })

  it('what comes again is dropped, the birth as well, and many losses are not taken for it', () => {
    born()
    send('NDATA', [byAlias(1)], { seq: 1 })
    send('NDATA', [byAlias(2)], { seq: 2 })
    for (const seq of [1, 2]) assert.deepEqual(reasons(send('NDATA', [byAlias(seq)], { seq })), ['duplicate'])
    assert.deepEqual(reasons(send('NBIRTH', [a(0)], { seq: 0, bdSeq: 7, at: start })), ['duplicate'])
    now += 1000
    assert.deepEqual(reasons(send('NDATA', [byAlias(9)], { seq: 200 })), [])
    assert.equal(edges.dueAt(), now + 2000)
  })

  it('a death counts for its own session only, and makes all values stale', () => {
    born()
    send('DBIRTH e d', [a(1), { name: 'Device Control/Reboot', type: 'Boolean', value: false }], { seq: 1 })
    assert.deepEqual(reasons(send('NDEATH', [], { bdSeq: 6 })), ['duplicate'])
    now += 10
    const told = { group: 'g', edge: 'e', time: now, names: ['a'], source: 'NDEATH' }
    const { stale, done } = send('NDEATH', [], { bdSeq: 7 })
    assert.deepEqual(
      [stale, done],
      [
        [
          { ...told, device: 'e' },
          { ...told, device: 'e/d' },
        ],
        ['NDEATH'],
      ],
    )
    assert.deepEqual(reasons(send('NDEATH', [], { bdSeq: 7 })), ['duplicate'])
  })

  it('the death of a device and the next birth of its edge make what it said stale', () => {
    born()
    send('DBIRTH e d', [a(1)], { seq: 1 })
    send('DBIRTH e f', [a(1)], { seq: 2 })
    assert.deepEqual(
      send('DDEATH e d', [], { seq: 3 }).stale.map(({ device }) => device),
      ['e/d'],
    )
    now += 1
    assert.deepEqual(
      born().stale.map(({ device }) => device),
      ['e/f'],
    )
  })

  it('aliases of a session that has ended are not read by those of the next', () => {
    born()
    send('NDATA', [byAlias(4)], { seq: 4, source: 'early' })
    now += 1
    const next = send('NBIRTH', [{ name: 'other', alias: 1, type: 'Int32', value: 1 }], { seq: 0, bdSeq: 8 })
    assert.deepEqual(values(next), [{ other: 1 }])
    assert.deepEqual(next.dropped, [{ source: 'early', reason: 'unknown' }])
  })

  it('what overtook its birth follows it', () => {
    assert.equal(send('NDATA', [byAlias(1)], { seq: 1, at: start + 1 }).messages.length, 0)
    assert.deepEqual(values(born()), [{ a: 0 }, { a: 1 }])
  })

  it('of what does not fit, the rest is taken', () => {
    born()
    const taken = send(
      'NDATA',
      [
        { name: 'a', type: 'Bytes', value: 'AA==' },
        { name: 'b', type: 'Int8', value: 1 },
      ],
      { seq: 1 },
    )
    assert.deepEqual(values(taken), [{ a: 'AA==', b: 1 }])
    const wrong = Buffer.from('180212080a016120037a0141', 'hex')
    const mixed = edges.take({ topic: 'spBv1.0/g/NDATA/e', payload: wrong, source: 'w' })
    assert.deepEqual(
      [values(mixed), mixed.dropped.map(({ reason, error }) => [reason, error?.code])],
      [[], [['invalid', 'CODEC_INVALID']]],
    )
  })

  it('what waits is bounded by number and bytes, edges and devices by number', async () => {
    await open({ parked: 2, edges: 2, devices: 1, parkedBytes: 300 })
    for (const source of [1, 2]) assert.deepEqual(reasons(send('NDATA e1', [byAlias(1)], { seq: source, source })), [])
    assert.deepEqual(send('NDATA e1', [byAlias(1)], { seq: 3, source: 3 }).dropped, [{ source: 1, reason: 'full' }])
    assert.deepEqual(reasons(send('NDATA e2', [{ name: 'x', type: 'String', value: 'x'.repeat(299) }], { seq: 3 })), ['full'])
    assert.deepEqual(
      send('NBIRTH e3', [a(0)], { seq: 0 }).dropped.map(({ source }) => source),
      [2, 3],
    )
    assert.deepEqual(reasons(send('DBIRTH e3 d', [a(0)], { seq: 1 })), [])
    assert.deepEqual(reasons(send('DBIRTH e3 f', [a(0)], { seq: 2 })), ['full'])
    send('NDATA e4', [byAlias(1)], { seq: 0, source: 'held' })
    assert.deepEqual(edges.close().dropped, [{ source: 'held', reason: 'full' }])
  })

  it('of all edges together so many messages wait at most', async () => {
    await open({ parkedInAll: 2 })
    for (const edge of ['e1', 'e2']) assert.deepEqual(reasons(send(`NDATA ${edge}`, [byAlias(1)], { seq: 1, source: edge })), [])
    assert.deepEqual(send('NDATA e3', [byAlias(1)], { seq: 1 }).dropped, [{ source: 'NDATA e3', reason: 'full' }])
    assert.deepEqual(send('NDATA e2', [byAlias(1)], { seq: 2, source: 'newer' }).dropped, [{ source: 'e2', reason: 'full' }])
    assert.deepEqual(send('NBIRTH e1', [a(0)], { seq: 0, at: now + 1 }).done, ['e1', 'NBIRTH e1'])
    assert.deepEqual(reasons(send('NDATA e3', [byAlias(1)], { seq: 1 })), [])
  })

  it('what waits for a birth waits so long and no longer', async () => {
    await open({ waitMs: 45_000 })
    send('NDATA', [byAlias(1)], { seq: 1, source: 1 })
    now += 1000
    send('NDATA', [byAlias(2)], { seq: 2, source: 2 })
    now = start + 30_000
    edges.due()
    assert.equal(edges.dueAt(), start + 45_000)
    now = start + 45_000
    assert.deepEqual(edges.due().dropped, [{ source: 1, reason: 'expired' }])
    assert.equal(edges.dueAt(), start + 46_000)
    assert.deepEqual(values(born()), [{ a: 2 }, { a: 0 }])
    assert.equal(edges.dueAt(), undefined)
  })

  it('what comes again on purpose is read by the names of its session, out of its place', () => {
    const again = (metrics: SparkplugMetric[], parts: Parts = {}, at = 'NDATA') => send(at, metrics, { again: true, ...parts })
    assert.deepEqual(reasons(again([byAlias(1)])), ['unknown'])
    born()
    send('NDATA', [byAlias(1)], { seq: 1 })
    const taken = again([byAlias(1)], { seq: 1 })
    assert.deepEqual([values(taken), taken.messages[0]!.late, taken.done], [[{ a: 1 }], true, ['NDATA']])
    // As of before the first session that is known, it may be of it.
    assert.deepEqual(values(again([byAlias(3)], { at: start - 9 })), [{ a: 3 }])
    assert.deepEqual(values(send('NDATA', [byAlias(2)], { seq: 2 })), [{ a: 2 }])
    now += 10
    send('NBIRTH', [a(0)], { seq: 0, bdSeq: 8 })
    assert.deepEqual(reasons(again([byAlias(4)], { at: now - 1 })), ['unknown'])
    assert.deepEqual(values(again([byAlias(5)], { at: now })), [{ a: 5 }])
    const birth = again([a(6)], { seq: 0, bdSeq: 7 }, 'NBIRTH')
    assert.deepEqual([values(birth), birth.stale], [[{ a: 6 }], []])
    assert.deepEqual(again([], { bdSeq: 8 }, 'NDEATH').done, ['NDEATH'])
    assert.deepEqual(values(send('NDATA', [byAlias(7)], { seq: 1 })), [{ a: 7 }])
  })

  it('topics of hosts and commands give nothing, others are refused', () => {
    const payload = Buffer.from('{}')
    for (const topic of ['spBv1.0/STATE/h', 'spBv1.0/g/NCMD/e']) {
      const { messages, done } = edges.take({ topic, payload, source: 0 })
      assert.deepEqual([messages, done], [[], [0]])
    }
    assert.equal(
      refusal(() => edges.take({ topic: 'devices/a/telemetry', payload, source: 0 })),
      'CODEC_FORMAT at 0',
    )
  })

  /** An edge that numbers what it measures, so that each value says which message and metric it is of. */
  function edgeOf() {
    let seq = 0
    let count = 0
    const sent = new Map<number, string>()
    return {
      sent,
      message(kind: 'NBIRTH' | 'NDATA' | 'DBIRTH e d' | 'DDATA e d') {
        const source = count++
        if (kind === 'NBIRTH') seq = 0
        const name = kind.startsWith('D') ? 'd' : 'n'
        sent.set(source, name)
        const alias = kind.startsWith('D') ? 2 : 1
        const metric: SparkplugMetric = kind.includes('BIRTH')
          ? { name, alias, type: 'Int32', value: source }
          : { alias, type: 'Int32', value: source }
        const made = { kind, seq: seq & 255, at: now, source, metric }
        seq++
        return made
      },
    }
  }
  type Made = ReturnType<ReturnType<typeof edgeOf>['message']>
  const deliver = ({ kind, seq, at, source, metric }: Made) =>
    send(kind, [metric], { seq, at, source, ...(kind === 'NBIRTH' && { bdSeq: 1 }) })

  it('whatever is put out of order or sent twice within 2 s comes in order, once, without asking', async () => {
    const random = seeded(77)
    for (let round = 0; round < 40; round++) {
      now = start
      await open()
      const edge = edgeOf()
      const got: unknown[] = []
      const take = (taken: SparkplugTaken<unknown>) => {
        assert.deepEqual(taken.rebirths, [])
        got.push(...taken.messages.map(({ source }) => source))
      }
      take(deliver(edge.message('NBIRTH')))
      const way: { made: Made; at: number }[] = []
      for (let i = 0; i < 300; i++) {
        now += random.below(40)
        const made = edge.message(i === 0 ? 'DBIRTH e d' : random.pick(['NDATA', 'DDATA e d'] as const))
        for (let copies = 1 + Number(random.below(10) === 0); copies > 0; copies--)
          way.push({ made, at: now + random.below(1990) })
      }
      for (const { made, at } of way.sort((x, y) => x.at - y.at)) {
        now = at
        take(deliver(made))
      }
      assert.deepEqual(got, [...edge.sent.keys()], `round ${round}`)
    }
  })

  it('whatever is lost, nothing comes twice or under another name, and births bring all back into order', async () => {
    const random = seeded(78)
    let asked = 0
    for (let round = 0; round < 60; round++) {
      now = start
      await open()
      const edge = edgeOf()
      const seen = new Set<unknown>()
      const told = new Set<unknown>()
      const ended = new Set<unknown>()
      let lastAsked = Number.NEGATIVE_INFINITY
      let wanted = false
      const take = (taken: SparkplugTaken<unknown>) => {
        for (const { source, values: of, birth } of taken.messages) {
          assert.deepEqual(of, { [edge.sent.get(source as number)!]: source })
          assert.ok(!seen.has(source), `twice: ${String(source)}, a birth: ${String(birth)}`)
          seen.add(source)
        }
        for (const { source } of taken.dropped) told.add(source)
        for (const source of [...taken.done, ...taken.dropped.map(one => one.source)]) {
          assert.ok(!ended.has(source), `ended twice: ${String(source)}`)
          ended.add(source)
        }
        for (const _ of taken.rebirths) {
          assert.ok(now - lastAsked >= 30_000, 'asked too often')
          ;[lastAsked, wanted, asked] = [now, true, asked + 1]
        }
      }
      const given = new Set<unknown>()
      const pass = (made: Made, lossy: boolean) => {
        if (lossy && random.below(8) === 0) return
        given.add(made.source)
        take(deliver(made))
      }
      const births = (lossy: boolean) => {
        pass(edge.message('NBIRTH'), lossy)
        now += random.below(3)
        pass(edge.message('DBIRTH e d'), lossy)
      }
      births(true)
      for (let i = 0; i < 400; i++) {
        now += random.below(600)
        take(edges.due())
        if (wanted && random.below(3) === 0) {
          wanted = false
          births(true)
        } else pass(edge.message(random.pick(['NDATA', 'DDATA e d'] as const)), true)
      }
      now += 40_000
      births(false)
      const from = edge.sent.size
      for (let i = 0; i < 300; i++) {
        now += 1
        pass(edge.message(random.pick(['NDATA', 'DDATA e d'] as const)), false)
      }
      for (let source = from; source < edge.sent.size; source++) assert.ok(seen.has(source), `lost: ${source}`)
      take(edges.close())
      assert.deepEqual(ended, given)
      for (const source of given) assert.ok(seen.has(source) || told.has(source), `neither taken nor dropped: ${String(source)}`)
    }
    assert.ok(asked > 60)
  })
})
