/** Signature algorithms of bearer tokens; an issuer has exactly one, so that a token cannot choose (RFC 8725, 3.1). */
export const tokenAlgorithms = ['RS256', 'ES256', 'EdDSA'] as const
export type TokenAlgorithm = (typeof tokenAlgorithms)[number]

/** Where an issuer's keys come from: fetched from a URL, given as a key set (RFC 7517), or one public key. */
export type IssuerKeys = { jwksUrl: string } | { jwks: { keys: readonly Record<string, unknown>[] } } | { publicKeyPem: string }

/** Someone else's token service that the hub believes. */
export interface TokenIssuer {
  id: string
  /** `iss` of its tokens */
  issuer: string
  /** what `aud` must hold */
  audience: string
  algorithm: TokenAlgorithm
  keys: IssuerKeys
  /** the claim that names the device's subject; default `sub` */
  subjectClaim: string
  enabled: boolean
  /** AWS custom authorizer by this name: where the token is, and the key its signature is checked with */
  authorizer?: { name: string; tokenKeyName?: string; signingKeyPem?: string }
}

export interface VerifiedToken {
  subject: string
  /** epoch ms */
  expiresAt: number
}

/** Checks a token's signature and its registered claims (RFC 7519, RFC 8725). */
export interface TokenVerifier {
  /**
   * CRED_INVALID (form, algorithm, signature, issuer, audience, no subject), CRED_EXPIRED, CRED_NOT_YET_VALID, CRED_ISSUER_DOWN (its keys cannot be had now),
   * DRIVER_MISSING. No message repeats the token.
   */
  verify(token: string, issuer: TokenIssuer, now: number): Promise<VerifiedToken>
  /** Keys of that issuer are forgotten: it was changed. */
  forget(issuerId: string): void
}

export const maxTokenChars = 8192

/** A compact JWS with a JSON header, by its looks: what a password can hardly be. */
export const looksLikeToken = (text: string): boolean => text.length <= maxTokenChars && /^eyJ[\w-]+\.[\w-]+\.[\w-]*$/.test(text)

/** `iss` as the token claims it, to choose the issuer whose key then proves it; undefined for no readable token. */
export function claimedIssuer(token: string): string | undefined {
  try {
    const payload = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as { iss?: unknown } | null
    return typeof payload?.iss === 'string' ? payload.iss : undefined
  } catch {
    return undefined
  }
}
