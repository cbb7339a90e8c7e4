import { type ErrorCode, LoomError } from '../errors.ts'
import type { ClaimView } from './claim.ts'
import type { Claims } from './claim-store.ts'
import { isObject } from './enrolment-values.ts'
import type { Admission } from './fleet-provisioning-admission.ts'
import { templateOf } from './fleet-provisioning-plan.ts'
import type { FleetEvent, FleetPrincipal } from './fleet-provisioning-port.ts'
import { type Ownership, TokenRefused } from './ownership.ts'
import type { CertificateSource, DeviceWriter, ProvisioningKind } from './provisioning-port.ts'
import { certificateParameter } from './template-expression.ts'
import type { Parameters } from './template-expand.ts'
import type { Templates } from './template-store.ts'

/** A certificate that is not in use yet, and the token that will make it a device's. */
export interface IssuedCertificate {
  certificateId: string
  certificatePem: string
  certificateOwnershipToken: string
}

/**
 * AWS fleet provisioning: a claim or a device gets a certificate, then names a template and becomes what that says. Codes: PROV_*, PKI_*, IDENTITY_*, CRED_*, DEVICE_QUARANTINED,
 * REQUEST_INVALID.
 */
export interface FleetProvisioning {
  /** The private key is in this answer and nowhere else. */
  createCertificate(who: FleetPrincipal): Promise<IssuedCertificate & { privateKey: string }>
  signCertificate(who: FleetPrincipal, csr: unknown): Promise<IssuedCertificate>
  provision(who: FleetPrincipal, template: string, o: { token: unknown; parameters?: unknown }): Promise<Provisioned>
}

export interface Provisioned {
  thingName: string
  deviceConfiguration: Record<string, string>
}

interface Asker {
  kind: Extract<ProvisioningKind, 'claim' | 'trusted-user' | 'rotation'>
  /** `claim {id}` or `device {id}` */
  principal: string
  claim?: ClaimView
  deviceId?: string
  /** of the device that asks */
  enrolmentId?: string
}

/** Refusals that an honest device does not run into: many of them mean that a claim is in the wrong hands. */
const misuse: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'PROV_TOKEN_INVALID',
  'PROV_DENIED',
  'PROV_NO_TEMPLATE',
  'PROV_PARAMETER_MISSING',
  'PROV_PARAMETER_INVALID',
  'PKI_CSR_INVALID',
  'PKI_KEY_REFUSED',
  'PKI_KEY_REUSED',
  'IDENTITY_INVALID',
  'IDENTITY_EXISTS',
  'IDENTITY_DISABLED',
  'IDENTITY_RETIRED',
  'REQUEST_INVALID',
])

