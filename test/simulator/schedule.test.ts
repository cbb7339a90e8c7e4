import assert from 'node:assert/strict'
import { SimulatedDevice } from '../../src/simulator/device.ts'
import { checkedOptions, type SimulatorOptions } from '../../src/simulator/options.ts'
import { randomOf } from '../../src/simulator/random.ts'
import type { Recording } from '../../src/simulator/recording.ts'
import { Schedule } from '../../src/simulator/schedule.ts'

const start = 1_700_000_000_000
const optionsOf = (more: object = {}): SimulatorOptions => checkedOptions({ intervalMs: 1000, ...more })

function fleet(count: number, options = optionsOf(), recording?: Recording): Schedule {
  const schedule = new Schedule()
  for (let index = 0; index < count; index++) schedule.add(new SimulatedDevice({ options, index, startAt: start, recording }))
  return schedule
}

/** Everything up to `untilMs`, looked at in steps of the seeded size. */
function play(schedule: Schedule, untilMs: number, stepMs = 100) {
  const planned = []
  for (let at = 0; at <= untilMs; at += stepMs) planned.push(...schedule.plan(start + at))
  return planned
}

const weather: Recording = {
  points: ['t'],
  rows: [0, 60, 90, 240].map(minutes => ({ time: Date.UTC(2020, 0, 1) + minutes * 60_000, values: { t: minutes } })),
}
const recorded = (more: object = {}) => optionsOf({ recording: { path: '/x.csv', speed: 3600, ...more } })

