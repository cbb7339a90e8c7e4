import type { CryptoKey, JWK, JWTPayload } from 'jose'
import { LoomError } from '../errors.ts'
import { maxTokenChars, type TokenIssuer, type TokenVerifier } from '../identity/token-verifier.ts'

type Jose = typeof import('jose')

const freshMs = 600_000
const retryMs = 60_000
const toleranceMs = 60_000
const mostKeys = 50
/** ECMA-262, 21.4.1.1: later there are no dates */
const latestMs = 8.64e15

interface KeySet {
  keys: Map<string, CryptoKey | Uint8Array>
  /** when it was fetched, epoch ms */
  at: number
  /** when it was last tried */
  tried: number
  /** why the last try failed */
  trouble?: string
}

/** What is known of an issuer as it is now. When it changes it gets a new one, so that a fetch under way for the old writes nowhere. */
interface Slot {
  set?: KeySet
  fetching?: Promise<KeySet>
}

/**
 * Bearer tokens by the library `jose`, an optional package. Keys from a URL are kept 10 minutes, asked for again at most once a minute when a token names an
 * unknown one, and go on counting while their server is down.
 */
export function createTokenVerifier(o: {
  /** gets and parses the key set; rejects if it cannot */
  fetchJson(url: string): Promise<unknown>
  load?: () => Promise<Jose>
}): TokenVerifier {
  const { fetchJson, load = () => import('jose') } = o
  const slots = new Map<string, Slot>()

  const slotOf = (id: string): Slot => {
    const slot = slots.get(id) ?? {}
    slots.set(id, slot)
    return slot
  }

  const library = async (): Promise<Jose> => {
    try {
      return await load()
    } catch (cause) {
      throw new LoomError('DRIVER_MISSING', 'jose', { cause, hint: 'bearer tokens need it: npm install jose' })
    }
  }

  const imported = async (jose: Jose, issuer: TokenIssuer, list: readonly unknown[]): Promise<KeySet['keys']> => {
    const keys: KeySet['keys'] = new Map()
    for (const [at, jwk] of list.slice(0, mostKeys).entries()) {
      const { kid = `#${at}`, alg, use } = (jwk ?? {}) as JWK
      if ((alg !== undefined && alg !== issuer.algorithm) || (use !== undefined && use !== 'sig')) continue
      // A key of another kind than the issuer's algorithm is no use here; it does not spoil the others.
      const key = await jose.importJWK(jwk as JWK, issuer.algorithm).catch(() => undefined)
      if (key) keys.set(String(kid), key)
    }
    return keys
  }

  /** The set as it is now; if it cannot be fetched the one before, or an empty one, with the trouble. */
  const fetched = (jose: Jose, issuer: TokenIssuer, slot: Slot, url: string, now: number): Promise<KeySet> => {
    slot.fetching ??= (async () => {
      try {
        const { keys: list } = ((await fetchJson(url)) ?? {}) as { keys?: unknown }
        if (!Array.isArray(list)) throw new RangeError('the answer is no key set')
        slot.set = { keys: await imported(jose, issuer, list), at: now, tried: now }
      } catch (error) {
        slot.set = { keys: new Map(), at: -Infinity, ...slot.set, tried: now, trouble: troubleOf(error) }
      }
      return slot.set
    })().finally(() => delete slot.fetching)
    return slot.fetching
  }

  const keyOf = async (jose: Jose, issuer: TokenIssuer, slot: Slot, kid: string | undefined, now: number) => {
    const { keys } = issuer
    if ('publicKeyPem' in keys) return jose.importSPKI(keys.publicKeyPem, issuer.algorithm)
    let { set } = slot
    if ('jwks' in keys) {
      slot.set ??= { keys: await imported(jose, issuer, keys.jwks.keys), at: now, tried: now }
      return pick(slot.set, kid)
    }
    const mayTry = !set || now - set.tried >= retryMs
    if (!set || (now - set.at >= freshMs && mayTry)) set = await fetched(jose, issuer, slot, keys.jwksUrl, now)
    let key = pick(set, kid)
    if (!key && now - set.tried >= retryMs) {
      set = await fetched(jose, issuer, slot, keys.jwksUrl, now)
      key = pick(set, kid)
    }
    // It may be a new key that could not be fetched: not the device's fault.
    if (!key && set.trouble !== undefined && (kid !== undefined || set.keys.size === 0))
      throw new LoomError('CRED_ISSUER_DOWN', `"${issuer.id}", ${new URL(keys.jwksUrl).host}: ${set.trouble}`, {
        hint: 'see that its key set can be fetched from here',
      })
    return key
  }

  return {
    async verify(token, issuer, now) {
      if (token.length > maxTokenChars) throw refused(issuer, `longer than ${maxTokenChars} characters`)
      // Before anything is awaited: it belongs to the issuer as it was given.
      const slot = slotOf(issuer.id)
      const jose = await library()
      let kid: string | undefined
      try {
        ;({ kid } = jose.decodeProtectedHeader(token))
      } catch (cause) {
        throw refused(issuer, 'it is no signed token', cause)
      }
      const key = await keyOf(jose, issuer, slot, kid, now)
      if (!key) throw refused(issuer, 'it is signed with a key that its issuer does not have')
      let payload: JWTPayload
      try {
        ;({ payload } = await jose.jwtVerify(token, key, {
          algorithms: [issuer.algorithm],
          issuer: issuer.issuer,
          audience: issuer.audience,
          requiredClaims: ['exp'],
          clockTolerance: toleranceMs / 1000,
          currentDate: new Date(now),
        }))
      } catch (cause) {
        throw reasonOf(jose, issuer, cause)
      }
      if (slots.get(issuer.id) !== slot)
        throw new LoomError('CRED_ISSUER_DOWN', `"${issuer.id}"`, { hint: 'it was changed meanwhile: try again' })
      const subject = payload[issuer.subjectClaim]
      if (typeof subject !== 'string' || !subject || subject.length > 256)
        throw refused(issuer, `its claim "${issuer.subjectClaim.slice(0, 60)}" names no subject`)
      const expiresAt = payload.exp! * 1000
      if (expiresAt > latestMs) throw refused(issuer, 'its claim "exp" is no date')
      return { subject, expiresAt }
    },
    forget: id => void slots.delete(id),
  }
}

