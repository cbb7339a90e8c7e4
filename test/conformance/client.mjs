import { once } from 'node:events'
import { openSync, readFileSync, writeSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'

/** Settings of a client process, from the file named on its command line. */
export const settings = JSON.parse(readFileSync(process.argv[2], 'utf8'))
const log = openSync(settings.log, 'a')

/** One line of the client's own record; on disk before anything else happens. */
export const note = line => void writeSync(log, `${line}\n`)

/**
 * Sends messages 0 to count-1 in order, once told on stdin, at most `window` of them without acknowledgement; `publish` resolves when the SDK reports it.
 * `everyMs` paces them, so that the run lasts over the kill of its hub. A publish that the SDK gives up is an error of the run: nothing is repeated here.
 */
export async function sendAll(publish, window) {
  // All clients begin together: the test says when.
  note('connected')
  await once(process.stdin, 'data')
  const open = new Set()
  for (let i = 0; i < settings.count; i++) {
    if (settings.everyMs) await pause(settings.everyMs)
    note(`sent ${i}`)
    const one = publish(i).then(() => {
      open.delete(one)
      note(`acked ${i}`)
    })
    open.add(one)
    if (open.size >= window) await Promise.race(open)
  }
  await Promise.all(open)
  note('done')
}

process.on('unhandledRejection', error => {
  note(`failed ${error?.stack ?? error}`)
  process.exit(1)
})
