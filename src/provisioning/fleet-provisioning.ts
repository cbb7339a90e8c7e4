import { LoomError } from '../errors.ts'
import type { Claims } from './claim-store.ts'
import type { Admission } from './fleet-provisioning-admission.ts'
import { type Asker, checkedParameters, createAskers, ownOf } from './fleet-provisioning-asker.ts'
import type { FleetEvent, FleetPrincipal } from './fleet-provisioning-port.ts'
import type { Ownership } from './ownership.ts'
import type { CertificateSource, DeviceWriter } from './provisioning-port.ts'
import { certificateParameter } from './template-expression.ts'
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
  const { admission, ownership, source, events, now } = o
  const { of: askerOf, keyTypeOf, event: eventOf, watched } = createAskers(o)

  const issue = async (asker: Asker, who: FleetPrincipal, demand: { csrPem: string } | { keyType: 'ec-p256' | 'rsa-2048' }) => {
    const { token, issued } = await ownership.create(asker.principal, () => source.issueUnnamed(demand))
    events(eventOf('certificate-issued', asker, who, { fingerprint: issued.fingerprint }))
    const { fingerprint: certificateId, certificatePem, privateKeyPem } = issued
    return { certificateId, certificatePem, privateKeyPem, certificateOwnershipToken: token }
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