export function createFleetProvisioning(o: {
  admission: Admission
  ownership: Ownership
  claims: Pick<Claims, 'need' | 'rejected'>
  templates: Pick<Templates, 'get'>
  source: CertificateSource
  devices: Pick<DeviceWriter, 'find' | 'ownerOfKey'>
  events(event: FleetEvent): void
  now: () => number
}): FleetProvisioning {
  const { admission, ownership, claims, source, devices, events, now } = o

  const askerOf = async (who: FleetPrincipal): Promise<Asker> => {
    if (who.claimId !== undefined) {
      const claim = await claims.need(who.claimId, now())
      return { kind: claim.kind, principal: `claim ${claim.id}`, claim }
    }
    const device = who.deviceId === undefined ? undefined : await devices.find(who.deviceId)
    if (!device) throw new LoomError('IDENTITY_NOT_FOUND')
    if (!device.enabled) throw new LoomError('IDENTITY_DISABLED')
    if (device.state === 'quarantined') throw new LoomError('DEVICE_QUARANTINED')
    if (device.state === 'retired') throw new LoomError('IDENTITY_RETIRED')
    const { deviceId, enrolmentId } = device
    return { kind: 'rotation', principal: `device ${deviceId}`, deviceId, ...(enrolmentId !== undefined && { enrolmentId }) }
  }

  /** EC where every template that could follow says so. */
  const keyTypeOf = async ({ claim, enrolmentId }: Asker): Promise<'ec-p256' | 'rsa-2048'> => {
    const origin = templateOf(enrolmentId)
    const names = claim?.templates ?? (origin === undefined ? [] : [origin])
    const views = await Promise.all(names.map(name => o.templates.get(name)))
    return views.length > 0 && views.every(view => view?.keyType === 'ec-p256') ? 'ec-p256' : 'rsa-2048'
  }

  const issue = async (asker: Asker, who: FleetPrincipal, demand: { csrPem: string } | { keyType: 'ec-p256' | 'rsa-2048' }) => {
    const { token, issued } = await ownership.create(asker.principal, () => source.issueUnnamed(demand))
    events(eventOf('certificate-issued', asker, who, { fingerprint: issued.fingerprint }))
    const { fingerprint: certificateId, certificatePem, privateKeyPem } = issued
    return { certificateId, certificatePem, privateKeyPem, certificateOwnershipToken: token }
  }

  const eventOf = (
    type: FleetEvent['type'],
    asker: Partial<Asker>,
    who: FleetPrincipal,
    more: Partial<FleetEvent>,
  ): FleetEvent => ({
    type,
    kind: asker.kind ?? (who.claimId === undefined ? 'rotation' : 'claim'),
    ...(who.claimId !== undefined && { claimId: who.claimId }),
    ...(who.claimId === undefined && who.deviceId !== undefined && { deviceId: who.deviceId }),
    by: asker.principal ?? (who.claimId === undefined ? `device ${who.deviceId}` : `claim ${who.claimId}`),
    ip: who.ip,
    at: now(),
    ...more,
  })

  /** Tells of a refusal and counts it against the claim. */
  const watched = async <T>(who: FleetPrincipal, template: string | undefined, work: () => Promise<T>): Promise<T> => {
    try {
      return await work()
    } catch (error) {
      if (!(error instanceof LoomError) || error.code === 'PROV_PENDING') throw error
      const { code } = error
      const reason = error instanceof TokenRefused ? error.reason : error.message
      const foreign = error instanceof TokenRefused && error.foreign
      const more = { code, reason, ...(template !== undefined && { template: template.slice(0, 80) }) }
      events(eventOf(foreign ? 'token-misused' : 'refused', {}, who, more))
      if (who.claimId !== undefined && misuse.has(code) && (await claims.rejected(who.claimId, { now: now(), code })))
        events(eventOf('claim-disabled', {}, who, { code }))
      throw error
    }
  }

  return {
    createCertificate: who =>
      watched(who, undefined, async () => {
        const asker = await askerOf(who)
        const { privateKeyPem, ...issued } = await issue(asker, who, { keyType: await keyTypeOf(asker) })
        if (privateKeyPem === undefined) throw new TypeError('a certificate without its key was issued')
        return { ...issued, privateKey: privateKeyPem }
      }),
    signCertificate: (who, csr) =>
      watched(who, undefined, async () => {
        const asker = await askerOf(who)
        if (typeof csr !== 'string' || csr === '')
          throw new LoomError('PKI_CSR_INVALID', 'none was given', { hint: 'send it as PEM' })
        const { privateKeyPem: _, ...issued } = await issue(asker, who, { csrPem: csr })
        return issued
      }),
    provision: (who, template, { token, parameters }) =>
      watched(who, template, async () => {
        const asker = await askerOf(who)
        if (asker.claim && !asker.claim.templates.includes(template))
          throw new LoomError('PROV_DENIED', `the claim is not for template "${template.slice(0, 80)}"`)
        const own = checkedParameters(parameters)
        const held = await ownership.hold(token as string, { principal: asker.principal, now: now() })
        let spent = false
        try {
          const { certificatePem: pem, fingerprint, spkiHash, expiresAt: until } = held.certificate
          const onlyDevice = asker.deviceId ?? asker.claim?.deviceId
          const admitted = await admission.admit(
            {
              kind: asker.kind,
              template,
              id: `aws-${fingerprint.slice(0, 32)}`,
              parameters: own,
              fixed: { [certificateParameter('Id')]: fingerprint },
              certificate: { pem, fingerprint, spkiHash },
              ...(asker.claim && { claimId: asker.claim.id }),
              ...(onlyDevice !== undefined && { onlyDevice }),
              ...(who.deviceId !== undefined && { own: ownOf(who.deviceId, who.fingerprint) }),
              by: asker.principal,
              ip: who.ip,
              until,
            },
            { use: 'fleet', spend: [held.spend], deadline: until },
          )
          spent = true
          return { thingName: admitted.deviceId, deviceConfiguration: admitted.deviceConfiguration }
        } finally {
          held.release(spent)
        }
      }),
  }
}

const ownOf = (deviceId: string, fingerprint: string | undefined) => ({
  deviceId,
  ...(fingerprint !== undefined && { fingerprint }),
})

/** A device says nothing about its certificate: those values come from the hub. */
function checkedParameters(value: unknown): Parameters {
  if (value === undefined || value === null) return {}
  if (!isObject(value)) throw new LoomError('PROV_PARAMETER_INVALID', 'parameters', { hint: 'they are an object of texts' })
  for (const [name, text] of Object.entries(value)) {
    if (name.startsWith('AWS::'))
      throw new LoomError('PROV_PARAMETER_INVALID', name.slice(0, 80), { hint: 'the hub gives its value' })
    if (typeof text !== 'string')
      throw new LoomError('PROV_PARAMETER_INVALID', name.slice(0, 80), { hint: 'its value is a text' })
  }
  return value as Parameters
}
