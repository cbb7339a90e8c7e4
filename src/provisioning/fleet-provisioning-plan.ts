import type { Write } from '../storage/state-store.ts'
import type { Applicant, Examined } from './fleet-provisioning-examination.ts'
import type { DevicePlan, Verdict } from './provisioning-port.ts'
import type { FoundTemplate } from './template-store.ts'

/** What the registry shall make of it. A verdict wins over the allow list, the list over the template. */
export function planOf(o: {
  applicant: Applicant
  found: FoundTemplate
  examined: Examined
  verdict: Verdict | undefined
  also: readonly Write[]
}): DevicePlan {
  const { applicant, found, examined, verdict } = o
  const { expanded, deviceId, match } = examined
  const model = match?.entry.model ?? expanded.thingType
  return {
    deviceId,
    credential: { kind: 'x509', certificatePem: applicant.certificate.pem, status: expanded.certificate.status },
    enrolmentId: enrolmentOf(found.view.name),
    tags: verdict?.tags ?? {},
    attributes: { ...expanded.attributes, ...verdict?.attributes },
    desired: verdict?.desired ?? {},
    ...(model !== undefined && { model }),
    policies: verdict?.policies ?? expanded.policies,
    policyDocuments: expanded.policyDocuments,
    groups: verdict?.groups ?? expanded.groups,
    existing: existingOf(o),
    overrides: expanded.overrides,
    ...(examined.rotation && applicant.own?.fingerprint !== undefined && { rotates: applicant.own.fingerprint }),
    also: o.also,
    by: applicant.by,
  }
}

/** How devices of a template name their origin. */
export const enrolmentOf = (template: string): string => `template/${template}`

/** The template's name, if the origin is one. */
export const templateOf = (enrolmentId: string | undefined): string | undefined =>
  enrolmentId?.startsWith('template/') ? enrolmentId.slice('template/'.length) : undefined

/** A device that was not there when it was looked at must not be there when it is written. */
function existingOf({ found, examined }: { found: FoundTemplate; examined: Examined }): DevicePlan['existing'] {
  if (examined.rotation) return 'keep'
  if (!examined.exists && found.view.existing !== 'allow') return 'refuse'
  const overrides = Object.values(examined.expanded.overrides)
  if (overrides.includes('fail')) return 'refuse'
  return overrides.every(override => override === 'keep') ? 'keep' : 'migrate'
}
