import type { JournalPort } from '../journal/journal-port.ts'
import type { Registry } from '../identity/registry.ts'
import type { StateStore } from '../storage/state-store.ts'
import { ConnectionHistory } from './connection-history.ts'
import type { HubEvent } from './hub.ts'
import { createLifecycleTeller } from './lifecycle-teller.ts'
import type { HubLimits } from './options.ts'
import { Presence, type PresenceParts } from './presence.ts'
import { Supervision } from './supervision.ts'

/** Who is there, who was, and who is silent: one after the other, so that what one tells has its order among what the others tell. */
export async function openPresence(house: {
  state: StateStore
  journal: Pick<JournalPort, 'append'>
  registry: Pick<Registry, 'many'>
  limits: Pick<HubLimits, 'offlineAfterMs' | 'expectedIntervalMs'>
  topics: PresenceParts['topics']
  now: () => number
  emit(event: HubEvent): void
}): Promise<{
  presence: Presence
  described(targets: readonly string[]): void
  followed(event: HubEvent): void
  expire(): Promise<void>
}> {
  const { state, registry, limits, now } = house
  const tell = createLifecycleTeller(house)
  const history = await ConnectionHistory.open(house)
  const supervision = await Supervision.open({
    state,
    devices: ids => registry.many(ids),
    expectedIntervalMs: limits.expectedIntervalMs,
    tell,
    now,
  })
  const { offlineAfterMs } = limits
  const presence = await Presence.open({ state, offlineAfterMs, now, tell, history, supervision, topics: house.topics })
  return {
    presence,
    /** Tags or attributes of these targets are others. */
    described(targets) {
      for (const target of targets) if (target.startsWith('device:')) supervision.described(target.slice('device:'.length))
    },
    /** A device was enabled, disabled, retired or changed otherwise. */
    followed(event) {
      if (event.type === 'device' && (event.change === 'updated' || event.change === 'created')) supervision.described(event.id)
    },
    expire: () => history.sweep(),
  }
}
