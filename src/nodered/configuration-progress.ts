import type { ConfigurationMetrics, Hub } from '../hub/hub.ts'
import { hasConverged } from '../twin/configuration/tally.ts'

/** How far a configuration is. */
export interface ConfigurationStep {
  id: string
  counts: ConfigurationMetrics
  /** nothing is left to do for now */
  done: boolean
  /** epoch ms */
  at: number
}

export interface ProgressOptions {
  hub: Pick<Hub, 'configurations' | 'subscribe'>
  /** of all configurations, for good; else of those that are followed, each until it has converged */
  all: boolean
  tell(step: ConfigurationStep): void
  now: () => number
}

/** Tells how far configurations are each time their counts change, as the hub's events say it. */
export class ConfigurationProgress {
  readonly #options: ProgressOptions
  /** counts as they were told last, by id */
  readonly #told = new Map<string, string>()
  readonly #leave: () => void
  #closed = false

  constructor(options: ProgressOptions) {
    this.#options = options
    this.#leave = options.hub.subscribe(event => {
      if (event.type === 'configuration' && (options.all || this.#told.has(event.id)))
        this.#tell(event.id, event.metrics, event.at)
    })
  }

  /** As far as all of them are now. */
  async begin(): Promise<void> {
    const known = await this.#options.hub.configurations.list({}).catch(() => undefined)
    for (const { id } of known?.items ?? []) if (!this.#closed) await this.follow(id)
  }

  /** As far as it is now, and on until it has converged. */
  async follow(id: string): Promise<void> {
    this.#told.set(id, '')
    const counts = await this.#options.hub.configurations.metrics({ id }).catch(() => undefined)
    // Without: somebody deleted it, or the hub is down and events tell of it when it is back
    if (counts && this.#told.has(id)) this.#tell(id, counts, this.#options.now())
  }

  forget(id: string): void {
    this.#told.delete(id)
  }

  close(): void {
    this.#closed = true
    this.#leave()
    this.#told.clear()
  }

  #tell(id: string, counts: ConfigurationMetrics, at: number): void {
    const text = JSON.stringify(counts)
    if (this.#told.get(id) === text) return
    const done = hasConverged(counts)
    if (this.#options.all ? counts.targeted > 0 : !done) this.#told.set(id, text)
    else this.#told.delete(id)
    this.#options.tell({ id, counts, done, at })
  }
}
