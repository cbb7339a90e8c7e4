import { type ErrorCode, LoomError } from '../errors.ts'
import type { ClaimView } from './claim.ts'
import type { Claims } from './claim-store.ts'
import { isObject } from './enrolment-values.ts'
import { templateOf } from './fleet-provisioning-plan.ts'
import type { FleetEvent, FleetPrincipal } from './fleet-provisioning-port.ts'
import { TokenRefused } from './ownership.ts'
import type { DeviceWriter, ProvisioningKind } from './provisioning-port.ts'
import type { Parameters } from './template-expand.ts'
import type { Templates } from './template-store.ts'

/** Who asks for a certificate: a claim that counts, or a device for its next one. */
export interface Asker {
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

export interface Askers {
  /** PROV_NO_CLAIM, PROV_DISABLED, CRED_EXPIRED, IDENTITY_*, DEVICE_QUARANTINED. */
  of(who: FleetPrincipal): Promise<Asker>
  /** EC where every template that could follow says so. */
  keyTypeOf(asker: Asker): Promise<'ec-p256' | 'rsa-2048'>
  event(type: FleetEvent['type'], asker: Partial<Asker>, who: FleetPrincipal, more: Partial<FleetEvent>): FleetEvent
  /** Tells of a refusal and counts it against the claim. */
  watched<T>(who: FleetPrincipal, template: string | undefined, work: () => Promise<T>): Promise<T>
}

export function createAskers(o: {
  claims: Pick<Claims, 'need' | 'rejected'>
  templates: Pick<Templates, 'get'>
  devices: Pick<DeviceWriter, 'find'>
  events(event: FleetEvent): void
  now: () => number
}): Askers {
  const { claims, devices, events, now } = o

  const eventOf: Askers['event'] = (type, asker, who, more) => ({
    type,
    kind: asker.kind ?? (who.claimId === undefined ? 'rotation' : 'claim'),
    ...(who.claimId !== undefined && { claimId: who.claimId }),
    ...(who.claimId === undefined && who.deviceId !== undefined && { deviceId: who.deviceId }),
    by: asker.principal ?? (who.claimId === undefined ? `device ${who.deviceId}` : `claim ${who.claimId}`),
    ip: who.ip,
    at: now(),
    ...more,
  })

  return {
    async of(who) {
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
    },
    async keyTypeOf({ claim, enrolmentId }) {
      const origin = templateOf(enrolmentId)
      const names = claim?.templates ?? (origin === undefined ? [] : [origin])
      const views = await Promise.all(names.map(name => o.templates.get(name)))
      return views.length > 0 && views.every(view => view?.keyType === 'ec-p256') ? 'ec-p256' : 'rsa-2048'
    },
    event: eventOf,
    async watched(who, template, work) {
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
    },
  }
}

/** The device it is already, with the certificate it came with. */
export const ownOf = (deviceId: string, fingerprint: string | undefined) => ({
  deviceId,
  ...(fingerprint !== undefined && { fingerprint }),
})

/** A device says nothing about its certificate: those values come from the hub. PROV_PARAMETER_INVALID. */
export function checkedParameters(value: unknown): Parameters {
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
