/** What a transaction under way relies on, counted: it must not be deleted meanwhile. */
export class Pending {
  readonly #counts = new Map<string, number>()

  has(id: string): boolean {
    return this.#counts.has(id)
  }

  /** Returns how to end it; only its first call counts. */
  hold(ids: readonly string[]): () => void {
    for (const id of ids) this.#counts.set(id, (this.#counts.get(id) ?? 0) + 1)
    let held = true
    return () => {
      if (held) for (const id of ids) this.#release(id)
      held = false
    }
  }

  #release(id: string): void {
    const left = this.#counts.get(id)! - 1
    if (left) this.#counts.set(id, left)
    else this.#counts.delete(id)
  }
}
