import { createHash } from 'node:crypto'
import { LoomError } from '../errors.ts'
import type { CredentialRequest } from '../identity/credential-types.ts'
import { endedHints, type Identity } from '../identity/identity.ts'
import type { Policies } from '../identity/policy-store.ts'
import type { Registry } from '../identity/registry.ts'
import type { Sealer } from '../identity/seal.ts'
import { readCertificate } from '../pki/certificate.ts'
import type { DevicePlan, DeviceWriter, PlannedCredential, ProvisionedDevice } from '../provisioning/provisioning-port.ts'
import type { StateStore, Write } from '../storage/state-store.ts'
import type { Groups } from '../topology/groups.ts'
import { packTwin } from '../twin/stored-twin.ts'
import { tagsAfter } from '../twin/tags.ts'
import { newTwin } from '../twin/twin.ts'
import type { AuditTrail } from './audit-trail.ts'
import { devicesColl, twinsColl } from './devices.ts'
import type { InTurn } from './turns.ts'
import { type TwinNews, twinResets } from './twin-news.ts'

export interface DeviceWriterParts {
  registry: Registry
  identities: StateStore
  state: StateStore
  groups: Groups
  policies: Policies
  sealer: Pick<Sealer, 'hint'>
  trail: AuditTrail
  /** shared with the other changes of devices */
  inTurn: InTurn
  now: () => number
  twins: TwinNews
  /** A device was made or has other rights. */
  changed(id: string, what: 'created' | 'updated'): void
}

interface Entity {
  tags: Record<string, unknown>
  attributes: Record<string, string>
}

