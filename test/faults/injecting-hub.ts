import { writeSync } from 'node:fs'
import type { HubOptions } from '../../src/hub/options.ts'
import { startHub } from '../../src/hub/start-hub.ts'

/** Journals readings, numbered and in time order from `base` on, until it is killed; says for each lot up to which number it is committed: `ack {n}`. */
const { options, devices, from, base } = JSON.parse(process.argv[2]!) as {
  options: HubOptions
  devices: string[]
  from: number
  base: number
}
const hub = await startHub(options)
for (const id of devices) await hub.devices.register({ id }).catch(() => {}) // known from the run before
/** Names that come once: no later reading gives their last values again. */
const valuesOf = (n: number) => ({ n, ...(n % 100 === 0 && { [`once${n}`]: n }) })
for (let n = from; n < from + 1_000_000; n += 10) {
  await Promise.all(
    Array.from({ length: 10 }, (_, i) =>
      hub.telemetry.inject({
        device: devices[(n + i) % devices.length]!,
        payload: Buffer.from(JSON.stringify({ time: base + 5 * (n + i), values: valuesOf(n + i) })),
      }),
    ),
  )
  writeSync(1, `ack ${n + 9}\n`)
}
