import { isDeepStrictEqual } from 'node:util'
import { LoomError } from '../errors.ts'
import type { Policies } from '../identity/policy-store.ts'
import type { IdentityView, Registry } from '../identity/registry.ts'
import type { IdentityChange } from '../identity/registry-port.ts'
import type { Sealer } from '../identity/seal.ts'
import type { BulkDevice, BulkResult, BulkWriting } from '../provisioning/bulk-port.ts'
import type { StateStore, Stored, Write } from '../storage/state-store.ts'
import { checkedWrite } from '../storage/write.ts'
import type { Groups } from '../topology/groups.ts'
import { withDesired } from '../twin/desired-change.ts'
import { packTwin, type StoredTwin, unpackTwin } from '../twin/stored-twin.ts'
import { tagsAfter } from '../twin/tags.ts'
import { newTwin, type Twin } from '../twin/twin.ts'
import type { AuditedStore, Deed } from './audit-trail.ts'
import { lacks } from './bulk-credential.ts'
import { devicesColl, twinsColl } from './devices.ts'
import { mergePatch } from './merge-patch.ts'
import { storedTwins, type TwinNews } from './twin-news.ts'

export interface BulkPlanParts {
  registry: Registry
  state: StateStore
  groups: Groups
  policies: Policies
  sealer: Pick<Sealer, 'hint'>
  now: () => number
  twins: TwinNews
  /** The audit record of a change, for its transaction. */
  audit(store: AuditedStore, deed: Deed): Write
}

/** What is to be done about a row. */
export interface BulkPlan {
  row: BulkDevice
  result: BulkResult['result']
  error?: LoomError
  change?: IdentityChange
  /** of the state store, and what takes them back */
  documents: Write[]
  undo: Write[]
  /** of the main twin, if it will be another one */
  twin?: { before: Twin | undefined; after: Twin }
  /** tags or attributes will be others */
  described: boolean
  /** to be called when the transaction ended, well or not */
  settles: ((committed: boolean) => void)[]
}

interface Entity {
  tags: Record<string, unknown>
  attributes: Record<string, string>
}

interface Present {
  identity: IdentityView
  entity: Stored<Entity> | undefined
  twin: Stored<StoredTwin> | undefined
}

const chunk = 50
const twinId = (id: string): string => `${id}|`

export const settleAll = (plans: readonly BulkPlan[], committed: boolean): void => {
  for (const { settles, error } of plans) for (const settle of settles.splice(0)) settle(committed && !error)
}

/** Compares rows with what is there. A row that cannot be has its error. */
export function createBulkPlanner(parts: BulkPlanParts) {
  return async (rows: readonly BulkDevice[], { op, by, pause }: BulkWriting): Promise<BulkPlan[]> => {
    const present = await readPresent(parts, rows, op)
    const plans = rows.map((row): BulkPlan => {
      return { row, result: 'unchanged', documents: [], undo: [], described: false, settles: [] }
    })
    try {
      for (const [at, plan] of plans.entries()) {
        if (at > 0 && at % chunk === 0) await pause()
        await planOne({ parts, plan, op, by, present: present.get(plan.row.id) }).catch((error: unknown) => {
          // what the store is to blame for is no fault of the row
          const blameless = !(error instanceof LoomError) || (error.code.startsWith('STORE_') && error.code !== 'STORE_LIMIT')
          if (blameless) throw error
          plan.error = error
        })
      }
      return plans
    } catch (error) {
      settleAll(plans, false)
      throw error
    }
  }
}

