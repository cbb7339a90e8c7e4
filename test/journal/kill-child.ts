import { writeSync } from 'node:fs'
import { openSqliteJournal } from '../../src/stores/sqlite/journal.ts'
import { message } from './records.ts'

/**
 * Appends without end and writes one line to stdout per acknowledged record (`a <text>`) and per delivered one (`d <seq>`). The lines are written with
 * write(2), so what was acknowledged before a kill is in the pipe. Round and folder come as arguments.
 */
const [folder, round] = process.argv.slice(2) as [string, string]
const journal = await openSqliteJournal({ folder, now: Date.now, segmentBytes: 1024 * 1024, reserveBytes: 0 })

await journal.consume(
  { name: 'c', start: 'earliest', window: 256 },
  { deliver: records => writeSync(1, records.map(({ seq }) => `d ${seq}\n`).join('')) },
)

let sent = 0
const burst = (): void => {
  for (let i = 0; i < 50; i++) {
    const text = `${round}:${sent++}`
    journal.append(message(`d${sent % 50}`, text), error => {
      if (!error) writeSync(1, `a ${text}\n`)
    })
  }
  setImmediate(burst)
}
burst()
