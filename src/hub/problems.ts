import { type ErrorData, errorData } from '../errors.ts'

/** What is wrong with the hub now, by what it is about; health shows it. `changed` hears of each problem that comes, changes or goes. */
export class Problems {
  readonly #found = new Map<string, ErrorData>()
  readonly #changed: () => void
  #warning: string | undefined

  constructor(changed: () => void) {
    this.#changed = changed
  }

  get list(): ErrorData[] {
    return [...this.#found.values()]
  }

  /** Of the store: still working, soon not. */
  get warning(): string | undefined {
    return this.#warning
  }

  warn(message: string): void {
    this.#warning = message
    this.#changed()
  }

  set(about: string, error: unknown): void {
    const next = error instanceof Error ? errorData(error) : (error as ErrorData)
    const before = this.#found.get(about)
    this.#found.set(about, next)
    if (before?.message !== next.message) this.#changed()
  }

  clear(about: string): void {
    if (this.#found.delete(about)) this.#changed()
  }

  /** Notes the failure of some work, and its next success. */
  watch(about: string, work: Promise<unknown>): void {
    work.then(
      () => this.clear(about),
      error => this.set(about, error),
    )
  }
}
