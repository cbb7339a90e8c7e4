import type { IdentityView, Registry } from '../identity/registry.ts'
import { cursorOf, matches, type Plan, planQuery } from '../storage/query.ts'
import type { StateStore, Stored } from '../storage/state-store.ts'
import { parseDeviceQuery, type WantedState } from './device-query.ts'
import type { Presence } from './presence.ts'

/** A page ends once so many devices were looked at, however few of them matched. */
const mostLooked = 20_000
const mostRows = 1000

export interface DeviceListParts {
  coll: string
  registry: Pick<Registry, 'page' | 'many'>
  state: StateStore
  presence: Pick<Presence, 'connectedIds' | 'isConnected'>
}

export interface Listed<Entity extends object> {
  identity: IdentityView
  stored: Stored<Entity> | undefined
}

/** Some devices in order of their ids, of which one of both sides is read already. */
interface Chunk<Entity extends object> {
  ids: readonly string[]
  identities?: ReadonlyMap<string, IdentityView>
  entities?: ReadonlyMap<string, Stored<Entity>>
  more: boolean
}
type Source<Entity extends object> = (after: string | undefined, rows: number) => Promise<Chunk<Entity>>

/**
 * A page of devices by id, read in batches: identities and entities live in stores of their own, so that the side that leaves fewer is read first and the
 * other by its ids. STORE_QUERY_INVALID.
 */
export async function listDevices<Entity extends object>(
  parts: DeviceListParts,
  { query = '', limit = 100, cursor }: { query?: string; limit?: number; cursor?: string },
): Promise<{ items: Listed<Entity>[]; next?: string }> {
  const { where, wanted } = parseDeviceQuery(query)
  const plan = planQuery({ where, scan: true, limit, ...(cursor !== undefined && { cursor }) }, new Set())
  const read = sourceOf<Entity>(parts, plan, wanted)
  const items: Listed<Entity>[] = []
  let after = plan.after?.id
  for (let looked = 0, rows = limit; looked < mostLooked; looked += rows, rows = Math.min(mostRows, rows * 2)) {
    const chunk = await read(after, rows)
    for (const { id, identity, stored } of await completed(parts, chunk)) {
      if (items.length === limit) return { items, next: placeOf(plan, after!) }
      after = id
      if (identity && matches(plan, id, stored?.doc ?? {}) && isWanted(wanted, identity, parts)) items.push({ identity, stored })
    }
    if (!chunk.more) return { items }
    if (items.length === limit) break
  }
  return { items, next: placeOf(plan, after!) }
}

const placeOf = (plan: Plan, id: string): string => cursorOf(plan, { key: id, id })

const isWanted = (
  { enabled, connected }: WantedState,
  { id, ...identity }: IdentityView,
  { presence }: DeviceListParts,
): boolean =>
  (enabled ?? identity.enabled) === identity.enabled && (connected === undefined || connected === presence.isConnected(id))

function sourceOf<Entity extends object>(
  parts: DeviceListParts,
  plan: Plan,
  { enabled, connected }: WantedState,
): Source<Entity> {
  const { coll, registry, state, presence } = parts
  const pageAfter = (after: string | undefined, limit: number) => ({
    limit,
    ...(after !== undefined && { cursor: placeOf(plan, after) }),
  })
  const prefixes = plan.where.flatMap(({ path, value }) => (path === 'id' ? [String(value)] : []))
  // The others are checked afterwards, against each device.
  const prefix = prefixes.sort((a, b) => b.length - a.length)[0] ?? ''
  if (connected) {
    // The few that are connected, not the many that might be.
    const ids = [...presence.connectedIds].filter(id => id.startsWith(prefix)).sort()
    return async (after, rows) => {
      const rest = after === undefined ? ids : ids.filter(id => id > after)
      return { ids: rest.slice(0, rows), more: rest.length > rows }
    }
  }
  if (enabled !== false && prefixes.length < plan.where.length) {
    const where = plan.where.map(({ path, op, value }) => [path, op, value] as const)
    return async (after, rows) => {
      const { items, next } = await state.query<Entity>(coll, { where, scan: true, ...pageAfter(after, rows) })
      return { ids: items.map(({ id }) => id), entities: byId(items), more: next !== undefined }
    }
  }
  return async (after, rows) => {
    const page = await registry.page({ prefix, ...(enabled !== undefined && { enabled }), ...pageAfter(after, rows) })
    return { ids: page.items.map(({ id }) => id), identities: byId(page.items), more: page.next !== undefined }
  }
}

async function completed<Entity extends object>(
  { coll, registry, state }: DeviceListParts,
  { ids, identities, entities }: Chunk<Entity>,
): Promise<{ id: string; identity: IdentityView | undefined; stored: Stored<Entity> | undefined }[]> {
  if (!ids.length) return []
  const [known, stored] = await Promise.all([
    identities ?? registry.many(ids).then(byId),
    entities ?? state.query<Entity>(coll, { where: [['id', 'in', ids]], limit: ids.length }).then(({ items }) => byId(items)),
  ])
  return ids.map(id => ({ id, identity: known.get(id), stored: stored.get(id) }))
}

const byId = <T extends { id: string }>(items: readonly T[]): Map<string, T> => new Map(items.map(item => [item.id, item]))
