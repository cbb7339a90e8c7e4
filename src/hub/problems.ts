import { type ErrorData, errorData } from '../errors.ts'

/** What is wrong with the hub now, by what it is about; health shows it. */
export class Problems {
  readonly #found = new Map<string, ErrorData>()
  /** Of the store: still working, soon not. */
  warning: string | undefined

  get list(): ErrorData[] {
    return [...this.#found.values()]
  }

  warn(message: string): void {
    this.warning = message
  }

  set(about: string, error: unknown): void {
    this.#found.set(about, error instanceof Error ? errorData(error) : (error as ErrorData))
  }

  clear(about: string): void {
    this.#found.delete(about)
  }

  /** Notes the failure of some work, and its next success. */
  watch(about: string, work: Promise<unknown>): void {
    work.then(
      () => this.clear(about),
      error => this.set(about, error),
    )
  }
}
