import { LoomError } from '../errors.ts'
import { aggregateFns, type Columns, planColumns } from './columns.ts'
import { keyReader } from './path.ts'
import type { Aggregate, Result, WindowConfig, WindowEvent } from './types.ts'

/** A checked configuration with every default in place. */
export interface WindowPlan {
  sizeMs: number
  offsetMs: number
  /** 1 for windows that hold their end, 0 for those that hold their start. */
  shift: 0 | 1
  outOfOrderMs: number
  lateMs: number
  lateArrivalMs: number | undefined
  earlyMs: number | undefined
  earlyPolicy: 'drop' | 'adjust' | 'output'
  latePolicy: 'drop' | 'adjust' | 'output'
  lateByTime: boolean
  watermark: 'global' | 'key' | 'manual'
  idleMs: number
  idleRule: 'pace' | 'arrival'
  dedupe: false | 'time' | 'id'
  emitEmpty: false | 'null' | 'zero' | 'last'
  early: boolean
  having: ((result: Result) => boolean) | undefined
  startMs: number
  maxKeys: number
  keyTtlMs: number
  maxStateBytes: number
  byArrival: boolean
  keyOf(event: WindowEvent): string
  columns: Columns
  /** What shapes the state, as text; snapshots are exchanged only where it is equal. */
  shape: string
}

type Check = (value: unknown) => string | undefined

const DAY = 86_400_000
const EMPTY_ROWS = 100_000
const whole =
  (least: number, most: number): Check =>
  value =>
    Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most
      ? undefined
      : `a whole number from ${least} to ${most}`
const oneOf =
  (...words: readonly unknown[]): Check =>
  value =>
    words.includes(value) ? undefined : words.map(word => JSON.stringify(word)).join(' or ')
const name = (value: unknown): value is string => typeof value === 'string' && value !== ''
const span = whole(0, 400 * DAY)

const checks: Readonly<Record<keyof WindowConfig, Check>> = {
  type: oneOf('tumbling'),
  sizeMs: whole(1, 400 * DAY),
  offsetMs: whole(-400 * DAY, 400 * DAY),
  boundary: oneOf('start', 'end'),
  aggregates: () => undefined,
  key: value =>
    name(value) || (Array.isArray(value) && value.length > 0 && value.every(name)) ? undefined : 'a path or a list of paths',
  time: oneOf('event', 'arrival'),
  outOfOrderMs: span,
  lateMs: span,
  lateArrivalMs: span,
  earlyMs: span,
  earlyPolicy: oneOf('drop', 'adjust', 'output'),
  latePolicy: oneOf('drop', 'adjust', 'output'),
  lateTest: oneOf('window', 'time'),
  watermark: oneOf('global', 'key', 'manual'),
  idleMs: span,
  idleRule: oneOf('pace', 'arrival'),
  dedupe: oneOf(false, 'time', 'id'),
  emitEmpty: oneOf(false, true, 'null', 'zero', 'last'),
  updates: oneOf('final', 'each'),
  having: value => (typeof value === 'function' ? undefined : 'a function of the result'),
  startMs: whole(-8.64e15, 8.64e15),
  maxKeys: whole(1, 10_000_000),
  keyTtlMs: whole(1, 4000 * DAY),
  maxStateMb: whole(1, 65_536),
}

