import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { enrolAt, endpointOf } from '../../nodes/simulator/enrol.ts'
import telemetryIn from '../../nodes/telemetry-in/telemetry-in.ts'
import window from '../../nodes/window/window.ts'
import hubNode from '../../nodes/hub/hub.ts'
import helper from 'node-red-node-test-helper'
import type { Hub } from '../../src/hub/hub.ts'
import { startHub } from '../../src/hub/start-hub.ts'
import { setHubStarter } from '../../src/nodered/hubs.ts'
import { checkedOptions } from '../../src/simulator/options.ts'
import { startSimulator } from '../../src/simulator/simulator.ts'
import type { WireEntry } from '../../src/simulator/wire-log.ts'
import { flow, unload } from '../flow.ts'
import { until } from '../until.ts'

const sizeMs = 1000
const point = 'vibration'

/** What the window node must say, from what left the devices: each PUBLISH counted, duplicates too, by the time it carries. */
function recomputed(wire: WireEntry[]): Map<string, { count: number; min: number; max: number; avg: number }> {
  const windows = new Map<string, number[]>()
  for (const { device, time, values } of wire) {
    const key = `${device}|${Math.floor(time / sizeMs) * sizeMs}`
    windows.set(key, [...(windows.get(key) ?? []), Number(values[point])])
  }
  return new Map(
    [...windows].map(([key, all]) => [
      key,
      { count: all.length, min: Math.min(...all), max: Math.max(...all), avg: all.reduce((a, b) => a + b, 0) / all.length },
    ]),
  )
}

describe('the window of a simulated fleet', function () {
  this.timeout(60_000)
  let dataDir: string
  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'loom-pipeline-'))
  })
  afterEach(async () => {
    await unload()
    setHubStarter()
    await rm(dataDir, { recursive: true, force: true })
  })

  it('equals a naive recomputation of what the devices sent, over TLS, journal and flow', async () => {
    let hub: Hub | undefined
    setHubStarter(async options => (hub = await startHub({ ...options, threaded: false })))
    await flow(
      [hubNode, telemetryIn, window],
      {
        type: 'loom-window',
        size: 1,
        unit: 's',
        offsetMs: 0,
        boundary: 'start',
        key: '',
        aggregates: [
          { name: 'count', fn: 'count', field: '' },
          { name: 'min', fn: 'min', field: point },
          { name: 'max', fn: 'max', field: point },
          { name: 'avg', fn: 'avg', field: point },
        ],
        // the watermark stays behind everything until the flush: the faults reorder and skew at will
        outOfOrderMs: 3_600_000,
        lateMs: 0,
        latePolicy: 'output',
        watermark: 'key',
        idleMs: 0,
        earlyMs: 0,
        emitEmpty: 'none',
        updates: 'final',
        output: 'array',
        form: 'results',
      },
      {
        outputs: 2,
        others: [
          {
            id: 'h',
            type: 'loom-hub',
            hubId: 'pipeline',
            dataDir,
            store: 'sqlite',
            broker: 'embedded',
            host: '127.0.0.1',
            listeners: [{ kind: 'mqtts', host: '', port: 0, allowPlaintext: false }],
            limits: { connectsPerSecondPerAddress: 0 },
          },
          {
            id: 'in',
            type: 'loom-telemetry-in',
            z: 't',
            x: 1,
            y: 1,
            hub: 'h',
            consumer: 'window',
            ack: 'flow',
            start: 'earliest',
            window: 256,
            batchMax: 50,
            batchLingerMs: 20,
            wires: [['n'], []],
          },
        ],
      },
    )
    const running = await until(() => hub)
    const simulator = await startSimulator(
      {
        options: checkedOptions({
          count: 10,
          model: 'pump',
          intervalMs: 40,
          rampPerSecond: 100,
          seed: 'window',
          logLimit: 100_000,
          faults: [
            { kind: 'spike', probability: 0.02, point },
            { kind: 'stuck', probability: 0.01, durationMs: 300 },
            { kind: 'drift', probability: 0.01, durationMs: 500, point },
            { kind: 'dropout', probability: 0.01, durationMs: 200 },
            { kind: 'skew', probability: 0.01, durationMs: 300, magnitude: -20_000 },
            { kind: 'duplicate', probability: 0.03 },
            { kind: 'reorder', probability: 0.03 },
          ],
        }),
        endpoint: await endpointOf(running),
        keyFolder: join(dataDir, 'keys'),
      },
      { enrol: enrolAt(running, 'test') },
    )
    await until(async () => {
      const { faults, acked } = await simulator.stats()
      return acked > 1500 && Object.keys(faults).length >= 7
    }, 30_000)
    const { wire, lost } = await simulator.stop()
    assert.equal(lost, 0)
    assert.ok(!wire.some(entry => entry.resent), 'a connection was lost: the log cannot say what arrived')

    await until(async () => {
      const { consumers, headSeq } = await running.journal.metrics({})
      const consumer = consumers.find(c => c.name === 'window')
      return consumer && consumer.cursor >= headSeq && consumer.inFlight === 0
    }, 20_000)
    const out: { key: string; start: number; count: number; values: Record<string, number> }[] = []
    helper.getNode('out0').on('input', msg => out.push(...(msg as never as { payload: typeof out }).payload))
    helper.getNode('n').receive({ window: 'flush' } as never)
    const expected = recomputed(wire)
    await until(() => out.length >= expected.size)

    assert.deepEqual(out.map(r => `${r.key}|${r.start}`).sort(), [...expected.keys()].sort())
    for (const { key, start, count, values } of out) {
      const naive = expected.get(`${key}|${start}`)!
      assert.deepEqual([count, values.count, values.min, values.max], [naive.count, naive.count, naive.min, naive.max])
      assert.ok(Math.abs(values.avg! - naive.avg) <= 1e-9 * Math.max(1, Math.abs(naive.avg)), `${values.avg} is not ${naive.avg}`)
    }
  })
})
