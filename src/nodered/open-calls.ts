/** Calls under way, by device and method. */
export class OpenCalls {
  readonly #open = new Map<string, number>()
  #size = 0

  get size(): number {
    return this.#size
  }

  has(device: string, method: string): boolean {
    return this.#open.has(keyOf(device, method))
  }

  /** The returned function ends it. */
  begin(device: string, method: string): () => void {
    const key = keyOf(device, method)
    this.#size++
    this.#open.set(key, (this.#open.get(key) ?? 0) + 1)
    return () => {
      this.#size--
      const left = this.#open.get(key)! - 1
      if (left) this.#open.set(key, left)
      else this.#open.delete(key)
    }
  }
}

const keyOf = (device: string, method: string): string => `${device}\0${method}`
