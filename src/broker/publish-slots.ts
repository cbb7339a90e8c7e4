/** The place of one PUBLISH in its connection's order. It opens when every step it waits for is done and all earlier ones have opened. */
export interface Slot {
  waits: number
  release: () => void
  next: Slot | undefined
}

/**
 * PUBACKs leave in arrival order [MQTT-4.6.0-2], whatever order their commits end in. The library writes them as its callbacks run, so the
 * callbacks run strictly from the head.
 */
export class PublishSlots {
  #head: Slot | undefined
  #tail: Slot | undefined
  #draining = false
  #closed = false
  #size = 0

  get size(): number {
    return this.#size
  }

  open(waits: number, release: () => void): Slot {
    const slot: Slot = { waits, release, next: undefined }
    if (this.#tail) this.#tail.next = slot
    else this.#head = slot
    this.#tail = slot
    this.#size++
    return slot
  }

  settle(slot: Slot): void {
    slot.waits--
    if (this.#draining || this.#closed) return
    this.#draining = true
    while (this.#head && this.#head.waits <= 0 && !this.#closed) {
      const { release, next } = this.#head
      this.#head = next
      if (!next) this.#tail = undefined
      this.#size--
      release()
    }
    this.#draining = false
  }

  /** Nothing is released any more. */
  close(): void {
    this.#closed = true
    this.#head = this.#tail = undefined
    this.#size = 0
  }
}
