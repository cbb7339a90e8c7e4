import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { copyRecordings } from '../../scripts/copy-recordings.ts'
import type { FleetStats } from '../../src/simulator/fleet.ts'
import { checkedOptions } from '../../src/simulator/options.ts'
import { type Simulator, type SimulatorEvents, startSimulator } from '../../src/simulator/simulator.ts'
import { until } from '../until.ts'
import { mqttsServer } from './mqtts-server.ts'
import { throwawayCa } from './throwaway-ca.ts'

const certificateIn = (pem: string): string => pem.slice(pem.indexOf('-----BEGIN CERTIFICATE'))

describe('simulator on the wire', function () {
  this.timeout(30_000)
  let folder: string
  let ca: Awaited<ReturnType<typeof throwawayCa>>
  let server: Awaited<ReturnType<typeof mqttsServer>>
  let stats: FleetStats | undefined
  const running = new Set<Simulator>()

  const start = async (raw: Record<string, unknown>, events: Partial<SimulatorEvents> = {}, endpoint = server.endpoint) => {
    const options = checkedOptions({ intervalMs: 50, rampPerSecond: 200, logLimit: 100_000, seed: 'wire', ...raw })
    const simulator = await startSimulator(
      { options, endpoint, keyFolder: join(folder, 'keys') },
      { enrol: ca.enrol, stats: next => void (stats = next), ...events },
    )
    running.add(simulator)
    return simulator
  }
  const bodiesOf = (device: string) => server.seen.filter(seen => seen.client === device).map(seen => seen.body)

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'simulator-'))
    ca = await throwawayCa()
    server = await mqttsServer(ca)
    stats = undefined
  })
  afterEach(async () => {
    await Promise.all([...running].map(simulator => simulator.stop()))
    running.clear()
    await server.close()
    await rm(folder, { recursive: true })
  })

  it('every device connects with a certificate of its own and publishes to its own topic at QoS 1', async () => {
    const simulator = await start({ count: 12 })
    await until(() => new Set(server.seen.map(seen => seen.client)).size === 12 && server.seen.length > 60)
    await simulator.stop()
    for (const { client, commonName, topic, qos } of server.seen) {
      assert.deepEqual([commonName, topic, qos], [client, `devices/${client}/telemetry`, 1])
    }
    const files = await readdir(join(folder, 'keys'))
    assert.equal(files.length, 12)
    assert.equal((await stat(join(folder, 'keys'))).mode & 0o777, 0o700)
    const fingerprints = new Set<string>()
    for (const file of files) {
      const path = join(folder, 'keys', file)
      assert.equal((await stat(path)).mode & 0o777, 0o600)
      fingerprints.add(new X509Certificate(certificateIn(await readFile(path, 'utf8'))).fingerprint256)
    }
    assert.equal(fingerprints.size, 12)
    await until(() => server.connected() === 0)
  })

  it('every fault on the wire is in the ground truth, and every one in the ground truth is on the wire', async () => {
    const faults = [
      { kind: 'stuck', everyMs: 1500, durationMs: 400, point: 'flow' },
      { kind: 'spike', probability: 0.05, magnitude: 10, point: 'pressure' },
      { kind: 'drift', everyMs: 2000, durationMs: 500, magnitude: 5, point: 'motorTemp' },
      { kind: 'skew', everyMs: 1200, durationMs: 300, magnitude: 120_000 },
      { kind: 'dropout', everyMs: 2500, durationMs: 300 },
      { kind: 'duplicate', probability: 0.08 },
      { kind: 'reorder', probability: 0.08, magnitude: 2 },
    ]
    const simulator = await start({ count: 6, model: 'pump', faults })
    const kinds = ['stuck', 'spike', 'drift', 'skew', 'dropout', 'duplicate', 'reorder'] as const
    await until(() => server.seen.length > 500 && kinds.every(kind => (stats?.faults[kind] ?? 0) >= 3), 20_000)
    const { wire, faults: truth, lost } = await simulator.stop()
    assert.equal(lost, 0)

    for (const device of new Set(wire.map(entry => entry.device))) {
      const bodies = bodiesOf(device)
      const sent = wire.filter(entry => entry.device === device)
      assert.deepEqual(
        bodies,
        sent.map(({ time, seq, values }) => ({ time, seq, values })),
        'the log is the wire',
      )

      const own = truth.filter(entry => entry.device === device)
      const logged = (kind: string) => own.filter(entry => entry.kind === kind)
      const seqsOf = (kind: string) =>
        logged(kind)
          .map(entry => entry.seq)
          .sort((a, b) => a - b)
      const seqs = bodies.map(body => body.seq)
      const dropped = new Set(seqsOf('dropout'))

      const twice = [...new Set(seqs)].filter(seq => seqs.filter(other => other === seq).length === 2)
      assert.deepEqual(
        twice.sort((a, b) => a - b),
        seqsOf('duplicate'),
        'duplicates',
      )

      const missing = Array.from({ length: Math.max(...seqs) }, (_, i) => i + 1).filter(seq => !seqs.includes(seq))
      assert.deepEqual(
        missing,
        seqsOf('dropout').filter(seq => seq < Math.max(...seqs)),
        'dropouts',
      )

      const late = [...new Set(seqs.filter((seq, i) => seqs.slice(0, i).some(earlier => earlier > seq)))]
      assert.deepEqual(
        late.sort((a, b) => a - b),
        seqsOf('reorder'),
        'out of order',
      )

      for (const { seq, amount } of logged('reorder')) {
        const ahead = new Set(seqs.slice(0, seqs.indexOf(seq)).filter(earlier => earlier > seq))
        assert.equal(ahead.size, amount, 'readings that went ahead')
      }

      const skewed = new Set(seqsOf('skew'))
      const origin = bodies.find(body => !skewed.has(body.seq))!
      for (const { seq, time } of bodies) {
        assert.equal(time - (origin.time + (seq - origin.seq) * 50), skewed.has(seq) ? 120_000 : 0, 'skewed times')
      }
      for (const [kind, point] of [
        ['stuck', 'flow'],
        ['spike', 'pressure'],
        ['drift', 'motorTemp'],
      ] as const) {
        for (const { seq, changed } of logged(kind)) {
          if (dropped.has(seq)) continue
          assert.equal(bodies.find(body => body.seq === seq)!.values[point], changed![point]!.to, `${kind} ${seq}`)
        }
      }
      for (const { seq, changed } of logged('stuck')) {
        const before = logged('stuck').find(entry => entry.seq === seq - 1)
        if (before) assert.equal(changed!.flow!.to, before.changed!.flow!.to, 'the value stands still')
      }
    }
    const named = new Set(wire.flatMap(entry => entry.faults.map(kind => `${entry.device} ${entry.seq} ${kind}`)))
    const gone = new Set(truth.filter(entry => entry.kind === 'dropout').map(entry => `${entry.device} ${entry.seq}`))
    assert.deepEqual(
      [...named].sort(),
      truth
        .filter(entry => !gone.has(`${entry.device} ${entry.seq}`))
        .map(entry => `${entry.device} ${entry.seq} ${entry.kind}`)
        .sort(),
    )
  })

  it('replays real recorded weather on its device while the others measure models', async () => {
    await copyRecordings(join(folder, 'recordings'))
    const path = join(folder, 'recordings', 'seattle-weather.csv')
    const simulator = await start({ count: 3, recording: { path, speed: 86_400 * 20, keepTimes: true } })
    await until(() => bodiesOf('sim-0001').length >= 10 && bodiesOf('sim-0002').length >= 3)
    await simulator.stop()
    assert.deepEqual(bodiesOf('sim-0001')[1], {
      time: Date.UTC(2012, 0, 2),
      seq: 2,
      values: { precipitation: 10.9, temp_max: 10.6, temp_min: 2.8, wind: 4.5, weather: 'rain' },
    })
    assert.ok(!('weather' in bodiesOf('sim-0002')[0]!.values))
  })

  it('uses its certificates again on the next start, not those of another authority, damaged or refused', async () => {
    const first = await start({ count: 4 })
    await until(() => (stats?.acked ?? 0) >= 4 && server.connected() === 4)
    await first.stop()
    assert.equal(ca.enrolled.length, 4)

    await writeFile(join(folder, 'keys', 'sim-0002.pem'), 'not a key')
    server.refused.add('sim-0003')
    const seen = server.seen.length
    const second = await start({ count: 4 })
    await until(() => ca.enrolled.length >= 6 && new Set(server.seen.slice(seen).map(entry => entry.client)).size === 3)
    assert.deepEqual(ca.enrolled.slice(4).sort(), ['sim-0002', 'sim-0003'])
    const attempts = (await second.stats()).failures
    await until(async () => (await second.stats()).failures >= attempts + 2, 20_000)
    assert.equal(ca.enrolled.length, 6, 'a device refused on purpose is not enrolled again and again')
    await second.stop()

    await server.close()
    ca = await throwawayCa()
    server = await mqttsServer(ca)
    const third = await start({ count: 4 })
    await until(() => server.connected() === 4)
    assert.equal(ca.enrolled.length, 4)
    await third.stop()
  })

  it('comes back when the broker was away, and repeats what was not acknowledged', async () => {
    const simulator = await start({ count: 5 })
    await until(() => server.seen.length > 20)
    await server.close()
    await until(async () => (await simulator.stats()).connected === 0)
    const before = server.seen
    server = await mqttsServer(ca)
    await simulator.setEndpoint(server.endpoint)
    await until(() => new Set(server.seen.map(entry => entry.client)).size === 5, 20_000)
    const { wire } = await simulator.stop()
    const got = new Set([...before, ...server.seen].map(({ client, body }) => `${client} ${body.seq}`))
    assert.deepEqual(
      wire.filter(({ device, seq }) => !got.has(`${device} ${seq}`)),
      [],
    )
    for (const id of ['sim-0001', 'sim-0005']) {
      const seqs = wire.filter(entry => entry.device === id && !entry.resent).map(entry => entry.seq)
      assert.deepEqual(
        seqs,
        Array.from({ length: seqs.length }, (_, i) => i + 1),
      )
    }
  })

  it('trusts no server of another authority', async () => {
    const stranger = await throwawayCa('stranger')
    const simulator = await start({ count: 1 }, {}, { ...server.endpoint, caPem: stranger.caPem })
    await until(async () => (await simulator.stats()).failures > 0)
    assert.match((await simulator.stats()).lastError!, /certificate/)
    assert.equal(server.connects(), 0)
  })

  it('says why it cannot start, and when it cannot enrol', async () => {
    await assert.rejects(start({ recording: { path: join(folder, 'none.csv') } }), { code: 'SIMULATOR_RECORDING' })
    const simulator = await start(
      { count: 2 },
      {
        enrol: async () => {
          throw new Error('the hub sleeps')
        },
      },
    )
    await until(async () => (await simulator.stats()).lastError === 'the hub sleeps')
    await assert.rejects(simulator.inject({ device: 'nobody', fault: { kind: 'spike' } }), { code: 'SIMULATOR_CONFIG_INVALID' })
    await simulator.stop()
    await assert.rejects(simulator.stats(), { code: 'SIMULATOR_FAILED' })
  })
})