async function readPresent(
  { registry, state }: BulkPlanParts,
  rows: readonly BulkDevice[],
  op: BulkWriting['op'],
): Promise<Map<string, Present>> {
  const identities = await registry.many(rows.map(({ id }) => id))
  const read = async <T extends object>(coll: string, ids: string[]): Promise<Map<string, Stored<T>>> => {
    if (!ids.length) return new Map()
    const { items } = await state.query<T>(coll, { where: [['id', 'in', ids]], limit: ids.length })
    return new Map(items.map(stored => [stored.id, stored]))
  }
  const ids = op === 'create' ? [] : identities.map(({ id }) => id)
  const desired = new Set(rows.filter(row => row.desired).map(({ id }) => id))
  const entities = await read<Entity>(devicesColl, ids)
  const twins = await read<StoredTwin>(twinsColl, ids.filter(id => op !== 'delete' && desired.has(id)).map(twinId))
  return new Map(
    identities.map(identity => {
      const { id } = identity
      return [id, { identity, entity: entities.get(id), twin: twins.get(twinId(id)) }]
    }),
  )
}

interface One {
  parts: BulkPlanParts
  plan: BulkPlan
  op: BulkWriting['op']
  by: string
  present: Present | undefined
}

async function planOne(o: One): Promise<void> {
  const { plan, op, present } = o
  const { id } = plan.row
  if (op === 'delete') return present ? planDelete(o, present) : undefined
  if (!present) return planCreate(o)
  if (op === 'create') throw new LoomError('IDENTITY_EXISTS', `"${id}"`)
  if (present.identity.state === 'retired')
    throw new LoomError('IDENTITY_RETIRED', `"${id}"`, { hint: 'delete it to make its id free again' })
  planDocuments(o, present)
  await planUpdate(o, present)
  if (plan.change || plan.documents.length) plan.result = 'updated'
}

async function planCreate({ parts, plan, by }: One): Promise<void> {
  const { id, enabled = true, model, tags = {}, attributes = {}, desired = {}, groups, policies, credential } = plan.row
  const entity: Entity = {
    tags: tagsAfter({}, tags),
    attributes: { ...attributes, ...(model !== undefined && { model }) },
  }
  const also = await planMembership({ parts, plan, before: false })
  const detail = { enabled, credential: credential?.kind, tags, attributes: entity.attributes, groups, policies }
  also.push(parts.audit('identities', { by, action: 'device.create', target: id, detail }))
  const twin = newTwin({ deviceId: id, desired, now: parts.now() })
  plan.documents.push(
    { op: 'put', coll: devicesColl, id, doc: entity },
    { op: 'put', coll: twinsColl, id: twinId(id), doc: packTwin(twin) },
  )
  plan.undo.push({ op: 'delete', coll: devicesColl, id }, { op: 'delete', coll: twinsColl, id: twinId(id) })
  planNews(parts, plan, { before: undefined, after: twin, by })
  plan.change = { op: 'register', id, enabled, also, ...(credential && { credential }) }
  plan.result = 'created'
}

/** The documents go first: a crash in between leaves a device that the same row deletes when the import goes on. */
async function planDelete({ parts, plan, by }: One, { entity }: Present): Promise<void> {
  const { id } = plan.row
  const remove = (coll: string, stored: Stored | undefined): void => {
    if (!stored) return
    plan.documents.push({ op: 'delete', coll, id: stored.id })
    plan.undo.push({ op: 'put', coll, id: stored.id, doc: stored.doc })
  }
  remove(devicesColl, entity)
  for (const twin of await storedTwins(parts.state, id)) remove(twinsColl, twin)
  const leave = await parts.groups.planLeave(id)
  plan.settles.push(leave.settled)
  const forget = await parts.policies.planForget({ device: id })
  plan.settles.push(forget.settled)
  const deed = parts.audit('identities', { by, action: 'device.delete', target: id })
  plan.change = { op: 'delete', id, also: [...leave.writes, ...forget.writes, deed] }
  plan.result = 'deleted'
}

