import { LoomError } from '../errors.ts'
import { shadowOfName } from '../twin/names.ts'
import { checkedFaults, type FaultSpec } from './fault-spec.ts'
import { type ModelName, modelNameOf, modelNames, models } from './models/catalogue.ts'

export interface RecordingOptions {
  /** absolute path of a CSV file */
  path: string
  timeColumn?: string
  /** how many devices replay it, from the first on; default 1 */
  devices: number
  /** recorded time per real time, default 3600 */
  speed: number
  /** Send the recorded times; default false: times are the present. */
  keepTimes: boolean
}

export const dialects = ['plain', 'aws'] as const
export type Dialect = (typeof dialects)[number]

/** One simulated fleet; structured-clonable. */
export interface SimulatorOptions {
  /** 1..10,000 */
  count: number
  /** A device is `{idPrefix}{number, at least four digits}`. */
  idPrefix: string
  /** of its twin; who came by DPS speaks that of Azure */
  dialect: Dialect
  /** which shadow is the twin, for `aws`; empty: the classic one */
  shadow: string
  model: ModelName | 'mixed'
  /** Overrides of model parameters, by name; models without one of that name ignore it. */
  parameters: Record<string, number>
  /** between two readings of a device, at least 10 */
  intervalMs: number
  /** simulated time per real time, for the models */
  speed: number
  seed: string
  faults: FaultSpec[]
  recording?: RecordingOptions
  /** a reading leaves up to this much after its time */
  jitterMs: number
  /** connections lost at random, per device and hour */
  disconnectsPerHour: number
  /** connections opened per second; a hub admits 20 from one address unless its limits say more */
  rampPerSecond: number
  /** unacknowledged messages per device */
  inFlight: number
  /** readings a device keeps while it cannot send; then the oldest is dropped */
  backlog: number
  /** emissions and faults kept for `log()`, 0 keeps none */
  logLimit: number
}

export const simulatorDefaults: SimulatorOptions = {
  count: 50,
  idPrefix: 'sim-',
  dialect: 'plain',
  shadow: '',
  model: 'mixed',
  parameters: {},
  intervalMs: 1000,
  speed: 1,
  seed: '1',
  faults: [],
  jitterMs: 0,
  disconnectsPerHour: 0,
  rampPerSecond: 15,
  inFlight: 8,
  backlog: 200,
  logLimit: 0,
}

export const recordingDefaults = { devices: 1, speed: 3600, keepTimes: false } as const

export const deviceIdOf = (idPrefix: string, index: number): string => `${idPrefix}${String(index + 1).padStart(4, '0')}`

const refuse = (at: string, detail: string): never => {
  throw new LoomError('SIMULATOR_CONFIG_INVALID', `${at}: ${detail}`, { position: at })
}

const shown = (value: unknown): string => JSON.stringify(value)?.slice(0, 40) ?? 'nothing'

function numberFrom(at: string, value: unknown, low: number, high: number, fallback: number): number {
  if (value === undefined || value === null || value === '') return fallback
  const read = typeof value === 'string' ? Number(value) : value
  return typeof read === 'number' && read >= low && read <= high
    ? read
    : refuse(at, `${shown(value)} is no number from ${low} to ${high}`)
}

function wholeFrom(at: string, value: unknown, low: number, high: number, fallback: number): number {
  const number = numberFrom(at, value, low, high, fallback)
  return Number.isInteger(number) ? number : refuse(at, `${shown(value)} is no whole number`)
}

/** A count as configured: a number, its text, or the default for nothing and for a `${VARIABLE}` that is not set. SIMULATOR_CONFIG_INVALID. */
export function checkedCount(value: unknown): number {
  const unset = typeof value === 'string' && /^\s*(\$\{.*\})?\s*$/.test(value)
  return wholeFrom('count', unset ? undefined : value, 1, 10_000, simulatorDefaults.count)
}

const known = new Set(modelNames.flatMap(name => Object.keys(models[name].parameters)))

export function checkedParameters(raw: unknown): Record<string, number> {
  if (raw === undefined || raw === null || raw === '') return {}
  if (typeof raw !== 'object' || Array.isArray(raw))
    return refuse('parameters', `expected an object of numbers, not ${shown(raw)}`)
  const checked: Record<string, number> = {}
  for (const [name, value] of Object.entries(raw)) {
    if (!known.has(name)) refuse(`parameters.${name.slice(0, 40)}`, 'no model has a parameter of that name')
    if (typeof value !== 'number' || !Number.isFinite(value)) refuse(`parameters.${name}`, `${shown(value)} is no number`)
    checked[name] = value
  }
  return checked
}

/** What may change while the fleet runs. */
export interface FleetChange {
  count?: number
  intervalMs?: number
  speed?: number
  parameters?: Record<string, number>
  /** parameters of this device only */
  device?: string
}

