import type { BrokerPort } from '../broker/broker-port.ts'
import { LoomError } from '../errors.ts'
import type { Policies } from '../identity/policy-store.ts'
import type { IdentityView, Registry } from '../identity/registry.ts'
import type { JournalPort } from '../journal/journal-port.ts'
import type { Dps } from '../provisioning/dps-port.ts'
import type { StateStore, Stored, Write } from '../storage/state-store.ts'
import type { WarmStore } from '../storage/warm-store.ts'
import type { Groups } from '../topology/groups.ts'
import type { AuditTrail } from './audit-trail.ts'
import {
  counted,
  type Decommission,
  type DecommissionReport,
  type DecommissionStep,
  newDecommission,
  nextStep,
  type StepReport,
  type TelemetryFate,
  withErasure,
  withStep,
} from './decommission.ts'
import { openDeviceArchive } from './device-archive.ts'
import { devicesColl, twinsColl } from './devices.ts'
import { LateReadings } from './late-readings.ts'
import { tellRetired } from './tell-retired.ts'
import type { InTurn } from './turns.ts'

const coll = 'decommissions'
const erasedColl = 'erased_devices'
const pageSize = 500

export interface DecommissionParts {
  identities: StateStore
  state: StateStore
  warm: WarmStore
  journal: Pick<JournalPort, 'metrics'>
  journalKeepMs: number
  registry: Pick<Registry, 'many'>
  groups: Pick<Groups, 'groupsOf'>
  policies: Pick<Policies, 'attached'>
  registrations: Pick<Dps, 'registrations' | 'forget'>
  broker(): Pick<BrokerPort, 'connectionsOf' | 'send' | 'purge'>
  /** Ends the messages that wait for the device. */
  purgeInbox(device: string): Promise<unknown>
  /** Closes every live connection of the device; resolves when the sockets are closed. */
  drop(device: string): Promise<void>
  trail: Pick<AuditTrail, 'write'>
  inTurn: InTurn
  now: () => number
  schedule(ms: number, fn: () => void): () => void
}

export interface RetireOptions {
  identity: IdentityView
  telemetry: TelemetryFate
  reason: string | undefined
  by: string
}

/** What is done to a device that is retired, one step after the other, each on record before the next: after a crash the hub goes on where it was. */
export interface Decommissions {
  /** To be written in the transaction that retires the device; `committed` after it. */
  begin(o: RetireOptions): Promise<{ write: Write; committed(): void }>
  /** Of a device that is retired already: erases what was kept, if that is asked now. */
  again(o: RetireOptions): Promise<void>
  /** Does what is left to do; in the device's turn. */
  carryOut(device: string): Promise<DecommissionReport>
  /** NOT_FOUND of a device that is not retired. */
  report(device: string): Promise<DecommissionReport>
  /** The retired device was deleted: its record and archive go; in its turn. */
  cleared(device: string): Promise<void>
  /** Goes on with what a crash or a failing store left, and forgets what the journal has outlived. */
  resume(): Promise<void>
  /** The warm store's `append`, past which nothing of a retired device comes. */
  readonly append: WarmStore['append']
}

