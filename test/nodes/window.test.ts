import assert from 'node:assert/strict'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import windowNode from '../../nodes/window/window.ts'
import { flow, unload } from '../flow.ts'

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
