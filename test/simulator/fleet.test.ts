import assert from 'node:assert/strict'
import { checkedFault } from '../../src/simulator/fault-spec.ts'
import type { FaultLog } from '../../src/simulator/faults.ts'
import { Fleet, type FleetStats } from '../../src/simulator/fleet.ts'
import type { LinkEvents } from '../../src/simulator/link.ts'
import { checkedOptions } from '../../src/simulator/options.ts'
import { fullJitter, Pacer, sideBySide } from '../../src/simulator/pacer.ts'
import { settled, VirtualClock } from './virtual-clock.ts'

interface FakeLink {
  id: string
  at: number
  events: LinkEvents
  topic: string
  bodies: { time: number; seq: number; values: object }[]
  acks: (() => void)[]
  closed?: 'politely' | 'broken'
}

/** A fleet on a clock of its own over connections that do as the test says. */
function setUp(raw: Record<string, unknown> = {}, o: { accept?: boolean; acknowledge?: boolean } = {}) {
  const behave = { accept: true, acknowledge: true, ...o }
  const clock = new VirtualClock()
  const links: FakeLink[] = []
  const stats: FleetStats[] = []
  const faults: FaultLog[] = []
  const credentials: { id: string; renew: boolean }[] = []
  const fleet = new Fleet({
    options: checkedOptions({ count: 3, rampPerSecond: 1000, logLimit: 100_000, ...raw }),
    endpoint: { host: 'h', port: 1, caPem: '' },
    ports: {
      clock,
      random: () => 0.5,
      credential: async ({ id, renew }) => {
        credentials.push({ id, renew })
        return { keyPem: '', certPem: '' }
      },
      outcome: async () => undefined,
      renew: async () => ({ keyPem: '', certPem: '' }),
      adopt: async () => ({ keyPem: '', certPem: '' }),
      open: ({ id }, events) => {
        const link: FakeLink = { id, at: clock.now(), events, topic: '', bodies: [], acks: [] }
        links.push(link)
        if (behave.accept) queueMicrotask(() => events.up())
        return {
          publish(topic, body, acknowledged) {
            link.topic = topic
            link.bodies.push(JSON.parse(body))
            if (behave.acknowledge) queueMicrotask(acknowledged)
            else link.acks.push(acknowledged)
          },
          ask: async () => ({}),
          listen: () => undefined,
          close: async politely => {
            link.closed = politely ? 'politely' : 'broken'
          },
        }
      },
      stats: entry => stats.push(entry),
      faults: items => faults.push(...items),
      told: () => undefined,
    },
  })
  return { fleet, clock, links, stats, faults, credentials, behave }
}