export async function openDecommissions(parts: DecommissionParts): Promise<Decommissions> {
  const { identities, state, warm, journal, registry, trail, now } = parts
  await identities.declare(coll, { indexes: ['done'] })
  await identities.declare(erasedColl, {})
  const archive = await openDeviceArchive({ store: state, devices: devicesColl, twins: twinsColl })
  const late = new LateReadings(warm)

  const find = (device: string): Promise<Stored<Decommission> | null> => identities.get<Decommission>(coll, device)

  const work: Record<Exclude<DecommissionStep, 'revoke' | 'leave'>, (doc: Decommission) => Promise<Omit<StepReport, 'at'>>> = {
    tell: doc => tellRetired({ ...parts, broker: parts.broker(), doc }),
    async disconnect({ device }) {
      const { length } = parts.broker().connectionsOf(device)
      await parts.drop(device)
      return counted('disconnect', 0, length)
    },
    async purge({ device }) {
      await parts.broker().purge(device)
      await parts.purgeInbox(device)
      return { step: 'purge', result: 'done' }
    },
    async forget({ device, by }) {
      let count = 0
      for (;;) {
        const { items } = await parts.registrations.registrations({ deviceId: device, limit: pageSize })
        for (const { registrationId } of items) {
          const deed = trail.write('identities', {
            by,
            action: 'registration.forget',
            target: registrationId,
            detail: { device },
          })
          await parts.registrations.forget(registrationId, { by, also: [deed] })
        }
        count += items.length
        if (items.length < pageSize) return counted('forget', 0, count)
      }
    },
    archive: async ({ device, by }) => counted('archive', 0, await archive.copy({ device, by })),
    async values({ device }) {
      await warm.forgetLatest({ devices: [device] })
      return { step: 'values', result: 'done' }
    },
    async telemetry({ device, telemetry }) {
      if (telemetry === 'keep') return { step: 'telemetry', result: 'kept' }
      return { step: 'telemetry', result: 'done', count: await warm.erase({ device }) }
    },
  }

  const carryOut = async (device: string): Promise<void> => {
    for (let stored = await find(device); stored && !stored.doc.done; ) {
      const { doc, version } = stored
      const step = nextStep(doc) as keyof typeof work
      const done = await work[step](doc)
      const after = withStep(doc, { ...done, at: now() })
      const writes: Write[] = [{ op: 'put', coll, id: device, doc: after, version }]
      if (step === 'telemetry' && doc.telemetry === 'erase')
        writes.push(
          trail.write('identities', {
            by: doc.by,
            action: 'device.eraseTelemetry',
            target: device,
            detail: { rows: done.count ?? 0 },
          }),
        )
      const [written = 0] = await identities.tx(writes, { by: doc.by })
      stored = { id: device, doc: after, version: written }
    }
  }

  const report = async (device: string): Promise<DecommissionReport> => {
    const stored = await find(device)
    if (!stored) throw new LoomError('NOT_FOUND', `a decommission of "${device.slice(0, 100)}"`, { hint: 'it is not retired' })
    const { was, ...doc } = stored.doc
    return { ...doc, archive: { ...was, ...(await archive.read(device)) } }
  }

  const cleared = async (device: string): Promise<void> => {
    const stored = await find(device)
    if (!stored) return
    const [identity] = await registry.many([device])
    const { generation, telemetry, done } = stored.doc
    if (identity?.generation === generation) return
    if (telemetry === 'erase' && !done) await warm.erase({ device })
    const writes: Write[] = [{ op: 'delete', coll, id: device }]
    const { headSeq, pending } = journal.metrics()
    const before = telemetry === 'erase' ? headSeq + pending : undefined
    if (before !== undefined) writes.push({ op: 'put', coll: erasedColl, id: device, doc: { before } })
    await archive.erase(device)
    await identities.tx(writes)
    late.deleted(device, before)
  }

  const eachPage = async <T extends object>(
    of: string,
    o: { unfinished?: boolean },
    take: (items: Stored<T>[]) => Promise<void>,
  ): Promise<void> => {
    for (let cursor: string | undefined, first = true; first || cursor !== undefined; first = false) {
      const page = await identities.query<T>(of, {
        ...(o.unfinished && { where: [['done', '=', false]] as const }),
        limit: pageSize,
        ...(cursor !== undefined && { cursor }),
      })
      await take(page.items)
      cursor = page.next
    }
  }

  await eachPage<{ before: number }>(erasedColl, {}, async items => {
    for (const { id, doc } of items) late.deleted(id, doc.before)
  })
  const orphans: string[] = []
  await eachPage<Decommission>(coll, {}, async items => {
    const found = new Map((await registry.many(items.map(({ id }) => id))).map(one => [one.id, one.generation]))
    for (const { id, doc } of items)
      if (found.get(id) === doc.generation) late.retired(id, doc.telemetry)
      else orphans.push(id)
  })
  // A crash came between the end of the device and that of its record.
  for (const id of orphans) await cleared(id)

  return {
    async begin({ identity, telemetry, reason, by }) {
      const { direct } = await parts.groups.groupsOf(identity.id)
      const memberships = { groups: direct, policies: await parts.policies.attached({ device: identity.id }) }
      const { journalKeepMs } = parts
      const doc = newDecommission({ identity, memberships, telemetry, reason, by, at: now(), journalKeepMs })
      return { write: { op: 'put', coll, id: identity.id, doc }, committed: () => late.retired(identity.id, telemetry) }
    },
    async again({ identity, telemetry, reason, by }) {
      const stored = await find(identity.id)
      if (stored && (telemetry === 'keep' || stored.doc.telemetry === 'erase')) return
      const at = now()
      const { journalKeepMs } = parts
      const doc = stored
        ? withErasure(stored.doc, at, journalKeepMs)
        : newDecommission({ identity, memberships: { groups: [], policies: [] }, telemetry, reason, by, at, journalKeepMs })
      const deed = trail.write('identities', { by, action: 'device.retire', target: identity.id, detail: { reason, telemetry } })
      const version = stored?.version ?? 'new'
      await identities.tx([{ op: 'put', coll, id: identity.id, doc, version }, deed], { by })
      late.retired(identity.id, telemetry)
    },
    async carryOut(device) {
      await carryOut(device)
      return report(device)
    },
    report,
    cleared,
    async resume() {
      const unfinished: string[] = []
      await eachPage<Decommission>(coll, { unfinished: true }, async items => void unfinished.push(...items.map(({ id }) => id)))
      const failures: unknown[] = []
      for (const device of unfinished)
        await parts.inTurn(device, () => carryOut(device)).catch(error => void failures.push(error))
      for (const device of late.outlived(journal.metrics())) {
        await identities.delete(erasedColl, device)
        late.forget(device)
      }
      if (failures.length) throw failures[0]
    },
    append: late.append,
  }
}
