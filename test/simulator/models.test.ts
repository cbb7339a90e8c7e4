import assert from 'node:assert/strict'
import { modelNameOf, modelNames, models } from '../../src/simulator/models/catalogue.ts'
import type { Values } from '../../src/simulator/models/model.ts'
import { randomOf } from '../../src/simulator/random.ts'

function run(
  name: keyof typeof models,
  o: { steps: number; dtS?: number; seed?: string; parameters?: Record<string, number> },
): Values[] {
  const model = models[name]
  const step = model.start(randomOf(o.seed ?? 'a'), { ...model.parameters, ...o.parameters })
  return Array.from({ length: o.steps }, () => step(o.dtS ?? 1))
}
const column = (rows: Values[], name: string): number[] => rows.map(row => Number(row[name]))
const mean = (xs: number[]): number => xs.reduce((a, b) => a + b, 0) / xs.length

function correlation(xs: number[], ys: number[]): number {
  const [mx, my] = [mean(xs), mean(ys)]
  const product = (as: number[], ma: number, bs: number[], mb: number): number => mean(as.map((a, i) => (a - ma) * (bs[i]! - mb)))
  return product(xs, mx, ys, my) / Math.sqrt(product(xs, mx, xs, mx) * product(ys, my, ys, my))
}

describe('models', () => {
  it('are at least five, dealt out in turn to a mixed fleet', () => {
    assert.ok(modelNames.length >= 5)
    assert.deepEqual(new Set(modelNames.map((_, i) => modelNameOf('mixed', i))).size, modelNames.length)
    assert.equal(modelNameOf('pump', 3), 'pump')
  })

  for (const name of modelNames) {
    it(`${name} gives the same values for the same seed and others for another`, () => {
      assert.deepEqual(run(name, { steps: 300, dtS: 7 }), run(name, { steps: 300, dtS: 7 }))
      assert.notDeepEqual(run(name, { steps: 300 }), run(name, { steps: 300, seed: 'b' }))
    })

    it(`${name} gives exactly its documented points, finite, at any speed of time`, () => {
      for (const dtS of [0.01, 1, 60, 3600, 86_400]) {
        for (const row of run(name, { steps: 200, dtS })) {
          assert.deepEqual(Object.keys(row), Object.keys(models[name].points))
          for (const value of Object.values(row))
            assert.ok(typeof value !== 'number' || Number.isFinite(value), JSON.stringify(row))
        }
      }
    })
  }

  it('pump: flow, pressure and power follow the speed; stopped, nothing flows and the motor cools', () => {
    const rows = run('pump', { steps: 2000 })
    assert.ok(correlation(column(rows, 'rpm'), column(rows, 'flow')) > 0.99)
    assert.ok(correlation(column(rows, 'rpm'), column(rows, 'pressure')) > 0.99)
    assert.ok(correlation(column(rows, 'flow'), column(rows, 'power')) > 0.95)
    const stopped = run('pump', { steps: 600, dtS: 10, parameters: { speed: 0 } })
    assert.equal(stopped.at(-1)!.flow, 0)
    assert.ok(Number(stopped.at(-1)!.motorTemp) < Number(stopped[0]!.motorTemp) - 15)
  })

  it('pump: a faster pump is hotter, and a worn bearing shakes more', () => {
    const end = (parameters: Record<string, number>, point: string): number =>
      mean(column(run('pump', { steps: 500, dtS: 10, parameters }).slice(-50), point))
    assert.ok(end({ speed: 1 }, 'motorTemp') > end({ speed: 0.7 }, 'motorTemp') + 5)
    assert.ok(end({ wear: 0.9 }, 'vibration') > 2 * end({ wear: 0 }, 'vibration'))
    const aged = run('pump', { steps: 5000, dtS: 3600, parameters: { wearPerHour: 0.0005 } })
    assert.ok(mean(column(aged.slice(-100), 'vibration')) > 2 * mean(column(aged.slice(0, 100), 'vibration')))
  })

  it('hvac-room: the controller holds the setpoint, colder weather opens the valve, people raise carbon dioxide and humidity', () => {
    const rows = run('hvac-room', { steps: 4000, dtS: 60 }).slice(500)
    assert.ok(Math.abs(mean(column(rows, 'temperature')) - 21) < 0.7)
    const valve = (meanOutdoorC: number): number =>
      mean(column(run('hvac-room', { steps: 3000, dtS: 60, parameters: { meanOutdoorC } }).slice(500), 'valve'))
    assert.ok(valve(-5) > valve(10) + 10)
    const co2 = column(rows, 'co2')
    const later = column(rows, 'people').map((_, i, people) => mean(people.slice(Math.max(0, i - 60), i + 1)))
    assert.ok(correlation(co2, later) > 0.8)
    const humid = (capacity: number): number =>
      mean(column(run('hvac-room', { steps: 3000, dtS: 60, parameters: { capacity } }), 'humidity'))
    assert.ok(humid(20) > humid(0) + 2)
  })

  it('solar-battery: power balances in each reading, charge follows the battery, night gives nothing', () => {
    const rows = run('solar-battery', { steps: 5000, dtS: 30 })
    for (const [i, row] of rows.entries()) {
      const { pv, load, battery, grid } = row as Record<string, number>
      assert.ok(Math.abs(pv! + grid! - load! - battery!) < 0.0021)
      if (row.irradiance === 0) assert.equal(row.pv, 0)
      const before = rows[i - 1]
      if (before && battery! > 0.01) assert.ok(row.soc! >= before.soc!, 'charging raises the charge')
      if (before && battery! < -0.01) assert.ok(row.soc! <= before.soc!, 'discharging lowers it')
      assert.ok(Math.abs(Number(row.voltage) - (48 + (6 * Number(row.soc)) / 100 + 0.12 * battery!)) < 0.002)
    }
    assert.ok(correlation(column(rows, 'irradiance'), column(rows, 'pv')) > 0.99)
    assert.ok(rows.some(row => row.irradiance === 0) && rows.some(row => Number(row.irradiance) > 500))
  })

  it('cold-chain: the compressor cools between its two limits, doors open only while standing and warm the box', () => {
    const rows = run('cold-chain', { steps: 20_000, dtS: 5 })
    const change = (test: (row: Values) => boolean): number =>
      mean(
        rows.slice(1).flatMap((row, i) => (test(row) && test(rows[i]!) ? [Number(row.boxTemp) - Number(rows[i]!.boxTemp)] : [])),
      )
    assert.ok(change(row => row.compressor === true && !row.door) < 0)
    assert.ok(change(row => row.compressor === false && !row.door) > 0)
    assert.ok(change(row => row.door === true) > change(row => !row.door) * 5)
    for (const row of rows) if (row.door) assert.equal(row.speed, 0)
    const switches = rows.slice(1).filter((row, i) => row.compressor !== rows[i]!.compressor)
    assert.ok(switches.length > 10)
    for (const row of switches) assert.ok(row.compressor ? Number(row.boxTemp) > -17 : Number(row.boxTemp) < -19)
  })

  it('cold-chain: the position moves exactly while it drives, at most as far as its speed says', () => {
    const rows = run('cold-chain', { steps: 5000, dtS: 5 })
    let moved = 0
    rows.slice(1).forEach((row, i) => {
      const before = rows[i]!
      const north = (Number(row.lat) - Number(before.lat)) * 111_195
      const east = (Number(row.lon) - Number(before.lon)) * 111_195 * Math.cos((Number(row.lat) * Math.PI) / 180)
      const way = Math.hypot(north, east)
      if (row.speed === 0 && before.speed === 0) assert.ok(way < 2, `${way} m while standing`)
      else assert.ok(way <= 5 * (110 / 3.6) + 3, `${way} m in 5 s`)
      moved += way
    })
    assert.ok(moved > 20_000)
  })

  it('machine-tool: torque needs a turning spindle, power follows torque, each cut wears the tool, wear roughens the part', () => {
    const rows = run('machine-tool', { steps: 8000 })
    for (const row of rows) if (Number(row.torque) > 0) assert.ok(Number(row.rpm) > 8000 && row.state === 'cutting')
    assert.ok(correlation(column(rows, 'torque'), column(rows, 'power')) > 0.95)
    rows.slice(1).forEach((row, i) => {
      const worn = Number(row.toolWear) - Number(rows[i]!.toolWear)
      assert.ok(worn >= 0 || Number(row.toolWear) < 1, 'only a change of tool lowers the wear')
      assert.ok(Number(row.parts) >= Number(rows[i]!.parts))
    })
    assert.ok(Number(rows.at(-1)!.parts) > 40)
    assert.ok(correlation(column(rows, 'toolWear'), column(rows, 'roughness')) > 0.95)
  })

  it('read their parameters at each step, so that a machine can be changed while it runs', () => {
    const parameters = { ...models.pump.parameters }
    const step = models.pump.start(randomOf('a'), parameters)
    for (let i = 0; i < 60; i++) step(1)
    parameters.speed = 0
    let last: Values = {}
    for (let i = 0; i < 120; i++) last = step(1)
    assert.equal(last.flow, 0)
  })
})
