import type { Aggregate, AggregateFn, WindowConfig } from '../../src/window/types.ts'

export const type = 'loom-window'

export const units = { ms: 1, s: 1000, min: 60_000, h: 3_600_000, day: 86_400_000 } as const
export type Unit = keyof typeof units

export const functions = [
  'count',
  'sum',
  'avg',
  'min',
  'max',
  'range',
  'first',
  'last',
  'span',
  'stddev',
  'stddevp',
  'variance',
  'variancep',
] as const satisfies AggregateFn[]

export interface WindowNodeConfig {
  name: string
  size: number
  unit: Unit
  /** start of windows after the epoch, in ms */
  offsetMs: number
  boundary: 'start' | 'end'
  /** names in the values, comma-separated; empty: the device */
  key: string
  aggregates: { name: string; fn: AggregateFn; field: string }[]
  outOfOrderMs: number
  lateMs: number
  latePolicy: 'drop' | 'adjust' | 'output'
  watermark: 'global' | 'key' | 'manual'
  /** 0: never */
  idleMs: number
  /** 0: clocks may be as wrong as they like */
  earlyMs: number
  emitEmpty: 'none' | 'null' | 'zero' | 'last'
  updates: 'final' | 'each'
  /** one message with all results of a step, or one message each */
  output: 'array' | 'each'
  /** results, or readings `{device, time, values}` for store nodes */
  form: 'results' | 'readings'
}

/** The engine's configuration of a node's fields; the engine judges it. */
export function windowConfigOf(fields: WindowNodeConfig): WindowConfig {
  const keys = fields.key
    .split(',')
    .map(path => path.trim())
    .filter(Boolean)
  return {
    type: 'tumbling',
    sizeMs: Number(fields.size) * (units[fields.unit] ?? Number.NaN),
    offsetMs: Number(fields.offsetMs) || 0,
    boundary: fields.boundary,
    aggregates: fields.aggregates.map(({ name, fn, field }): Aggregate => ({ name, fn, ...(field && { field }) })),
    outOfOrderMs: Number(fields.outOfOrderMs),
    lateMs: Number(fields.lateMs),
    latePolicy: fields.latePolicy,
    watermark: fields.watermark,
    idleMs: Number(fields.idleMs),
    emitEmpty: fields.emitEmpty === 'none' ? false : fields.emitEmpty,
    updates: fields.updates,
    ...(keys.length > 0 && { key: keys }),
    ...(Number(fields.earlyMs) > 0 && { earlyMs: Number(fields.earlyMs), earlyPolicy: fields.latePolicy }),
  }
}

export const validAggregates = (rows: readonly { name: string; fn: string; field: string }[]): boolean =>
  rows.length > 0 &&
  rows.every(({ name, fn, field }) => name.trim() !== '' && (field.trim() !== '' || fn === 'count' || fn === 'span')) &&
  new Set(rows.map(({ name }) => name)).size === rows.length
