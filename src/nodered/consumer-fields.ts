import type { NodeDef } from 'node-red'
import { LoomError } from '../errors.ts'
import type { ConsumerSpec } from '../journal/journal-port.ts'

/** Fields that nodes reading the journal share. */
export interface ConsumerFields {
  /** durable name; empty: the node's id */
  consumer?: string
  start?: 'latest' | 'earliest' | 'time'
  /** ISO date or epoch ms, for start `time` */
  startTime?: string
  window?: number | string
  strictOrder?: boolean
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
