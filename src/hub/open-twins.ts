import type { JournalPort } from '../journal/journal-port.ts'
import type { Registry } from '../identity/registry.ts'
import type { StateStore } from '../storage/state-store.ts'
import { mainTwin } from '../twin/names.ts'
import type { AuditTrail } from './audit-trail.ts'
import { twinsColl } from './devices.ts'
import { openJournalOutbox } from './journal-outbox.ts'
import type { HubEvent } from './hub.ts'
import type { Listening } from './listening.ts'
import type { Models } from './open-models.ts'
import type { Problems } from './problems.ts'
import type { InTurn } from './turns.ts'
import { createTwinWire } from './twin-wire.ts'
import { createTwinNews, liveEventsOf } from './twin-news.ts'
import { createTwins, type TwinChange } from './twins.ts'

export interface TwinsHouse {
  state: StateStore
  journal: JournalPort
  registry: Pick<Registry, 'find'>
  trail: AuditTrail
  listening: Listening
  /** as of the options of a hub */
  mainShadow?: string | undefined
  inTurn: InTurn
  problems: Problems
  models: Pick<Models, 'checks'>
  described(deviceId: string): void
  /** For who else follows twins, besides the devices themselves. */
  changed(change: TwinChange): void
  emit(event: HubEvent): void
  now: () => number
  random: (size: number) => Buffer
}

/** Twins on disk, on the wire, and on their way to flows. */
export async function openTwins(house: TwinsHouse) {
  const { state, registry, trail, listening, problems, now } = house
  await state.declare(twinsColl, {})
  const outbox = await openJournalOutbox(house)
  const changed = (change: TwinChange): void => {
    wire.changed(change)
    house.changed(change)
    for (const event of liveEventsOf(change)) house.emit(event)
    problems.watch('events of twins', outbox.drain())
  }
  const twins = createTwins({
    state,
    findDevice: id => registry.find(id),
    outbox,
    audit: deed => trail.write('state', deed),
    inTurn: house.inTurn,
    models: house.models.checks.twins,
    now,
    changed,
    described(device, by) {
      house.described(device)
      house.emit({ type: 'twin', device, name: mainTwin, section: 'tags', version: 0, by, at: now() })
      problems.watch('events of twins', outbox.drain())
    },
  })
  const wire = createTwinWire({
    twins,
    listening,
    inTurn: house.inTurn,
    mainShadow: house.mainShadow,
    now,
    failed: error => problems.watch('twins', Promise.reject(error)),
  })
  return { twins, wire, outbox, news: createTwinNews({ outbox, changed, now }) }
}

export type OpenTwins = Awaited<ReturnType<typeof openTwins>>
