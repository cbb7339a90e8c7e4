import { LoomError } from '../errors.ts'
import type { CredentialRequest, DeviceSecrets, DeviceView, Hub, RegisterDevice } from '../hub/hub.ts'
import { type MadeKind, madeKinds } from '../identity/credential-types.ts'

/** One device to act on: an id, or what is to be known of it. */
export type DeviceItem = Partial<Omit<RegisterDevice, 'id'>> & {
  id: string
  reason?: string
  etag?: string
  /** of revoke */
  cid?: string
  /** of credential and rotate */
  credential?: CredentialRequest
}

export interface ActionDefaults {
  /** kind of credential to make where the item names none; undefined: none, rotate keeps the kind in use */
  credential: MadeKind | undefined
  revokeOld: boolean
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

const addCredential: Action = async ({ identity, devices }, { id, credential }, { credential: kind, by }) => {
  const request = credential ?? (kind && { kind })
  if (!request)
    throw new LoomError('CRED_INVALID', `no kind of credential for ${id}`, {
      hint: 'choose one in the node or set credential.kind',
    })
  const secrets = await identity.addCredential({ id, credential: request, by })
  return { record: await devices.get({ id }), secrets }
}

/** Adds a credential of the kind in use, then revokes those it replaces if asked to. */
const rotate: Action = async (hub, item, { revokeOld, ...defaults }) => {
  const { id } = item
  const old = (await hub.devices.get({ id })).credentials.filter(({ status }) => status === 'active')
  const inUse = madeKinds.findLast(made => old.some(credential => credential.kind === made))
  const made = defaults.credential ?? inUse
  const request = item.credential ?? (made && { kind: made })
  const answer = await addCredential(hub, { ...item, ...(request && { credential: request }) }, { ...defaults, revokeOld })
  if (!revokeOld) return answer
  for (const { cid } of old.filter(({ kind }) => kind === request?.kind))
    await hub.identity.revokeCredential({ id, cid, by: defaults.by })
  return { ...answer, record: await hub.devices.get({ id }) }
}

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
  delete: async ({ devices }, { id }, { by }) => {
    await devices.delete({ id, by })
    return { record: { id, deleted: true } }
  },
  credential: addCredential,
  rotate,
  revoke: async ({ identity, devices }, { id, cid }, { by }) => {
    if (!cid) throw new LoomError('CRED_NOT_FOUND', `no credential id for ${id}`, { hint: 'set cid' })
    await identity.revokeCredential({ id, cid, by })
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
