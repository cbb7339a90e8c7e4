import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Delivered, JournalRecord } from '../../src/journal/journal-port.ts'
import { openSqliteJournal } from '../../src/stores/sqlite/journal.ts'

const rounds = process.env.CI === 'true' ? 3 : 5
const linesBeforeKill = 6000
const child = fileURLToPath(new URL('./kill-child.ts', import.meta.url))

/** Runs the child until it has written enough lines, kills it with SIGKILL and returns all complete lines. */
function runAndKill(folder: string, round: number): Promise<string[]> {
  const { promise, resolve, reject } = Promise.withResolvers<string[]>()
  const running = spawn(process.execPath, ['--no-warnings', child, folder, String(round)], { stdio: ['ignore', 'pipe', 'pipe'] })
  let out = ''
  let lines = 0
  let errors = ''
  running.stderr.on('data', data => (errors += data))
  running.stdout.on('data', (data: Buffer) => {
    out += data
    lines += data.toString().split('\n').length - 1
    if (lines >= linesBeforeKill) running.kill('SIGKILL')
  })
  running.on('close', (_, signal) => {
    if (signal !== 'SIGKILL') reject(new Error(`the child ended by itself: ${errors}`))
    else resolve(out.slice(0, out.lastIndexOf('\n')).split('\n'))
  })
  return promise
}

describe('journal under kill -9', function () {
  this.timeout(120_000)
  let folder: string
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'journal-kill-'))
  })
  afterEach(() => rm(folder, { recursive: true, force: true }))

  it('keeps every acknowledged record, densely numbered and in order; a consumer sees each, and repeats at most window + 500', async () => {
    const acknowledged: string[] = []
    const delivered: number[][] = []
    for (let round = 0; round < rounds; round++) {
      const lines = await runAndKill(folder, round)
      acknowledged.push(...lines.filter(line => line.startsWith('a ')).map(line => line.slice(2)))
      delivered.push(lines.filter(line => line.startsWith('d ')).map(line => Number(line.slice(2))))
    }
    assert.ok(acknowledged.length > 1000)

    const journal = await openSqliteJournal({ folder, now: Date.now, segmentBytes: 1024 * 1024, reserveBytes: 0 })
    const last: number[] = []
    await new Promise<void>((resolve, reject) => {
      const deliver = (records: Delivered[]): void => {
        for (const { seq } of records) last.push(seq)
        if (last.at(-1) === journal.metrics().headSeq) resolve()
      }
      journal.consume({ name: 'c', start: 'earliest' }, { deliver }).then(consumer => {
        if (consumer.state().lag === 0) resolve()
      }, reject)
    })
    const records: JournalRecord[] = []
    for (let page = -1; records.length !== page; ) {
      page = records.length
      records.push(...(await journal.read({ from: page + 1, limit: 10_000 })))
    }
    const { headSeq } = journal.metrics()
    await journal.close()

    assert.equal(records.length, headSeq)
    assert.ok(records.every(({ seq }, i) => seq === i + 1))
    const texts = records.map(({ payload }) => Buffer.from(payload).toString())
    const stored = new Set(texts)
    assert.deepEqual(
      acknowledged.filter(text => !stored.has(text)),
      [],
    )
    assert.equal(stored.size, texts.length)
    for (let round = 0; round < rounds; round++) {
      const numbers = texts.filter(text => text.startsWith(`${round}:`)).map(text => Number(text.split(':')[1]))
      assert.deepEqual(
        numbers,
        numbers.map((_, i) => i),
      )
    }

    const runs = [...delivered, last]
    const seen = new Set(runs.flat())
    assert.equal(seen.size, records.length)
    runs.slice(1).forEach((run, i) => {
      const before = Math.max(...runs.slice(0, i + 1).flat())
      const repeats = run.filter(seq => seq <= before).length
      assert.ok(repeats <= 256 + 500, `${repeats} repeats in run ${i + 1}`)
    })
  })
})