/** Tags, attributes and desired properties are merged with what is there (RFC 7396). */
function planDocuments({ parts, plan, by }: One, { entity, twin }: Present): void {
  const { id, model, tags = {}, attributes, desired } = plan.row
  const before = entity?.doc ?? { tags: {}, attributes: {} }
  const doc: Entity = {
    tags: tagsAfter(before.tags, tags),
    attributes: { ...before.attributes, ...attributes, ...(model !== undefined && { model }) },
  }
  plan.described = !isDeepStrictEqual(doc, before)
  const change = (coll: string, stored: Stored | undefined, write: { id: string; doc: object }): void => {
    plan.documents.push({ op: 'put', coll, version: stored?.version ?? 'new', ...write })
    plan.undo.push(stored ? { op: 'put', coll, id: stored.id, doc: stored.doc } : { op: 'delete', coll, id: write.id })
  }
  if (plan.described) change(devicesColl, entity, { id, doc })
  if (desired) {
    const now = parts.now()
    const old = twin ? unpackTwin(twin.doc) : newTwin({ deviceId: id, now })
    const next = withDesired(old, mergePatch(old.desired, desired), now)
    if (next !== old) {
      change(twinsColl, twin, { id: twinId(id), doc: packTwin(next) })
      planNews(parts, plan, { before: old, after: next, by })
    }
  }
  if (!plan.documents.length) return
  const detail = { tags: plan.row.tags, attributes, model, desired }
  plan.documents.push(parts.audit('state', { by, action: 'device.update', target: id, detail }))
  for (const write of plan.documents) checkedWrite(write)
}

/** The events of a twin, which are taken back with it unless somebody was told already. */
function planNews(parts: BulkPlanParts, plan: BulkPlan, { by, ...twin }: NonNullable<BulkPlan['twin']> & { by: string }): void {
  const writes = parts.twins.writes(twin.before, twin.after, by)
  plan.twin = twin
  plan.documents.push(...writes)
  plan.undo.push(...writes.map(({ coll, id }): Write => ({ op: 'delete', coll, id })))
}

async function planUpdate({ parts, plan, by }: One, { identity }: Present): Promise<void> {
  const { id, enabled, groups, policies, credential } = plan.row
  const turned = enabled !== undefined && enabled !== identity.enabled
  const added = credential && (await lacks(parts, identity, credential)) ? credential : undefined
  const also = await planMembership({ parts, plan, before: true })
  const record = (action: string, detail: Record<string, unknown> = {}) =>
    void also.push(parts.audit('identities', { by, action, target: id, detail }))
  if (also.length) record('device.update', { groups, policies })
  if (turned) record(enabled ? 'device.enable' : 'device.disable')
  if (added) record('credential.add', { kind: added.kind })
  if (also.length) plan.change = { op: 'update', id, also, ...(turned && { enabled }), ...(added && { credential: added }) }
}

/** The groups and policies that a row names are all that the device has then. */
async function planMembership(o: { parts: BulkPlanParts; plan: BulkPlan; before: boolean }): Promise<Write[]> {
  const { plan, before } = o
  const { groups, policies } = o.parts
  const { id: device, groups: wantedGroups, policies: wantedPolicies } = plan.row
  const target = { device }
  const writes: Write[] = []
  const add = ({ writes: more, settled }: { writes: Write[]; settled(committed: boolean): void }): void => {
    writes.push(...more)
    plan.settles.push(settled)
  }
  if (wantedGroups) {
    const direct = before ? (await groups.groupsOf(device)).direct : []
    if (!isSame(direct, wantedGroups)) {
      // also of a new device: one of that id may have left something behind
      add(await groups.planLeave(device))
      add(await groups.planJoin({ device, groups: wantedGroups }))
    }
  }
  if (wantedPolicies) {
    const attached = before ? await policies.attached(target) : []
    if (!isSame(attached, wantedPolicies)) {
      add(await policies.planForget(target))
      add(await policies.planAttach({ target, policies: wantedPolicies }))
    }
  }
  return writes
}

const isSame = (some: readonly string[], others: readonly string[]): boolean => isDeepStrictEqual(new Set(some), new Set(others))
