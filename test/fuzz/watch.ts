import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { seeded } from '../seeded.ts'
import { families } from './families.ts'
import { seedOf } from './target.ts'
import type { Outcome, Work } from './worker.ts'

export const foundFolder = join(import.meta.dirname, 'found')
/** Nothing that takes one input takes so long, however busy the machine is. */
const hangMs = 30_000
const lookMs = 250
const heapMb = 256
/** Growth of the whole process, buffers outside of the heap included. */
const mostGrowthMb = 1024

export interface Found {
  target: string
  why: string
  input: unknown
}

const residentMb = (): number => process.memoryUsage.rss() / 2 ** 20

/** Runs a target in a thread that may hang, crash or grow. Says what is wrong and with which input, or what was done. */
async function watched(work: Omit<Work, 'progress'>): Promise<{ outcome: Outcome; number: number }> {
  const progress = new Int32Array(new SharedArrayBuffer(4))
  const most = residentMb() + mostGrowthMb
  const worker = new Worker(join(import.meta.dirname, 'worker.ts'), {
    workerData: { ...work, progress } satisfies Work,
    resourceLimits: { maxOldGenerationSizeMb: heapMb, maxYoungGenerationSizeMb: 64, stackSizeMb: 1 },
  })
  let timer: NodeJS.Timeout | undefined
  try {
    const outcome = await new Promise<Outcome>(resolve => {
      let seen = { number: 0, at: performance.now() }
      timer = setInterval(() => {
        const number = Atomics.load(progress, 0)
        const now = performance.now()
        if (number !== seen.number) seen = { number, at: now }
        else if (now - seen.at > hangMs) resolve({ fault: `it hangs for more than ${hangMs} ms` })
        if (residentMb() > most) resolve({ fault: `the process grew by more than ${mostGrowthMb} MiB` })
      }, lookMs)
      worker.once('message', resolve)
      worker.once('error', error => resolve({ fault: String((error as Error).stack ?? error) }))
      worker.once('exit', code => resolve({ fault: `the thread ended with ${code}` }))
    })
    return { outcome, number: Atomics.load(progress, 0) }
  } finally {
    clearInterval(timer)
    await worker.terminate()
  }
}

/** Fails with seed, number and input. The input is kept among those found, which run always. */
export async function fuzz({ name, seed, forMs }: { name: string; seed: number; forMs: number }): Promise<Outcome> {
  const { outcome, number } = await watched({ name, seed, forMs })
  if (!('fault' in outcome)) return outcome
  const target = await families[name]!()
  const found: Found = { target: name, why: outcome.fault.split('\n', 1)[0]!, input: target.make(seeded(seedOf(seed, number))) }
  const text = JSON.stringify(found)
  const file = join(foundFolder, `${name}-${createHash('sha256').update(text).digest('hex').slice(0, 8)}.json`)
  writeFileSync(file, `${text}\n`)
  throw new Error(`${name}, FUZZ_SEED=${seed}, input ${number}: ${outcome.fault}\n${text.slice(0, 4000)}\nkept as ${file}`)
}

/** The same for one input that was found once. */
export async function replay({ target: name, input }: Found): Promise<void> {
  const { outcome } = await watched({ name, seed: 0, forMs: 0, only: input })
  if ('fault' in outcome) throw new Error(`${name}: ${outcome.fault}`)
}
