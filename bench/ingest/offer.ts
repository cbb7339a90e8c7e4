import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Child, start } from '../../test/processes.ts'
import type { GeneratorSettings, Load, LoadResult } from './generator.ts'
import { type Spent, stopwatch } from './processor-time.ts'

export interface Offered extends LoadResult {
  spent: Spent
  /** messages a second that were acknowledged (QoS 1) or taken (QoS 0) */
  achieved: number
  /** share of one processor that the generator used, 0..1 */
  generatorShare: number
}

export interface Generator {
  child: Child
  offer(load: Load, brokerPid: number): Promise<Offered>
  stop(): Promise<void>
}

let made = 0

/** A generator process with its connections open. */
export async function startGenerator(folder: string, settings: GeneratorSettings): Promise<Generator> {
  const path = join(folder, `generator-${made++}.json`)
  writeFileSync(path, JSON.stringify(settings))
  const child = start(process.execPath, [join(import.meta.dirname, 'generator.ts'), path])
  await child.says(/CONNECTED/, 120_000)
  let told = 0
  return {
    child,
    stop: () => child.stop('SIGKILL'),
    async offer(load, brokerPid) {
      const spent = stopwatch(brokerPid)
      child.write(`run ${JSON.stringify(load)}\n`)
      const pattern = new RegExp(`(?:RESULT [^]*){${told++}}RESULT (\\{.*\\})`)
      const result = JSON.parse((await child.says(pattern, (load.seconds + 40) * 1000))[1]!) as LoadResult
      return {
        ...result,
        spent: spent(),
        achieved: (load.qos ? result.acked : result.sent) / result.seconds,
        generatorShare: result.cpuUs / 1e6 / result.seconds,
      }
    },
  }
}

export const anonymousClients = (count: number, prefix: string): GeneratorSettings['clients'] =>
  Array.from({ length: count }, (_, i) => ({ id: `${prefix}${i}` }))
