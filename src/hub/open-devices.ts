import type { BrokerPort } from '../broker/broker-port.ts'
import type { Sealer } from '../identity/seal.ts'
import type { AuditTrail } from './audit-trail.ts'
import { createBulkWriter } from './bulk-writer.ts'
import { createDevices } from './devices.ts'
import type { HubEvent } from './hub.ts'
import { createImports } from './import-api.ts'
import type { openAccess } from './open-access.ts'
import type { OpenCommands } from './open-commands.ts'
import { openDecommissions } from './open-decommissions.ts'
import type { Provisioning } from './open-provisioning.ts'
import type { Stores } from './open-stores.ts'
import type { Presence } from './presence.ts'
import type { Problems } from './problems.ts'
import type { Registry } from '../identity/registry.ts'
import type { InTurn } from './turns.ts'
import type { TwinNews } from './twin-news.ts'

export interface DevicesHouse {
  stores: Pick<Stores, 'state' | 'identities' | 'warm' | 'journal'>
  registry: Registry
  access: Awaited<ReturnType<typeof openAccess>>
  presence: Presence
  provisioning: Provisioning
  sealer: Sealer
  trail: AuditTrail
  problems: Problems
  inTurn: InTurn
  twins: TwinNews
  commands: Pick<OpenCommands, 'purge' | 'forget' | 'wake'>
  broker(): BrokerPort
  journalKeepMs: number
  now: () => number
  emit(event: HubEvent): void
  drop(deviceId: string, cid?: string): Promise<void>
  /** The registry has changed: its events are due. */
  changed(): void
  schedule(ms: number, fn: () => void): () => void
}

/** Devices from their registration to their end, one by one and in files. */
export async function openDevices(house: DevicesHouse) {
  const { stores, registry, access, presence, provisioning, trail, problems, inTurn, twins, broker, now, emit, drop } = house
  const { commands } = house
  const { state, identities, warm, journal } = stores
  const { groups, policies, rights, leaving } = access
  const described = (id: string): void => access.described([`device:${id}`])
  const purge = async (id: string): Promise<void> => {
    await Promise.all([broker().purge(id), warm.forgetLatest({ devices: [id] }), commands.forget(id)])
  }
  const decommissions = await openDecommissions({
    ...{ identities, state, warm, journal, registry, groups, policies, drop, trail, inTurn, now },
    journalKeepMs: house.journalKeepMs,
    registrations: provisioning.dps,
    purgeInbox: id => commands.purge(id),
    broker,
    schedule: house.schedule,
  })
  const devices = createDevices({
    ...{ decommissions, inTurn, registry, state, presence, twins, now, emit, drop, purge, leaving, described },
    stateChanged(id, to) {
      rights.quarantine(id, to === 'quarantined')
      commands.wake(id)
    },
    audit: (store, deed) => trail.write(store, deed),
  })
  const imports = createImports({
    operations: provisioning.operations,
    writer: createBulkWriter({
      ...{ registry, state, groups, policies, presence, twins, inTurn, now, emit, drop, described },
      sealer: house.sealer,
      purge: async id => {
        await purge(id)
        await decommissions.cleared(id)
      },
      audit: (store, deed) => trail.write(store, deed),
      failed: error => problems.watch('import', Promise.reject(error)),
    }),
    now,
    note: deed => trail.note(deed),
    changed: house.changed,
  })
  return { devices, decommissions, imports }
}
