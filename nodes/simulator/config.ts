export const type = 'loom-simulator'

/** Offered in the dialog; the simulator's own tables are the truth, a test compares them. */
export const modelChoices = ['mixed', 'pump', 'hvac-room', 'solar-battery', 'cold-chain', 'machine-tool'] as const
export const dialectChoices = ['plain', 'aws'] as const
export const faultChoices = ['stuck', 'spike', 'drift', 'dropout', 'skew', 'duplicate', 'reorder'] as const
export const recordingChoices = ['seattle-weather', 'seattle-weather-hourly-normals'] as const

/** Empty texts mean the default of the kind. */
export interface FaultField {
  kind: string
  point: string
  probability: number | string
  everyMs: number | string
  durationMs: number | string
  magnitude: number | string
  /** comma-separated ids; empty: all */
  devices: string
}

export interface SimulatorConfig {
  name: string
  hub: string
  /** a number, its text, or `${VARIABLE}`; not set: 50 */
  count: number | string
  /** the start script may replace the count */
  startDevices: boolean
  idPrefix: string
  dialect: (typeof dialectChoices)[number]
  /** of the dialect `aws`; empty: the classic shadow */
  shadow: string
  model: string
  intervalMs: number
  speed: number
  seed: string
  faults: FaultField[]
  recording: string
  recordingType: 'none' | 'name' | 'path'
  timeColumn: string
  recordingDevices: number
  recordingSpeed: number
  keepTimes: boolean
  jitterMs: number
  disconnectsPerHour: number
  rampPerSecond: number
  autostart: boolean
}

export const between =
  (low: number, high: number, whole = false) =>
  (value: unknown): boolean => {
    const number = Number(value)
    return value !== '' && number >= low && number <= high && (!whole || Number.isInteger(number))
  }

export const validCount = (value: unknown): boolean => /^\s*\$\{.+\}\s*$/.test(String(value)) || between(1, 10_000, true)(value)

export const validShadow = (name: string): boolean => /^\s*([$A-Za-z0-9:_-]{1,64})?\s*$/.test(name)

const optional = (value: number | string | undefined, low: number, high: number): boolean =>
  value === '' || value === undefined || between(low, high)(value)

export const validFaults = (faults: Partial<FaultField>[]): boolean =>
  faults.every(
    ({ kind, probability, everyMs, durationMs, magnitude }) =>
      faultChoices.includes(kind as (typeof faultChoices)[number]) &&
      optional(probability, 0, 1) &&
      optional(everyMs, 1, 2_592_000_000) &&
      optional(durationMs, 0, 2_592_000_000) &&
      optional(magnitude, -1e12, 1e12),
  )
