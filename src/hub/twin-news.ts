import { kinds } from '../journal/journal-port.ts'
import type { StateStore, Stored, Write } from '../storage/state-store.ts'
import { type TwinEvent, twinEvents } from '../twin/change-event.ts'
import type { Twin } from '../twin/document.ts'
import { packTwin, type StoredTwin, unpackTwin } from '../twin/stored-twin.ts'
import { resetDocument } from '../twin/reset.ts'
import { updateBetween } from '../twin/update-between.ts'
import { twinsColl } from './collections.ts'
import type { HubEvent } from './hub.ts'
import type { JournalOutbox } from './journal-outbox.ts'
import type { TwinChange } from './twins.ts'

/** For those who write twins as a whole, in transactions of their own (registration, provisioning, imports): flows and devices hear of it like of any change. */
export interface TwinNews {
  /** The events, for the transaction that writes the twin. Without `before` there was none. */
  writes(before: Twin | undefined, after: Twin, by: string): Write[]
  /** Once that is on disk, and still in the turn of the device. */
  changed(before: Twin | undefined, after: Twin, by: string): void
}

export const eventWrites = (outbox: Pick<JournalOutbox, 'write'>, device: string, events: readonly TwinEvent[]): Write[] =>
  events.map(event =>
    outbox.write({
      kind: kinds.twin,
      device,
      payload: event,
      props: { section: event.section, ...(event.name && { name: event.name }) },
    }),
  )

export function createTwinNews(o: {
  outbox: Pick<JournalOutbox, 'write'>
  changed(change: TwinChange): void
  now: () => number
}): TwinNews {
  const { now } = o
  return {
    writes: (before, after, by) =>
      eventWrites(o.outbox, after.deviceId, twinEvents(before, after, { name: after.name, by, at: now() })),
    changed(before, after, by) {
      const { deviceId, name } = after
      const who = { deviceId, name, by, at: now() }
      if (before?.exists && !after.exists) return o.changed({ kind: 'delete', ...who, before, after })
      const update = updateBetween(before, after)
      if (update) o.changed({ kind: 'update', ...who, update })
    },
  }
}

/** What of a change people at their screens are told: no values. */
export function* liveEventsOf(change: TwinChange): Generator<HubEvent> {
  const { deviceId: device, name, by, at } = change
  const doc = change.kind === 'update' ? change.update.doc : change.after
  for (const section of ['desired', 'reported'] as const) {
    const differs = change.kind === 'update' ? change.update.changed[section] : Object.keys(change.before[section]).length > 0
    if (differs) yield { type: 'twin', device, name, section, version: doc.version, by, at }
  }
}

const mostTwins = 100
const of = (state: StateStore, deviceId: string): Promise<{ items: Stored<StoredTwin>[] }> =>
  state.query<StoredTwin>(twinsColl, { where: [['id', 'prefix', `${deviceId}|`]], limit: mostTwins })

/** All twins of a device as they are stored, the main one first. */
export const storedTwins = async (state: StateStore, deviceId: string): Promise<Stored<StoredTwin>[]> =>
  (await of(state, deviceId)).items

/** What takes them all away: only deleting a device ends their versions. */
export const twinDeletions = async (state: StateStore, deviceId: string): Promise<Write[]> =>
  (await storedTwins(state, deviceId)).map(({ id }): Write => ({ op: 'delete', coll: twinsColl, id }))

export interface TwinReset {
  before: Twin
  after: Twin
  write: Write
}

/** The twins of a device that begins anew, those that change. */
export async function twinResets(
  state: StateStore,
  deviceId: string,
  { desired, now }: { desired: object; now: number },
): Promise<TwinReset[]> {
  return (await storedTwins(state, deviceId)).flatMap(({ id, doc, version }) => {
    const before = unpackTwin(doc)
    const after = resetDocument(before, { desired: before.name ? {} : desired, now })
    if (after === before) return []
    return [{ before, after, write: { op: 'put', coll: twinsColl, id, doc: packTwin(after), version } }]
  })
}
