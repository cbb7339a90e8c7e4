import { createECDH, createHash, createPrivateKey, type JsonWebKey, sign } from 'node:crypto'

/** What a wake-up token says: which device, until when (s since 1970, as JWT has it), and a number that is used once. */
export interface WakeClaims {
  d: string
  exp: number
  n: string
}

export interface WakeKey {
  /** For devices, which verify tokens with it: EC P-256 [RFC 7517]. */
  readonly publicKey: JsonWebKey
  /** A compact JWS, ES256 [RFC 7515, RFC 7518 section 3.4]. */
  sign(claims: WakeClaims): string
}

/** A signing key that is the same for the same 32 secret bytes. */
export function createWakeKey(seed: Uint8Array): WakeKey {
  const pair = createECDH('prime256v1')
  // One in 2^32 seeds is no private key of the curve; the next hash is.
  for (let scalar = Buffer.from(seed); ; scalar = createHash('sha256').update(scalar).digest()) {
    try {
      pair.setPrivateKey(scalar)
      break
    } catch {}
  }
  const point = pair.getPublicKey()
  const publicKey = {
    kty: 'EC',
    crv: 'P-256',
    x: point.subarray(1, 33).toString('base64url'),
    y: point.subarray(33).toString('base64url'),
  }
  const d = pair.getPrivateKey()
  const padded = Buffer.concat([Buffer.alloc(32 - d.length), d]).toString('base64url')
  const key = createPrivateKey({ key: { ...publicKey, d: padded }, format: 'jwk' })
  const header = base64({ alg: 'ES256', typ: 'wake+jwt' })
  return {
    publicKey: { ...publicKey, alg: 'ES256', use: 'sig' },
    sign(claims) {
      const text = `${header}.${base64(claims)}`
      return `${text}.${sign('sha256', Buffer.from(text), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`
    },
  }
}

const base64 = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
