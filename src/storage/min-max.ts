interface Extremes {
  min: Point
  max: Point
}

export interface Point {
  time: number
  value: number
}

/** Keeps the least and the greatest value of each of `maxPoints / 2` equal spans of [from, to); all points while they are at most `maxPoints`. */
export class MinMax {
  readonly #from: number
  readonly #spanMs: number
  readonly #maxPoints: number
  readonly #spans = new Map<number, Extremes>()
  #all: Point[] | undefined = []

  constructor({ from, to, maxPoints }: { from: number; to: number; maxPoints: number }) {
    this.#from = from
    this.#maxPoints = maxPoints
    this.#spanMs = (to - from) / Math.max(1, Math.floor(maxPoints / 2))
  }

  /** In order of time. */
  add(point: Point): void {
    if (this.#all && this.#all.push(point) > this.#maxPoints) this.#all = undefined
    const span = Math.floor((point.time - this.#from) / this.#spanMs)
    const known = this.#spans.get(span)
    if (!known) this.#spans.set(span, { min: point, max: point })
    else if (point.value < known.min.value) known.min = point
    else if (point.value > known.max.value) known.max = point
  }

  /** In order of time. */
  result(): Point[] {
    if (this.#all) return this.#all
    return Array.from(this.#spans.values(), ({ min, max }) =>
      min === max ? [min] : min.time <= max.time ? [min, max] : [max, min],
    ).flat()
  }
}
