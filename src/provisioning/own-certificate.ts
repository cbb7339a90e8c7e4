import { createHash } from 'node:crypto'
import { LoomError } from '../errors.ts'
import { checkCsr } from '../pki/csr.ts'
import type { Write } from '../storage/state-store.ts'
import type { Applicant } from './fleet-provisioning-examination.ts'
import type { KeptAnswer, KeptAnswers } from './own-provisioning-answers.ts'
import type { OwnIdentity, OwnRequest } from './own-provisioning-request.ts'
import { waitMs } from './pairing-store.ts'
import type { CertificateSource, DevicePlan, DeviceWriter } from './provisioning-port.ts'

/** What became of a request. */
export interface Applied {
  deviceId: string
  deviceConfiguration: Record<string, string>
}

/** Makes the device of a certificate that is nobody's yet. */
export type Apply = (
  certificate: Applicant['certificate'],
  /** `until`: as long it can come again with its key; absent if the key was made here */
  waiting: Pick<Applicant, 'id' | 'until'>,
  /** for the transaction that writes the device */
  keep: (made: Applied) => readonly Write[],
) => Promise<Applied>

export interface OwnCertificates {
  /**
   * A certificate for the key in the request (`key`: its hash), or with a key that is made here, and the device that has it then. Who asked the same for the same
   * key before hears the same.
   */
  certified(
    demand: Pick<OwnRequest, 'csr' | 'keyType'>,
    key: string | undefined,
    asked: Pick<KeptAnswer, 'principal' | 'asked'>,
    apply: Apply,
  ): Promise<OwnIdentity>
  /** What that principal was answered for the key, as long as the device has it. */
  known(key: string, principal: string): Promise<(OwnIdentity & { asked: string }) | undefined>
}

/** Requests that are in work at once. */
const mostAtOnce = 32

export function createOwnCertificates(o: {
  answers: KeptAnswers
  source: CertificateSource
  devices: Pick<DeviceWriter, 'ownerOfKey'>
  now: () => number
}): OwnCertificates {
  const { answers, source, devices, now } = o
  let working = 0

  const known: OwnCertificates['known'] = async (key, principal) => {
    const found = await answers.find(key)
    if (found?.principal !== principal || (await devices.ownerOfKey(key)) !== found.deviceId) return undefined
    const { deviceId, certificatePem, deviceConfiguration, asked } = found
    return { deviceId, certificatePem, deviceConfiguration, asked }
  }

  const issued: OwnCertificates['certified'] = async ({ csr, keyType }, key, asked, apply) => {
    const request = csr === undefined ? { keyType: keyType ?? 'ec-p256' } : { csrPem: csr }
    const { certificatePem, privateKeyPem, fingerprint, spkiHash } = await source.issueUnnamed(request)
    const { deviceId, deviceConfiguration } = await apply(
      { pem: certificatePem, fingerprint, spkiHash },
      { id: `own-${spkiHash.slice(0, 32)}`, ...(key !== undefined && { until: now() + waitMs }) },
      made => (key === undefined ? [] : [answers.keep(key, { ...asked, ...made, certificatePem })]),
    )
    return { deviceId, certificatePem, ...(privateKeyPem !== undefined && { privateKey: privateKeyPem }), deviceConfiguration }
  }

  return {
    known,
    async certified(demand, key, asked, apply) {
      const before = key === undefined ? undefined : await known(key, asked.principal)
      if (before?.asked === asked.asked) {
        const { asked: _, ...identity } = before
        return identity
      }
      if (working >= mostAtOnce) throw new LoomError('PROV_THROTTLED', `${mostAtOnce} requests are in work`)
      working++
      try {
        return await issued(demand, key, asked, apply)
      } finally {
        working--
      }
    },
  }
}

/** A plan that changes nothing but the credential. */
export const bare: Pick<DevicePlan, 'tags' | 'attributes' | 'desired' | 'policies' | 'groups'> = {
  tags: {},
  attributes: {},
  desired: {},
  policies: [],
  groups: [],
}

/** Names what was asked for. */
export const askedOf = (template: string | undefined, parameters: object): string =>
  createHash('sha256')
    .update(JSON.stringify([template, Object.entries(parameters).toSorted(([one], [other]) => (one < other ? -1 : 1))]))
    .digest('hex')

/** Hash of the key in the request. PKI_CSR_INVALID, PKI_KEY_REFUSED. */
export const keyOf = ({ csr }: Pick<OwnRequest, 'csr'>): string | undefined =>
  csr === undefined ? undefined : checkCsr(csr, {}).spkiHash
