import assert from 'node:assert/strict'
import { type ChunkOutcomes, type DeviceOutcome, type FanOut, runFanOut } from '../../src/commands/fan-out.ts'
import { seeded } from '../seeded.ts'

/** A store of chunks and outcomes that several runs share, with workers that end when the test says. */
function house(devices: number, chunkSize = 10) {
  const ids = Array.from({ length: devices }, (_, n) => `d${n}`)
  const kept = new Map<number, ChunkOutcomes>()
  const told: { done: number; failed: number }[] = []
  const counts: typeof told = []
  const calls: string[] = []
  let [open, most] = [0, 0]
  const parts = (more: Partial<FanOut> = {}): FanOut => ({
    chunks: Math.ceil(devices / chunkSize),
    chunk: async index => ids.slice(index * chunkSize, (index + 1) * chunkSize),
    earlier: async index => kept.get(index),
    one: async device => ({ device, ok: Number(device.slice(1)) % 7 !== 0 }),
    keep: async (index, outcomes) => void kept.set(index, [...outcomes]),
    counted: o => void counts.push(o),
    progress: async o => void told.push(o),
    cancelled: () => false,
    concurrency: 4,
    now: () => 0,
    ...more,
  })
  const run = (more: Partial<FanOut> = {}) => {
    const { one, ...rest } = parts(more)
    return runFanOut({
      ...rest,
      async one(device): Promise<DeviceOutcome> {
        calls.push(device)
        most = Math.max(most, ++open)
        return one(device).finally(() => open--)
      },
    })
  }
  const outcomes = () => [...kept].toSorted(([a], [b]) => a - b).flatMap(([, found]) => found)
  return { ids, run, kept, told, counts, calls, outcomes, most: () => most }
}

describe('one thing for many devices', () => {
  it('is done for each once, so many at a time, with outcomes in the order of the devices', async () => {
    const { ids, run, told, counts, calls, outcomes, most } = house(95)
    assert.deepEqual(
      await run({
        one: async device => {
          await new Promise(setImmediate)
          return { device, ok: Number(device.slice(1)) % 7 !== 0 }
        },
      }),
      { complete: true },
    )
    assert.deepEqual([calls.length, new Set(calls).size, most()], [95, 95, 4])
    assert.deepEqual(
      outcomes().map(outcome => outcome!.device),
      ids,
    )
    assert.deepEqual(told.at(-1), { done: 95, failed: 14 })
    assert.deepEqual(
      counts.map(({ done }) => done),
      ids.map((_, n) => n + 1),
    )
  })

  it('is not held up by one slow device', async () => {
    const { run, calls } = house(60)
    const slow = Promise.withResolvers<void>()
    const running = run({
      one: async device => {
        if (device === 'd0') await slow.promise
        return { device, ok: true }
      },
    })
    while (calls.length < 60) await new Promise(setImmediate)
    slow.resolve()
    assert.deepEqual(await running, { complete: true })
  })

  it('stops when it is asked to, and goes on with the rest in another run', async () => {
    const { run, calls, outcomes, told } = house(100)
    let stop = false
    const first = await run({
      one: async device => {
        if (device === 'd33') stop = true
        return { device, ok: true }
      },
      cancelled: () => stop,
    })
    assert.equal(first.complete, false)
    const before = calls.length
    assert.ok(before < 40)
    assert.deepEqual(await run(), { complete: true })
    assert.equal(calls.length, 100, 'none twice')
    assert.equal(outcomes().length, 100)
    assert.equal(told.at(-1)!.done, 100)
  })

  it('loses and repeats nothing that was kept, however often it is stopped', async () => {
    const draw = seeded(7)
    for (let round = 0; round < 40; round++) {
      const { run, ids, outcomes, calls } = house(1 + draw.below(80), 1 + draw.below(9))
      for (let complete = false; !complete; ) {
        const stopAt = calls.length + 1 + draw.below(30)
        complete = (await run({ concurrency: 1 + draw.below(8), cancelled: () => calls.length >= stopAt })).complete
      }
      assert.deepEqual(
        outcomes().map(outcome => outcome?.device),
        ids,
      )
      assert.equal(calls.length, ids.length)
    }
  })

  it('ends with what failed besides devices', async () => {
    const { run, calls } = house(200)
    await assert.rejects(
      run({
        keep: async () => {
          throw new Error('disk')
        },
      }),
      /disk/,
    )
    assert.ok(calls.length < 200)
  })
})
