import type { Random } from '../random.ts'

/** Splits a step so that no part is longer than `maxS`, in at most 720 parts: fast time stays bounded work. */
export function inParts(dtS: number, maxS: number, advance: (partS: number) => void): void {
  if (!(dtS > 0)) return
  const parts = Math.min(720, Math.ceil(dtS / maxS))
  for (let i = 0; i < parts; i++) advance(dtS / parts)
}

/** First-order lag towards `target`, exact for any step: x' = (target - x) / tau. */
export const lag = (x: number, target: number, tauS: number, dtS: number): number => target + (x - target) * Math.exp(-dtS / tauS)

/** Ornstein-Uhlenbeck process of mean 0 and the standard deviation `sigma`, exact for any step. */
export function wander(x: number, sigma: number, tauS: number, dtS: number, random: Random): number {
  const keep = Math.exp(-dtS / tauS)
  return x * keep + sigma * Math.sqrt(1 - keep * keep) * random.normal()
}

export const clamp = (x: number, low: number, high: number): number => Math.min(high, Math.max(low, x))

/** The resolution of a sensor: rounds to a number of decimals, never -0. */
export function resolution(x: number, decimals: number): number {
  const scale = 10 ** decimals
  return Math.round(x * scale) / scale + 0
}
