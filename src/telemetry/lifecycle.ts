import { type JournalRecord, kinds, type NewRecord } from '../journal/journal-port.ts'

export const lifecycleNames = [
  'connected',
  'disconnected',
  'online',
  'offline',
  'created',
  'deleted',
  'enabled',
  'disabled',
  'silent',
  'heard',
] as const
export type LifecycleName = (typeof lifecycleNames)[number]

/** What flows get as `payload` of a device event. `sequence` grows per hub and orders events of the same time. */
export interface LifecyclePayload {
  event: LifecycleName
  reason?: string
  /** epoch ms */
  at: number
  /** '' where no connection is meant */
  clientId: string
  sequence: number
  /** of `silent` and `heard`: the last telemetry before, epoch ms */
  lastAt?: number
  /** of `silent`: the time without telemetry that is too long */
  expectedMs?: number
  /** the device that it is behind */
  gateway?: string
}

export interface LifecycleEvent extends LifecyclePayload {
  device: string
}

const utf8 = new TextDecoder()

/** The journal record of an event: its payload is the event as JSON, its topic is empty. */
export function lifecycleRecord({ device, event, reason, at, clientId, sequence, ...rest }: LifecycleEvent): NewRecord {
  const payload: LifecyclePayload = { event, ...(reason !== undefined && { reason }), at, clientId, sequence, ...rest }
  return {
    kind: kinds.lifecycle,
    device,
    topic: '',
    qos: 1,
    flags: 0,
    props: { v: 1, p: {}, s: {}, e: clientId ? { clientId } : {} },
    payload: new TextEncoder().encode(JSON.stringify(payload)),
  }
}

/** The event of a record, or undefined for a record of another kind or form. */
export function lifecycleOf({ kind, device, payload }: JournalRecord): LifecycleEvent | undefined {
  if (kind !== kinds.lifecycle) return undefined
  let found: Partial<LifecyclePayload> | null
  try {
    found = JSON.parse(utf8.decode(payload))
  } catch {
    return undefined
  }
  const { event, reason, at, clientId = '', sequence = 0, lastAt, expectedMs, gateway } = found ?? {}
  if (event === undefined || !lifecycleNames.includes(event) || typeof at !== 'number') return undefined
  return {
    device,
    event,
    ...(reason !== undefined && { reason }),
    at,
    clientId,
    sequence,
    ...(lastAt !== undefined && { lastAt }),
    ...(expectedMs !== undefined && { expectedMs }),
    ...(gateway !== undefined && { gateway }),
  }
}
