import assert from 'node:assert/strict'
import { Problems } from '../../src/hub/problems.ts'
import { storeTelemetry } from '../../src/hub/telemetry-store.ts'
import { LoomError } from '../../src/errors.ts'
import { type JournalPort, kinds } from '../../src/journal/journal-port.ts'
import type { WarmRow, WarmStore } from '../../src/storage/warm-store.ts'
import { openMemoryJournal } from '../../src/stores/memory/journal.ts'
import { openMemoryWarmStore } from '../../src/stores/memory/warm-store.ts'
import { until } from '../until.ts'

describe('the feed of the warm store', () => {
  let journal: JournalPort
  let warm: WarmStore
  let failing: ((rows: readonly WarmRow[]) => void) | undefined
  let problems: Problems
  let appends: number[]
  const again: (() => void)[] = []

  beforeEach(async () => {
    journal = openMemoryJournal({ now: Date.now })
    const store = await openMemoryWarmStore({ now: Date.now })
    appends = []
    warm = Object.assign(Object.create(store) as WarmStore, {
      cursor: store.cursor.bind(store),
      last: store.last.bind(store),
      append: (async (rows, o) => {
        failing?.(rows)
        appends.push(rows.length)
        return store.append(rows, o)
      }) satisfies WarmStore['append'],
    })
    problems = new Problems(() => {})
    failing = undefined
    again.length = 0
  })
  afterEach(() => journal.close())

  const schedule = (_ms: number, fn: () => void) => {
    again.push(fn)
    return () => {}
  }
  const open = () => storeTelemetry({ journal, warm, problems, schedule })
  const send = (device: string, value: unknown) =>
    new Promise<void>(resolve =>
      journal.append(
        {
          kind: kinds.message,
          device,
          topic: 't',
          qos: 1,
          flags: 0,
          props: { v: 1, p: {}, s: {}, e: {} },
          payload: new TextEncoder().encode(JSON.stringify(value)),
        },
        () => resolve(),
      ),
    )
  const lastOf = async (device: string) => (await warm.last({ devices: [device] }))[0]?.value
  const lag = () => journal.metrics().consumers.find(c => c.name === '$warm')?.lag

  it('stores large messages in slices, not all of a delivery at once', async () => {
    for (let i = 0; i < 8; i++)
      await send(
        'd',
        Array.from({ length: 900 }, (_, k) => ({ time: 1e12 + i * 1e6 + k, values: { x: k } })),
      )
    const feed = await open()
    await until(() => lag() === 0)
    assert.ok(Math.max(...appends) < 3000, `${appends}`)
    assert.equal(
      appends.reduce((a, b) => a + b, 0),
      7200,
    )
    await feed.close()
  })

  it('tries again while the store fails, and says so until it works', async () => {
    failing = () => {
      throw new LoomError('STORE_LIMIT', 'full')
    }
    await send('d', { x: 1 })
    const feed = await open()
    await until(() => problems.list.length === 1 && again.length)
    assert.equal(problems.list[0]!.code, 'STORE_LIMIT')
    failing = undefined
    for (const retry of again.splice(0)) retry()
    await until(async () => (await lastOf('d')) === 1)
    assert.deepEqual(problems.list, [])
    await feed.close()
  })

  it('puts a record aside that no store can take, and stores its neighbours', async () => {
    failing = rows => {
      if (rows.some(row => row.device === 'bad')) throw new LoomError('READING_VALUES', 'no')
    }
    for (const device of ['a', 'bad', 'b']) await send(device, { x: device })
    const feed = await open()
    await until(() => lag() === 0)
    assert.deepEqual([await lastOf('a'), await lastOf('b'), await lastOf('bad')], ['a', 'b', undefined])
    assert.deepEqual(
      (await journal.deadLetters({ limit: 10 })).items.map(letter => letter.device),
      ['bad'],
    )
    await feed.close()
  })

  it('goes on beside a damaged place of the file, and says so for good', async () => {
    failing = rows => {
      if (rows.some(row => row.device === 'lost')) throw new LoomError('STORE_CORRUPT', 'warm.db')
    }
    for (const device of ['lost', 'b']) await send(device, { x: device })
    const feed = await open()
    await until(() => lag() === 0)
    assert.equal(await lastOf('b'), 'b')
    assert.deepEqual(
      problems.list.map(problem => problem.code),
      ['STORE_CORRUPT'],
    )
    await feed.close()
  })

  it('begins a new count beside a journal that began anew', async () => {
    for (let i = 0; i < 5; i++) await send('d', { x: i })
    const first = await open()
    await until(() => lag() === 0)
    await first.close()
    await journal.close()
    journal = openMemoryJournal({ now: Date.now })
    await send('d', { time: Date.now() + 1000, values: { x: 'new' } })
    const second = await open()
    await until(async () => (await lastOf('d')) === 'new')
    await second.close()
  })
})
