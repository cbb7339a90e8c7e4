import { LoomError } from '../errors.ts'
import type { CredentialRequest, DeviceSecrets, DeviceView, Hub, RegisterDevice } from '../hub/hub.ts'
import { type CredentialView, type MadeKind, madeKinds } from '../identity/credential-types.ts'
import { reasonOf } from './revocation-reason.ts'
import { overlapOf } from './overlap.ts'

/** One device to act on: an id, or what is to be known of it. */
export type DeviceItem = Partial<Omit<RegisterDevice, 'id'>> & {
  id: string
  reason?: string
  etag?: string
  /** of revoke and regenerate */
  cid?: string
  /** of regenerate */
  slot?: 'primary' | 'secondary'
  /** of rotate: how long the old credential goes on after the first use of the new one */
  overlapMs?: number
  /** of retire */
  telemetry?: 'keep' | 'erase'
  /** of credential and rotate */
  credential?: CredentialRequest
}

export interface ActionDefaults {
  /** kind of credential to make where the item names none; undefined: none, rotate keeps the kind in use */
  credential: MadeKind | undefined
  /** rotate: the old ones end at once, not after the overlap */
  revokeOld: boolean
  /** undefined: what the hub has */
  overlapMs: number | undefined
  slot: 'primary' | 'secondary'
  revokeReason: string | undefined
  /** retire: what becomes of readings */
  telemetry: 'keep' | 'erase'
  /** who did it, for the audit trail */
  by: string
}

/** `record`: the device as it is now, or what is left to say of a deleted one. */
export interface ActionAnswer {
  record: DeviceView | { id: string; deleted: true }
  secrets?: DeviceSecrets
}
type Action = (hub: Hub, item: DeviceItem, defaults: ActionDefaults) => Promise<ActionAnswer>

const setEnabled =
  (enabled: boolean): Action =>
  async ({ devices }, { id, reason, etag }, { by }) => ({
    record: await devices.update({
      id,
      enabled,
      by,
      ...(reason !== undefined && { reason }),
      ...(etag !== undefined && { etag }),
    }),
  })

const changeState =
  (state: 'quarantine' | 'release'): Action =>
  async ({ devices }, { id, reason, etag }, { by }) => ({
    record: await devices[state]({ id, by, ...(reason !== undefined && { reason }), ...(etag !== undefined && { etag }) }),
  })

const addCredential: Action = async ({ identity, devices }, { id, credential }, { credential: kind, by }) => {
  const request = credential ?? (kind && { kind })
  if (!request) throw noKind(id)
  const secrets = await identity.addCredential({ id, credential: request, by })
  return { record: await devices.get({ id }), secrets }
}

/** A credential of the kind in use that takes the place of the old ones: after its first use and the overlap, or at once. */
const rotate: Action = async (hub, item, defaults) => {
  const { id } = item
  const { revokeOld, by } = defaults
  const old = (await hub.devices.get({ id })).credentials.filter(({ status }) => status === 'active' || status === 'pending')
  const inUse = madeKinds.findLast(made => old.some(({ kind, status }) => kind === made && status === 'active'))
  const made = defaults.credential ?? inUse
  const credential = item.credential ?? (made && { kind: made })
  if (!credential) throw noKind(id)
  if (!revokeOld) {
    const overlapMs = overlapOf(item.overlapMs) ?? defaults.overlapMs
    const secrets = await hub.identity.rotate({ id, credential, by, ...(overlapMs !== undefined && { overlapMs }) })
    return { record: await hub.devices.get({ id }), secrets }
  }
  // Not as a replacement: that would be dropped if it were never used, and then nothing would be left.
  const answer = await addCredential(hub, { ...item, credential }, defaults)
  for (const { cid } of old.filter(({ kind }) => kind === credential.kind))
    await hub.identity.revokeCredential({ id, cid, reason: 'superseded', by })
  return { ...answer, record: await hub.devices.get({ id }) }
}

const regenerate: Action = async ({ identity, devices }, { id, cid, slot }, defaults) => {
  const chosen = slot ?? defaults.slot
  if (chosen !== 'primary' && chosen !== 'secondary')
    throw new LoomError('REQUEST_INVALID', `slot ${String(chosen).slice(0, 40)}`, { hint: 'primary or secondary' })
  const keys = cid ?? (await onlyOne(devices, id, ({ kind, status }) => kind === 'sas' && status === 'active')).cid
  const secrets = await identity.regenerateKey({ id, cid: keys, slot: chosen, by: defaults.by })
  return { record: await devices.get({ id }), secrets }
}

