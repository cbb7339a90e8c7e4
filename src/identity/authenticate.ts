import { type ErrorCode, LoomError } from '../errors.ts'
import type { Attested } from '../provisioning/attest.ts'
import { createBasis } from './basis.ts'
import { maxClientIdLength, ownsClientId } from './client-id.ts'
import { createGuessGuard } from './guess-guard.ts'
import type { Credential, Identity } from './identity.ts'
import { type CertificateProofs, createCertificateProof, type PeerFacts } from './prove-certificate.ts'
import { createPasswordProof, type TokenProofs } from './prove-password.ts'
import { createSasProof, type GroupKeys } from './prove-sas.ts'
import type { Registry } from './registry.ts'
import type { Sealer } from './seal.ts'

/** A CONNECT, as its dialect and the transport tell it. */
export interface ConnectAttempt {
  family: 'iothub' | 'dps' | 'thing'
  clientId: string
  /** clean session; without it an empty client id is refused */
  clean?: boolean
  deviceId: string
  module?: string
  /** Azure's host as in the user name */
  host?: string
  username?: string
  password?: Uint8Array
  idScope?: string
  /** as TLS delivered it: possession of its key is proved, nothing else */
  certificate?: PeerFacts
  query: Record<string, string>
  remoteAddress: string
  loopbackPlaintext: boolean
  allowAnonymous: boolean
}

export interface Admitted {
  ok: true
  /** '' for who is no device yet */
  deviceId: string
  /** who it is if not a device of its family: a connection that may only ask for an identity */
  as?: 'claim' | 'dps'
  /** of `dps`: what it registers, and by which enrolment */
  registration?: Attested
  /** let in, but only to be looked after */
  quarantined?: true
  module?: string
  /** '' without credential */
  cid: string
  kind: Credential['kind'] | 'anonymous'
  /** epoch ms: close the connection then */
  expiresAt?: number
  /** opaque: what the proof rested on, for `stillHolds` */
  basis?: string
}

export interface Refused {
  ok: false
  /** MQTT 3.1.1 CONNACK code: 5 for good, 3 to try again, 2 for an unusable client id */
  connack: 2 | 3 | 4 | 5
  code: ErrorCode
  /** for the audit log, never for the wire */
  reason: string
  /** to wait before answering: somebody is guessing */
  delayMs?: number
}

export interface Authenticator {
  /** Never rejects. */
  authenticate(attempt: ConnectAttempt): Promise<Admitted | Refused>
  /**
   * Whether the keys, the token issuer or the authority that a proof rested on are still what they were: to be asked once the connection is live, against a
   * change in between. That its credential is active is for `Registry.accepts` to say.
   */
  stillHolds(o: { deviceId: string; cid: string; basis?: string }): Promise<boolean>
}

/** Parts of provisioning that take part in a CONNECT; absent ones are not offered. */
export interface ProvisioningProofs {
  /** CRED_*, PROV_*: not admitted. */
  attest?(o: { registrationId: string; idScope: string; token?: string; certificate?: PeerFacts; now: number }): Promise<Attested>
  /** The claim whose certificate this is; a claim may do nothing but provision. PROV_* if it may not be used. */
  claimOf?(o: { fingerprint: string; address: string; now: number }): Promise<{ claimId: string } | undefined>
  /** Just-in-time provisioning of an unknown certificate; true if it is registered now. */
  admitUnknown?(o: { certificate: PeerFacts; address: string; now: number }): Promise<boolean>
}