describe('Fleet', () => {
  it('connects each device and publishes its readings on its own topic', async () => {
    const { fleet, clock, links, stats } = setUp()
    fleet.start()
    await clock.advance(10_500)
    assert.deepEqual(
      links.map(link => link.id),
      ['sim-0001', 'sim-0002', 'sim-0003'],
    )
    for (const { id, topic, bodies } of links) {
      assert.equal(topic, `devices/${id}/telemetry`)
      assert.ok(bodies.length >= 10)
      assert.deepEqual(Object.keys(bodies[0]!), ['time', 'seq', 'values'])
    }
    const { sent, acked, connected, devices } = stats.at(-1)!
    assert.deepEqual([connected, devices, sent], [3, 3, acked])
    await fleet.stop(100)
    assert.ok(links.every(link => link.closed === 'politely'))
    assert.equal(clock.waiting, 0, 'no timer is left')
  })

  it('takes devices off the network and back, also while they connect, and loses none of their readings', async () => {
    const { fleet, clock, links, stats, behave } = setUp({ intervalMs: 1000 })
    fleet.start()
    await clock.advance(2000)
    fleet.leave({ devices: ['sim-0001', 'sim-0002'] })
    assert.deepEqual(
      links.map(({ closed }) => closed),
      ['broken', 'broken', undefined],
    )
    await clock.advance(300_000)
    assert.deepEqual([links.length, stats.at(-1)!.connected], [3, 1], 'they stay away')
    behave.accept = false
    fleet.come({ devices: ['sim-0001'] })
    await clock.advance(1000)
    fleet.leave({ devices: ['sim-0001'] })
    links[3]!.events.up()
    await clock.advance(60_000)
    assert.deepEqual([links.length, links[3]!.closed, stats.at(-1)!.connected], [4, 'broken', 1])
    behave.accept = true
    fleet.come({ devices: ['sim-0001', 'sim-0002', 'sim-0003'] })
    await clock.advance(2000)
    assert.equal(stats.at(-1)!.connected, 3)
    const { bodies } = links.findLast(({ id }) => id === 'sim-0001')!
    assert.ok(bodies.length > 150, 'what it measured meanwhile')
    assert.throws(() => fleet.leave({ devices: ['sim-0003', 'other'] }), { code: 'SIMULATOR_CONFIG_INVALID' })
    assert.equal(links.findLast(({ id }) => id === 'sim-0003')!.closed, undefined)
    await fleet.stop(100)
  })

  it('ramps up: so many connections a second, in order', async () => {
    const { fleet, clock, links } = setUp({ count: 100, rampPerSecond: 20 })
    fleet.start()
    await clock.advance(0)
    const first = links[0]!.at
    await clock.advance(6000)
    assert.equal(links.length, 100)
    for (const second of [0, 1, 2, 3, 4]) {
      assert.equal(links.filter(link => Math.floor((link.at - first) / 1000) === second).length, 20)
    }
  })

  it('connects at most 32 devices at a time, however slow the hub answers', async () => {
    const { fleet, clock, links } = setUp({ count: 100 }, { accept: false })
    fleet.start()
    await clock.advance(10_000)
    assert.equal(links.length, 32)
    for (const link of links.slice(0, 10)) link.events.up()
    await clock.advance(1000)
    assert.equal(links.length, 42)
    links[41]!.events.down({ refused: false, message: 'no' })
    await clock.advance(0)
    assert.equal(links.length, 43)
    await fleet.stop(1000)
    await clock.advance(60_000)
    assert.equal(links.length, 43)
  })

  it('keeps at most so many messages unacknowledged, then at most so many readings, the latest', async () => {
    const { fleet, clock, links } = setUp({ count: 1, inFlight: 4, backlog: 10 }, { acknowledge: false })
    fleet.start()
    await clock.advance(30_500)
    assert.equal(links[0]!.bodies.length, 4)
    const { sent, acked, dropped } = fleet.stats()
    assert.deepEqual([sent, acked], [4, 0])
    assert.ok(dropped >= 15)
    const made = 4 + 10 + dropped
    for (let i = 0; i < 4; i++) links[0]!.acks[i]!()
    assert.deepEqual(
      links[0]!.bodies.slice(4).map(body => body.seq),
      [made - 9, made - 8, made - 7, made - 6],
    )
  })

  it('backs off with growing full jitter while the hub refuses, and asks for another credential', async () => {
    const { fleet, clock, links, credentials } = setUp({ count: 1 }, { accept: false })
    fleet.start()
    await clock.advance(0)
    for (let i = 0; i < 12; i++) {
      links.at(-1)!.events.down({ refused: i === 0, message: 'no' })
      await clock.advance(70_000)
    }
    const gaps = links.slice(1).map((link, i) => link.at - links[i]!.at)
    assert.equal(links.length, 13)
    assert.deepEqual(
      credentials.slice(0, 3).map(c => c.renew),
      [false, true, false],
    )
    assert.ok(gaps.every(gap => gap <= 100_000))
    assert.deepEqual(fleet.stats().failures, 12)
    assert.match(fleet.stats().lastError!, /no/)
    assert.deepEqual(
      [0, 1, 3, 20].map(attempt => fullJitter(attempt, () => 0.999999)),
      [499, 999, 3999, 59_999],
    )
    assert.equal(
      fullJitter(5, () => 0),
      0,
    )
  })

  it('repeats after a lost connection what was not acknowledged, first and in order', async () => {
    const { fleet, clock, links, behave } = setUp({ count: 1, inFlight: 3 }, { acknowledge: false })
    fleet.start()
    await clock.advance(5000)
    const first = links[0]!
    assert.deepEqual(
      first.bodies.map(body => body.seq),
      [1, 2, 3],
    )
    first.acks[0]!()
    assert.deepEqual(
      first.bodies.map(body => body.seq),
      [1, 2, 3, 4],
    )
    behave.acknowledge = true
    first.events.down({ refused: false, message: 'gone' })
    assert.equal(fleet.stats().connected, 0)
    first.acks[1]!() // an acknowledgement of the dead connection counts no more
    await clock.advance(5000)
    assert.deepEqual(links[1]!.bodies.map(body => body.seq).slice(0, 4), [2, 3, 4, 5])
    const { wire } = fleet.log()
    assert.deepEqual(
      wire.filter(entry => entry.resent).map(entry => entry.seq),
      [2, 3, 4],
    )
    const { resent, reconnects, sent, acked } = fleet.stats()
    assert.deepEqual([resent, reconnects, sent - acked], [3, 1, 3])
  })

  it('breaks connections on its own and catches up afterwards', async () => {
    const { fleet, clock, links, stats } = setUp({ count: 5, disconnectsPerHour: 60 })
    fleet.start()
    await clock.advance(600_000)
    const { faults, reconnects, dropped } = stats.at(-1)!
    assert.ok(faults.disconnect! > 10)
    assert.ok(reconnects >= faults.disconnect! - 5)
    assert.equal(dropped, 0)
    assert.ok(links.filter(link => link.closed === 'broken').length >= 10)
    await fleet.stop(1000)
    for (const id of ['sim-0001', 'sim-0002']) {
      const seqs = links.filter(link => link.id === id).flatMap(link => link.bodies.map(body => body.seq))
      assert.deepEqual(new Set(seqs).size, Math.max(...seqs))
    }
  })

  it('logs exactly what went out and what was done to it, and reports faults once a second', async () => {
    const faults = [
      { kind: 'reorder', probability: 0.1 },
      { kind: 'duplicate', probability: 0.1 },
      { kind: 'dropout', probability: 0.02 },
    ]
    const { fleet, clock, links, faults: reported } = setUp({ count: 4, faults })
    fleet.start()
    await clock.advance(60_000)
    await fleet.stop(100)
    const { wire, faults: logged, lost } = fleet.log()
    assert.equal(lost, 0)
    for (const { id, bodies } of links) {
      assert.deepEqual(
        wire.filter(entry => entry.device === id).map(({ time, seq, values }) => ({ time, seq, values })),
        bodies,
      )
    }
    assert.deepEqual(logged, reported)
    const counted = Object.values(fleet.stats().faults).reduce((a, b) => a + b, 0)
    assert.equal(counted, logged.length)
    assert.ok(logged.length > 20)
  })

  it('keeps a bounded log and says how much it lost', async () => {
    const { fleet, clock } = setUp({ count: 2, logLimit: 10 })
    fleet.start()
    await clock.advance(60_000)
    const { wire, lost } = fleet.log()
    assert.equal(wire.length, 10)
    assert.equal(lost, fleet.stats().sent - 10)
    assert.deepEqual(setUp({ logLimit: 0 }).fleet.log(), { wire: [], faults: [], lost: 0 })
  })

  it('takes a new count, interval and parameters while it runs', async () => {
    const { fleet, clock, links } = setUp({ model: 'pump' })
    fleet.start()
    await clock.advance(3000)
    await fleet.set({ count: 5 })
    await clock.advance(3000)
    assert.equal(fleet.stats().devices, 5)
    await fleet.set({ count: 2 })
    assert.deepEqual(
      links.filter(link => link.closed).map(link => link.id),
      ['sim-0003', 'sim-0004', 'sim-0005'],
    )
    assert.equal(fleet.stats().connected, 2)
    await fleet.set({ parameters: { speed: 0 }, device: 'sim-0001' })
    await fleet.set({ intervalMs: 100 })
    const before = links[0]!.bodies.length
    await clock.advance(10_000)
    assert.ok(links[0]!.bodies.length - before >= 90)
    await fleet.set({ speed: 100 })
    await clock.advance(5000)
    assert.deepEqual(
      [0, 1].map(i => (links[i]!.bodies.at(-1)!.values as { flow: number }).flow > 0),
      [false, true],
    )
    await assert.rejects(fleet.set({ parameters: { speed: 1 }, device: 'nobody' }), { code: 'SIMULATOR_CONFIG_INVALID' })
  })

  it('injects a fault into one device now', async () => {
    const { fleet, clock, links, faults } = setUp()
    fleet.start()
    await clock.advance(3000)
    fleet.inject({ device: 'sim-0002', fault: checkedFault({ kind: 'duplicate' }) })
    await clock.advance(3000)
    assert.deepEqual(
      faults.map(({ device, kind }) => [device, kind]),
      [['sim-0002', 'duplicate']],
    )
    const seqs = links[1]!.bodies.map(body => body.seq)
    assert.equal(seqs.length - new Set(seqs).size, 1)
    assert.throws(() => fleet.inject({ device: 'x', fault: { kind: 'spike' } }), { code: 'SIMULATOR_CONFIG_INVALID' })
  })

  it('stops in bounded time when nothing is acknowledged, also while connecting', async () => {
    const held = setUp({ count: 2 }, { acknowledge: false })
    held.fleet.start()
    await held.clock.advance(5000)
    const stopped = held.fleet.stop(2000)
    await held.clock.advance(2000)
    await stopped
    assert.ok(held.links.every(link => link.closed === 'broken'))
    const never = setUp({ count: 2 }, { accept: false })
    never.fleet.start()
    await never.clock.advance(1000)
    await never.fleet.stop(2000)
    await never.clock.advance(100_000)
    assert.equal(never.links.length, 2)
    assert.equal(never.clock.waiting, 0)
  })
})

describe('Pacer', () => {
  it('also paces more than one work a millisecond', async () => {
    const clock = new VirtualClock()
    const pacer = new Pacer(clock, 5000)
    const starts: number[] = []
    const begin = clock.now()
    for (let i = 0; i < 2000; i++) pacer.run(() => starts.push(clock.now() - begin))
    await clock.advance(1000)
    assert.equal(starts.length, 2000)
    assert.ok(starts.at(-1)! >= 390 && starts.at(-1)! <= 410, `${starts.at(-1)}`)
  })
})

describe('sideBySide', () => {
  it('runs at most so many at a time, all of them, also after a failure', async () => {
    const slot = sideBySide(3)
    let [running, most] = [0, 0]
    const results = await Promise.allSettled(
      Array.from({ length: 20 }, (_, i) =>
        slot(async () => {
          most = Math.max(most, ++running)
          await settled()
          running--
          if (i % 5 === 0) throw new Error('no')
          return i
        }),
      ),
    )
    assert.equal(most, 3)
    assert.equal(results.filter(result => result.status === 'fulfilled').length, 16)
  })
})
