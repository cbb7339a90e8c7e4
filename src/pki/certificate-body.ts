import { expected, membersOf, naturalOf, oidOf, only, type Slice, slices, tags, timeOf, wholeBits } from './der-reader.ts'

/** A certificate cut into its parts (RFC 5280, 4.1), each in its original bytes. */
export interface CertificateBody {
  /** what is signed */
  tbs: Buffer
  /** AlgorithmIdentifier of the signature */
  algorithm: Buffer
  signature: Buffer
  /** contents of the INTEGER */
  serial: Buffer
  issuer: Buffer
  subject: Buffer
  spki: Buffer
  /** epoch ms */
  notBefore: number
  notAfter: number
  extensions: ReadonlyMap<string, Extension>
}

export interface Extension {
  critical: boolean
  value: Buffer
}

/** Cuts one certificate, DER. Throws plain errors on anything else. */
export function bodyOf(der: Buffer): CertificateBody {
  const [tbs, algorithm, signature, more] = membersOf(only(der))
  if (more) throw new RangeError('something follows the signature')
  const parts = membersOf(tbs)
  const v3 = parts[0]?.tag === 0xa0
  if (v3 && naturalOf(only(parts[0]!.content, tags.integer)) > 2) throw new RangeError('an unknown version')
  const [serial, inner, issuer, validity, subject, spki, ...rest] = v3 ? parts.slice(1) : parts
  if (!expected(algorithm, tags.sequence).raw.equals(expected(inner, tags.sequence).raw))
    throw new RangeError('the two signature algorithms differ')
  const [notBefore, notAfter, third] = membersOf(validity)
  if (third) throw new RangeError('a validity of more than two times')
  const wrapper = v3 ? rest.find(({ tag }) => tag === 0xa3) : undefined
  return {
    tbs: tbs!.raw,
    algorithm: algorithm!.raw,
    signature: wholeBits(signature),
    serial: expected(serial, tags.integer).content,
    issuer: expected(issuer, tags.sequence).raw,
    subject: expected(subject, tags.sequence).raw,
    spki: expected(spki, tags.sequence).raw,
    notBefore: timeOf(notBefore),
    notAfter: timeOf(notAfter),
    extensions: extensionsOf(wrapper && only(wrapper.content)),
  }
}

/** Each extension by its dotted name; one that comes twice is an error (RFC 5280, 4.2). */
export function extensionsOf(list: Slice | undefined): ReadonlyMap<string, Extension> {
  const found = new Map<string, Extension>()
  if (!list) return found
  for (const extension of membersOf(list)) {
    const [name, second, third] = membersOf(extension)
    const id = oidOf(name)
    if (found.has(id)) throw new RangeError(`extension ${id} comes twice`)
    const flag = second?.tag === tags.boolean ? second : undefined
    const critical = flag !== undefined && flag.content.length === 1 && flag.content[0] !== 0
    found.set(id, { critical, value: expected(flag ? third : second, tags.octets).content })
  }
  return found
}

export const extensionIds = {
  subjectKeyId: '2.5.29.14',
  keyUsage: '2.5.29.15',
  alternativeNames: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  crlNumber: '2.5.29.20',
  reason: '2.5.29.21',
  nameConstraints: '2.5.29.30',
  crlPoints: '2.5.29.31',
  policies: '2.5.29.32',
  authorityKeyId: '2.5.29.35',
  extKeyUsage: '2.5.29.37',
} as const

/** Bits of keyUsage (RFC 5280, 4.2.1.3), first octet. */
export const usageBits = { digitalSignature: 0x80, keyAgreement: 0x08, keyCertSign: 0x04, crlSign: 0x02 } as const

/** What a certificate may be used for; an absent extension leaves its fields out and restricts nothing. */
export interface Usage {
  isCa: boolean
  pathLength?: number
  /** first octet of keyUsage */
  keyUsage?: number
  extKeyUsage?: string[]
  subjectKeyId?: Buffer
  authorityKeyId?: Buffer
}

/** Throws plain errors if an extension cannot be read. */
export function usageOf({ extensions }: CertificateBody): Usage {
  const value = (id: keyof typeof extensionIds) => extensions.get(extensionIds[id])?.value
  const [basic, usage, ext] = [value('basicConstraints'), value('keyUsage'), value('extKeyUsage')]
  const [ski, aki] = [value('subjectKeyId'), value('authorityKeyId')]
  const [flag, length] = basic ? membersOf(only(basic)) : []
  const isCa = flag?.tag === tags.boolean && flag.content.length === 1 && flag.content[0] !== 0
  const keyId = aki ? membersOf(only(aki)).find(({ tag }) => tag === 0x80)?.content : undefined
  return {
    isCa,
    ...(isCa && length && { pathLength: naturalOf(length) }),
    ...(usage && { keyUsage: only(usage, tags.bits).content[1] ?? 0 }),
    ...(ext && { extKeyUsage: membersOf(only(ext)).map(oidOf) }),
    ...(ski && { subjectKeyId: only(ski, tags.octets).content }),
    ...(keyId && { authorityKeyId: keyId }),
  }
}

/** URIs of the subject alternative name, in order. Throws plain errors. */
export function uriNamesOf({ extensions }: CertificateBody): string[] {
  const value = extensions.get(extensionIds.alternativeNames)?.value
  if (!value) return []
  return slices(only(value).content).flatMap(({ tag, content }) => (tag === 0x86 ? [content.toString('latin1')] : []))
}
