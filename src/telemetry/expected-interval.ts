/** Shorter ones would be noise, longer ones are no supervision. */
export const expectedBounds = { leastMs: 1000, mostMs: 31 * 86_400_000 } as const
const name = 'expectedIntervalMs'

/**
 * How long a device may be without telemetry: its attribute `expectedIntervalMs`, else the tag, else `standardMs`. 0 of any of them: it may be silent. What is no whole number within
 * the bounds counts as not given. Undefined: not supervised.
 */
export function expectedInterval(
  described: { tags?: Readonly<Record<string, unknown>>; attributes?: Readonly<Record<string, unknown>> },
  standardMs: number,
): number | undefined {
  const { tags = {}, attributes = {} } = described
  const chosen = [attributes, tags].map(own => (Object.hasOwn(own, name) ? milliseconds(own[name]) : undefined))
  return (chosen.find(ms => ms !== undefined) ?? standardMs) || undefined
}

function milliseconds(value: unknown): number | undefined {
  const ms = typeof value === 'string' && /^\d{1,12}$/.test(value) ? Number(value) : value
  if (typeof ms !== 'number' || !Number.isInteger(ms)) return undefined
  return ms === 0 || (ms >= expectedBounds.leastMs && ms <= expectedBounds.mostMs) ? ms : undefined
}
