/** Between the number in the bytes and the value. */
export interface Scaling {
  readonly none: boolean
  value(raw: number): number
  /** Not rounded. */
  raw(value: number): number
}

/** Steps and offsets that have so few decimals give values without noise: 272 times 0.1 is 27.2. */
const mostPlaces = 15

export function scalingOf({ scale = 1, offset = 0 }: { scale?: number; offset?: number }): Scaling {
  const none = scale === 1 && offset === 0
  const places = Math.max(placesOf(scale), placesOf(offset))
  const parts = 10 ** places
  const [step, start] = [Math.round(scale * parts), Math.round(offset * parts)]
  const exact = places <= mostPlaces && Number.isSafeInteger(step) && Number.isSafeInteger(start)
  return {
    none,
    value(raw) {
      if (none) return raw
      const sum = raw * step + start
      return exact && Number.isSafeInteger(sum) ? sum / parts : raw * scale + offset
    },
    raw: value => (none ? value : (value - offset) / scale),
  }
}

/** Digits behind the point. */
function placesOf(number: number): number {
  const [, fraction = '', exponent = '0'] = /^-?\d+(?:\.(\d+))?(?:e([+-]\d+))?$/.exec(String(number)) ?? []
  return Math.max(0, fraction.length - Number(exponent))
}
