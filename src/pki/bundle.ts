import { createPrivateKey, type KeyObject } from 'node:crypto'
import { type ErrorCode, LoomError } from '../errors.ts'
import { type CertificateFacts, readCertificate } from './certificate.ts'
import { membersOf, naturalOf, oidOf, only, tags } from './der-reader.ts'
import { pemBlocks, type PemBlock } from './pem.ts'

export const maxBundleBytes = 262_144
const mostBlocks = 20
/** About a second of PBKDF2. */
const mostRounds = 2_000_000

export interface Bundle {
  /** in the order of the text */
  certificates: CertificateFacts[]
  privateKey?: KeyObject
}

/**
 * Certificates and at most one private key out of a PEM text; parameters and the like are passed over. Throws `code` (default CRED_INVALID), also for a key
 * that the passphrase does not open.
 */
export function readBundle(
  text: string,
  { passphrase, code = 'CRED_INVALID' }: { passphrase?: string; code?: ErrorCode } = {},
): Bundle {
  const blocks = pemBlocks(text, { most: mostBlocks, maxBytes: maxBundleBytes, code })
  const keys = blocks.filter(({ label }) => label.endsWith('PRIVATE KEY'))
  if (keys.length > 1) throw new LoomError(code, `${keys.length} private keys`, { hint: 'give one' })
  const certificates = blocks.filter(({ label }) => label === 'CERTIFICATE').map(({ text }) => certificateOf(text, code))
  return { certificates, ...(keys[0] && { privateKey: keyOf(keys[0], passphrase, code) }) }
}

function certificateOf(text: string, code: ErrorCode): CertificateFacts {
  try {
    return readCertificate(text)
  } catch (cause) {
    throw new LoomError(code, 'a certificate of the bundle cannot be read', { cause })
  }
}

const forms = {
  'PRIVATE KEY': 'pkcs8',
  'ENCRYPTED PRIVATE KEY': 'pkcs8',
  'EC PRIVATE KEY': 'sec1',
  'RSA PRIVATE KEY': 'pkcs1',
} as const

function keyOf({ label, text }: PemBlock, passphrase: string | undefined, code: ErrorCode): KeyObject {
  const form = Object.entries(forms).find(([name]) => name === label)?.[1]
  if (!form) throw new LoomError(code, `a block "${label}"`, { hint: 'give the key as PKCS#8' })
  const secret = passphrase === undefined ? {} : { passphrase }
  try {
    // openssl's old form, whose headers say how it is encrypted; deriving its key takes no time
    if (form !== 'pkcs8' && text.includes('Proc-Type:')) return createPrivateKey({ key: text, ...secret })
    const der = Buffer.from(text.replace(/-----[^-]+-----/g, ''), 'base64')
    if (form === 'pkcs8') checkRounds(der)
    return createPrivateKey({ key: der, format: 'der', type: form, ...secret })
  } catch (cause) {
    if (cause instanceof LoomError) throw cause
    throw new LoomError(code, 'the private key cannot be read', {
      cause,
      hint: passphrase === undefined ? 'an encrypted key needs its passphrase' : 'is the passphrase right?',
    })
  }
}

const pbes2 = '1.2.840.113549.1.5.13'
const pbkdf2 = '1.2.840.113549.1.5.12'

/** Deriving a key blocks for as many rounds as the text asks for (RFC 8018, A.2), so they are counted first. */
function checkRounds(der: Buffer): void {
  const [algorithm] = membersOf(only(der))
  // the version of a key that is not encrypted
  if (algorithm?.tag === tags.integer) return
  const [scheme, parameters] = membersOf(algorithm)
  const [derivation, counted] = oidOf(scheme) === pbes2 ? membersOf(membersOf(parameters)[0]) : [undefined, parameters]
  // scrypt has no bound on its time
  if (derivation && oidOf(derivation) !== pbkdf2) throw new RangeError('only PBKDF2 is known')
  const [, rounds] = membersOf(counted)
  if (naturalOf(rounds) > mostRounds) throw new RangeError('the key is encrypted with too many rounds')
}
