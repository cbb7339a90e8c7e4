import { LoomError } from '../errors.ts'

const dayMs = 86_400_000
const mostDays = 366

/** Of a message, in ms. REQUEST_INVALID. */
export function overlapOf(overlapMs: unknown): number | undefined {
  if (overlapMs === undefined) return undefined
  if (typeof overlapMs !== 'number' || !(overlapMs >= 0 && overlapMs <= mostDays * dayMs))
    throw new LoomError('REQUEST_INVALID', `overlapMs ${String(overlapMs).slice(0, 40)}`, {
      hint: `milliseconds, at most ${mostDays} days`,
    })
  return overlapMs
}

/** Of a setting in days, in ms; empty: what the hub has. NODE_CONFIG. */
export function overlapOfDays(days: number | string | undefined): number | undefined {
  if (days === undefined || days === '') return undefined
  const given = Number(days)
  if (!(given >= 0 && given <= mostDays))
    throw new LoomError('NODE_CONFIG', `overlap ${String(days).slice(0, 40)}`, { hint: `0 to ${mostDays} days` })
  return given * dayMs
}
