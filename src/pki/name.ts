import { LoomError } from '../errors.ts'
import { oid, sequence, set, utf8 } from './der.ts'
import { expected, membersOf, only, type Slice, tags } from './der-reader.ts'

const attributeTypes = { CN: oid('2.5.4.3'), O: oid('2.5.4.10') }

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
      if (expected(type, tags.oid).raw.equals(attributeTypes.CN)) found.push(textOf(value))
    }
  return found
}

const decoders = { utf8: new TextDecoder('utf-8', { fatal: true }), utf16: new TextDecoder('utf-16le', { fatal: true }) }
const strings = { utf8: 12, printable: 19, teletex: 20, ia5: 22, bmp: 30 } as const

function textOf(value: Slice | undefined): string {
  if (!value) throw new TypeError('a character string was expected')
  const { tag, content } = value
  if (tag === strings.utf8) return decoders.utf8.decode(content)
  if (tag === strings.bmp) return decoders.utf16.decode(Buffer.from(content).swap16())
  if (tag === strings.printable || tag === strings.teletex || tag === strings.ia5) return content.toString('latin1')
  throw new TypeError('that kind of character string is not known')
}
