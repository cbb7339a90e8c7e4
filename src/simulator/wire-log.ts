import type { Emission, FaultLog } from './faults.ts'

/** One PUBLISH as it was handed to the connection. */
export interface WireEntry extends Emission {
  /** epoch ms */
  sentAt: number
  /** once more after a lost connection: the hub may have got both */
  resent: boolean
}

export interface SimulatorLog {
  wire: WireEntry[]
  faults: FaultLog[]
  /** older entries that were given up for the limit */
  lost: number
}

/** What really went out and what was done to it, the latest `limit` of each; each batch beyond costs one splice. */
export class WireLog {
  readonly #limit: number
  readonly #wire: WireEntry[] = []
  readonly #faults: FaultLog[] = []
  #lost = 0

  constructor(limit: number) {
    this.#limit = limit
  }

  sent(emission: Emission, resent: boolean, sentAt: number): void {
    if (this.#limit) this.#keep(this.#wire, { ...emission, faults: [...emission.faults], resent, sentAt })
  }

  fault(entry: FaultLog): void {
    if (this.#limit) this.#keep(this.#faults, entry)
  }

  read(): SimulatorLog {
    const latest = <T>(list: T[]): T[] => list.slice(-this.#limit)
    const held = Math.max(0, this.#wire.length - this.#limit) + Math.max(0, this.#faults.length - this.#limit)
    return this.#limit
      ? { wire: latest(this.#wire), faults: latest(this.#faults), lost: this.#lost + held }
      : { wire: [], faults: [], lost: 0 }
  }

  #keep<T>(list: T[], entry: T): void {
    if (list.push(entry) < this.#limit * 2) return
    this.#lost += this.#limit
    list.splice(0, this.#limit)
  }
}
