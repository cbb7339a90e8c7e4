import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openAuditTrail } from '../../src/hub/audit-trail.ts'
import { createBulkWriter } from '../../src/hub/bulk-writer.ts'
import { devicesColl, twinsColl } from '../../src/hub/devices.ts'
import type { HubEvent } from '../../src/hub/hub.ts'
import { createImports } from '../../src/hub/import-api.ts'
import { createTurns } from '../../src/hub/turns.ts'
import { openPolicies } from '../../src/identity/policy-store.ts'
import { openRegistry } from '../../src/identity/registry.ts'
import type { Revocation } from '../../src/pki/authority.ts'
import { openOperations } from '../../src/provisioning/bulk-operations.ts'
import type { StateStore } from '../../src/storage/state-store.ts'
import { openMemoryStateStore } from '../../src/stores/memory/state-store.ts'
import { openSqliteStateStore } from '../../src/stores/sqlite/state-store.ts'
import { openGroups } from '../../src/topology/groups.ts'
import { host } from '../identity/make.ts'
import { authorityOf, random, sealerOf, start } from '../pki/make.ts'

export interface BulkStores {
  identities: StateStore
  state: StateStore
  audit: StateStore
}

export async function memoryStores(): Promise<BulkStores> {
  const open = () => openMemoryStateStore({ now: () => start })
  return { identities: await open(), state: await open(), audit: await open() }
}

/** In a folder of its own, or a given one. */
export async function sqliteStores(folder = mkdtempSync(join(tmpdir(), 'bulk-'))) {
  const open = (name: string) => openSqliteStateStore({ path: join(folder, `${name}.db`), now: () => start })
  const stores = { identities: await open('identities'), state: await open('state'), audit: await open('audit') }
  const remove = async () => {
    for (const store of Object.values(stores)) await store.close()
    rmSync(folder, { recursive: true, force: true })
  }
  return { stores, folder, remove }
}

/** What a hub has for imports, over stores that are there. */
export async function bulkHouse(
  stores: BulkStores,
  o: { keepBytes?: number; batchRows?: number; mostRows?: number; clock?: { now: number } } = {},
) {
  const { identities, state } = stores
  const { authority, clock } = await authorityOf({ store: identities, ...(o.clock && { clock: o.clock }) })
  const sealer = sealerOf()
  const now = () => clock.now
  const revoked: Revocation[] = []
  const tell = (list: readonly Revocation[]) => void revoked.push(...list)
  const registry = await openRegistry({ store: identities, sealer, authority, now, random, hostName: () => host, revoked: tell })
  const groups = await openGroups({ store: identities, now })
  const policies = await openPolicies({ store: identities, now })
  await state.declare(devicesColl, {})
  await state.declare(twinsColl, {})
  const trail = await openAuditTrail({
    audit: stores.audit,
    stores: { identities, state },
    key: Buffer.alloc(32, 3),
    now,
    random,
  })
  const events: HubEvent[] = []
  const told = { dropped: [] as string[], purged: [] as string[], forgotten: [] as string[], described: [] as string[] }
  const failures: unknown[] = []
  const inTurn = createTurns()
  const writer = createBulkWriter({
    registry,
    state,
    groups,
    policies,
    sealer,
    now,
    inTurn,
    twins: { writes: () => [], changed: () => {} },
    audit: (store, deed) => trail.write(store, deed),
    presence: { forget: async id => void told.forgotten.push(id) },
    emit: event => void events.push(event),
    drop: async id => void told.dropped.push(id),
    purge: async id => void told.purged.push(id),
    described: id => void told.described.push(id),
    failed: error => void failures.push(error),
  })
  const operations = await openOperations({ store: identities, now, random })
  const { keepBytes, batchRows, mostRows } = o
  const imports = createImports({
    operations,
    writer,
    now,
    note: deed => trail.note(deed),
    changed: () => {},
    ...(keepBytes !== undefined && { keepBytes }),
    ...(batchRows !== undefined && { batchRows }),
    ...(mostRows !== undefined && { mostRows }),
  })
  const parts = { authority, registry, groups, policies, trail, sealer, inTurn, writer, operations, imports }
  return { ...stores, ...parts, clock, revoked, events, told, failures }
}

export type BulkHouse = Awaited<ReturnType<typeof bulkHouse>>

/** Everything that an import may change, without what is new each time. */
export async function contentOf({ registry, state, groups, policies }: BulkHouse) {
  const devices: Record<string, object> = {}
  for (let cursor: string | undefined, first = true; first || cursor; first = false) {
    const page = await registry.page({ limit: 1000, ...(cursor && { cursor }) })
    for (const { id, enabled, credentials } of page.items)
      devices[id] = {
        enabled,
        credentials: credentials.map(({ kind, status }) => `${kind} ${status}`),
        entity: (await state.get(devicesColl, id))?.doc,
        desired: (await state.get<{ desired: object }>(twinsColl, `${id}|`))?.doc.desired,
        groups: (await groups.groupsOf(id)).direct,
        policies: await policies.attached({ device: id }),
      }
    cursor = page.next
  }
  return { devices, entities: await state.count(devicesColl), twins: await state.count(twinsColl) }
}

export const countsOf = (csv: string): Record<string, number> => {
  const counts: Record<string, number> = {}
  for (const line of csv.split('\r\n').slice(1)) {
    const [, , result, code] = line.split(',')
    if (result) counts[code ? `${result} ${code}` : result] = (counts[code ? `${result} ${code}` : result] ?? 0) + 1
  }
  return counts
}
