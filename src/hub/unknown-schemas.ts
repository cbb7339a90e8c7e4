import { Lru } from '../identity/lru.ts'
import type { NewDeadLetter } from '../journal/journal-port.ts'
import type { HubEvent } from './hub.ts'

const hourMs = 3_600_000
const remembered = 1000

/** Tells of schemas that letters wait for, of each once an hour. */
export class UnknownSchemas {
  readonly #emit: (event: HubEvent) => void
  readonly #now: () => number
  readonly #told = new Lru<string, number>(remembered)

  constructor({ emit, now }: { emit(event: HubEvent): void; now: () => number }) {
    this.#emit = event => emit(event)
    this.#now = now
  }

  see({ reason, key, device, topic }: NewDeadLetter): void {
    if (reason !== 'schema-unknown' || key === undefined) return
    const at = this.#now()
    if (at - (this.#told.get(key) ?? Number.NEGATIVE_INFINITY) < hourMs) return
    this.#told.set(key, at)
    this.#emit({ type: 'schema-unknown', at, key, device, topic })
  }
}
