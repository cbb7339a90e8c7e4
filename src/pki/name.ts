import { LoomError } from '../errors.ts'
import { oid, sequence, set, utf8 } from './der.ts'
import { membersOf, oidOf, only, type Slice, tags } from './der-reader.ts'

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

/** All common names of a distinguished name (DER), in order. Throws plain errors. */
export function commonNamesOf(name: Buffer): string[] {
  const found: string[] = []
  for (const relative of membersOf(only(name)))
    for (const attribute of membersOf(relative, tags.set)) {
      const [type, value] = membersOf(attribute)
      if (oidOf(type) === commonName) found.push(textOf(value))
    }
  return found
}

const strings = { utf8: 12, printable: 19, teletex: 20, ia5: 22, bmp: 30 } as const

function textOf(value: Slice | undefined): string {
  if (!value) throw new TypeError('a character string was expected')
  const { tag, content } = value
  if (tag === strings.utf8) return new TextDecoder('utf-8', { fatal: true }).decode(content)
  if (tag === strings.bmp) return new TextDecoder('utf-16le', { fatal: true }).decode(Buffer.from(content).swap16())
  if (tag === strings.printable || tag === strings.teletex || tag === strings.ia5) return content.toString('latin1')
  throw new TypeError('that kind of character string is not known')
}
