import type { InTurn } from './turns.ts'

/** Work on many keys at once: it begins when each of them has its turn. Calls queue for all their keys in one step, so two of them never wait for each other. */
export async function inAllTurns<T>(inTurn: InTurn, keys: readonly string[], work: () => Promise<T>): Promise<T> {
  const { promise: done, resolve: end } = Promise.withResolvers<void>()
  const arrivals = [...new Set(keys)].map(
    key =>
      new Promise<void>(arrived => {
        void inTurn(key, () => {
          arrived()
          return done
        })
      }),
  )
  try {
    await Promise.all(arrivals)
    return await work()
  } finally {
    end()
  }
}
