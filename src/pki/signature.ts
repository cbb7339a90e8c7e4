import { type KeyObject, sign, verify } from 'node:crypto'
import { nothing, oid, sequence } from './der.ts'
import { membersOf, oidOf, only } from './der-reader.ts'

type KeyKind = 'ec' | 'rsa' | 'ed25519'

const oids = { ecdsa: '1.2.840.10045.4.3.', rsa: '1.2.840.113549.1.1.', ed25519: '1.3.101.112' }

const keyOf = (algorithm: Buffer): string => algorithm.toString('latin1')

/** Signature algorithms that are read, by the DER of their name. SHA-1 and older are not among them. */
const known: ReadonlyMap<string, readonly [KeyKind, string | null]> = new Map(
  (
    [
      [`${oids.ecdsa}2`, 'ec', 'sha256'],
      [`${oids.ecdsa}3`, 'ec', 'sha384'],
      [`${oids.ecdsa}4`, 'ec', 'sha512'],
      [`${oids.rsa}11`, 'rsa', 'sha256'],
      [`${oids.rsa}12`, 'rsa', 'sha384'],
      [`${oids.rsa}13`, 'rsa', 'sha512'],
      [oids.ed25519, 'ed25519', null],
    ] as const
  ).map(([name, kind, hash]) => [keyOf(oid(name)), [kind, hash]]),
)

/** Signs as X.509 wants it; `algorithm` is its AlgorithmIdentifier, DER. */
export interface Signing {
  algorithm: Buffer
  sign(data: Uint8Array): Buffer
}

const ecdsa = (arc: 2 | 3): Buffer => sequence(oid(`${oids.ecdsa}${arc}`))
/** No parameters for ECDSA and Ed25519, NULL for RSA (RFC 5758, RFC 8410, RFC 4055). */
const algorithms = {
  p256: ecdsa(2),
  p384: ecdsa(3),
  rsa: sequence(oid(`${oids.rsa}11`), nothing),
  ed25519: sequence(oid(oids.ed25519)),
}

/** P-384 signs over SHA-384, Ed25519 over the text itself, everything else over SHA-256. */
export function signingOf(key: KeyObject): Signing {
  const kind = key.asymmetricKeyType
  const large = kind === 'ec' && key.asymmetricKeyDetails?.namedCurve === 'secp384r1'
  const hash = kind === 'ed25519' ? null : large ? 'sha384' : 'sha256'
  const algorithm = kind === 'ed25519' || kind === 'rsa' ? algorithms[kind] : large ? algorithms.p384 : algorithms.p256
  return { algorithm, sign: data => sign(hash, data, key) }
}

export type Verdict = 'genuine' | 'wrong' | 'algorithm'

/** Whether the signature is by that key; `algorithm` says which one was used (AlgorithmIdentifier, DER) and must be known and fit the key. */
export function checkSignature(o: { algorithm: Buffer; data: Buffer; signature: Buffer; publicKey: KeyObject }): Verdict {
  const [kind, hash] = known.get(nameKeyOf(o.algorithm)) ?? []
  if (hash === undefined || o.publicKey.asymmetricKeyType !== kind) return 'algorithm'
  try {
    return verify(hash, o.data, o.publicKey, o.signature) ? 'genuine' : 'wrong'
  } catch {
    return 'wrong'
  }
}

/** '' if it cannot be read. */
function nameKeyOf(algorithm: Buffer): string {
  try {
    const [name] = membersOf(only(algorithm))
    return name ? keyOf(name.raw) : ''
  } catch {
    return ''
  }
}

/** The dotted name of the algorithm, '' if it cannot be read. */
export function algorithmName(algorithm: Buffer): string {
  try {
    return oidOf(membersOf(only(algorithm))[0])
  } catch {
    return ''
  }
}