export function createAuthenticator(o: {
  registry: Registry
  sealer: Sealer
  now: () => number
  /** 0..300 */
  sasClockSkewS: number
  /** if given, Azure devices must name one of these hosts */
  hubNames?: readonly string[]
  /** `owned`: the device's id, or its own names derived from it; `exact`: its id */
  clientIdMode: 'owned' | 'exact'
  /** the device that holds a stored session under that client id */
  sessionOwner?: (clientId: string) => string | undefined
  groupKeys?: GroupKeys
  tokens?: TokenProofs
  anchors?: CertificateProofs
  provisioning?: ProvisioningProofs
}): Authenticator {
  const { registry, now, provisioning = {} } = o
  const hosts = o.hubNames && new Set(o.hubNames.map(name => name.toLowerCase()))
  const guard = createGuessGuard({ now })
  const bySas = createSasProof(o)
  const byCertificate = createCertificateProof(o)
  const byPassword = createPasswordProof(o)
  const basisOf = createBasis(o)

  const proved = async (attempt: ConnectAttempt): Promise<Proof> => {
    const { family, certificate, password } = attempt
    if (family === 'iothub') {
      checkHost(attempt)
      if (password?.length) return bySas(attempt, password)
      if (!certificate)
        throw new LoomError('CRED_MISSING', `device "${shown(attempt.deviceId)}" sent neither token nor certificate`)
      const proof = await provedOrAdmitted(certificate, attempt.remoteAddress)
      if (proof.identity.id !== attempt.deviceId)
        throw new LoomError('CRED_INVALID', `the certificate of "${proof.identity.id}" was used by "${shown(attempt.deviceId)}"`)
      return proof
    }
    if (certificate && (!password?.length || (await registry.findByFingerprint(certificate.fingerprint))))
      return provedOrAdmitted(certificate, attempt.remoteAddress)
    const { username, query } = attempt
    const proof = await byPassword({
      query,
      ...(username !== undefined && { username }),
      ...(password && { password: Buffer.from(password).toString() }),
    })
    if (proof) return proof
    if (!attempt.allowAnonymous || !attempt.loopbackPlaintext)
      throw new LoomError('CRED_MISSING', `client "${shown(attempt.clientId)}"`)
    return withoutCredential(attempt.clientId)
  }

  /** An unknown certificate of a known authority may become a device here and now. */
  const provedOrAdmitted = async (certificate: PeerFacts, address: string): Promise<Proof> => {
    try {
      return await byCertificate(certificate)
    } catch (error) {
      if (!(error instanceof LoomError && error.code === 'CRED_UNKNOWN')) throw error
      if (!(await provisioning.admitUnknown?.({ certificate, address, now: now() }))) throw error
      return byCertificate(certificate)
    }
  }

  const checkHost = ({ host = '' }: ConnectAttempt): void => {
    const name = host.toLowerCase().replace(/:\d+$/, '')
    if (hosts && !hosts.has(name)) throw new LoomError('CRED_INVALID', `host "${shown(host)}" is none of this hub's names`)
  }

  const withoutCredential = async (clientId: string): Promise<Proof> => {
    const identity = await registry.find(clientId)
    if (!identity) throw new LoomError('IDENTITY_NOT_FOUND', `"${shown(clientId)}"`)
    if (identity.credentials.some(({ status }) => status === 'active'))
      throw new LoomError('CRED_MISSING', `"${identity.id}" has a credential and must use it`)
    return { identity, cid: '', kind: 'anonymous' }
  }

  /** Who asks for an identity: it may use provisioning's topics, and nothing else. */
  const seeking = async (attempt: ConnectAttempt): Promise<Admitted | undefined> => {
    const { family, deviceId, clientId, idScope = '', certificate, password, remoteAddress: address } = attempt
    if (family === 'dps') {
      if (!provisioning.attest) throw new LoomError('COMMAND_UNSUPPORTED', 'provisioning is not offered')
      if (clientId.toLowerCase() !== deviceId.toLowerCase())
        throw new LoomError('CLIENT_ID_REFUSED', `"${shown(clientId)}" registers "${shown(deviceId)}"`)
      const registration = await provisioning.attest({
        registrationId: deviceId,
        idScope,
        now: now(),
        ...(password?.length && { token: Buffer.from(password).toString() }),
        ...(certificate && { certificate }),
      })
      const { kind, expiresAt } = registration
      return {
        ok: true,
        deviceId: '',
        as: 'dps',
        cid: registration.enrolmentId,
        kind,
        registration,
        ...(expiresAt !== undefined && { expiresAt }),
      }
    }
    if (family !== 'thing' || !certificate || password?.length || !provisioning.claimOf) return undefined
    const { fingerprint, notAfter } = certificate
    if (await registry.findByFingerprint(fingerprint)) return undefined
    const claim = await provisioning.claimOf({ fingerprint, address, now: now() })
    return claim && { ok: true, deviceId: '', as: 'claim', cid: claim.claimId, kind: 'x509', expiresAt: notAfter }
  }

  const admitted = async (attempt: ConnectAttempt): Promise<Admitted> => {
    const seeker = await seeking(attempt)
    if (seeker) return seeker
    const { identity, cid, kind, expiresAt, basis, anyClientId = false, pending = false } = await proved(attempt)
    checkUsable(identity)
    const { clientId, module, family } = attempt
    if (family === 'iothub') {
      const wanted = module === undefined ? identity.id : `${identity.id}/${module}`
      if (clientId !== wanted) throw new LoomError('CLIENT_ID_REFUSED', `"${shown(clientId)}" instead of "${wanted}"`)
    } else if (clientId !== '') {
      const mayUse =
        o.clientIdMode === 'exact'
          ? clientId === identity.id
          : await ownsClientId({ clientId, deviceId: identity.id, anyClientId, registry, sessionOwner: o.sessionOwner })
      if (!mayUse) throw new LoomError('CLIENT_ID_REFUSED', `"${shown(clientId)}" for device "${identity.id}"`)
    }
    if (pending) await registry.activate(identity.id, cid)
    if (cid !== '') registry.touch({ id: identity.id, cid, at: now() })
    return {
      ok: true,
      deviceId: identity.id,
      cid,
      kind,
      ...(identity.state === 'quarantined' && { quarantined: true }),
      ...(module !== undefined && { module }),
      ...(expiresAt !== undefined && { expiresAt }),
      ...(basis !== undefined && { basis }),
    }
  }

  return {
    async authenticate(attempt) {
      const { clientId, clean = false } = attempt
      if ((clientId === '' && !clean) || clientId.length > maxClientIdLength)
        return { ok: false, connack: 2, code: 'CLIENT_ID_REFUSED', reason: `a client id of ${clientId.length} characters` }
      try {
        return await admitted(attempt)
      } catch (error) {
        const { code, message: reason } =
          error instanceof LoomError ? error : { code: 'NODE_FAULT' as const, message: String(error) }
        if (temporary.test(code)) return { ok: false, connack: 3, code, reason }
        const claimed = attempt.username || attempt.deviceId
        const delayMs = guard.refused(`${claimed}|${attempt.remoteAddress}`)
        return { ok: false, connack: 5, code, reason, ...(delayMs > 0 && { delayMs }) }
      }
    },
    async stillHolds({ deviceId, cid, basis }) {
      if (basis === undefined) return true
      const credential = (await registry.find(deviceId))?.credentials.find(one => one.cid === cid)
      return credential !== undefined && (await basisOf(credential)) === basis
    },
  }
}

/** What a credential proved. */
export interface Proof {
  identity: Identity
  cid: string
  kind: Admitted['kind']
  expiresAt?: number
  basis?: string
  /** its certificate is named after it */
  anyClientId?: boolean
  /** a replacement in its first use */
  pending?: boolean
}

/** Failures of the hub, not of the device: it shall try again. */
const temporary = /^(STORE_|HUB_|NODE_FAULT|BROKER_THROTTLED|CRED_ISSUER_DOWN|PROV_THROTTLED)/

function checkUsable({ id, enabled, state }: Identity): void {
  if (state === 'retired') throw new LoomError('IDENTITY_RETIRED', `"${id}"`)
  if (!enabled || state === 'pending') throw new LoomError('IDENTITY_DISABLED', `"${id}"`)
}

const shown = (text: string) => text.slice(0, 80)
