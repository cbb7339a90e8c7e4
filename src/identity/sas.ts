import { createHmac, timingSafeEqual } from 'node:crypto'
import { LoomError } from '../errors.ts'

const scheme = 'SharedAccessSignature '
const maxTokenBytes = 4096

export interface SasToken {
  /** as it stands in the token, still encoded: that text is signed */
  sr: string
  sig: Buffer
  /** as it stands in the token */
  se: string
  skn?: string
}

/** A token's members, in any order. CRED_INVALID; the message never repeats the token. */
export function parseSas(token: string): SasToken {
  if (token.length > maxTokenBytes || !token.startsWith(scheme)) throw invalid('this is no SharedAccessSignature')
  const members = new Map<string, string>()
  for (const part of token.slice(scheme.length).split('&')) {
    const at = part.indexOf('=')
    const name = part.slice(0, at)
    if (at < 1 || members.has(name)) throw invalid('a member without a name, or twice')
    members.set(name, part.slice(at + 1))
  }
  const [sr, sig, se, skn] = ['sr', 'sig', 'se', 'skn'].map(name => members.get(name))
  if (!sr || !sig || !se) throw invalid('sr, sig and se are needed')
  if (!/^\d{1,12}$/.test(se)) throw invalid('se is not a time in seconds')
  return { sr, sig: Buffer.from(percentDecoded(sig), 'base64'), se, ...(skn && { skn }) }
}

/**
 * The slot whose key signed the token. `audience`: `{host}/devices/{id}` in any case; a longer path below it passes too.
 * Resolves to when a connection opened with it must end: its expiry and the allowed skew later. CRED_INVALID, CRED_EXPIRED.
 */
export function verifySas(o: {
  token: string
  /** the keys as devices have them: base64 */
  keys: readonly { slot: string; key: string }[]
  audience: string
  /** the one `skn` that says nothing: device SDKs write `registration` into tokens for provisioning */
  policy?: string
  /** epoch ms */
  now: number
  /** 0..300 */
  skewS: number
}): { slot: string; expiresAt: number } {
  const { sr, sig, se, skn } = parseSas(o.token)
  if (skn && skn !== o.policy) throw invalid('tokens of a hub-level policy (skn) are not accepted')
  let slot: string | undefined
  // every key is tried, also after a match: the time tells nothing about which one fits
  for (const candidate of o.keys) if (signedBy(candidate.key, sr, se, sig)) slot ??= candidate.slot
  if (slot === undefined) throw invalid('it is signed with another key')
  const resource = percentDecoded(sr).toLowerCase()
  const audience = o.audience.toLowerCase()
  if (resource !== audience && !resource.startsWith(`${audience}/`)) throw invalid('it is signed for another resource')
  const expiresAt = (Number(se) + Math.min(300, Math.max(0, o.skewS))) * 1000
  if (expiresAt <= o.now) throw new LoomError('CRED_EXPIRED', `the token ended at ${new Date(Number(se) * 1000).toISOString()}`)
  return { slot, expiresAt }
}

function signedBy(key: string, sr: string, se: string, sig: Buffer): boolean {
  const expected = signature(key, sr, se)
  return sig.length === expected.length && timingSafeEqual(sig, expected)
}

const signature = (key: string, sr: string, se: string) =>
  createHmac('sha256', Buffer.from(key, 'base64')).update(`${sr}\n${se}`).digest()

/** A token as device SDKs make it. `expiresAt` in epoch ms; `encode: false` leaves the resource as it is, as some SDKs do. */
export function signSas(o: { key: string; resource: string; expiresAt: number; encode?: boolean }): string {
  const sr = o.encode === false ? o.resource : encodeURIComponent(o.resource)
  const se = String(Math.floor(o.expiresAt / 1000))
  return `${scheme}sr=${sr}&sig=${encodeURIComponent(signature(o.key, sr, se).toString('base64'))}&se=${se}`
}

function percentDecoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw invalid('an escape is broken')
  }
}

const invalid = (detail: string) => new LoomError('CRED_INVALID', `SAS token: ${detail}`)
