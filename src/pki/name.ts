import { LoomError } from '../errors.ts'
import { type Asn1, membersOf, oid, oidOf, sequence, set, utf8 } from './der.ts'

const commonName = '2.5.4.3'
const attributeTypes = { CN: oid(commonName), O: oid('2.5.4.10') }

/** Upper bound of a common name (X.520 ub-common-name). */
export const maxCommonName = 64

/** A distinguished name, DER. PKI_SUBJECT_TOO_LONG. */
export function encodeName(name: { CN: string; O?: string }): Buffer {
  if (name.CN.length > maxCommonName)
    throw new LoomError('PKI_SUBJECT_TOO_LONG', `"${name.CN.slice(0, 80)}" has ${name.CN.length}`, {
      hint: 'use a shorter device id, or another kind of credential',
    })
  const part = (type: Buffer, value: string) => set(sequence(type, utf8(value)))
  return name.O
    ? sequence(part(attributeTypes.CN, name.CN), part(attributeTypes.O, name.O))
    : sequence(part(attributeTypes.CN, name.CN))
}

/** All common names of a decoded distinguished name, in order. */
export function commonNamesOf(name: Asn1 | undefined): string[] {
  const found: string[] = []
  for (const relative of membersOf(name))
    for (const attribute of membersOf(relative)) {
      const [type, value] = membersOf(attribute)
      if (oidOf(type) === commonName) found.push(textOf(value))
    }
  return found
}

const universal = { utf8: 12, printable: 19, teletex: 20, ia5: 22, bmp: 30 } as const

function textOf(value: Asn1 | undefined): string {
  if (!value || typeof value.value !== 'string' || value.tagClass !== 0) throw new TypeError('a character string was expected')
  const bytes = Buffer.from(value.value, 'latin1')
  const type: number = value.type
  if (type === universal.utf8) return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  if (type === universal.bmp) return new TextDecoder('utf-16le', { fatal: true }).decode(Buffer.from(bytes).swap16())
  if (type === universal.printable || type === universal.teletex || type === universal.ia5) return bytes.toString('latin1')
  throw new TypeError('that kind of character string is not known')
}
