import { LoomError } from '../errors.ts'
import type { KeyType } from '../pki/keys.ts'
import { type PemLabel, pemOf } from '../pki/pem.ts'
import { overlapOf } from './overlap.ts'

/** What a message, and else its node, says of one certificate; all checked but what the hub checks itself. */
export interface CertificateItem {
  device: string | undefined
  /** of the payload: a request, a certificate or a proof, as the action wants it; PEM */
  pem: string | undefined
  keyType: KeyType | undefined
  days: number | undefined
  overlapMs: number | undefined
  cid: string | undefined
  fingerprint: string | undefined
  reason: unknown
  /** id of a CA */
  ca: string | undefined
  name: string | undefined
  trust: 'proof' | 'operator' | undefined
  privateKeyPem: string | undefined
  chainPem: string | undefined
  caPem: string | undefined
  friendlyName: string | undefined
}

/** What the node says where the message says nothing. */
export interface CertificateDefaults {
  device: string | undefined
  keyType: string | undefined
  days: number | undefined
  overlapMs: number | undefined
  reason: string | undefined
}

type Fields = Record<string, unknown>

const fieldsOf = (value: unknown): Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !ArrayBuffer.isView(value) ? (value as Fields) : {}

const requestFields = ['csrPem', 'csr'] as const
const certificateFields = ['proofPem', 'certificatePem', 'pem'] as const

/** PEM as it is, of bytes that are text, or of DER (which begins with a SEQUENCE). */
function pemIn(value: unknown, label: PemLabel): string | undefined {
  if (typeof value === 'string') return value.includes('-----BEGIN') ? value : undefined
  if (!(value instanceof Uint8Array) || !value.length) return undefined
  return value[0] === 0x30 ? pemOf(label, value) : Buffer.from(value).toString()
}

/** REQUEST_INVALID for a field of another type. */
function textIn(fields: Fields, name: string): string | undefined {
  const value = fields[name]
  if (value === undefined || value === '') return undefined
  if (typeof value !== 'string') throw new LoomError('REQUEST_INVALID', `${name} is not text`)
  return value
}

function daysIn({ days }: Fields): number | undefined {
  if (days === undefined) return undefined
  if (typeof days !== 'number' || !Number.isInteger(days) || days < 1 || days > 3650)
    throw new LoomError('REQUEST_INVALID', `days ${String(days).slice(0, 40)}`, { hint: '1 to 3650' })
  return days
}

/** Anything else would be taken for a CA that needs no proof. */
function trustIn({ trust }: Fields): 'proof' | 'operator' | undefined {
  if (trust === undefined || trust === 'proof' || trust === 'operator') return trust
  throw new LoomError('REQUEST_INVALID', `trust ${String(trust).slice(0, 40)}`, { hint: 'proof or operator' })
}

/** One entry of the payload; `options`: `msg.certificate`. REQUEST_INVALID. */
export function certificateItem(
  entry: unknown,
  o: { device: unknown; options: unknown; label: PemLabel; defaults: CertificateDefaults },
): CertificateItem {
  const { defaults, label } = o
  const own = fieldsOf(entry)
  const all: Fields = { ...fieldsOf(o.options), ...own }
  const pemFields = label === 'CERTIFICATE REQUEST' ? requestFields : certificateFields
  const pem = pemIn(entry, label) ?? pemFields.map(name => pemIn(own[name], label)).find(found => found !== undefined)
  // Text that is no PEM is an id, as it is for devices; of records, a device's has `id`.
  const id = typeof entry === 'string' && pem === undefined ? entry.trim() || undefined : textIn(own, 'id')
  const device = textIn(own, 'device') ?? (typeof o.device === 'string' && o.device ? o.device : undefined) ?? id
  return {
    device: device ?? defaults.device,
    pem,
    keyType: (textIn(all, 'keyType') ?? defaults.keyType) as KeyType | undefined,
    days: daysIn(all) ?? defaults.days,
    overlapMs: overlapOf(all.overlapMs) ?? defaults.overlapMs,
    cid: textIn(all, 'cid'),
    fingerprint: textIn(all, 'fingerprint')?.replaceAll(':', '').toLowerCase(),
    reason: all.reason ?? defaults.reason,
    ca: textIn(all, 'ca') ?? id,
    name: textIn(all, 'name'),
    trust: trustIn(all),
    privateKeyPem: textIn(own, 'privateKeyPem'),
    chainPem: textIn(own, 'chainPem') ?? textIn(own, 'chain') ?? pem,
    caPem: textIn(own, 'caPem'),
    friendlyName: textIn(all, 'friendlyName'),
  }
}
