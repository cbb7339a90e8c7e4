import { createHash } from 'node:crypto'
import { invalidValue, isObject } from './enrolment-values.ts'

/** One device that may come, as its maker lists it. */
export interface AllowListEntry {
  /**
   * Serial number or registration id, in any case; `sha256:` and the hex hash of its lower-case form, so that the list tells nobody the serials; or a
   * beginning that ends in `*`.
   */
  serial: string
  /** SHA-256 of its public key's DER, lower hex */
  keyHash?: string
  /** SHA-256 of its certificate's DER, lower hex */
  thumbprint?: string
  /** common name of its certificate */
  cn?: string
  batch?: string
  /** epoch ms: later a person must look */
  notAfter?: number
  owner?: string
  model?: string
}

const texts = ['cn', 'batch', 'owner', 'model'] as const
const hashes = ['keyHash', 'thumbprint'] as const

/** A checked copy; empty members are left out, hashes may have colons and capitals. PROV_INVALID. */
export function checkEntry(value: unknown): AllowListEntry {
  if (!isObject(value)) throw invalidValue('entry', 'it is an object with a serial')
  const entry: AllowListEntry = { serial: serialOf(value.serial) }
  for (const name of texts) {
    const text = value[name]
    if (text === undefined || text === '') continue
    if (typeof text !== 'string' || !/^[^\p{Cc}]{1,128}$/u.test(text))
      throw invalidValue(name, 'it is a text of at most 128 characters')
    entry[name] = text
  }
  for (const name of hashes) if (value[name] !== undefined && value[name] !== '') entry[name] = sha256Hex(value[name], name)
  const { notAfter } = value
  if (notAfter !== undefined && notAfter !== '') {
    const time = typeof notAfter === 'string' ? timeOf(notAfter) : notAfter
    if (!Number.isSafeInteger(time) || (time as number) < 0) throw invalidValue('notAfter', 'it is a date or epoch milliseconds')
    entry.notAfter = time as number
  }
  return entry
}

/** 64 hex digits, lower case. PROV_INVALID. */
export function sha256Hex(value: unknown, member: string): string {
  const hex = typeof value === 'string' && value.length <= 128 ? value.replaceAll(':', '').toLowerCase() : ''
  if (!/^[0-9a-f]{64}$/.test(hex)) throw invalidValue(member, 'it is a SHA-256 hash: 64 hex digits')
  return hex
}

function serialOf(value: unknown): string {
  if (typeof value === 'string') {
    if (/^sha256:/i.test(value)) return `sha256:${sha256Hex(value.slice(7), 'serial')}`
    if (/^[A-Za-z0-9:._-]{1,128}\*?$/.test(value)) return value
  }
  throw invalidValue('serial', 'it has 1 to 128 of A-Z a-z 0-9 : . _ - and may end in *, or is sha256: and a hash')
}

const timeOf = (text: string): number =>
  /^\d{10,15}$/.test(text) ? Number(text) : /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : Number.NaN

export const isPattern = ({ serial }: AllowListEntry): boolean => serial.endsWith('*')

/** The entries' names under which a serial may stand, the plain one first. */
export function keysOfSerial(serial: string): string[] {
  const lower = serial.toLowerCase()
  return [lower, `sha256:${createHash('sha256').update(lower).digest('hex')}`]
}