/** Throws WINDOW_CONFIG_INVALID naming every fault at once and what is offered instead. */
export function planOf(config: WindowConfig): WindowPlan {
  const faults = faultsOf(config)
  if (faults.length > 0) throw new LoomError('WINDOW_CONFIG_INVALID', faults.join('; '))
  const { sizeMs, aggregates, key, lateMs = 0, lateTest = 'window', emitEmpty = false } = config
  const { maxKeys = 100_000, keyTtlMs = Math.max(DAY, 2 * sizeMs), maxStateMb = 256, having } = config
  const read = key === undefined ? undefined : keyReader(key)
  const columns = planColumns(aggregates)
  const { having: _having, maxKeys: _keys, maxStateMb: _mb, startMs: _start, aggregates: _aggregates, ...shaping } = config
  return {
    sizeMs,
    offsetMs: config.offsetMs ?? 0,
    shift: config.boundary === 'end' ? 1 : 0,
    outOfOrderMs: config.outOfOrderMs ?? 0,
    lateMs: lateTest === 'time' ? 0 : lateMs,
    lateArrivalMs: config.lateArrivalMs,
    earlyMs: config.earlyMs,
    earlyPolicy: config.earlyPolicy ?? 'drop',
    latePolicy: config.latePolicy ?? 'drop',
    lateByTime: lateTest === 'time',
    watermark: config.watermark ?? 'global',
    idleMs: config.idleMs ?? 0,
    idleRule: config.idleRule ?? 'pace',
    dedupe: config.dedupe ?? false,
    emitEmpty: emitEmpty === true ? 'null' : emitEmpty,
    early: config.updates === 'each',
    having,
    startMs: config.startMs ?? Number.NEGATIVE_INFINITY,
    maxKeys,
    keyTtlMs,
    maxStateBytes: maxStateMb * 2 ** 20,
    byArrival: config.time === 'arrival',
    keyOf: read ? event => read(event.values) : event => (typeof event.key === 'string' ? event.key : String(event.key ?? '')),
    columns,
    shape: JSON.stringify([
      columns.signature,
      Object.entries(shaping)
        .filter(([, v]) => v !== undefined)
        .sort(),
    ]),
  }
}

function faultsOf(config: WindowConfig): string[] {
  const faults: string[] = []
  const given = Object.entries(config).filter(([, value]) => value !== undefined)
  const required = (['type', 'sizeMs'] as const)
    .filter(field => config[field] === undefined)
    .map(field => [field, undefined] as const)
  for (const [field, value] of [...required, ...given]) {
    const check = Object.hasOwn(checks, field) ? checks[field as keyof WindowConfig] : undefined
    const wanted = check?.(value)
    if (!check) faults.push(`${field} is not offered, only ${Object.keys(checks).join(', ')}`)
    else if (wanted !== undefined) faults.push(`${field} ${shown(value)}: offered is ${wanted}`)
  }
  faults.push(...aggregateFaults(config.aggregates))
  const { emitEmpty, sizeMs, keyTtlMs = Math.max(DAY, 2 * sizeMs) } = config
  if (emitEmpty && keyTtlMs / sizeMs > EMPTY_ROWS)
    faults.push(
      `emitEmpty would make ${Math.floor(keyTtlMs / sizeMs)} rows for a silent key, at most ${EMPTY_ROWS}: lower keyTtlMs`,
    )
  return faults
}

function aggregateFaults(aggregates: readonly Aggregate[] | undefined): string[] {
  if (!Array.isArray(aggregates) || aggregates.length > 64) return ['aggregates: a list of at most 64 of {name, fn, field}']
  const faults: string[] = []
  const seen = new Set<string>()
  for (const [i, aggregate] of aggregates.entries()) {
    const where = `aggregates[${i}]`
    const { name: label, fn, field, ...more } = Object(aggregate) as Partial<Aggregate>
    if (!name(label) || label === '__proto__') faults.push(`${where}.name ${shown(label)}: a name is needed`)
    else if (seen.has(label)) faults.push(`${where}.name ${shown(label)} is taken`)
    else seen.add(label)
    for (const other of Object.keys(more)) faults.push(`${where}.${other} is not offered, only name, fn, field`)
    if (!aggregateFns.includes(fn as never)) faults.push(`${where}.fn ${shown(fn)}: offered is ${aggregateFns.join(', ')}`)
    else if (field === undefined ? fn !== 'count' && fn !== 'span' : !name(field))
      faults.push(`${where}.field ${shown(field)}: ${fn} needs a path`)
    else if (field === '*' && fn !== 'count' && fn !== 'first' && fn !== 'last')
      faults.push(`${where}.field "*": only count, first, last take it`)
  }
  return faults
}

const shown = (value: unknown): string => String(JSON.stringify(value) ?? value).slice(0, 60)
