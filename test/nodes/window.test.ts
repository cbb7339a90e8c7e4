import assert from 'node:assert/strict'
import type { EventEmitter } from 'node:events'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import helper from 'node-red-node-test-helper'
import telemetryIn from '../../nodes/telemetry-in/telemetry-in.ts'
import windowNode from '../../nodes/window/window.ts'
import { fakeHub, message } from '../fake-hub.ts'
import { flow, unload } from '../flow.ts'
import { until } from '../until.ts'

const config = {
  type: 'loom-window',
  size: 10,
  unit: 's',
  offsetMs: 0,
  boundary: 'start',
  key: '',
  aggregates: [
    { name: 'n', fn: 'count', field: '' },
    { name: 'mean', fn: 'avg', field: 't' },
  ],
  outOfOrderMs: 0,
  lateMs: 0,
  latePolicy: 'output',
  watermark: 'global',
  idleMs: 0,
  earlyMs: 0,
  emitEmpty: 'none',
  updates: 'final',
  output: 'array',
  form: 'results',
}
const input = { ack: 'flow', start: 'latest', window: 256, batchMax: 4, batchLingerMs: 1000 }
const probe = { id: 'mid', type: 'helper', x: 1, y: 1, z: 't' }
const reading = (device: string, time: number, t: number) => ({ device, time, payload: { t } })

