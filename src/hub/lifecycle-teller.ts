import type { JournalPort } from '../journal/journal-port.ts'
import { type LifecycleEvent, lifecycleRecord } from '../telemetry/lifecycle.ts'
import type { DeviceChange, HubEvent } from './hub.ts'

/** What is told of a device's connections and its silence; the rest of its life is told by the registry. */
export type Lived = Omit<LifecycleEvent, 'at' | 'sequence' | 'event'> & { event: LifecycleEvent['event'] & DeviceChange }

/** To the journal, for flows, and to people who look. Returns the number that orders it among all others of the hub. */
export type TellLifecycle = (lived: Lived) => number

export function createLifecycleTeller(parts: {
  journal: Pick<JournalPort, 'append'>
  now: () => number
  emit(event: HubEvent): void
}): TellLifecycle {
  let sequence = 0
  return lived => {
    const at = parts.now()
    // Grows across restarts too, as long as the clock does not go back.
    sequence = Math.max(sequence + 1, at)
    parts.journal.append(lifecycleRecord({ ...lived, at, sequence }), () => {})
    const { device, event, reason } = lived
    parts.emit({ type: 'device', id: device, change: event, at, ...(reason && { reason }) })
    return sequence
  }
}
