import type { StateStore } from '../storage/state-store.ts'
import type { FleetDoc, FleetTwin } from '../topology/fleet-doc.ts'
import type { FleetIndex } from '../topology/fleet-index.ts'
import type { Groups } from '../topology/groups.ts'
import type { TwinSection } from '../twin/json.ts'
import type { Registry } from '../identity/registry.ts'
import { mainTwin } from '../twin/names.ts'
import type { StoredTwin } from '../twin/stored-twin.ts'
import { devicesColl, twinsColl } from './devices.ts'
import { connectivityOf, describedOf, fleetTwinOf, isOlder, noTwin } from './fleet-doc-of.ts'
import type { Presence } from './presence.ts'

export interface FleetSources {
  registry: Pick<Registry, 'page' | 'many'>
  state: StateStore
  presence: Pick<Presence, 'views' | 'isConnected'>
  groups: Pick<Groups, 'page' | 'members' | 'groupsOf'>
}
export interface Entity {
  tags: TwinSection
  attributes: Record<string, string>
}

const rows = 500

/** Everything that is stored, page by page, into an empty index. What changes meanwhile is newer and stays. */
export async function loadFleet({ registry, state, presence, groups }: FleetSources, index: FleetIndex): Promise<void> {
  const groupsOf = await staticGroups(groups)
  await pages(
    cursor => registry.page({ limit: rows, ...cursor }),
    async identities => {
      const ids = identities.map(({ id }) => id)
      const [entities, connections] = await Promise.all([
        state.query<Entity>(devicesColl, { where: [['id', 'in', ids]], limit: rows }),
        presence.views(ids),
      ])
      const described = new Map(entities.items.map(({ id, doc }) => [id, doc]))
      for (const [i, identity] of identities.entries()) {
        if (index.get(identity.id)) continue
        index.set({
          ...describedOf(identity, described.get(identity.id)),
          groups: [...(groupsOf.get(identity.id) ?? [])],
          twin: noTwin,
          shadows: {},
          // Who is connected is asked now: what was told of it since the page was read found no entry
          connectivity: connectivityOf({ ...connections[i]!, connected: presence.isConnected(identity.id) }),
        })
      }
    },
  )
  await pages(
    cursor => state.query<StoredTwin>(twinsColl, { limit: rows, ...cursor }),
    async twins => {
      for (const { doc } of twins) putTwin(index, doc)
    },
  )
}

/** A twin that is not older than what is known of it. */
export function putTwin(
  index: FleetIndex,
  twin: Pick<StoredTwin, 'deviceId' | 'name' | 'desired' | 'reported' | 'etag' | 'exists'>,
): void {
  const doc = index.get(twin.deviceId)
  if (doc) index.set(withTwin(doc, twin))
}

export function withTwin(
  doc: FleetDoc,
  { name, exists, ...twin }: Pick<StoredTwin, 'name' | 'desired' | 'reported' | 'etag' | 'exists'>,
): FleetDoc {
  const next: FleetTwin = fleetTwinOf(twin)
  if (name === mainTwin) return isOlder(next, doc.twin) ? doc : { ...doc, twin: next }
  if (isOlder(next, doc.shadows[name])) return doc
  const { [name]: _, ...others } = doc.shadows
  return { ...doc, shadows: exists ? { ...others, [name]: next } : others }
}

/** Of each device that is in some: those groups and the ones above. */
async function staticGroups(groups: FleetSources['groups']): Promise<Map<string, Set<string>>> {
  const parents = new Map<string, string | undefined>()
  await pages(
    cursor => groups.page({ limit: rows, ...cursor }),
    async views => {
      for (const { id, parent } of views) parents.set(id, parent)
    },
  )
  const found = new Map<string, Set<string>>()
  for (const group of parents.keys()) {
    const lineage: string[] = []
    for (let at: string | undefined = group; at !== undefined && !lineage.includes(at); at = parents.get(at)) lineage.push(at)
    await pages(
      cursor => groups.members({ group, limit: rows, ...cursor }),
      async devices => {
        for (const device of devices) found.set(device, new Set([...(found.get(device) ?? []), ...lineage]))
      },
    )
  }
  return found
}

async function pages<T>(
  read: (cursor: { cursor?: string }) => Promise<{ items: T[]; next?: string }>,
  use: (items: T[]) => Promise<void>,
): Promise<void> {
  let cursor: { cursor?: string } = {}
  while (true) {
    const { items, next } = await read(cursor)
    if (items.length) await use(items)
    // A store in memory answers without giving way
    await new Promise(setImmediate)
    if (next === undefined) return
    cursor = { cursor: next }
  }
}
