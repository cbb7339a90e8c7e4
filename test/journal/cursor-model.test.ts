import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Journal } from '../../src/journal/journal.ts'
import type { Consumer, Delivered } from '../../src/journal/journal-port.ts'
import { openMemoryJournal } from '../../src/stores/memory/journal.ts'
import { MemoryJournalLog } from '../../src/stores/memory/journal-log.ts'
import { openSqliteJournal } from '../../src/stores/sqlite/journal.ts'
import { FakeTime } from './fake-time.ts'
import { message, range } from './records.ts'

const window = 8
const ackTimeoutMs = 1000
const maxDeliveries = 3
const devices = ['a', 'b', 'c']

/** Mulberry32. */
function random(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

/** The simplest statement of what a consumer may see: sets of sequences, nothing else. */
class Model {
  head = 0
  readonly done = new Set<number>()
  readonly open = new Map<number, number>()
  readonly deviceOf = new Map<number, string>()
  readonly strict: boolean

  constructor(strict: boolean) {
    this.strict = strict
  }

  get cursor(): number {
    let cursor = 0
    while (this.done.has(cursor + 1)) cursor++
    return cursor
  }

  delivered(records: readonly Delivered[]): void {
    for (const { seq, device, deliveries } of records) {
      assert.ok(seq <= this.head, `${seq} is not committed`)
      assert.ok(!this.done.has(seq), `${seq} is done`)
      assert.equal(device, this.deviceOf.get(seq))
      assert.equal(deliveries, (this.open.get(seq) ?? 0) + 1)
      assert.ok(deliveries <= maxDeliveries)
      if (this.strict)
        for (const earlier of range(1, seq - 1))
          assert.ok(this.over(earlier) || this.deviceOf.get(earlier) !== device, `${seq} before ${earlier} of ${device}`)
      this.open.set(seq, deliveries)
    }
    assert.ok(this.open.size <= window)
  }

  /** Done, or out of deliveries: the letter of such a one may have been written since the last look. */
  over(seq: number): boolean {
    return this.done.has(seq) || this.open.get(seq) === maxDeliveries
  }

  end(seq: number): void {
    if (this.open.delete(seq)) this.done.add(seq)
  }

  /** Only the cursor survives: what lies above it comes again, as new. */
  reopen(): void {
    const { cursor } = this
    this.open.clear()
    for (const seq of [...this.done]) if (seq > cursor) this.done.delete(seq)
  }
}

async function run(
  seed: number,
  steps: number,
  open: (time: FakeTime) => Promise<Journal>,
  { strict, lingerMs }: { strict: boolean; lingerMs: number },
): Promise<void> {
  const next = random(seed)
  const pick = <T>(list: readonly T[]): T | undefined => list[Math.floor(next() * list.length)]
  const time = new FakeTime()
  const model = new Model(strict)
  let dead = 0
  let journal = await open(time)
  let consumer: Consumer | undefined
  const attach = async (): Promise<void> => {
    consumer = await journal.consume(
      { name: 'c', ack: 'flow', window, ackTimeoutMs, maxDeliveries, strictOrder: strict, start: 'earliest', lingerMs, batch: 3 },
      { deliver: records => model.delivered(records) },
    )
    time.advance()
  }
  /** Records that ended as dead letters since the last look, by their timeouts. */
  const buried = async (): Promise<void> => {
    const { items } = await journal.deadLetters({ limit: 1000 })
    for (const { jseq } of items.slice(0, items.length - dead)) model.end(jseq!)
    dead = items.length
  }
  await attach()
  for (let step = 0; step < steps; step++) {
    const dice = next()
    const some = [...model.open.keys()].filter(() => next() < 0.4)
    if (dice < 0.35) {
      for (let i = Math.ceil(next() * 6); i > 0; i--) {
        const device = pick(devices)!
        journal.append(message(device), (error, seq) => {
          assert.equal(error, undefined)
          assert.equal(seq, ++model.head)
          model.deviceOf.set(seq, device)
        })
      }
    } else if (dice < 0.65) {
      consumer?.ack([...some, 0, model.head + 5])
      for (const seq of some) model.end(seq)
    } else if (dice < 0.75) consumer?.retry(some, Math.floor(next() * 500))
    else if (dice < 0.8) {
      const ended = consumer?.deadletter(some, { code: 'X', message: 'y' })
      for (const seq of some) model.end(seq)
      time.advance()
      await ended
      await buried()
    } else if (dice < 0.85) time.advance(Math.floor(next() * 900))
    else if (dice < 0.9) {
      await consumer?.close()
      model.reopen()
      await attach()
    } else if (dice < 0.94) {
      await journal.close()
      model.reopen()
      journal = await open(time)
      await attach()
    } else consumer?.pause(next() < 0.5)
    time.advance(26)
    await buried()
    assert.equal(consumer!.state().cursor, model.cursor, `step ${step}`)
    assert.equal(consumer!.state().lag, model.head - model.cursor)
  }
  // Everything ends when the consumer acknowledges whatever it gets.
  consumer!.pause(false)
  for (let i = 0; i < 2000 && model.cursor < model.head; i++) {
    time.advance(50)
    const seqs = [...model.open.keys()]
    for (const seq of seqs) model.end(seq)
    consumer!.ack(seqs)
    await buried()
  }
  assert.equal(model.cursor, model.head)
  assert.equal(consumer!.state().cursor, model.head)
  await journal.close()
}

describe('cursors against a naive model', function () {
  this.timeout(60_000)
  for (const o of [
    { strict: false, lingerMs: 0 },
    { strict: true, lingerMs: 0 },
    { strict: false, lingerMs: 40 },
    { strict: true, lingerMs: 40 },
  ]) {
    it(`agree over random histories in memory, strictOrder ${o.strict}, lingerMs ${o.lingerMs}`, async () => {
      for (const seed of range(1, 40)) {
        const log = new MemoryJournalLog()
        await run(seed, 150, async ({ now, clock, schedule }) => openMemoryJournal({ log, now, clock, schedule }), o).catch(
          error => {
            error.message = `seed ${seed}: ${error.message}`
            throw error
          },
        )
      }
    })

    it(`agree over random histories in files, strictOrder ${o.strict}, lingerMs ${o.lingerMs}`, async () => {
      for (const seed of range(101, 104)) {
        const folder = await mkdtemp(join(tmpdir(), 'journal-model-'))
        const open = ({ now, clock, schedule }: FakeTime): Promise<Journal> =>
          openSqliteJournal({ folder, now, clock, schedule, reserveBytes: 0, minFreeBytes: 0 })
        await run(seed, 80, open, o).finally(() => rm(folder, { recursive: true, force: true }))
      }
    })
  }
})
