import { createHmac } from 'node:crypto'
import { LoomError } from '../errors.ts'
import type { ConnectAttempt, Proof } from './authenticate.ts'
import { basisOfKeys } from './basis.ts'
import { counts } from './check-status.ts'
import type { Identity } from './identity.ts'
import type { Registry } from './registry.ts'
import { verifySas } from './sas.ts'
import type { Sealer } from './seal.ts'

/** The keys of an enrolment group, base64; undefined if it is gone or disabled. */
export type GroupKeys = (groupId: string) => Promise<{ primaryKey: string; secondaryKey: string } | undefined>

/** The key that a group's key gives to one device: `base64(HMAC-SHA256(base64decode(groupKey), registrationId))`. */
export const deriveKey = (groupKey: string, registrationId: string): string =>
  createHmac('sha256', Buffer.from(groupKey, 'base64')).update(registrationId).digest('base64')

/** Proof by a SAS token of the device's own keys or of keys derived for it. */
export function createSasProof(o: {
  registry: Registry
  sealer: Sealer
  now: () => number
  sasClockSkewS: number
  groupKeys?: GroupKeys
}) {
  const { registry, sealer, now, groupKeys = async () => undefined } = o

  const keysOf = async (identity: Identity): Promise<{ slot: string; key: string; basis: string }[]> => {
    const keys: { slot: string; key: string; basis: string }[] = []
    for (const credential of identity.credentials.filter(counts)) {
      const { cid } = credential
      if (credential.kind === 'sas') {
        const basis = basisOfKeys(sealer, credential)
        for (const field of ['primaryKey', 'secondaryKey'] as const)
          keys.push({ slot: cid, key: sealer.open(credential[field], { owner: identity.id, cid, field }).toString(), basis })
      }
      if (credential.kind === 'sas-derived') {
        const group = await groupKeys(credential.groupId)
        for (const key of group ? [group.primaryKey, group.secondaryKey] : [])
          keys.push({ slot: cid, key: deriveKey(key, credential.registrationId), basis: basisOfKeys(sealer, group!) })
      }
    }
    return keys
  }

  return async ({ deviceId, module, host = '' }: ConnectAttempt, password: Uint8Array): Promise<Proof> => {
    const identity = await registry.find(deviceId)
    if (!identity) throw new LoomError('IDENTITY_NOT_FOUND', `"${deviceId.slice(0, 80)}"`)
    const audience = `${host}/devices/${deviceId}${module === undefined ? '' : `/modules/${module}`}`
    const token = Buffer.from(password).toString()
    const keys = await keysOf(identity)
    const { slot, expiresAt } = verifySas({ token, keys, audience, now: now(), skewS: o.sasClockSkewS })
    const { kind, status } = identity.credentials.find(({ cid }) => cid === slot)!
    const { basis } = keys.find(key => key.slot === slot)!
    return { identity, cid: slot, kind, expiresAt, basis, pending: status === 'pending' }
  }
}
