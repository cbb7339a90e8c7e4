import { LoomError } from '../errors.ts'
import type { Write } from '../storage/state-store.ts'
import { type Applicant, type Examined, examine } from './fleet-provisioning-examination.ts'
import type { AdmissionPorts, FleetEvent } from './fleet-provisioning-port.ts'
import { planOf } from './fleet-provisioning-plan.ts'
import { createSerial } from './fleet-provisioning-serial.ts'
import type { ProvisioningRequest, Verdict } from './provisioning-port.ts'
import { type Expanded, expandTemplate, type Parameters } from './template-expand.ts'
import type { FoundTemplate } from './template-store.ts'

export interface Admitted {
  deviceId: string
  generation: string
  created: boolean
  /** false: the template says that it shall wait for an operator */
  active: boolean
  deviceConfiguration: Record<string, string>
}

/** Decides about devices of templates and writes those that may come. */
export interface Admission {
  /**
   * `spend`: written in the transaction that writes the device; it may depend on what that becomes. `deadline` (epoch ms): nothing is written later. PROV_NO_TEMPLATE, PROV_DISABLED, PROV_DENIED, PROV_PENDING, PROV_CSR_NEEDED,
   * PROV_HOOK_TIMEOUT, PROV_QUOTA, PROV_THROTTLED, PROV_PARAMETER_*, PROV_TEMPLATE_INVALID, IDENTITY_*, PKI_KEY_REUSED, CRED_*. Whatever fails, nothing was written
   * but that a person shall look.
   */
  admit(applicant: Applicant, o: { use: 'fleet' | 'jitp'; spend: Spending; deadline?: number }): Promise<Admitted>
}

export type Spending = readonly Write[] | ((made: Pick<Admitted, 'deviceId' | 'deviceConfiguration'>) => readonly Write[])

export function createAdmission(ports: AdmissionPorts): Admission {
  const { now } = ports
  // Counts are read, checked and written; two devices at once would count as one.
  const serial = createSerial()

  const eventOf = (type: FleetEvent['type'], applicant: Applicant, more: Partial<FleetEvent> = {}): FleetEvent => ({
    type,
    kind: applicant.kind,
    template: applicant.template,
    ...(applicant.claimId !== undefined && { claimId: applicant.claimId }),
    fingerprint: applicant.certificate.fingerprint,
    by: applicant.by,
    ip: applicant.ip,
    at: now(),
    ...more,
  })

  const approved = async (request: ProvisioningRequest, applicant: Applicant, examined: Examined): Promise<Verdict> => {
    const { suspicion } = examined
    const more = { deviceId: examined.deviceId, ...(suspicion !== undefined && { reason: suspicion }) }
    if (applicant.until === undefined) {
      if (examined.clone) ports.events(eventOf('clone-suspected', applicant, more))
      throw new LoomError('PROV_CSR_NEEDED', `"${examined.deviceId}"`, { hint: 'send a csr: the decision is about its key' })
    }
    const verdict = await ports.approvals.verdict({ ...request, ...(suspicion !== undefined && { suspicion }) }, applicant.until)
    if (verdict) {
      if (verdict.allow) return verdict
      throw new LoomError('PROV_DENIED', (verdict.reason ?? '').slice(0, 100))
    }
    if (examined.clone) ports.events(eventOf('clone-suspected', applicant, more))
    ports.events(eventOf('pending', applicant, more))
    throw new LoomError('PROV_PENDING', `"${examined.deviceId}"`, { hint: 'try again later with the same certificate' })
  }

  return {
    async admit(applicant, { use, spend, deadline = Number.POSITIVE_INFINITY }) {
      const found = await ports.templates.find(applicant.template)
      const { view } = found
      if (view.kind !== use) throw new LoomError('PROV_NO_TEMPLATE', `"${view.name}" is for ${view.kind}`)
      if (!view.enabled) throw new LoomError('PROV_DISABLED', `template "${view.name}"`)

      const look = (expanded: Expanded, verdict: Verdict | undefined) =>
        examine(ports, { applicant, found, expanded, deviceId: verdict?.deviceId ?? expanded.thingName })
      const expand = (overrides: Parameters = {}) =>
        expandTemplate(found.template, { ...applicant.parameters, ...overrides, ...applicant.fixed })

      const early = firstExpansion(expand, view.hook?.enabled ?? false)
      let examined = early && (await look(early, undefined))
      const request = requestOf(applicant, examined, now())
      let verdict = view.hook?.enabled ? await asked(ports, found, request) : undefined
      if (!examined || verdict?.parameterOverrides || verdict?.deviceId)
        examined = await look(expand(verdict?.parameterOverrides), verdict)

      const person = !examined.rotation && (view.approval === 'manual' || examined.suspicion !== undefined)
      if (person) {
        const word = await approved(
          { ...request, registrationId: examined.expanded.thingName, deviceId: examined.deviceId },
          applicant,
          examined,
        )
        if (word.deviceId !== undefined && word.deviceId !== examined.deviceId) {
          examined = await look(examined.expanded, word)
          // Nobody looked at that device when the word was given: it must not be taken over by it.
          if (examined.exists && !examined.samePerson)
            throw new LoomError('PROV_DENIED', `"${word.deviceId}" exists`, {
              hint: 'name another, or retire and delete that one first',
            })
        }
        verdict = { ...verdict, ...word }
      }
      const final = examined
      const event = eventOf('provisioned', applicant, { deviceId: final.deviceId })
      return serial(async () => {
        if (now() > deadline) throw new LoomError('PROV_HOOK_TIMEOUT', `template "${view.name}"`)
        const counted = final.exists ? [] : await found.spend()
        const claimed = applicant.claimId === undefined || final.rotation ? [] : await ports.claims.spend(applicant.claimId)
        const deviceConfiguration = { ...final.expanded.deviceConfiguration, ...verdict?.deviceConfiguration }
        const also = [
          ...(typeof spend === 'function' ? spend({ deviceId: final.deviceId, deviceConfiguration }) : spend),
          ...counted,
          ...claimed,
          ...(final.match?.spend({ by: final.deviceId, at: now() }) ?? []),
          ...(person ? [ports.approvals.spend(applicant.id)] : []),
          ...(ports.also?.(event) ?? []),
        ]
        const plan = planOf({ applicant, found, examined: final, verdict, also })
        const { deviceId, generation, created } = await ports.devices.apply(plan)
        ports.events(event)
        return {
          deviceId,
          generation,
          created,
          active: final.expanded.certificate.status === 'active',
          deviceConfiguration,
        }
      })
    },
  }
}