export const limits = { intervalMs: [10, 86_400_000], speed: [0.001, 100_000] } as const

/** SIMULATOR_CONFIG_INVALID names the field. */
export function checkedChange(raw: Record<string, unknown>): FleetChange {
  const change: FleetChange = {}
  if (raw.count !== undefined) change.count = checkedCount(raw.count)
  if (raw.intervalMs !== undefined)
    change.intervalMs = wholeFrom('intervalMs', raw.intervalMs, ...limits.intervalMs, simulatorDefaults.intervalMs)
  if (raw.speed !== undefined) change.speed = numberFrom('speed', raw.speed, ...limits.speed, 1)
  if (raw.parameters !== undefined) change.parameters = checkedParameters(raw.parameters)
  if (raw.device !== undefined)
    change.device = typeof raw.device === 'string' ? raw.device : refuse('device', `${shown(raw.device)} is no device id`)
  return change
}

/** Checked options, defaults filled in, numbers read from text. SIMULATOR_CONFIG_INVALID names the field. */
export function checkedOptions(raw: Record<string, unknown>): SimulatorOptions {
  const d = simulatorDefaults
  const count = checkedCount(raw.count)
  const idPrefix = raw.idPrefix ?? d.idPrefix
  if (typeof idPrefix !== 'string' || !/^[A-Za-z0-9][A-Za-z0-9:._-]{0,50}$/.test(idPrefix)) {
    return refuse('idPrefix', `${shown(idPrefix)} does not begin an id (letters, digits and : . _ -, at most 51)`)
  }
  const model = (raw.model || d.model) as ModelName | 'mixed'
  if (model !== 'mixed' && !modelNames.includes(model)) {
    refuse('model', `${shown(model)} is none of mixed, ${modelNames.join(', ')}`)
  }
  const dialect = (raw.dialect || d.dialect) as Dialect
  if (!dialects.includes(dialect)) refuse('dialect', `${shown(dialect)} is none of ${dialects.join(', ')}`)
  const recording = raw.recording ? checkedRecording(raw.recording as Record<string, unknown>) : undefined
  return {
    count,
    idPrefix,
    dialect,
    shadow: checkedShadow(raw.shadow ?? d.shadow),
    model,
    parameters: checkedParameters(raw.parameters),
    intervalMs: wholeFrom('intervalMs', raw.intervalMs, ...limits.intervalMs, d.intervalMs),
    speed: numberFrom('speed', raw.speed, ...limits.speed, d.speed),
    seed: String(raw.seed ?? d.seed).slice(0, 100),
    faults: checkedFaults(raw.faults),
    ...(recording && { recording }),
    jitterMs: wholeFrom('jitterMs', raw.jitterMs, 0, 3_600_000, d.jitterMs),
    disconnectsPerHour: numberFrom('disconnectsPerHour', raw.disconnectsPerHour, 0, 3600, d.disconnectsPerHour),
    rampPerSecond: numberFrom('rampPerSecond', raw.rampPerSecond, 0.1, 10_000, d.rampPerSecond),
    inFlight: wholeFrom('inFlight', raw.inFlight, 1, 1000, d.inFlight),
    backlog: wholeFrom('backlog', raw.backlog, 1, 100_000, d.backlog),
    logLimit: wholeFrom('logLimit', raw.logLimit, 0, 1_000_000, d.logLimit),
  }
}

function checkedShadow(value: unknown): string {
  const shadow = typeof value === 'string' ? value.trim() : undefined
  if (shadow === '' || (shadow !== undefined && shadowOfName(shadow) === shadow)) return shadow
  return refuse('shadow', `${shown(value)} names no shadow (1 to 64 of A-Z a-z 0-9 : _ $ -)`)
}

function checkedRecording(raw: Record<string, unknown>): RecordingOptions {
  const { path, timeColumn } = raw
  if (typeof path !== 'string' || !path) return refuse('recording.path', `${shown(path)} is no path`)
  return {
    path,
    ...(typeof timeColumn === 'string' && timeColumn && { timeColumn }),
    devices: wholeFrom('recording.devices', raw.devices, 1, 10_000, recordingDefaults.devices),
    speed: numberFrom('recording.speed', raw.speed, 0.001, 100_000_000, recordingDefaults.speed),
    keepTimes: raw.keepTimes === true,
  }
}

/** The parameters of one device: its model's defaults, overridden where the model has one of that name. */
export function parametersOf(options: Pick<SimulatorOptions, 'model' | 'parameters'>, index: number): Record<string, number> {
  const own: Record<string, number> = { ...models[modelNameOf(options.model, index)].parameters }
  for (const [name, value] of Object.entries(options.parameters)) if (name in own) own[name] = value
  return own
}
