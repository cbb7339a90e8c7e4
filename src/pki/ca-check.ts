import { LoomError } from '../errors.ts'
import { usageBits } from './certificate-body.ts'
import { checkSignedBy, type Link } from './chain.ts'
import { type KeyPolicy, readPublicKey } from './keys.ts'

/**
 * A CA that may vouch for devices or issue for them: CA flag, may sign certificates, not out of date, a strong key, own signature (if it signs itself)
 * right. `forCrls`: may also sign revocation lists. PKI_CA_INVALID.
 */
export function checkCa(ca: Link, o: KeyPolicy & { now: number; forCrls?: boolean }): void {
  const { isCa, keyUsage } = ca.usage
  const wanted = usageBits.keyCertSign | (o.forCrls ? usageBits.crlSign : 0)
  if (!isCa) throw unfit('it is not the certificate of a CA', 'basicConstraints must say CA:TRUE')
  if (keyUsage !== undefined && (keyUsage & wanted) !== wanted)
    throw unfit('its key may not sign that', `keyUsage must have keyCertSign${o.forCrls ? ' and cRLSign' : ''}`)
  if (o.now < ca.facts.notBefore) throw unfit(`it begins ${new Date(ca.facts.notBefore).toISOString()}`)
  if (o.now > ca.facts.notAfter) throw unfit(`it ended ${new Date(ca.facts.notAfter).toISOString()}`)
  try {
    const { publicKey } = readPublicKey(ca.body.spki, o)
    if (ca.body.subject.equals(ca.body.issuer)) checkSignedBy(ca.body, publicKey, ca.facts.subject.slice(0, 80))
  } catch (cause) {
    throw unfit(cause instanceof LoomError ? cause.message : 'its key cannot be used', undefined, cause)
  }
}

const unfit = (detail: string, hint?: string, cause?: unknown): LoomError =>
  new LoomError('PKI_CA_INVALID', detail, { ...(hint !== undefined && { hint }), ...(cause !== undefined && { cause }) })