/** The registry side of provisioning: what a plan says becomes a device, or changes one, with the writes that came with it. */
export function createDeviceWriter(parts: DeviceWriterParts): DeviceWriter {
  const { registry, identities, state, groups, policies, trail, now } = parts

  const record = (plan: DevicePlan, action: string): Write => {
    const { deviceId: target, by, credential, enrolmentId, groups, policies, existing } = plan
    const known = { credential: credential.kind, enrolmentId }
    // What was there and is kept was not written.
    const kept = action === 'device.reprovision' && existing === 'keep'
    return trail.write('identities', { by, action, target, detail: kept ? known : { ...known, groups, policies } })
  }

  /** Documents of this device alone become policies of their own, named after it. */
  const ownPolicies = async ({ deviceId, policyDocuments = [], by }: DevicePlan): Promise<string[]> => {
    const ids: string[] = []
    for (const [at, text] of policyDocuments.entries()) {
      const id = `device-${createHash('sha256').update(deviceId).digest('hex').slice(0, 24)}-${at + 1}`
      const present = await policies.get(id)
      if (!present) await policies.create({ id, text, description: `made for device ${deviceId}`, by })
      else if (present.text !== text) await policies.update(id, { text, by })
      ids.push(id)
    }
    return ids
  }

  const create = async (plan: DevicePlan): Promise<ProvisionedDevice> => {
    const { deviceId, by, tags, desired, model, enrolmentId, also = [] } = plan
    await registry.check(deviceId)
    const attributes = { ...plan.attributes, ...(model !== undefined && { model }) }
    const joins = await groups.planJoin({ device: deviceId, groups: plan.groups })
    const attached = await policies.planAttach({
      target: { device: deviceId },
      policies: [...plan.policies, ...(await ownPolicies(plan))],
    })
    const twin = newTwin({ deviceId, name: '', desired, now: now() })
    const documents = [
      { coll: devicesColl, id: deviceId, doc: { tags: tagsAfter({}, tags), attributes } satisfies Entity },
      { coll: twinsColl, id: `${deviceId}|`, doc: packTwin(twin) },
    ]
    const news = parts.twins.writes(undefined, twin, by)
    let committed = false
    try {
      // The identity comes last: only with it does the device exist.
      await state.tx([...documents.map((document): Write => ({ op: 'put', ...document })), ...news], { by })
      try {
        const { identity } = await registry.register({
          id: deviceId,
          by,
          credential: requestOf(plan.credential),
          inactive: plan.credential.kind === 'x509' && plan.credential.status === 'inactive',
          ...(enrolmentId !== undefined && { enrolmentId }),
          also: [...joins.writes, ...attached.writes, record(plan, 'device.provision'), ...also],
        })
        committed = true
        parts.twins.changed(undefined, twin, by)
        return { deviceId, generation: identity.generation, created: true }
      } catch (error) {
        await state.tx([...documents, ...news].map(({ coll, id }): Write => ({ op: 'delete', coll, id })))
        throw error
      }
    } finally {
      joins.settled(committed)
      attached.settled(committed)
    }
  }

  const change = async (
    plan: DevicePlan,
    { id, enabled, state: life, credentials, generation }: Identity,
  ): Promise<ProvisionedDevice> => {
    if (life === 'retired') throw new LoomError('IDENTITY_RETIRED', `"${id}"`, { hint: 'an operator deletes it first' })
    if (!enabled) throw new LoomError('IDENTITY_DISABLED', `"${id}"`)
    if (plan.existing === 'refuse') throw new LoomError('PROV_DENIED', `"${id}" exists`)
    const present = has(credentials, plan.credential)
    if (!present) refuseEnded(id, credentials, plan)
    // What can be repeated comes before the credential, with which `also` says that it is done.
    if (plan.existing !== 'keep') await describe(plan)
    const { by } = plan
    const also = [record(plan, 'device.reprovision'), ...(plan.also ?? [])]
    if (present) await identities.tx(also, { by })
    else if (plan.rotates === undefined) await registry.addCredential(id, requestOf(plan.credential), { by, also })
    else await registry.rotate(id, requestOf(plan.credential), { by, also })
    return { deviceId: id, generation, created: false }
  }

  const describe = async (plan: DevicePlan): Promise<void> => {
    const { deviceId: id, by, existing, overrides } = plan
    const stored = await state.get<Entity>(devicesColl, id)
    const before = stored?.doc ?? { tags: {}, attributes: {} }
    const planned = { ...plan.attributes, ...(plan.model !== undefined && { model: plan.model }) }
    const rule = existing === 'reset' ? 'replace' : (overrides?.attributes ?? 'replace')
    if (rule === 'fail' && Object.entries(planned).some(([name, value]) => (before.attributes[name] ?? value) !== value))
      throw new LoomError('PROV_DENIED', `"${id}" has other attributes`)
    const attributes =
      rule === 'keep' ? before.attributes : rule === 'merge' || rule === 'fail' ? { ...before.attributes, ...planned } : planned
    const doc: Entity = { tags: existing === 'reset' ? tagsAfter({}, plan.tags) : before.tags, attributes }
    const writes: Write[] = [{ op: 'put', coll: devicesColl, id, doc, version: stored?.version ?? 'new' }]
    const resets = existing === 'reset' ? await twinResets(state, id, { desired: plan.desired, now: now() }) : []
    for (const { before, after, write } of resets) writes.push(write, ...parts.twins.writes(before, after, by))
    await state.tx(writes, { by })
    for (const { before, after } of resets) parts.twins.changed(before, after, by)
    await regroup(plan)
    for (const policy of [...plan.policies, ...(await ownPolicies(plan))])
      await policies.attach({ policy, target: { device: id }, by })
  }

  const regroup = async ({ deviceId, by, existing, overrides, ...plan }: DevicePlan): Promise<void> => {
    const { direct } = await groups.groupsOf(deviceId)
    const rule = existing === 'reset' ? 'replace' : (overrides?.groups ?? 'replace')
    const wanted = new Set(plan.groups)
    if (rule === 'fail' && direct.some(group => !wanted.has(group)))
      throw new LoomError('PROV_DENIED', `"${deviceId}" is in other groups`)
    if (rule === 'keep') return
    for (const group of plan.groups) if (!direct.includes(group)) await groups.addDevices({ group, devices: [deviceId], by })
    if (rule === 'merge') return
    for (const group of direct) if (!wanted.has(group)) await groups.removeDevices({ group, devices: [deviceId], by })
  }

  /** Whether a credential that counts is the planned one already. */
  const has = (credentials: Identity['credentials'], planned: PlannedCredential): boolean =>
    credentials.some(one => {
      if (one.status === 'revoked') return false
      if (planned.kind === 'x509')
        return one.kind === 'x509' && one.fingerprint === readCertificate(planned.certificatePem).fingerprint
      if (planned.kind === 'password') return false
      if (planned.kind === 'sas') return one.kind === 'sas' && one.hint === parts.sealer.hint(planned.primaryKey)
      return one.kind === 'sas-derived' && one.groupId === planned.groupId && one.registrationId === planned.registrationId
    })

  /** What an operator ended does not come back because the device registers again. */
  const refuseEnded = (id: string, credentials: Identity['credentials'], { credential: planned, rotates }: DevicePlan): void => {
    const hints = planned.kind === 'sas' ? [planned.primaryKey, planned.secondaryKey].map(key => parts.sealer.hint(key)) : []
    const ended = credentials.find(one => {
      if (one.kind === 'sas') return endedHints(one).some(hint => hints.includes(hint))
      return one.status === 'revoked' && has([{ ...one, status: 'active' }], planned)
    })
    if (ended)
      throw new LoomError('CRED_REVOKED', `credential ${ended.cid} of "${id}"`, {
        hint: 'give the enrolment new keys, or the device a credential',
      })
    if (rotates !== undefined && !activeFingerprints(credentials).includes(rotates))
      throw new LoomError('CRED_REVOKED', `certificate ${rotates.slice(0, 16)}.. of "${id}"`)
  }

  return {
    async find(deviceId) {
      const found = await registry.find(deviceId)
      if (!found) return undefined
      const { id, enabled, state: life, enrolmentId, credentials } = found
      const fingerprints = activeFingerprints(credentials)
      return { deviceId: id, enabled, state: life, fingerprints, ...(enrolmentId !== undefined && { enrolmentId }) }
    },
    apply: plan =>
      parts.inTurn(plan.deviceId, async () => {
        const present = await registry.find(plan.deviceId)
        const made = present ? await change(plan, present) : await create(plan)
        parts.changed(plan.deviceId, made.created ? 'created' : 'updated')
        return made
      }),
    ownerOfKey: hash => registry.ownerOfKey(hash),
  }
}

const activeFingerprints = (credentials: Identity['credentials']): string[] =>
  credentials.flatMap(one => (one.kind === 'x509' && one.status === 'active' ? [one.fingerprint] : []))

function requestOf(planned: PlannedCredential): CredentialRequest {
  if (planned.kind !== 'x509') return planned
  return { kind: 'x509', certificatePem: planned.certificatePem }
}
