import { checkDeviceId } from '../identity/device-id.ts'
import { LoomError } from '../errors.ts'
import { networkList } from './claim-network.ts'
import { flag, invalidValue, isObject, wholeNumber } from './enrolment-values.ts'
import { isTemplateName } from './template-store.ts'

/** What an operator says about a claim: a certificate that many devices share, good for nothing but getting their own. */
export interface ClaimSettings {
  /** templates it may be used with */
  templates: string[]
  enabled: boolean
  /** epoch ms; it cannot connect after that */
  notAfter?: number
  /** devices in all */
  quota?: number
  /** CIDR; empty: from anywhere */
  sourceNetworks: string[]
  /** for people: which production batch carries it */
  batch?: string
}

export interface ClaimDoc extends ClaimSettings {
  kind: 'claim' | 'trusted-user'
  /** of its certificate: SHA-256 of the DER, lower hex */
  fingerprint: string
  pem: string
  certificateNotBefore: number
  certificateNotAfter: number
  /** `trusted-user`: the one device it is for */
  deviceId?: string
  /** why it was disabled, if the hub did it */
  reason?: string
  createdBy: string
  createdAt: number
  updatedAt: number
}

export interface ClaimView extends ClaimDoc {
  id: string
  /** devices that came with it */
  used: number
  /** requests that were refused: in all, in the present window, the last one (epoch ms) */
  rejected: number
  rejectedLately: number
  lastRejectedAt?: number
  etag: string
}

/** The certificate and private key of a claim that was made here: in the answer that made it, once. */
export interface ClaimSecrets {
  certificatePem: string
  privateKeyPem: string
}

export const isClaimId = (id: unknown): id is string => typeof id === 'string' && /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(id)

const names = ['templates', 'enabled', 'notAfter', 'quota', 'sourceNetworks', 'batch']

/** Defaults filled in. PROV_INVALID. */
export function checkClaimSettings(value: unknown): ClaimSettings {
  if (!isObject(value)) throw invalidValue('claim', 'it is an object with templates')
  const unknown = Object.keys(value).find(name => !names.includes(name))
  if (unknown !== undefined) throw invalidValue(unknown.slice(0, 80), `members are ${names.join(', ')}`)
  const { templates, enabled = true, notAfter, quota, sourceNetworks = [], batch } = value
  if (!Array.isArray(templates) || templates.length < 1 || templates.length > 20 || !templates.every(isTemplateName))
    throw invalidValue('templates', 'it is a list of 1 to 20 names of templates')
  if (batch !== undefined && (typeof batch !== 'string' || !/^[^\p{Cc}]{1,128}$/u.test(batch)))
    throw invalidValue('batch', 'it is a text of at most 128 characters')
  return {
    templates: [...new Set<string>(templates)],
    enabled: flag(enabled, 'enabled'),
    ...(notAfter !== undefined && { notAfter: wholeNumber(notAfter, 'notAfter', 0, Number.MAX_SAFE_INTEGER) }),
    ...(quota !== undefined && { quota: wholeNumber(quota, 'quota', 1, 1_000_000_000) }),
    sourceNetworks: networkList(sourceNetworks, 'sourceNetworks'),
    ...(batch !== undefined && { batch }),
  }
}

export function checkTrusted(o: { template: string; deviceId?: string }): void {
  if (!isTemplateName(o.template)) throw invalidValue('template', 'it is the name of a template')
  if (o.deviceId !== undefined) checkDeviceId(o.deviceId)
}

/** Why a claim does not count now, from there; undefined if it does. */
export function claimFault(claim: ClaimDoc, now: number): LoomError | undefined {
  if (!claim.enabled) return new LoomError('PROV_DISABLED', `the claim${claim.reason ? `: ${claim.reason}` : ''}`)
  if (claim.notAfter !== undefined && now > claim.notAfter)
    return new LoomError('CRED_EXPIRED', `the claim ended at ${new Date(claim.notAfter).toISOString()}`)
  if (now > claim.certificateNotAfter)
    return new LoomError('CRED_EXPIRED', `the claim certificate ended at ${new Date(claim.certificateNotAfter).toISOString()}`)
  if (now < claim.certificateNotBefore) return new LoomError('CRED_NOT_YET_VALID', 'the claim certificate')
  return undefined
}
