import { LoomError } from '../errors.ts'
import type { Claims } from './claim-store.ts'
import type { Admission } from './fleet-provisioning-admission.ts'
import { type Asker, checkedParameters, createAskers, ownOf } from './fleet-provisioning-asker.ts'
import type { Applicant } from './fleet-provisioning-examination.ts'
import { templateOf } from './fleet-provisioning-plan.ts'
import type { FleetEvent, FleetPrincipal } from './fleet-provisioning-port.ts'
import { type Applied, type Apply, askedOf, bare, createOwnCertificates, keyOf } from './own-certificate.ts'
import type { KeptAnswers } from './own-provisioning-answers.ts'
import { type OwnIdentity, type OwnRequest, wrongCredentials } from './own-provisioning-request.ts'
import { cameByCode, createRedemption, type Redeem } from './pairing-redemption.ts'
import type { Pairings } from './pairing-store.ts'
import type { CertificateSource, DeviceWriter } from './provisioning-port.ts'
import { certificateParameter } from './template-expression.ts'
import type { Templates } from './template-store.ts'

/**
 * Provisioning in one call. The same request with the same key hears the same answer for a day. PROV_* (PROV_PENDING: the same request again, later), PKI_*, IDENTITY_*, CRED_*,
 * DEVICE_QUARANTINED, REQUEST_INVALID.
 */
export interface OwnProvisioning {
  /** By a claim certificate, or the present credential of a device. */
  enrol(who: FleetPrincipal, request: OwnRequest): Promise<OwnIdentity>
  /** By a pairing code. */
  pair: Redeem
}

export function createOwnProvisioning(o: {
  admission: Admission
  answers: KeptAnswers
  pairings: Pick<Pairings, 'hold'>
  claims: Pick<Claims, 'need' | 'rejected'>
  templates: Pick<Templates, 'get'>
  source: CertificateSource
  devices: DeviceWriter
  events(event: FleetEvent): void
  now: () => number
  random: (size: number) => Buffer
  /** Work on one key, one after the other: the second of two equal requests hears what the first one did. */
  inTurn<T>(key: string, work: () => Promise<T>): Promise<T>
}): OwnProvisioning {
  const { admission, devices } = o
  const askers = createAskers(o)
  const certificates = createOwnCertificates(o)

  const enrolled = async (who: FleetPrincipal, request: OwnRequest): Promise<OwnIdentity> => {
    if (request.credentials && request.credentials.kind !== 'x509') throw wrongCredentials('a pairing code')
    const asker = await askers.of(who)
    const template = templateFor(asker, who, request)
    const parameters = checkedParameters(request.parameters)
    const key = keyOf(request)
    const { principal: by } = asker
    const keyType = request.keyType ?? (template === undefined ? 'ec-p256' : await askers.keyTypeOf(asker))
    const asked = { principal: by, asked: askedOf(template, parameters) }
    const work = () =>
      certificates.certified({ ...request, keyType }, key, asked, async (certificate, waiting, keep) => {
        if (template === undefined) return successor(asker, who, certificate.pem, keep)
        const onlyDevice = asker.deviceId ?? asker.claim?.deviceId
        const applicant: Applicant = {
          kind: asker.kind,
          template,
          ...waiting,
          parameters,
          fixed: { [certificateParameter('Id')]: certificate.fingerprint },
          certificate,
          ...(asker.claim && { claimId: asker.claim.id }),
          ...(onlyDevice !== undefined && { onlyDevice }),
          ...(who.deviceId !== undefined && { own: ownOf(who.deviceId, who.fingerprint) }),
          by,
          ip: who.ip,
        }
        return admission.admit(applicant, { use: 'fleet', spend: keep })
      })
    return key === undefined ? work() : o.inTurn(key, work)
  }

  /** Nothing but the certificate changes. */
  const successor = async (
    { deviceId = '', principal: by }: Asker,
    { fingerprint, ip }: FleetPrincipal,
    certificatePem: string,
    keep: Parameters<Apply>[2],
  ): Promise<Applied> => {
    const made = { deviceId, deviceConfiguration: {} }
    const credential = { kind: 'x509', certificatePem } as const
    const renewal = { credential, existing: 'keep', ...(fingerprint !== undefined && { rotates: fingerprint }) } as const
    await devices.apply({ ...bare, deviceId, ...renewal, also: keep(made), by })
    o.events({ type: 'provisioned', kind: 'rotation', deviceId, by, ip, at: o.now() })
    return made
  }

  return {
    enrol: (who, request) => askers.watched(who, request.template, () => enrolled(who, request)),
    pair: createRedemption({ ...o, certificates }),
  }
}

/** The template that is named, or the only one that it can be; undefined for the successor of a device that came by a code alone. */
function templateFor({ claim, enrolmentId }: Asker, who: FleetPrincipal, { template }: OwnRequest): string | undefined {
  if (claim) {
    const [only, ...more] = claim.templates
    const name = template ?? (more.length === 0 ? only : undefined)
    if (name === undefined) throw new LoomError('PROV_NO_TEMPLATE', 'none is named', { hint: 'the claim has several: name one' })
    if (!claim.templates.includes(name))
      throw new LoomError('PROV_DENIED', `the claim is not for template "${name.slice(0, 80)}"`)
    return name
  }
  const name = template ?? templateOf(enrolmentId)
  if (name !== undefined) return name
  if (cameByCode(enrolmentId) && who.fingerprint !== undefined) return undefined
  throw new LoomError('PROV_NO_TEMPLATE', 'none is named', { hint: 'the device did not come by one' })
}
