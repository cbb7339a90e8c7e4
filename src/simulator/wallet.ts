import { LoomError } from '../errors.ts'
import type { Ask } from './ask.ts'
import {
  blocksOf,
  type CertificateCredential,
  credentialOf,
  type DeviceCredential,
  type Enrol,
  type KeyRequest,
  newKeyRequest,
} from './credentials.ts'
import { letIn, signedBy } from './fleet-provisioning-client.ts'
import { isUsable, type KeyFolder } from './key-folder.ts'

/** What came of an attempt to connect; `refused`: the hub answered that it does not admit this device. */
export type Outcome = 'up' | 'refused' | 'failed'

/**
 * Which credential a device uses next. A successor is tried first and takes the old one's place once the hub took it; refused it is dropped, and after any other
 * failure the two are tried in turn: whenever a renewal breaks off, one of them gets the device in.
 */
export interface Wallet {
  /** `renew`: the hub refused the stored one. Whatever enrolling rejects with. */
  credential(o: { id: string; caPem: string; renew: boolean }): Promise<DeviceCredential>
  outcome(o: { id: string; credential: DeviceCredential; outcome: Outcome }): Promise<void>
  /** A successor by AWS fleet provisioning over the device's own connection. PROV_DENIED, PROV_PENDING; the old one stays. */
  renew(o: { id: string; template: string; ask: Ask }): Promise<CertificateCredential>
  /** A successor that somebody made. SIMULATOR_CONFIG_INVALID if it is none. */
  adopt(o: { id: string; caPem: string; keyPem: string; certPem: string }): Promise<CertificateCredential>
}

export function createWallet(o: { keys: KeyFolder; enrol: Enrol; now: () => number }): Wallet {
  const { keys, enrol, now } = o
  /** Devices whose credential was made in this life: none is made twice, so a device refused on purpose stays refused. */
  const made = new Set<string>()
  /** Devices whose successor failed just now: the old one has its turn. */
  const skipped = new Set<string>()
  const requests = new Map<string, KeyRequest>()

  const enrolled = async (id: string): Promise<DeviceCredential> => {
    const request = requests.get(id) ?? (await newKeyRequest(id))
    requests.set(id, request)
    const answer = await enrol({ id, csrPem: request.csrPem })
    const credential = 'sharedKey' in answer ? answer : credentialOf(request, answer)
    await keys.keep(id, credential)
    requests.delete(id)
    made.add(id)
    return credential
  }

  return {
    async credential({ id, caPem, renew }) {
      const wanted = { id, caPem, now: now() }
      const successor = skipped.delete(id) ? undefined : await keys.successor(wanted)
      if (successor) return successor
      const stored = renew && !made.has(id) ? undefined : await keys.stored(wanted)
      return stored ?? enrolled(id)
    },
    async outcome({ id, credential, outcome }) {
      if (!('successor' in credential)) return
      if (outcome === 'up') await keys.promote(id)
      else if (outcome === 'refused') await keys.dropSuccessor(id)
      else skipped.add(id)
    },
    async renew({ id, template, ask }) {
      const request = await newKeyRequest(id)
      const { certificatePem, token } = await signedBy(ask, request.csrPem)
      await letIn(ask, { id, template, token })
      const successor = credentialOf(request, { certificatePem })
      await keys.keepSuccessor(id, successor)
      return successor
    },
    async adopt({ id, caPem, keyPem, certPem }) {
      const successor = { keyPem, certPem: [...new Set(blocksOf(certPem))].join('\n') }
      if (!isUsable(successor, { caPem, now: now() }))
        throw new LoomError('SIMULATOR_CONFIG_INVALID', `the credential for ${id}`, {
          hint: 'it is a certificate of the hub, valid for another day, and the key that belongs to it',
        })
      await keys.keepSuccessor(id, successor)
      return successor
    },
  }
}
