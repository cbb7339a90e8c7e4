import { LoomError } from '../errors.ts'
import type { ConsumerState } from '../journal/journal-port.ts'
import type { ConsumerView } from './hub.ts'

/** A page of consumers by name; the cursor is the last name of the page before. STORE_QUERY_INVALID. */
export function listConsumers(
  consumers: readonly ConsumerState[],
  { limit = 100, cursor = '' }: { limit?: number; cursor?: string },
): { items: ConsumerView[]; next?: string } {
  if (!Number.isInteger(limit) || limit < 1 || limit > 1000)
    throw new LoomError('STORE_QUERY_INVALID', `limit ${String(limit).slice(0, 20)}`, {
      hint: 'give a whole number from 1 to 1000',
    })
  const rest = consumers.filter(({ name }) => name > cursor).sort((a, b) => (a.name < b.name ? -1 : 1))
  const items = rest.slice(0, limit).map(viewOf)
  return rest.length > limit ? { items, next: items.at(-1)!.name } : { items }
}

const viewOf = ({ name, cursor, lag, inFlight, seen, live }: ConsumerState): ConsumerView => ({
  name,
  position: cursor,
  lag,
  inFlight,
  ...(seen > 0 && { lastSeen: seen }),
  inUse: live,
})
