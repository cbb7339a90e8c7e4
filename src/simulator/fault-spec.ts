import { LoomError } from '../errors.ts'

/** Each kind with the meaning of `magnitude`, its default, and how long one occurrence lasts by default (0: a single reading). */
export const faultKinds = {
  /** values keep what they were when it began */
  stuck: { magnitude: 0, durationMs: 30_000 },
  /** a reading jumps by `magnitude` times its size (at least 1), up or down */
  spike: { magnitude: 3, durationMs: 0 },
  /** grows by `magnitude` times the size at the beginning (at least 1), per minute */
  drift: { magnitude: 0.1, durationMs: 120_000 },
  /** no readings at all; sequence numbers go on */
  dropout: { magnitude: 0, durationMs: 20_000 },
  /** times are wrong by `magnitude` ms */
  skew: { magnitude: 60_000, durationMs: 60_000 },
  /** sent `magnitude` more times */
  duplicate: { magnitude: 1, durationMs: 0 },
  /** sent after the next `magnitude` readings */
  reorder: { magnitude: 2, durationMs: 0 },
} as const

export type FaultKind = keyof typeof faultKinds

export interface FaultSpec {
  kind: FaultKind
  /** Value to disturb (stuck, spike, drift); absent: every numeric value. */
  point?: string
  /** Chance that it begins at a reading, 0..1. */
  probability?: number
  /** Begins every so often; the first time at a seeded moment within the period. */
  everyMs?: number
  durationMs?: number
  magnitude?: number
  /** Only these devices; absent: all. */
  devices?: string[]
}

const refuse = (at: string, detail: string): never => {
  throw new LoomError('SIMULATOR_CONFIG_INVALID', `${at}: ${detail}`, { position: at })
}

/** The checked spec, numbers read from text. SIMULATOR_CONFIG_INVALID names the field, e.g. `faults[1].probability`. */
export function checkedFault(raw: unknown, at = 'fault'): FaultSpec {
  if (typeof raw !== 'object' || raw === null) return refuse(at, 'expected an object with a kind')
  const given = raw as Record<string, unknown>
  if (typeof given.kind !== 'string' || !Object.hasOwn(faultKinds, given.kind)) {
    return refuse(`${at}.kind`, `${JSON.stringify(given.kind)?.slice(0, 40)} is none of ${Object.keys(faultKinds).join(', ')}`)
  }
  const spec: FaultSpec = { kind: given.kind as FaultKind }
  const number = (name: 'probability' | 'everyMs' | 'durationMs' | 'magnitude', low: number, high: number): void => {
    const value = given[name]
    if (value === undefined || value === null || value === '') return
    const read = typeof value === 'string' ? Number(value) : value
    if (typeof read !== 'number' || !(read >= low && read <= high)) {
      refuse(`${at}.${name}`, `${JSON.stringify(value)?.slice(0, 40)} is no number from ${low} to ${high}`)
    }
    spec[name] = read as number
  }
  number('probability', 0, 1)
  number('everyMs', 1, 30 * 86_400_000)
  number('durationMs', 0, 30 * 86_400_000)
  number('magnitude', spec.kind === 'duplicate' || spec.kind === 'reorder' ? 1 : -1e12, copies[spec.kind] ?? 1e12)
  if (typeof given.point === 'string' && given.point) spec.point = given.point
  const devices = typeof given.devices === 'string' ? given.devices.split(/[\s,]+/).filter(Boolean) : given.devices
  if (Array.isArray(devices) && devices.length) spec.devices = devices.map(String)
  return spec
}

/** Upper bounds that keep one reading from becoming unbounded work or memory. */
const copies: Partial<Record<FaultKind, number>> = { duplicate: 20, reorder: 100 }

export const checkedFaults = (raw: unknown): FaultSpec[] => {
  if (raw === undefined || raw === null || raw === '') return []
  if (!Array.isArray(raw) || raw.length > 50) return refuse('faults', 'expected a list of at most 50 faults')
  return raw.map((entry, i) => checkedFault(entry, `faults[${i}]`))
}
