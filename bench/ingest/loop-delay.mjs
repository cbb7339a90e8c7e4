/**
 * Loaded with `--import` into Node-RED: prints the main loop's delay since the last signal, in ms, at each SIGCONT (SIGUSR2 stops Node-RED). It looks from the
 * first one on, as looking wakes the loop 200 times a second.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { isMainThread } from 'node:worker_threads'

if (isMainThread) {
  const resolution = 5
  const delay = monitorEventLoopDelay({ resolution })
  process.on('SIGCONT', () => {
    delay.enable()
    // The histogram holds whole intervals between two looks; what is above the interval is delay.
    const ms = ns => Math.max(0, Number((ns / 1e6 - resolution).toFixed(1)))
    console.log(`LOOP ${JSON.stringify({ p50: ms(delay.percentile(50)), p99: ms(delay.percentile(99)), max: ms(delay.max) })}`)
    delay.reset()
  })
}
