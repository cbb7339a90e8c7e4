import { type ErrorCode, LoomError } from '../errors.ts'
import { maxClientIdLength, ownsClientId } from './client-id.ts'
import { createGuessGuard } from './guess-guard.ts'
import type { Credential, Identity } from './identity.ts'
import type { Registry } from './registry.ts'
import { verifySas } from './sas.ts'
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
  /** as TLS delivered it: possession of its key is proved, nothing else */
  certificate?: { fingerprint: string; subjectCn: string }
  query: Record<string, string>
  remoteAddress: string
  loopbackPlaintext: boolean
  allowAnonymous: boolean
}

export interface Admitted {
  ok: true
  deviceId: string
  module?: string
  /** '' without credential */
  cid: string
  kind: Credential['kind'] | 'anonymous'
  /** epoch ms: close the connection then */
  expiresAt?: number
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
}

export function createAuthenticator(o: {
  registry: Registry
  sealer: Sealer
  now: () => number
  /** 0..300 */
  sasClockSkewS: number
  /** if given, Azure devices must name one of these hosts */
  hubNames?: readonly string[]
  /** `owned`: the device's id, or its own names derived from it */
  clientIdMode: 'owned'
  /** the device that holds a stored session under that client id */
  sessionOwner?: (clientId: string) => string | undefined
}): Authenticator {
  const { registry, sealer, now } = o
  const hosts = o.hubNames && new Set(o.hubNames.map(name => name.toLowerCase()))
  const guard = createGuessGuard({ now })

  const proved = async (attempt: ConnectAttempt): Promise<Proof> => {
    const { family, certificate, password } = attempt
    if (family === 'dps') throw new LoomError('COMMAND_UNSUPPORTED', 'provisioning is not offered yet')
    if (family === 'iothub') {
      checkHost(attempt)
      if (password?.length) return bySas(attempt, password)
      if (!certificate)
        throw new LoomError('CRED_MISSING', `device "${shown(attempt.deviceId)}" sent neither token nor certificate`)
      const proof = await byCertificate(certificate)
      if (proof.identity.id !== attempt.deviceId)
        throw new LoomError('CRED_INVALID', `the certificate of "${proof.identity.id}" was used by "${shown(attempt.deviceId)}"`)
      return proof
    }
    if (certificate && (!password?.length || (await registry.findByFingerprint(certificate.fingerprint))))
      return byCertificate(certificate)
    if (password?.length) return byPassword(attempt.username ?? '', password)
    if (!attempt.allowAnonymous || !attempt.loopbackPlaintext)
      throw new LoomError('CRED_MISSING', `client "${shown(attempt.clientId)}"`)
    return withoutCredential(attempt.clientId)
  }

  const checkHost = ({ host = '' }: ConnectAttempt): void => {
    const name = host.toLowerCase().replace(/:\d+$/, '')
    if (hosts && !hosts.has(name)) throw new LoomError('CRED_INVALID', `host "${shown(host)}" is none of this hub's names`)
  }

  const byCertificate = async (certificate: { fingerprint: string; subjectCn: string }): Promise<Proof> => {
    const { fingerprint, subjectCn } = certificate
    const found = await registry.findByFingerprint(fingerprint)
    if (found?.credential.kind !== 'x509')
      throw new LoomError('CRED_UNKNOWN', `certificate ${fingerprint.slice(0, 16)}.. with the common name "${shown(subjectCn)}"`)
    const { identity, credential } = found
    checkStatus(identity, credential)
    const { notBefore, notAfter } = credential
    if (now() < notBefore) throw new LoomError('CRED_NOT_YET_VALID', `certificate of "${identity.id}" from ${isoOf(notBefore)}`)
    if (now() > notAfter) throw new LoomError('CRED_EXPIRED', `certificate of "${identity.id}" ended ${isoOf(notAfter)}`)
    return { identity, cid: credential.cid, kind: 'x509', expiresAt: notAfter, anyClientId: subjectCn === identity.id }
  }

  const bySas = async ({ deviceId, module, host = '' }: ConnectAttempt, password: Uint8Array): Promise<Proof> => {
    const identity = await registry.find(deviceId)
    if (!identity) throw new LoomError('IDENTITY_NOT_FOUND', `"${shown(deviceId)}"`)
    const keys = identity.credentials.flatMap(credential => {
      if (credential.kind !== 'sas' || credential.status !== 'active') return []
      const { cid } = credential
      return (['primaryKey', 'secondaryKey'] as const).map(field => ({
        slot: cid,
        key: sealer.open(credential[field], { owner: identity.id, cid, field }).toString(),
      }))
    })
    const audience = `${host}/devices/${deviceId}${module === undefined ? '' : `/modules/${module}`}`
    const token = Buffer.from(password).toString()
    const { slot, expiresAt } = verifySas({ token, keys, audience, now: now(), skewS: o.sasClockSkewS })
    return { identity, cid: slot, kind: 'sas', expiresAt }
  }

  const byPassword = async (username: string, password: Uint8Array): Promise<Proof> => {
    const identity = await registry.findByUsername(username)
    if (!identity) throw new LoomError('IDENTITY_NOT_FOUND', `user name "${shown(username)}"`)
    for (const credential of identity.credentials) {
      if (credential.kind !== 'password' || credential.status !== 'active' || credential.username !== username) continue
      const { cid, hash } = credential
      if (await registry.verifyPassword({ cid, password: Buffer.from(password).toString(), hash }))
        return { identity, cid, kind: 'password' }
    }
    throw new LoomError('CRED_INVALID', `password of "${identity.id}"`)
  }

  const withoutCredential = async (clientId: string): Promise<Proof> => {
    const identity = await registry.find(clientId)
    if (!identity) throw new LoomError('IDENTITY_NOT_FOUND', `"${shown(clientId)}"`)
    if (identity.credentials.some(({ status }) => status === 'active'))
      throw new LoomError('CRED_MISSING', `"${identity.id}" has a credential and must use it`)
    return { identity, cid: '', kind: 'anonymous' }
  }

  const admitted = async (attempt: ConnectAttempt): Promise<Admitted> => {
    const { identity, cid, kind, expiresAt, anyClientId = false } = await proved(attempt)
    checkUsable(identity)
    const { clientId, module, family } = attempt
    if (family === 'iothub') {
      const wanted = module === undefined ? identity.id : `${identity.id}/${module}`
      if (clientId !== wanted) throw new LoomError('CLIENT_ID_REFUSED', `"${shown(clientId)}" instead of "${wanted}"`)
    } else if (clientId !== '') {
      const mayUse = await ownsClientId({ clientId, deviceId: identity.id, anyClientId, registry, sessionOwner: o.sessionOwner })
      if (!mayUse) throw new LoomError('CLIENT_ID_REFUSED', `"${shown(clientId)}" for device "${identity.id}"`)
    }
    if (cid !== '') registry.touch({ id: identity.id, cid, at: now() })
    return {
      ok: true,
      deviceId: identity.id,
      cid,
      kind,
      ...(module !== undefined && { module }),
      ...(expiresAt !== undefined && { expiresAt }),
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
  }
}

interface Proof {
  identity: Identity
  cid: string
  kind: Admitted['kind']
  expiresAt?: number
  /** its certificate is named after it */
  anyClientId?: boolean
}

/** Failures of the hub, not of the device: it shall try again. */
const temporary = /^(STORE_|HUB_|NODE_FAULT|BROKER_THROTTLED)/

function checkStatus({ id }: Identity, { cid, status }: Credential): void {
  if (status === 'revoked') throw new LoomError('CRED_REVOKED', `credential ${cid} of "${id}"`)
  if (status !== 'active') throw new LoomError('CRED_INVALID', `credential ${cid} of "${id}" is ${status}`)
}

function checkUsable({ id, enabled, state }: Identity): void {
  if (state === 'retired') throw new LoomError('IDENTITY_RETIRED', `"${id}"`)
  if (state === 'quarantined') throw new LoomError('DEVICE_QUARANTINED', `"${id}"`)
  if (!enabled || state !== 'active') throw new LoomError('IDENTITY_DISABLED', `"${id}"`)
}

const shown = (text: string) => text.slice(0, 80)
const isoOf = (ms: number) => new Date(ms).toISOString()
