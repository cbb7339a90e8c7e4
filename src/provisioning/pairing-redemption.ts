import { LoomError } from '../errors.ts'
import type { Write } from '../storage/state-store.ts'
import type { Admission } from './fleet-provisioning-admission.ts'
import { checkedParameters } from './fleet-provisioning-asker.ts'
import type { Applicant } from './fleet-provisioning-examination.ts'
import type { FleetEvent } from './fleet-provisioning-port.ts'
import { type Applied, askedOf, bare, keyOf, type OwnCertificates } from './own-certificate.ts'
import { type OwnIdentity, type OwnRequest, wrongCredentials } from './own-provisioning-request.ts'
import type { HeldPairing, Pairings } from './pairing-store.ts'
import type { DeviceWriter, PlannedCredential } from './provisioning-port.ts'
import { certificateParameter } from './template-expression.ts'
import type { Templates } from './template-store.ts'

/** An identity for who has the code. Codes as `OwnProvisioning`, PROV_CODE_INVALID. */
export type Redeem = (request: OwnRequest & { pairingCode: string }, o: { ip: string }) => Promise<OwnIdentity>

/** How devices that came by a code alone name their origin: no enrolment has such an id. */
const originOf = (pairingId: string): string => `pairing/${pairingId}`
export const cameByCode = (enrolmentId: string | undefined): boolean => enrolmentId?.startsWith('pairing/') ?? false
const x509 = { kind: 'x509' } as const

export function createRedemption(o: {
  admission: Admission
  certificates: OwnCertificates
  pairings: Pick<Pairings, 'hold'>
  templates: Pick<Templates, 'get'>
  devices: Pick<DeviceWriter, 'apply'>
  events(event: FleetEvent): void
  now: () => number
  random: (size: number) => Buffer
  inTurn<T>(key: string, work: () => Promise<T>): Promise<T>
}): Redeem {
  const { admission, certificates, pairings, devices, events, now, random } = o

  const paired = async (held: HeldPairing, request: OwnRequest, key: string | undefined, ip: string): Promise<OwnIdentity> => {
    const { id, target } = held
    const { template, deviceId, parameters = {} } = target
    if (request.template !== undefined && request.template !== template)
      throw new LoomError('PROV_DENIED', 'the code is for another template')
    const { kind } = request.credentials ?? x509
    const own = { ...checkedParameters(request.parameters), ...parameters }
    const by = `pairing ${id}`
    if (kind !== 'x509' && template !== undefined) throw wrongCredentials('a pairing code without a template')
    if (kind !== 'x509') return withSecret(held, kind, { id, ip })
    const keyType =
      request.keyType ?? (template === undefined ? 'ec-p256' : ((await o.templates.get(template))?.keyType ?? 'ec-p256'))
    const asked = { principal: by, asked: askedOf(template, own) }
    return certificates.certified({ ...request, keyType }, key, asked, async (certificate, waiting, keep) => {
      const spend = (made: Applied) => [held.spend(made.deviceId), ...keep(made)]
      if (template === undefined) return becomes(deviceId!, { kind: 'x509', certificatePem: certificate.pem }, spend, { id, ip })
      const applicant: Applicant = {
        kind: 'pairing',
        template,
        ...waiting,
        parameters: own,
        fixed: { [certificateParameter('Id')]: certificate.fingerprint },
        certificate,
        ...(deviceId !== undefined && { onlyDevice: deviceId }),
        by,
        ip,
      }
      return admission.admit(applicant, { use: 'fleet', spend, deadline: held.expiresAt })
    })
  }

  const becomes = async (
    deviceId: string,
    credential: PlannedCredential,
    spend: (made: Applied) => readonly Write[],
    { id, ip }: { id: string; ip: string },
  ): Promise<Applied> => {
    const by = `pairing ${id}`
    const made = { deviceId, deviceConfiguration: {} }
    // A device that is there gets one credential more: the operator named it.
    await devices.apply({ ...bare, deviceId, credential, enrolmentId: originOf(id), existing: 'keep', also: spend(made), by })
    events({ type: 'provisioned', kind: 'pairing', deviceId, by, ip, at: now() })
    return made
  }

  const withSecret = async (
    held: HeldPairing,
    kind: 'sas' | 'password',
    told: { id: string; ip: string },
  ): Promise<OwnIdentity> => {
    const deviceId = held.target.deviceId!
    const spend = () => [held.spend(deviceId)]
    if (kind === 'password') {
      const password = random(18).toString('base64url')
      return { ...(await becomes(deviceId, { kind, password }, spend, told)), username: deviceId, password }
    }
    const [primaryKey, secondaryKey] = [random(32).toString('base64'), random(32).toString('base64')]
    return { ...(await becomes(deviceId, { kind, primaryKey, secondaryKey }, spend, told)), primaryKey, secondaryKey }
  }

  /** Tells of the refusal, and counts it against the code. */
  const refused = async (held: HeldPairing, ip: string, error: unknown): Promise<void> => {
    const code = error instanceof LoomError ? error.code : 'NODE_FAULT'
    await held.refused(code)
    const { template, deviceId } = held.target
    if (code === 'PROV_PENDING') return
    const reason = error instanceof LoomError ? error.message : 'unexpected failure'
    const what = { ...(template !== undefined && { template }), ...(deviceId !== undefined && { deviceId }) }
    events({ type: 'refused', kind: 'pairing', ...what, code, reason, by: `pairing ${held.id}`, ip, at: now() })
  }

  const redeemed = async (request: Parameters<Redeem>[0], key: ReturnType<typeof readKey>, ip: string): Promise<OwnIdentity> => {
    const held = await pairings.hold(request.pairingCode, { ip, ...(key.hash !== undefined && { key: key.hash }) })
    try {
      if (key.fault) throw key.fault
      return held.usedBy === undefined ? await paired(held, request, key.hash, ip) : await again(held, key.hash!)
    } catch (error) {
      await refused(held, ip, error)
      throw error
    } finally {
      held.release()
    }
  }

  /** Its answer was lost. */
  const again = async ({ id, usedBy }: HeldPairing, key: string): Promise<OwnIdentity> => {
    const known = await certificates.known(key, `pairing ${id}`)
    if (!known || known.deviceId !== usedBy)
      throw new LoomError('PROV_CODE_INVALID', '', { hint: 'ask the operator for a new one' })
    const { asked: _, ...identity } = known
    return identity
  }

  return (request, { ip }) => {
    // A request that is wrong costs a right code a try: the code is looked at first.
    const key = readKey(request)
    return key.hash === undefined ? redeemed(request, key, ip) : o.inTurn(key.hash, () => redeemed(request, key, ip))
  }
}

function readKey(request: OwnRequest): { hash?: string; fault?: LoomError } {
  try {
    const hash = keyOf(request)
    return hash === undefined ? {} : { hash }
  } catch (error) {
    if (error instanceof LoomError) return { fault: error }
    throw error
  }
}
