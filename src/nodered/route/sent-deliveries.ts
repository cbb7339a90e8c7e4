import { deliveries } from '../delivery.ts'

/** Acknowledges what was sent a turn after the next nodes have it: what is on its way when the flows stop goes nowhere, and must come again. */
export class SentDeliveries {
  readonly #failed: (thrown: unknown) => void
  #waiting: unknown[] = []
  #turn: NodeJS.Immediate | undefined
  #stopped = false

  constructor(failed: (thrown: unknown) => void) {
    this.#failed = failed
  }

  add(delivery: unknown): void {
    if (this.#stopped) return
    this.#waiting.push(delivery)
    this.#turn ??= setImmediate(() => {
      this.#turn = setImmediate(() => this.#acknowledge())
    })
  }

  /** What waits stays unacknowledged. */
  stop(): void {
    this.#stopped = true
    clearImmediate(this.#turn)
  }

  #acknowledge(): void {
    this.#turn = undefined
    for (const delivery of this.#waiting.splice(0)) deliveries.acknowledge(delivery).catch(this.#failed)
  }
}
