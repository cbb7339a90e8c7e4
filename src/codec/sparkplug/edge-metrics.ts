import { LoomError } from '../../errors.ts'
import { setOwn } from '../plain.ts'
import { metricsOf, plainMetric, timeOf } from './sparkplug-read.ts'
import type { WireMessage } from './sparkplug-shapes.ts'
import { type SparkplugType, typeOfCode } from './sparkplug-types.ts'

interface Known {
  name: string
  type?: SparkplugType
}

/** What one birth said of the metrics of an edge or of one of its devices. */
export interface BornMetrics {
  byName: ReadonlyMap<string, Known>
  byAlias: ReadonlyMap<string, Known>
}

/** Values of one time. */
export interface TimedValues {
  time: number
  values: Record<string, unknown>
  /** It is not the latest, whatever came before. */
  historical?: true
}

export interface EdgeValues {
  readings: TimedValues[]
  /** Metrics that were left out since their value does not fit their type. */
  faults: LoomError[]
}

/** Names of the protocol and of what a host can order, which measure nothing. */
const control = /^(bdSeq$|Node Control\/|Device Control\/)/
const definition = 'definition'

/** Names of what it measures. */
export const measuredNames = ({ byName }: BornMetrics): string[] => [...byName.keys()].filter(name => !control.test(name))

export function bornMetrics(birth: WireMessage): BornMetrics {
  const byName = new Map<string, Known>()
  const byAlias = new Map<string, Known>()
  for (const { name, alias, datatype } of metricsOf(birth)) {
    if (typeof name !== 'string') continue
    const type = datatype === undefined ? undefined : typeOfCode(datatype as number)
    const known: Known = { name, ...(type && { type }) }
    byName.set(name, known)
    if (alias !== undefined) byAlias.set(String(alias), known)
  }
  return { byName, byAlias }
}

/** What a birth or data measured; undefined if the birth did not say one of its aliases. */
export function valuesOf(message: WireMessage, born: BornMetrics, now: number): EdgeValues | undefined {
  const metrics: [WireMessage, Known][] = []
  for (const metric of metricsOf(message)) {
    const { name, alias } = metric
    const known = typeof name === 'string' ? (born.byName.get(name) ?? { name }) : born.byAlias.get(String(alias ?? ''))
    if (!known) return undefined
    if (!control.test(known.name)) metrics.push([metric, known])
  }
  const { timestamp: sent = now } = timeOf(message)
  const found: EdgeValues = { readings: [], faults: [] }
  const open = new Map<string, TimedValues>()
  for (const [metric, { name, type }] of metrics) {
    try {
      const { value, timestamp: time = sent, historical } = plainMetric(metric, name, type)
      if (isDefinition(value)) continue
      const key = `${time} ${historical}`
      let reading = open.get(key)
      if (!reading || Object.hasOwn(reading.values, name)) {
        reading = { time, values: {}, ...(historical && { historical }) }
        open.set(key, reading)
        found.readings.push(reading)
      }
      setOwn(reading.values, name, value)
    } catch (error) {
      if (!(error instanceof LoomError)) throw error
      found.faults.push(error)
    }
  }
  return found
}

const isDefinition = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && definition in value && value[definition] === true

/** The number of the session in a birth or a death. */
export function bdSeqOf(message: WireMessage): string | undefined {
  const metric = metricsOf(message).find(({ name }) => name === 'bdSeq')
  return metric?.value && String(metric.value[1])
}
