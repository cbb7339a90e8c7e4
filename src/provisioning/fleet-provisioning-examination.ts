import { LoomError } from '../errors.ts'
import type { AllowListMatch } from './allow-list.ts'
import { enrolmentOf } from './fleet-provisioning-plan.ts'
import type { AdmissionPorts } from './fleet-provisioning-port.ts'
import type { DeviceWriter, ProvisioningKind } from './provisioning-port.ts'
import type { Expanded, Parameters } from './template-expand.ts'
import type { FoundTemplate } from './template-store.ts'

/** A device that asks, with the certificate that it shall have. */
export interface Applicant {
  kind: Exclude<ProvisioningKind, 'dps'>
  template: string
  /** for people and hooks: names this certificate */
  id: string
  /** what the device says; no name of it begins with `AWS::` */
  parameters: Parameters
  /** what is known about its certificate */
  fixed: Parameters
  certificate: { pem: string; fingerprint: string; spkiHash: string; subject?: string }
  claimId?: string
  /** the one device it may become */
  onlyDevice?: string
  /** the device it is already, with the certificate it connected with: to become that again, by the template it came by, is to renew the certificate */
  own?: { deviceId: string; fingerprint?: string }
  /** for the audit log */
  by: string
  ip: string
  /** epoch ms: until then it can come again with this key; absent: it cannot, and is refused where a person must decide */
  until?: number
}

/** What is known about it before anyone is asked. */
export interface Examined {
  expanded: Expanded
  deviceId: string
  exists: boolean
  /** its own certificate is renewed by the template it came by: nothing else changes and nobody but the hook is asked */
  rotation: boolean
  match?: AllowListMatch
  suspicion?: string
  /** somebody else may pretend to be the device */
  clone?: boolean
  /** the device has this key already */
  samePerson?: boolean
}

type Device = Awaited<ReturnType<DeviceWriter['find']>>

/**
 * Compares what a device would become with what is there. PROV_DENIED (another name than its own, not on the list), PKI_KEY_REUSED, IDENTITY_EXISTS,
 * PROV_PARAMETER_INVALID for a certificate id that is not its own.
 */
export async function examine(
  ports: Pick<AdmissionPorts, 'allowLists' | 'devices' | 'now'>,
  o: { applicant: Applicant; found: FoundTemplate; expanded: Expanded; deviceId: string },
): Promise<Examined> {
  const { applicant, found, expanded, deviceId } = o
  const { view } = found
  const { certificate } = applicant
  if (expanded.certificate.id !== undefined && expanded.certificate.id !== certificate.fingerprint)
    throw new LoomError('PROV_PARAMETER_INVALID', 'CertificateId', {
      hint: 'it is that of the certificate that the token stands for',
    })
  if (applicant.onlyDevice !== undefined && applicant.onlyDevice !== deviceId)
    throw new LoomError('PROV_DENIED', `this identity may not become "${deviceId}"`)
  const [device, owner] = await Promise.all([ports.devices.find(deviceId), ports.devices.ownerOfKey(certificate.spkiHash)])
  const rotation = renews(applicant.own, device, view.name)
  if (owner !== undefined && owner !== deviceId)
    throw new LoomError('PKI_KEY_REUSED', 'another device has it', { hint: 'make a new key' })
  if (rotation) return { expanded, deviceId, exists: device !== undefined, rotation }
  const fails = Object.values(expanded.overrides).includes('fail') || view.existing === 'refuse'
  if (device && fails) throw new LoomError('IDENTITY_EXISTS', `"${deviceId}"`)
  const match = await listed(ports, o)
  const samePerson = owner === deviceId
  return {
    expanded,
    deviceId,
    exists: device !== undefined,
    rotation,
    ...(match && { match }),
    ...(samePerson && { samePerson }),
    ...suspicionOf({
      device,
      samePerson,
      match,
      found,
      certificate,
      deviceId,
      unclaimed: applicant.kind === 'rotation',
      now: ports.now(),
    }),
  }
}

/** Another template, or a proof that is not a certificate of the device, is no renewal: it goes the way of all others. */
function renews(own: Applicant['own'], device: Device, template: string): boolean {
  if (!device || own?.fingerprint === undefined || own.deviceId !== device.deviceId) return false
  return device.enrolmentId === enrolmentOf(template) && (device.fingerprints ?? []).includes(own.fingerprint)
}

/** The entry of the template's list, if it has one. PROV_DENIED. */
async function listed(
  ports: Pick<AdmissionPorts, 'allowLists'>,
  { applicant, found, expanded }: { applicant: Applicant; found: FoundTemplate; expanded: Expanded },
): Promise<AllowListMatch | undefined> {
  const { allowList, allowListParameter } = found.view
  if (allowList === undefined) return undefined
  const declared = ['SerialNumber', 'AWS::IoT::Certificate::SerialNumber'].find(name => found.template.parameters.has(name))
  const parameter = allowListParameter ?? declared
  const all: Parameters = { ...applicant.parameters, ...applicant.fixed }
  const value =
    parameter === undefined ? expanded.thingName : (all[parameter] ?? found.template.parameters.get(parameter)?.default)
  const match = value ? await ports.allowLists.match(allowList, value) : undefined
  if (!match) throw new LoomError('PROV_DENIED', `${JSON.stringify((value ?? '').slice(0, 80))} is not on the allow list`)
  return match
}

function suspicionOf(o: {
  device: Device
  samePerson: boolean
  match: AllowListMatch | undefined
  found: FoundTemplate
  certificate: Applicant['certificate']
  deviceId: string
  /** only its own identity speaks for it */
  unclaimed: boolean
  now: number
}): { suspicion?: string; clone?: boolean } {
  const { device, samePerson, found, certificate, deviceId, unclaimed, now } = o
  const entry = o.match?.entry
  const clone = (suspicion: string) => ({ suspicion, clone: true })
  if (device && !samePerson && found.view.existing === 'approval') return clone('a device of that name exists, with another key')
  if (entry?.spentBy !== undefined && entry.spentBy !== deviceId) return clone('its entry of the allow list was used before')
  if (entry?.keyHash !== undefined && entry.keyHash !== certificate.spkiHash)
    return clone('its key is not the one on the allow list')
  if (entry?.thumbprint !== undefined && entry.thumbprint !== certificate.fingerprint)
    return clone('its certificate is not the one on the allow list')
  const end = Math.min(found.view.notAfter ?? Number.POSITIVE_INFINITY, entry?.notAfter ?? Number.POSITIVE_INFINITY)
  if (!device && now > end) return { suspicion: `its batch ended ${new Date(end).toISOString()}` }
  if (unclaimed) return { suspicion: 'it asks without a claim, and not for the successor of its certificate' }
  return {}
}
