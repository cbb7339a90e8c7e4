import assert from 'node:assert/strict'
import { checkedFault, checkedFaults, type FaultSpec, faultKinds } from '../../src/simulator/fault-spec.ts'
import { type Emission, FaultInjector, type FaultLog } from '../../src/simulator/faults.ts'

const truth = (seq: number) => ({ seq, time: seq * 1000, values: { t: 20 + seq, label: 'x' } })

function run(faults: FaultSpec[], o: { count?: number; seed?: string; injector?: FaultInjector } = {}) {
  const injector = o.injector ?? new FaultInjector({ device: 'd', seed: o.seed ?? 's', faults })
  const emissions: Emission[] = []
  const log: FaultLog[] = []
  for (let seq = 1; seq <= (o.count ?? 200); seq++) {
    const outcome = injector.apply(truth(seq), seq * 1000)
    emissions.push(...outcome.emissions)
    log.push(...outcome.log)
  }
  const rest = injector.flush((o.count ?? 200) * 1000)
  return { emissions: [...emissions, ...rest.emissions], log: [...log, ...rest.log] }
}

describe('faults', () => {
  it('change nothing when there are none', () => {
    const { emissions, log } = run([])
    assert.deepEqual(
      emissions,
      Array.from({ length: 200 }, (_, i) => ({ device: 'd', ...truth(i + 1), faults: [] })),
    )
    assert.deepEqual(log, [])
  })

  it('stuck keeps the value of its beginning for its time and logs each reading', () => {
    const { emissions, log } = run([{ kind: 'stuck', everyMs: 50_000, durationMs: 10_000, point: 't' }])
    assert.ok(log.length >= 30)
    const logged = new Map(log.map(entry => [entry.seq, entry]))
    let held: number | undefined
    for (const { seq, values } of emissions) {
      const entry = logged.get(seq)
      if (!entry) held = undefined
      else held ??= 20 + seq
      assert.equal(values.t, held ?? 20 + seq)
      if (entry) assert.deepEqual(entry.changed, { t: { from: 20 + seq, to: held } })
    }
    assert.equal(log.length % 10, 0, 'whole episodes of ten readings')
  })

  it('spike moves single readings by its magnitude, up and down, and logs from and to', () => {
    const { emissions, log } = run([{ kind: 'spike', probability: 0.2, magnitude: 2 }])
    assert.ok(log.length > 20 && log.length < 70)
    const values = new Map(emissions.map(e => [e.seq, e.values]))
    for (const { seq, changed } of log) {
      const { from, to } = changed!.t!
      assert.equal(from, 20 + seq)
      assert.equal(Math.abs(to - from), 2 * from)
      assert.equal(values.get(seq)!.t, to)
      assert.equal(values.get(seq)!.label, 'x')
    }
    assert.equal(new Set(log.map(entry => Math.sign(entry.changed!.t!.to - entry.changed!.t!.from))).size, 2)
    assert.equal(emissions.filter(e => e.values.t !== 20 + e.seq).length, log.length)
  })

  it('drift grows by its rate per minute from nothing and ends', () => {
    const { log } = run([{ kind: 'drift', everyMs: 100_000, durationMs: 60_000, magnitude: 0.5 }])
    const first = log.slice(0, 59)
    const base = first[0]!.changed!.t!.from - 1
    first.forEach(({ changed }, i) => {
      assert.ok(Math.abs(changed!.t!.to - changed!.t!.from - (0.5 * base * (i + 1)) / 60) < 1e-5)
    })
    assert.ok(log.length < 130)
  })

  it('dropout sends nothing for its time while sequence numbers go on', () => {
    const { emissions, log } = run([{ kind: 'dropout', everyMs: 60_000, durationMs: 15_000 }])
    assert.ok(log.length >= 30)
    assert.deepEqual(
      [...emissions.map(e => e.seq), ...log.map(entry => entry.seq)].sort((a, b) => a - b),
      Array.from({ length: 200 }, (_, i) => i + 1),
    )
  })

  it('skew shifts the time by its magnitude, both ways', () => {
    for (const magnitude of [90_000, -90_000]) {
      const { emissions, log } = run([{ kind: 'skew', everyMs: 50_000, durationMs: 20_000, magnitude }])
      const skewed = new Set(log.map(entry => entry.seq))
      assert.ok(skewed.size >= 40)
      for (const { seq, time } of emissions) assert.equal(time, seq * 1000 + (skewed.has(seq) ? magnitude : 0))
    }
  })

  it('duplicate sends the same reading again, so many times', () => {
    const { emissions, log } = run([{ kind: 'duplicate', probability: 0.1, magnitude: 2 }])
    assert.ok(log.length > 5)
    assert.equal(emissions.length, 200 + 2 * log.length)
    for (const { seq, amount } of log) {
      const copies = emissions.filter(e => e.seq === seq)
      assert.equal(amount, 2)
      assert.equal(copies.length, 3)
      assert.deepEqual(copies[0], copies[2])
    }
  })

  it('reorder lets exactly the logged number of readings go ahead, and loses none', () => {
    const { emissions, log } = run([{ kind: 'reorder', probability: 0.15, magnitude: 3 }])
    assert.ok(log.length > 5)
    assert.deepEqual(
      emissions.map(e => e.seq).sort((a, b) => a - b),
      Array.from({ length: 200 }, (_, i) => i + 1),
    )
    const late = emissions.filter((e, i) => emissions.slice(0, i).some(earlier => earlier.seq > e.seq)).map(e => e.seq)
    assert.deepEqual(
      late.sort((a, b) => a - b),
      log.map(entry => entry.seq).sort((a, b) => a - b),
    )
    for (const { seq, amount } of log) {
      const place = emissions.findIndex(e => e.seq === seq)
      assert.equal(emissions.slice(0, place).filter(e => e.seq > seq).length, amount)
    }
  })

  it('make progress even when every reading is to be reordered', () => {
    const { emissions } = run([{ kind: 'reorder', probability: 1, magnitude: 1 }], { count: 10 })
    assert.deepEqual(
      emissions.map(e => e.seq),
      [2, 1, 4, 3, 6, 5, 8, 7, 10, 9],
    )
  })

  it('are the same for the same seed and device, others for another', () => {
    const faults = Object.keys(faultKinds).map(kind => ({ kind, probability: 0.05, durationMs: 5000 }) as FaultSpec)
    assert.deepEqual(run(faults), run(faults))
    assert.notDeepEqual(run(faults).log, run(faults, { seed: 'other' }).log)
  })

  it('draw from a stream each, so that one more changes no other', () => {
    const spike: FaultSpec = { kind: 'spike', probability: 0.1 }
    const alone = run([spike]).log.map(entry => entry.seq)
    const both = run([spike, { kind: 'duplicate', probability: 0.5 }]).log.filter(entry => entry.kind === 'spike')
    assert.deepEqual(
      both.map(entry => entry.seq),
      alone,
    )
  })

  it('name on each emission what was done to it, and log nothing else', () => {
    const faults = Object.keys(faultKinds).map(kind => ({ kind, probability: 0.05, durationMs: 3000 }) as FaultSpec)
    const { emissions, log } = run(faults, { count: 1000 })
    const named = new Set(emissions.flatMap(e => e.faults.map(kind => `${e.seq} ${kind}`)))
    const dropped = new Set(log.filter(entry => entry.kind === 'dropout').map(entry => entry.seq))
    assert.deepEqual(named, new Set(log.filter(entry => !dropped.has(entry.seq)).map(entry => `${entry.seq} ${entry.kind}`)))
  })

  it('reach only the devices they name', () => {
    assert.equal(run([{ kind: 'dropout', probability: 1, devices: ['other'] }]).emissions.length, 200)
    assert.equal(run([{ kind: 'dropout', probability: 1, devices: ['d'] }]).emissions.length, 0)
  })

  it('begin at once when injected, once', () => {
    const injector = new FaultInjector({ device: 'd', seed: 's', faults: [] })
    injector.inject(checkedFault({ kind: 'dropout', durationMs: 3000, probability: 1 }))
    const { emissions, log } = run([], { injector, count: 10 })
    assert.deepEqual(
      log.map(entry => entry.seq),
      [1, 2, 3],
    )
    assert.deepEqual(
      emissions.map(e => e.seq),
      [4, 5, 6, 7, 8, 9, 10],
    )
  })

  it('refuse what they cannot do and name the field', () => {
    for (const [raw, field] of [
      [{ kind: 'melt' }, 'faults[0].kind'],
      [{ kind: 'spike', probability: 1.5 }, 'faults[0].probability'],
      [{ kind: 'stuck', durationMs: 'soon' }, 'faults[0].durationMs'],
      [{ kind: 'duplicate', magnitude: 1000 }, 'faults[0].magnitude'],
      ['spike', 'faults[0]'],
    ] as const) {
      assert.throws(() => checkedFaults([raw]), { code: 'SIMULATOR_CONFIG_INVALID', position: field })
    }
    assert.throws(() => checkedFaults({}), { code: 'SIMULATOR_CONFIG_INVALID' })
    assert.deepEqual(checkedFaults([{ kind: 'spike', probability: '0.5', everyMs: '', devices: 'a, b' }]), [
      { kind: 'spike', probability: 0.5, devices: ['a', 'b'] },
    ])
  })
})