const troubleOf = (error: unknown): string => {
  const { name, message, cause } = error as Error & { cause?: { code?: string; message?: string } }
  return name === 'TimeoutError' ? 'no answer in time' : String(cause?.code ?? cause?.message ?? message).slice(0, 100)
}

/** By its id; a token that names no key may use the only one there is. */
const pick = ({ keys }: KeySet, kid: string | undefined) =>
  kid === undefined ? (keys.size === 1 ? [...keys.values()][0] : undefined) : keys.get(kid)

const refused = ({ id }: TokenIssuer, why: string, cause?: unknown) =>
  new LoomError('CRED_INVALID', `token of issuer "${id}": ${why}`, cause === undefined ? {} : { cause })

function reasonOf(jose: Jose, issuer: TokenIssuer, error: unknown): LoomError {
  const { errors } = jose
  if (error instanceof errors.JWTExpired) return new LoomError('CRED_EXPIRED', `token of issuer "${issuer.id}"`)
  if (error instanceof errors.JWTClaimValidationFailed) {
    if (error.claim === 'nbf') return new LoomError('CRED_NOT_YET_VALID', `token of issuer "${issuer.id}"`)
    return refused(issuer, `its claim "${error.claim}" is not as it must be`)
  }
  if (error instanceof errors.JOSEAlgNotAllowed) return refused(issuer, `another algorithm than ${issuer.algorithm}`)
  if (error instanceof errors.JWSSignatureVerificationFailed) return refused(issuer, 'its signature is wrong')
  return refused(issuer, 'it cannot be checked', error)
}