describe('loom-window', () => {
  let userDir: string
  beforeEach(async () => {
    userDir = await mkdtemp(join(tmpdir(), 'loom-window-'))
  })
  afterEach(async () => {
    await unload()
    await rm(userDir, { recursive: true, force: true })
  })
  const open = (more: object = {}) => flow(windowNode, { ...config, ...more }, { settings: { userDir } })

  it('sends the results of a step as one array when progress passes the end', async () => {
    const { send, outputs } = await open()
    const one = outputs(1)
    for (const msg of [reading('a', 1000, 1), reading('b', 2000, 5), reading('a', 9000, 3), reading('a', 10_000, 0)]) send(msg)
    const [{ payload, window }] = (await one) as [any]
    assert.deepEqual(
      payload.map(({ key, start, end, count, values }: any) => [key, start, end, count, values]),
      [
        ['a', 0, 10_000, 2, { n: 2, mean: 2 }],
        ['b', 0, 10_000, 1, { n: 1, mean: 5 }],
      ],
    )
    assert.deepEqual(window, { node: 'n', watermark: 10_000 })
  })

  it('takes batches and sends readings, one message each', async () => {
    const { send, outputs } = await open({ output: 'each', form: 'readings' })
    const two = outputs(2)
    send({
      payload: [
        { device: 'a', time: 1000, values: { t: 1 } },
        { device: 'b', time: 1500, values: { t: 2 } },
        { device: 'a', time: 20_000, values: { t: 9 } },
      ],
    })
    assert.deepEqual(
      (await two).map(({ payload, device, time }) => [device, time, payload]),
      [
        ['a', 10_000, { n: 1, mean: 1 }],
        ['b', 10_000, { n: 1, mean: 2 }],
      ],
    )
  })

  it('groups by names of values', async () => {
    const { send, outputs } = await open({ key: 'site, line' })
    const one = outputs(1)
    send({ device: 'x', time: 1, payload: { site: 's1', line: 2, t: 1 } })
    send({ device: 'y', time: 2, payload: { site: 's1', line: 2, t: 3 } })
    send({ payload: '', window: 'flush' })
    const [{ payload }] = (await one) as [any]
    assert.deepEqual([payload[0].key, payload[0].count], ['s1|2', 2])
  })

  it('sends late readings to output 2', async () => {
    const { send, outputs } = await open()
    const late = outputs(1, 1)
    send(reading('a', 1000, 1))
    send(reading('a', 30_000, 1))
    send(reading('a', 2000, 7))
    const [{ payload, device, time, late: why }] = (await late) as [any]
    assert.deepEqual([payload, device, time, why.reason], [{ t: 7 }, 'a', 2000, 'late'])
  })

  it('obeys flush, reset and advanceTo', async () => {
    const { send, outputs, seen } = await open()
    const first = outputs(1)
    send(reading('a', 1000, 1))
    send({ window: { advanceTo: 10_000 } })
    assert.equal((await first)[0]!.payload[0].count, 1)
    send(reading('a', 11_000, 1))
    send({ window: 'reset' })
    const second = outputs(1)
    send(reading('a', 12_000, 1))
    send({ window: 'flush' })
    assert.equal((await second)[0]!.payload[0].count, 1)
    const third = outputs(1)
    send(reading('a', 13_000, 1))
    send({ window: 'flush' })
    assert.equal((await third)[0]!.payload[0].count, 1)
    assert.equal(seen().length, 3)
  })

  it('goes on with its open windows after a stop, once', async () => {
    const first = await open()
    first.send(reading('a', 1000, 1))
    await unload()
    assert.deepEqual(await readdir(join(userDir, 'thingloom', '_nodes')), ['n.window'])
    const { send, outputs } = await open()
    const one = outputs(1)
    send(reading('a', 2000, 3))
    send(reading('a', 10_000, 0))
    const [{ payload }] = (await one) as [any]
    assert.deepEqual(payload[0].values, { n: 2, mean: 2 })
    assert.equal(payload[0].partial, undefined)
    assert.deepEqual(await readdir(join(userDir, 'thingloom', '_nodes')), [])
  })

  it('begins anew when the saved windows are of other settings or damaged, and says so', async () => {
    const first = await open()
    first.send(reading('a', 1000, 1))
    await unload()
    const { send, outputs } = await open({ size: 20 })
    const one = outputs(1)
    send(reading('a', 2000, 3))
    send({ window: 'flush' })
    const [{ payload }] = (await one) as [any]
    assert.deepEqual([payload[0].count, payload[0].partial], [1, true])
    await unload()
    await writeFile(join(userDir, 'thingloom', '_nodes', 'n.window'), 'no snapshot')
    const again = await open()
    const two = again.outputs(1)
    again.send(reading('a', 1000, 1))
    again.send({ window: 'flush' })
    assert.equal((await two)[0]!.payload[0].count, 1)
  })

  it('sends a step of very many results in several messages', async () => {
    const { send, outputs } = await open()
    const two = outputs(2)
    send({ payload: Array.from({ length: 10_001 }, (_, i) => ({ device: `d${i}`, time: 1, values: { t: i } })) })
    send({ window: 'flush' })
    assert.deepEqual(
      (await two).map(({ payload }) => payload.length),
      [10_000, 1],
    )
  })

  it('sends a reading far ahead of its arrival to output 2 instead of closing windows', async () => {
    const { send, outputs, seen } = await open({ earlyMs: 60_000 })
    const late = outputs(1, 1)
    send({ device: 'a', time: 1000, arrived: 1000, payload: { t: 1 } })
    send({ device: 'a', time: 4_000_000_000_000, arrived: 1100, payload: { t: 2 } })
    assert.equal((await late)[0]!.late.reason, 'early')
    assert.equal(seen().length, 0)
  })

  it('names every fault of its settings', async () => {
    const { error } = await open({ size: 0, aggregates: [] })
    assert.equal((await error()).code, 'WINDOW_CONFIG_INVALID')
  })

  it('counts a journal record that comes again once', async () => {
    const { send, outputs } = await open()
    const one = outputs(1)
    const item = (jseq: number) => ({ device: 'a', time: jseq, values: { t: jseq }, jseq, idx: 0, arrived: 5 })
    send({ payload: [item(1), item(2)] })
    send({ payload: [item(1), item(2), item(3)], redelivered: true })
    const { values, ...single } = item(3)
    send({ ...single, payload: values, redelivered: true })
    send({ window: 'flush' })
    assert.deepEqual((await one)[0]!.payload[0].values, { n: 3, mean: 2 })
  })

  it('takes the healthy readings of a batch, names the bad ones and makes dead letters of their records alone', async () => {
    const hub = fakeHub()
    const settings = { settings: { userDir }, hub }
    const others = [{ id: 'in', type: 'loom-telemetry-in', hub: 'hub', x: 1, y: 1, z: 't', wires: [['mid']], ...input }]
    const { send, outputs, error, get } = await flow([windowNode, telemetryIn], config, {
      ...settings,
      others: [...others, probe],
    })
    await until(() => hub.consumers.size)
    const consumer = hub.consumers.get('in')!
    const batch = new Promise<any>(resolve => get('mid').on('input', resolve))
    for (const t of [1, 2, 3, 4]) hub.append(message('a', { t }, { time: 1000 + t }))
    const msg = await batch
    msg.payload[1].values = 'odd'
    msg.payload[3].time = 'noon'
    const failed = error()
    send(msg)
    const { code, message: text, position } = await failed
    assert.deepEqual([code, position], ['READING_VALUES', 1])
    assert.match(text, /item 1 of the batch.*1 more/)
    await until(() => consumer.acked.size === 4)
    assert.deepEqual(
      hub.letters.map(({ jseq, code: why, node }) => [jseq, why, node]),
      [
        [2, 'READING_VALUES', 'n'],
        [4, 'READING_VALUES', 'n'],
      ],
    )
    const one = outputs(1)
    send({ window: 'flush' })
    assert.deepEqual((await one)[0]!.payload[0].values, { n: 2, mean: 2 })
  })

  it('says once that readings of further keys were left out', async () => {
    const { send, error, status, outputs } = await open()
    const [failed, shown] = [error(), status(/3 left out|3 window\.leftOut/)]
    send({ payload: Array.from({ length: 100_003 }, (_, i) => ({ device: `d${i}`, time: 1, values: { t: i } })) })
    const { code, message: text } = await failed
    assert.equal(code, 'WINDOW_STATE_LIMIT')
    assert.match(text, /3 readings/)
    assert.equal((await shown).fill, 'yellow')
    let more = 0
    const node: EventEmitter = helper.getNode('n')
    node.on('call:error', () => void more++)
    const results = outputs(10)
    send({ device: 'one more', time: 1, payload: { t: 1 } })
    send({ window: 'flush' })
    await results
    assert.equal(more, 0)
  })

  it('reports what is no reading, and what is no time', async () => {
    const { send, error } = await open()
    const first = error()
    send({ payload: { t: 1 } })
    assert.equal((await first).code, 'READING_DEVICE')
    const second = error()
    send({ window: { advanceTo: 'noon' } })
    assert.equal((await second).code, 'NODE_CONFIG')
  })
})