/** The one credential that is meant where the message names none. CRED_NOT_FOUND if there is none or more than one. */
export async function onlyOne(
  devices: Hub['devices'],
  id: string,
  meant: (credential: CredentialView) => boolean,
): Promise<CredentialView> {
  const found = (await devices.get({ id })).credentials.filter(meant)
  if (found.length !== 1)
    throw new LoomError('CRED_NOT_FOUND', `${found.length} that may be meant of ${id}`, {
      hint: found.length ? 'set cid in the payload' : 'add one first',
    })
  return found[0]!
}

const noKind = (id: string): LoomError =>
  new LoomError('CRED_INVALID', `no kind of credential for ${id}`, { hint: 'choose one in the node or set credential.kind' })

/** What `loom-device` can do to one device. Errors are the hub's. */
export const deviceActions: Readonly<Record<string, Action>> = {
  get: async ({ devices }, { id }) => ({ record: await devices.get({ id }) }),
  create: async ({ devices }, item, { credential: kind, by }) => {
    const { id, tags, attributes, desired, enabled, credentials = kind && { kind } } = item
    const { device, secrets } = await devices.register({
      id,
      by,
      ...(credentials && { credentials }),
      ...(tags && { tags }),
      ...(attributes && { attributes }),
      ...(desired && { desired }),
      ...(enabled !== undefined && { enabled }),
    })
    return { record: device, ...(secrets && { secrets }) }
  },
  update: async ({ devices }, { id, enabled, reason, tags, attributes, etag }, { by }) => ({
    record: await devices.update({
      id,
      by,
      ...(enabled !== undefined && { enabled }),
      ...(reason !== undefined && { reason }),
      ...(tags && { tags }),
      ...(attributes && { attributes }),
      ...(etag !== undefined && { etag }),
    }),
  }),
  enable: setEnabled(true),
  disable: setEnabled(false),
  quarantine: changeState('quarantine'),
  release: changeState('release'),
  retire: async ({ devices }, { id, reason, etag, telemetry: asked }, { by, telemetry: fate }) => {
    const telemetry = asked ?? fate
    if (telemetry !== 'keep' && telemetry !== 'erase')
      throw new LoomError('REQUEST_INVALID', `telemetry ${String(telemetry).slice(0, 40)}`, { hint: 'keep or erase' })
    return {
      record: await devices.retire({
        id,
        by,
        telemetry,
        ...(reason !== undefined && { reason }),
        ...(etag !== undefined && { etag }),
      }),
    }
  },
  delete: async ({ devices }, { id }, { by }) => {
    await devices.delete({ id, by })
    return { record: { id, deleted: true } }
  },
  credential: addCredential,
  rotate,
  regenerate,
  revoke: async ({ identity, devices }, { id, cid, reason: asked }, { by, revokeReason }) => {
    if (!cid) throw new LoomError('CRED_NOT_FOUND', `no credential id for ${id}`, { hint: 'set cid' })
    const reason = reasonOf(asked ?? revokeReason)
    await identity.revokeCredential({ id, cid, by, ...(reason && { reason }) })
    return { record: await devices.get({ id }) }
  },
}

/** The devices that a message names: `payload` as id, record or array of these, else `msg.device`. READING_DEVICE. */
export function itemsOf({ payload, device }: { payload?: unknown; device?: unknown }): { items: DeviceItem[]; many: boolean } {
  if (Array.isArray(payload)) return { items: payload.map((entry, i) => itemOf(entry, undefined, `item ${i}`)), many: true }
  return { items: [itemOf(payload, device, 'the message')], many: false }
}

function itemOf(entry: unknown, device: unknown, where: string): DeviceItem {
  const record = typeof entry === 'object' && entry !== null ? (entry as Partial<DeviceItem>) : {}
  const id = record.id ?? (typeof device === 'string' && device ? device : typeof entry === 'string' ? entry : undefined)
  if (typeof id !== 'string' || !id)
    throw new LoomError('READING_DEVICE', where, { hint: 'set msg.device, or id in the payload' })
  return { ...record, id }
}
