import type { Reading } from '../telemetry/reading.ts'

/** Readings remembered at least; the journal hands out at most 256 records, unless set otherwise, before the first is acknowledged. */
const remembered = 50_000

/** Which readings of the journal a node took in its life, so that a repeat is not taken twice. Readings of other origin are always new. */
export class Taken {
  readonly #limit: number
  #young = new Set<string>()
  #old = new Set<string>()

  constructor(limit = remembered) {
    this.#limit = limit
  }

  has(reading: Reading): boolean {
    const place = placeOf(reading)
    return place !== undefined && (this.#young.has(place) || this.#old.has(place))
  }

  add(reading: Reading): void {
    const place = placeOf(reading)
    if (place === undefined) return
    this.#young.add(place)
    if (this.#young.size < this.#limit) return
    this.#old = this.#young
    this.#young = new Set()
  }
}

/** With the device and the arrival: one journal's numbers mean nothing in another's, and a flow may make several readings of one. */
const placeOf = ({ jseq, idx = 0, arrived = 0, device }: Reading): string | undefined =>
  jseq === undefined ? undefined : `${jseq}/${idx}/${arrived}/${device}`