describe('Schedule', () => {
  it('gives each device one reading an interval, spread over it, with counted sequence numbers', () => {
    const planned = play(fleet(20), 10_000)
    for (const id of new Set(planned.map(p => p.device))) {
      const own = planned.flatMap(p => (p.device === id ? p.emissions : []))
      assert.equal(own.length, 10)
      assert.deepEqual(
        own.map(e => e.seq),
        [1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
      )
      for (const [i, e] of own.entries()) if (i) assert.equal(e.time - own[i - 1]!.time, 1000)
    }
    assert.ok(new Set(planned.map(p => p.emissions[0]!.time % 1000)).size > 15)
  })

  it('plans the same whatever the moments it is asked at', () => {
    const faults = [
      { kind: 'reorder', probability: 0.1 },
      { kind: 'spike', probability: 0.1 },
    ]
    const options = optionsOf({ faults, jitterMs: 400, disconnectsPerHour: 100, seed: 'x' })
    const own = (planned: ReturnType<typeof play>) => Object.groupBy(planned, p => p.device)
    assert.deepEqual(own(play(fleet(12, options), 57_000, 50)), own(play(fleet(12, options), 57_000, 1900)))
  })

  it('keeps the order of due times like a sorted list, through additions and removals', () => {
    const random = randomOf('heap')
    const options = optionsOf({ jitterMs: 900 })
    const schedule = new Schedule()
    const naive = new Map<string, SimulatedDevice>()
    let index = 0
    for (let now = start; now < start + 30_000; now += 250) {
      if (random.next() < 0.5) {
        const twins = [0, 1].map(() => new SimulatedDevice({ options, index, startAt: now }))
        schedule.add(twins[0]!)
        naive.set(twins[1]!.id, twins[1]!)
        index++
      }
      if (random.next() < 0.2 && naive.size) {
        const id = [...naive.keys()][Math.floor(random.next() * naive.size)]!
        schedule.remove(id)
        naive.delete(id)
      }
      const expected = []
      while (true) {
        const [next] = [...naive.values()].sort((a, b) => a.dueAt - b.dueAt || a.index - b.index)
        if (!next || next.dueAt > now) break
        expected.push(next.take())
      }
      assert.deepEqual(schedule.plan(now), expected)
      assert.equal(schedule.nextAt(), naive.size ? Math.min(...[...naive.values()].map(d => d.dueAt)) : undefined)
    }
    assert.ok(index > 40)
  })

  it('does at most the limit at once and the rest next time', () => {
    const schedule = fleet(10)
    assert.equal(schedule.plan(start + 1000, 4).length, 4)
    assert.equal(schedule.plan(start + 1000, 100).length, 6)
  })

  it('makes up for no long pause', () => {
    const schedule = fleet(3)
    play(schedule, 5000)
    const planned = schedule.plan(start + 3_600_000)
    assert.equal(planned.length, 3)
    for (const { emissions } of planned) assert.equal(emissions[0]!.time, start + 3_600_000)
    assert.equal(schedule.plan(start + 3_601_000).length, 3)
  })

  it('hastens to a shorter interval', () => {
    const options = optionsOf({ intervalMs: 3_600_000 })
    const schedule = fleet(50, options)
    options.intervalMs = 1000
    schedule.hasten(start, 1000)
    const planned = play(schedule, 3000)
    assert.equal(new Set(planned.map(p => p.device)).size, 50)
    assert.ok(planned.length >= 100)
  })

  it('lets readings leave late by the jitter, in order, with their own times', () => {
    const options = optionsOf({ jitterMs: 800 })
    const device = new SimulatedDevice({ options, index: 0, startAt: start })
    let [last, late] = [0, 0]
    for (let i = 0; i < 200; i++) {
      const due = device.dueAt
      const [emission] = device.take().emissions
      assert.ok(due > last)
      assert.ok(due >= emission!.time && due < emission!.time + 800)
      if (due > emission!.time + 100) late++
      last = due
    }
    assert.ok(late > 100)
  })

  it('breaks connections as often as asked', () => {
    const device = new SimulatedDevice({ options: optionsOf({ disconnectsPerHour: 30 }), index: 0, startAt: start })
    let broken = 0
    for (let i = 0; i < 36_000; i++) {
      const { disconnectMs } = device.take()
      if (disconnectMs === undefined) continue
      assert.ok(disconnectMs >= 2000 && disconnectMs <= 20_000)
      broken++
    }
    assert.ok(broken > 200 && broken < 350, `${broken} in 10 hours`)
  })

  it('replays a recording in compressed time, again and again, on the devices that do', () => {
    const schedule = fleet(3, recorded(), weather)
    const planned = play(schedule, 5000)
    const own = planned.filter(p => p.device === 'sim-0001').map(p => p.emissions[0]!)
    // 3600 times faster: minutes 0, 60, 90, 240 at seconds 0, 1, 1.5, 4; the next round one mean gap (80 minutes) later
    assert.deepEqual(
      own.map(e => [e.time - start, e.values.t]),
      [
        [0, 0],
        [1000, 60],
        [1500, 90],
        [4000, 240],
      ],
    )
    assert.deepEqual(
      play(schedule, 8000)
        .filter(p => p.device === 'sim-0001')
        .map(p => p.emissions[0]!.time - start),
      [5333, 6333, 6833],
    )
    assert.ok(planned.some(p => p.device === 'sim-0002' && !('t' in p.emissions[0]!.values)))
  })

  it('keeps recorded times when asked, and never sends faster than 100 readings a second', () => {
    const kept = play(fleet(1, recorded({ keepTimes: true }), weather), 2000).map(p => p.emissions[0]!.time)
    assert.deepEqual(
      kept,
      weather.rows.slice(0, 3).map(row => row.time),
    )
    const rushed = play(fleet(1, recorded({ speed: 100_000_000 }), weather), 10_000, 10)
    assert.ok(rushed.length <= 45, `${rushed.length}`)
  })
})

describe('simulator options', () => {
  it('fill in defaults and read numbers from text', () => {
    const options = checkedOptions({ count: '7', intervalMs: '250', model: '', recording: { path: '/x.csv', devices: '2' } })
    assert.equal(options.count, 7)
    assert.equal(options.intervalMs, 250)
    assert.equal(options.model, 'mixed')
    assert.deepEqual(options.recording, { path: '/x.csv', devices: 2, speed: 3600, keepTimes: false })
  })

  it('take the default count for nothing and for a variable that is not set', () => {
    for (const count of [undefined, '', ' ', `\${THINGLOOM_DEVICES}`]) assert.equal(checkedOptions({ count }).count, 50)
    assert.equal(checkedOptions({ count: 10_000 }).count, 10_000)
  })

  it('refuse what is out of range and name the field', () => {
    for (const [raw, position] of [
      [{ count: 0 }, 'count'],
      [{ count: 10_001 }, 'count'],
      [{ count: '5.5' }, 'count'],
      [{ count: 'many' }, 'count'],
      [{ idPrefix: '../x' }, 'idPrefix'],
      [{ model: 'toaster' }, 'model'],
      [{ intervalMs: 1 }, 'intervalMs'],
      [{ speed: -1 }, 'speed'],
      [{ jitterMs: -1 }, 'jitterMs'],
      [{ disconnectsPerHour: Number.NaN }, 'disconnectsPerHour'],
      [{ parameters: { warp: 1 } }, 'parameters.warp'],
      [{ parameters: { speed: 'fast' } }, 'parameters.speed'],
      [{ recording: { path: '' } }, 'recording.path'],
      [{ recording: { path: 'x', speed: 0 } }, 'recording.speed'],
    ] as const) {
      assert.throws(() => checkedOptions(raw), { code: 'SIMULATOR_CONFIG_INVALID', position }, JSON.stringify(raw))
    }
  })
})
