import { setImmediate as turn } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { parentPort, workerData } from 'node:worker_threads'
import { seeded } from '../seeded.ts'
import { families } from './families.ts'
import { seedOf } from './target.ts'
import { verdictOn } from './verdict.ts'

export interface Work {
  name: string
  seed: number
  /** For how long inputs are made. */
  forMs: number
  /** Runs this one instead. */
  only?: unknown
  /** The number of the input that runs. */
  progress: Int32Array
}

export type Outcome = { fault: string } | { inputs: number; slowestMs: number; slowest: number }

const { name, seed, forMs, only, progress } = workerData as Work
const mostBufferMb = 512
/** The loop turns as it does between messages: what zlib refused is let go only then. */
const inputsOfTurn = 64
setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void
const target = await families[name]!()

async function run(): Promise<Outcome> {
  if (only !== undefined) {
    Atomics.store(progress, 0, 1)
    const fault = await verdictOn(target, only)
    return fault === undefined ? { inputs: 1, slowestMs: 0, slowest: 1 } : { fault }
  }
  const end = performance.now() + forMs
  const most = { slowestMs: 0, slowest: 0 }
  let number = 0
  for (let now = performance.now(); now < end; ) {
    Atomics.store(progress, 0, ++number)
    const fault = await verdictOn(target, target.make(seeded(seedOf(seed, number))))
    if (fault !== undefined) return { fault }
    if (number % inputsOfTurn === 0) await turn()
    if (holdsTooMuch() && (await keepsTooMuch())) return { fault: `buffers of more than ${mostBufferMb} MiB are kept` }
    const then = performance.now()
    if (then - now > most.slowestMs) Object.assign(most, { slowestMs: then - now, slowest: number })
    now = then
  }
  return { inputs: number, ...most }
}

function holdsTooMuch(): boolean {
  const { arrayBuffers, external } = process.memoryUsage()
  return Math.max(arrayBuffers, external) > mostBufferMb * 2 ** 20
}

/** After a turn, and without garbage. */
async function keepsTooMuch(): Promise<boolean> {
  await turn()
  collect()
  await turn()
  return holdsTooMuch()
}

parentPort!.postMessage(await run())
