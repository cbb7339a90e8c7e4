import { X509Certificate } from 'node:crypto'

export interface CertificateValues {
  /** lower hex */
  serial: string
  /** `subject.commonname` -> values, names in lower case */
  names: ReadonlyMap<string, readonly string[]>
}

/** Short name as OpenSSL prints it -> AWS IoT's name. */
const attributeNames: Readonly<Record<string, string>> = {
  CN: 'commonname',
  C: 'country',
  O: 'organization',
  OU: 'organizationalunit',
  ST: 'state',
  serialNumber: 'serialnumber',
  title: 'title',
  SN: 'surname',
  GN: 'givenname',
  initials: 'initials',
  pseudonym: 'pseudonym',
  generationQualifier: 'generationqualifier',
  dnQualifier: 'distinguishednamequalifier',
}
const alternativeNames: Readonly<Record<string, string>> = {
  DNS: 'alternativename.dnsname',
  URI: 'alternativename.uniformresourceidentifier',
  email: 'alternativename.rfc822name',
  'IP Address': 'alternativename.ipaddress',
}

/** In lower case; besides those that can be read, the one that never resolves. */
export const certificateAttributes: ReadonlySet<string> = new Set([
  ...Object.values(attributeNames),
  ...Object.values(alternativeNames),
  'alternativename.directoryname',
])

/** What policy variables can say of a certificate. What cannot be read has no values. */
export function certificateValues(der: Uint8Array): CertificateValues {
  const names = new Map<string, string[]>()
  const add = (name: string, value: string): void => {
    const values = names.get(name) ?? []
    values.push(value)
    names.set(name, values)
  }
  try {
    const certificate = new X509Certificate(der)
    for (const [side, lines] of [
      ['subject', certificate.subject],
      ['issuer', certificate.issuer],
    ] as const)
      for (const [type, value] of linesOf(lines))
        if (Object.hasOwn(attributeNames, type)) add(`${side}.${attributeNames[type]}`, value)
    for (const [type, value] of alternativesOf(certificate.subjectAltName ?? ''))
      if (Object.hasOwn(alternativeNames, type)) add(`subject.${alternativeNames[type]}`, value)
    return { serial: certificate.serialNumber.toLowerCase(), names }
  } catch {
    return { serial: '', names: new Map() }
  }
}

/** `CN=a\nO=b`, with backslashes before special characters and pairs of hex digits (RFC 2253). */
function* linesOf(name: string | undefined): Generator<[type: string, value: string]> {
  for (const line of (name ?? '').split('\n')) {
    const cut = line.indexOf('=')
    if (cut > 0) yield [line.slice(0, cut), line.slice(cut + 1).replace(/\\([0-9A-F]{2}|.)/g, unescaped)]
  }
}

const unescaped = (_: string, escaped: string) =>
  escaped.length === 2 ? String.fromCharCode(Number.parseInt(escaped, 16)) : escaped

/** `DNS:a, URI:"b, c"`: what holds a comma or quote is a JSON text. */
function* alternativesOf(names: string): Generator<[type: string, value: string]> {
  for (const [, type, quoted, bare] of names.matchAll(/(?:^|, )([A-Za-z ]{1,20}):(?:("(?:[^"\\]|\\.)*")|([^,]*))/g))
    yield [type!, quoted === undefined ? bare! : (JSON.parse(quoted) as string)]
}
