import type { Reading } from './reading.ts'

/** What marks a reading as one, in its properties: all values, or only those that changed since the one before. */
export const frameProperty = 'frame'

export type FrameKind = 'key' | 'diff'

export const keyFrameLimits = {
  /** Last states; those not heard of for longest are forgotten. */
  streams: 10_000,
  /** Names of values in one of them. */
  names: 1000,
  /** A device is asked for a key frame at most once in that time, per stream. */
  askMs: 30_000,
} as const

export interface KeyFrameWish {
  device: string
  stream: string
}

export interface KeyFramed {
  /** Whole: a key frame as it came, a difference merged into what was known. Others as they are. */
  readings: Reading[]
  /** Whose next key frame is needed. */
  wishes: KeyFrameWish[]
  /** Differences without what they differ from: their base was never seen, or one before them is missing. */
  unfounded: Reading[]
}

export interface KeyFramesOptions {
  limits?: Partial<Record<keyof typeof keyFrameLimits, number>>
  /** Default: the property `frame`, `key` or `diff`. Undefined: neither. */
  kindOf?(reading: Reading): FrameKind | undefined
}

interface Stream {
  /** Undefined: none is known, and differences say nothing. */
  base?: { values: Record<string, unknown>; time: number; seq?: number } | undefined
  askedAt?: number
}

/** `null` in a difference takes the value away. */
const byProperty = ({ properties }: Reading): FrameKind | undefined => {
  const kind = properties?.[frameProperty]
  return kind === 'key' || kind === 'diff' ? kind : undefined
}

/**
 * Makes whole readings of differential ones, per device and stream. Where device numbers (`seq`) are there, a difference holds only for the one before it; one that came before is passed over. `now`:
 * epoch ms.
 */
export class KeyFrames {
  readonly #limits: Record<keyof typeof keyFrameLimits, number>
  readonly #kindOf: (reading: Reading) => FrameKind | undefined
  /** The one not heard of for longest comes first. */
  readonly #streams = new Map<string, Stream>()

  constructor({ limits = {}, kindOf = byProperty }: KeyFramesOptions = {}) {
    this.#limits = { ...keyFrameLimits, ...limits }
    this.#kindOf = kindOf
  }

  take(readings: readonly Reading[], now: number): KeyFramed {
    const framed: KeyFramed = { readings: [], wishes: [], unfounded: [] }
    for (const reading of readings) {
      const kind = this.#kindOf(reading)
      if (kind === undefined) framed.readings.push(reading)
      else this.#frame(reading, kind, framed, now)
    }
    return framed
  }

  #frame(reading: Reading, kind: FrameKind, framed: KeyFramed, now: number): void {
    const { device, stream: name = '', time, seq, values } = reading
    const stream = this.#streamOf(`${device}\n${name}`)
    const { base } = stream
    // Delivered again, or late: what came later is known already.
    if (base && seq !== undefined && base.seq !== undefined && seq <= base.seq && time <= base.time) return
    const follows = kind === 'key' || (base && (seq === undefined || base.seq === undefined || seq === base.seq + 1))
    const merged = follows ? mergedValues(kind === 'key' ? {} : base!.values, values, this.#limits.names) : undefined
    if (merged) {
      stream.base = { values: merged, time, ...(seq !== undefined && { seq }) }
      framed.readings.push({ ...reading, values: { ...merged } })
      return
    }
    stream.base = undefined
    framed.unfounded.push(reading)
    const { askedAt } = stream
    if (askedAt !== undefined && now - askedAt < this.#limits.askMs && now >= askedAt) return
    stream.askedAt = now
    framed.wishes.push({ device, stream: name })
  }

  #streamOf(key: string): Stream {
    const stream = this.#streams.get(key) ?? {}
    this.#streams.delete(key)
    this.#streams.set(key, stream)
    if (this.#streams.size > this.#limits.streams) this.#streams.delete(this.#streams.keys().next().value!)
    return stream
  }
}

/** Undefined if there would be too many names. */
function mergedValues(
  before: Readonly<Record<string, unknown>>,
  change: Readonly<Record<string, unknown>>,
  most: number,
): Record<string, unknown> | undefined {
  const values = new Map(Object.entries(before))
  for (const [name, value] of Object.entries(change)) {
    if (value === null) values.delete(name)
    else values.set(name, value)
  }
  return values.size <= most ? Object.fromEntries(values) : undefined
}
