import type { JournalPort, NewRecord } from '../journal/journal-port.ts'
import type { StateStore } from '../storage/state-store.ts'
import { lifecycleRecord } from '../telemetry/lifecycle.ts'

const coll = 'lifecycle'
const cursorId = '$cursor'
const batch = 500

interface Seen {
  generation: string
  enabled: boolean
}

/**
 * Turns changes of the identity store into lifecycle records of the journal: created, deleted, enabled, disabled. The change feed is the outbox and its
 * sequence the idempotency key, so a crash between the two files loses and doubles nothing. Several changes before a look count as the last of them.
 */
export async function createLifecycleOutbox(parts: {
  identities: StateStore
  identityColl: string
  state: StateStore
  journal: JournalPort
}): Promise<{ drain(): Promise<void> }> {
  const { identities, identityColl, state, journal } = parts
  await state.declare(coll, {})
  let cursor = (await state.get<{ seq: number }>(coll, cursorId))?.doc.seq ?? 0
  let running: Promise<void> | undefined
  let next: Promise<void> | undefined

  const append = (record: NewRecord): Promise<void> =>
    new Promise((resolve, reject) => journal.append(record, error => (error ? reject(error) : resolve())))

  const drainOnce = async (): Promise<void> => {
    while (true) {
      const changes = await identities.changes(cursor, batch)
      if (!changes.length) return
      const latest = new Map(changes.filter(change => change.coll === identityColl).map(change => [change.id, change]))
      await Promise.all([...latest.values()].map(({ seq, id, at }) => project(seq, id, at)))
      cursor = changes.at(-1)!.seq
      await state.put(coll, cursorId, { seq: cursor })
    }
  }
  const project = async (seq: number, id: string, at: number): Promise<void> => {
    const now = (await identities.get<Seen>(identityColl, id))?.doc
    const before = (await state.get<Seen>(coll, `d:${id}`))?.doc
    const events: ('created' | 'deleted' | 'enabled' | 'disabled')[] = []
    const renewed = now?.generation !== before?.generation
    if (before && renewed) events.push('deleted')
    if (now && renewed) events.push('created')
    if (now && before && !renewed && now.enabled !== before.enabled) events.push(now.enabled ? 'enabled' : 'disabled')
    if (!events.length) return
    for (const event of events) {
      await append({
        ...lifecycleRecord({ device: id, event, at, clientId: '', sequence: seq }),
        idempotencyKey: `identity/${seq}/${event}`,
      })
    }
    if (now) await state.put(coll, `d:${id}`, { generation: now.generation, enabled: now.enabled })
    else await state.delete(coll, `d:${id}`)
  }

  /** One drain at a time; calls during one share a single further look. */
  const drain = (): Promise<void> => {
    if (!running) {
      running = drainOnce().finally(() => {
        running = undefined
      })
      return running
    }
    next ??= running
      .catch(() => {})
      .then(() => {
        next = undefined
        return drain()
      })
    return next
  }
  return { drain }
}
