import { LoomError } from '../errors.ts'
import { deriveKey } from '../identity/prove-sas.ts'
import type { EnrolRequest, KeyCredential } from './credentials.ts'
import { openDps } from './dps-client.ts'
import { addressOf } from './hub-address.ts'
import type { Endpoint } from './link.ts'
import { withPauses } from './patience.ts'

/** What a factory knows of an enrolment: the key of a group, of which each device has a derived one, or the own keys of devices. Base64. */
export type KeyEnrolment = { groupKey: string } | { keys: ReadonlyMap<string, string> }

/** For so long a device stays connected while nobody has decided; then it comes again. */
const patienceMs = 20_000

/**
 * From a message: `{primaryKey}` of a group, or `{registrationId, primaryKey}` of one device, or an array of these; the secondary key does as well. The text of the error
 * never has a key. SIMULATOR_CONFIG_INVALID.
 */
export function checkedEnrolment(value: unknown): KeyEnrolment {
  if (!Array.isArray(value)) {
    const { registrationId, key } = entryOf(value)
    return registrationId === undefined ? { groupKey: key } : { keys: new Map([[registrationId, key]]) }
  }
  const keys = new Map<string, string>()
  for (const entry of value) {
    const { registrationId, key } = entryOf(entry)
    if (registrationId === undefined) throw wrong()
    keys.set(registrationId, key)
  }
  return { keys }
}

/**
 * Lets devices come by Azure DPS with symmetric keys: each registers over a connection of its own, with its id as registration id, asks again when it is told to, and gets
 * the hub it belongs to. It must be named like its registration id. PROV_DENIED and PROV_PENDING as with a claim; SIMULATOR_CONFIG_INVALID for a device without
 * a key or of another name; HUB_TIMEOUT.
 */
export function enrolByDps(o: { endpoint: () => Promise<Endpoint>; enrolment: KeyEnrolment; now: () => number }) {
  const { enrolment, now } = o

  const enrol = async ({ id }: EnrolRequest): Promise<KeyCredential> => {
    const key = 'groupKey' in enrolment ? deriveKey(enrolment.groupKey, id) : enrolment.keys.get(id)
    if (key === undefined)
      throw new LoomError('SIMULATOR_CONFIG_INVALID', `no key for ${id}`, { hint: 'give the one of its enrolment' })
    const dps = await openDps({ endpoint: await o.endpoint(), id, key, now })
    try {
      const { assignedHub, deviceId } = await dps.register(patienceMs)
      if (deviceId !== id)
        throw new LoomError('SIMULATOR_CONFIG_INVALID', `${id} was named ${deviceId}`, {
          hint: 'simulated devices keep their id: leave deviceId out',
        })
      const dial = dps.isItself(assignedHub) ? undefined : addressOf(assignedHub)
      return { sharedKey: key, hub: assignedHub, ...(dial && { dial }) }
    } finally {
      await dps.close()
    }
  }
  return withPauses(enrol, now)
}

function entryOf(value: unknown): { registrationId?: string; key: string } {
  const given = (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>
  const { registrationId, secondaryKey, primaryKey = secondaryKey } = given
  const named = registrationId === undefined || (typeof registrationId === 'string' && registrationId !== '')
  if (typeof primaryKey !== 'string' || !/^[A-Za-z0-9+/]{22,88}={0,2}$/.test(primaryKey) || !named) throw wrong()
  return { key: primaryKey, ...(registrationId !== undefined && { registrationId: registrationId as string }) }
}

const wrong = (): LoomError =>
  new LoomError('SIMULATOR_CONFIG_INVALID', 'enrolment', {
    hint: 'it is {primaryKey} of a group, or {registrationId, primaryKey} of a device, or an array of these; keys in base64',
  })
