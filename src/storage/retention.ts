import type { RetentionClass } from './warm-store.ts'

/** Days each class is kept unless the store is told otherwise. */
export const keptDays: Readonly<Record<RetentionClass, number>> = { default: 30, raw: 7, kpi: 400 }

/** Readings of the class before this time are past their retention. */
export const cutoffOf = (
  retention: RetentionClass,
  now: number,
  keepDays: Partial<Record<RetentionClass, number>> = {},
): number => now - (keepDays[retention] ?? keptDays[retention]) * 24 * 3_600_000