/** A missing parameter is no fault yet where a hook may give it. */
function firstExpansion(expand: () => Expanded, hooked: boolean): Expanded | undefined {
  try {
    return expand()
  } catch (error) {
    if (hooked && error instanceof LoomError && error.code === 'PROV_PARAMETER_MISSING') return undefined
    throw error
  }
}

const requestOf = (applicant: Applicant, examined: Examined | undefined, at: number): ProvisioningRequest => ({
  id: applicant.id,
  kind: applicant.kind,
  template: applicant.template,
  ...(applicant.claimId !== undefined && { claimId: applicant.claimId }),
  registrationId: examined?.expanded.thingName ?? '',
  deviceId: examined?.deviceId ?? '',
  parameters: { ...applicant.parameters, ...applicant.fixed },
  attestation: {
    kind: 'x509',
    fingerprint: applicant.certificate.fingerprint,
    ...(applicant.certificate.subject !== undefined && { subject: applicant.certificate.subject }),
  },
  ip: applicant.ip,
  at,
  ...(examined?.suspicion !== undefined && { suspicion: examined.suspicion }),
})

/** The flow's verdict. No answer in time is the template's default; a hook that fails otherwise is a no. */
async function asked(
  { hook }: AdmissionPorts,
  { view }: FoundTemplate,
  request: ProvisioningRequest,
): Promise<Verdict | undefined> {
  const { timeoutMs, default: otherwise } = view.hook!
  try {
    const verdict = await hook.ask(request, { timeoutMs })
    if (verdict.allow) return verdict
    throw new LoomError('PROV_DENIED', (verdict.reason ?? '').slice(0, 100))
  } catch (error) {
    if (!(error instanceof LoomError)) throw new LoomError('PROV_DENIED', 'the hook failed', { cause: error })
    if (error.code === 'PROV_HOOK_TIMEOUT' && otherwise === 'allow') return undefined
    throw error
  }
}
