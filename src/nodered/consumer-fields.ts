import type { NodeDef } from 'node-red'
import { LoomError } from '../errors.ts'
import type { ConsumerSpec } from '../journal/journal-port.ts'
import { Repeats } from '../telemetry/repeats.ts'

/** Fields that nodes reading the journal share. */
export interface ConsumerFields {
  /** durable name; empty: the node's id */
  consumer?: string
  start?: 'latest' | 'earliest' | 'time'
  /** ISO date or epoch ms, for start `time` */
  startTime?: string
  window?: number | string
  strictOrder?: boolean
  /** which messages of a device are held for one that was there before */
  repeats?: 'keep' | 'id' | 'content'
  /** seconds, from arrival to arrival; 0 keeps all */
  repeatWindowS?: number | string
}

/** The consumer of a node. NODE_CONFIG. */
export function consumerOf(fields: ConsumerFields & NodeDef, filter: ConsumerSpec['filter']): Omit<ConsumerSpec, 'ack'> {
  const window = Number(fields.window ?? 256)
  if (!Number.isInteger(window) || window < 1 || window > 100_000)
    throw new LoomError('NODE_CONFIG', `window ${fields.window}`, { hint: 'a whole number from 1 to 100,000' })
  return {
    name: fields.consumer?.trim() || fields.id,
    start: startOf(fields),
    window,
    strictOrder: fields.strictOrder === true,
    ...(filter && { filter }),
  }
}

function startOf({ start = 'latest', startTime = '' }: ConsumerFields): NonNullable<ConsumerSpec['start']> {
  if (start !== 'time') return start === 'earliest' ? 'earliest' : 'latest'
  const time = /^\d+$/.test(startTime.trim()) ? Number(startTime) : Date.parse(startTime)
  if (!Number.isFinite(time))
    throw new LoomError('NODE_CONFIG', `start time ${startTime.slice(0, 40)}`, { hint: 'such as 2026-01-31T08:00:00Z' })
  return { time }
}

const weekS = 604_800

/** What knows the repeats that a node leaves out; undefined if it keeps all. NODE_CONFIG. */
export function repeatsOf({ repeats: by, repeatWindowS = 600 }: ConsumerFields): Repeats | undefined {
  // The editor saves an empty choice for a node that is older than the field.
  const repeats = by || 'keep'
  if (repeats !== 'keep' && repeats !== 'id' && repeats !== 'content')
    throw new LoomError('NODE_CONFIG', `repeats ${String(repeats).slice(0, 40)}`, { hint: '"keep", "id" or "content"' })
  const seconds = Number(repeatWindowS)
  if (!(seconds >= 0 && seconds <= weekS))
    throw new LoomError('NODE_CONFIG', `repeats within ${repeatWindowS} s`, { hint: 'from 0 to 604,800' })
  return repeats === 'keep' || seconds === 0 ? undefined : new Repeats({ by: repeats, withinMs: seconds * 1000 })
}
