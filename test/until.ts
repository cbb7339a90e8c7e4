import { setTimeout as after } from 'node:timers/promises'

type Truthy<T> = Exclude<T, undefined | null | false | 0 | ''>

/** Looks again and again until the probe gives something, at most `limitMs`; a probe that throws counts as nothing yet. */
export async function until<T>(probe: () => T | Promise<T>, limitMs = 8000): Promise<Truthy<T>> {
  const end = performance.now() + limitMs
  let last: unknown
  while (true) {
    try {
      last = await probe()
      if (last) return last as Truthy<T>
    } catch (error) {
      last = error
    }
    if (performance.now() > end)
      throw new Error(`not within ${limitMs} ms: ${probe} gave ${last instanceof Error ? last.stack : String(last)}`)
    await after(10)
  }
}
