import { families } from './families.ts'
import { fuzz } from './watch.ts'
import type { Outcome } from './worker.ts'

const seconds = Number(process.env.FUZZ_SECONDS ?? 2)
// Long runs look elsewhere each time; the short one is the same for everybody.
const seed = Number(process.env.FUZZ_SEED ?? (process.env.FUZZ_SECONDS ? Math.floor(Math.random() * 2 ** 32) : 1))
const names = Object.keys(families).filter(name => new RegExp(process.env.FUZZ_ONLY ?? '').test(name))
const atOnce = 2

describe(`mutated input, ${seconds} s each, FUZZ_SEED=${seed}`, function () {
  this.timeout((names.length / atOnce) * seconds * 1000 + 300_000)
  const outcomes = new Map<string, Promise<Outcome>>()

  before(() => {
    console.log(`fuzz: FUZZ_SEED=${seed}`)
    const begin = new Map(names.map(name => [name, Promise.withResolvers<Outcome>()]))
    const waiting = begin.entries()
    for (const [name, { promise }] of begin) {
      promise.catch(() => {})
      outcomes.set(name, promise)
    }
    const work = async (): Promise<void> => {
      for (const [name, { resolve }] of waiting) {
        const ended = fuzz({ name, seed, forMs: seconds * 1000 })
        resolve(ended)
        await ended.catch(() => {})
      }
    }
    for (let i = 0; i < atOnce; i++) void work()
  })

  for (const name of names)
    it(`ends ${name} in a coded error or a plain value`, async () => {
      const outcome = await outcomes.get(name)!
      if ('inputs' in outcome && process.env.FUZZ_SECONDS)
        console.log(
          `      ${outcome.inputs} inputs; the slowest took ${outcome.slowestMs.toFixed(0)} ms, number ${outcome.slowest}`,
        )
    })
})
