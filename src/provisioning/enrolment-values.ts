import { LoomError } from '../errors.ts'
import { checkedSection } from '../twin/check.ts'
import type { TwinSection } from '../twin/json.ts'
import { twinProfiles } from '../twin/profiles.ts'

const mostTexts = 10
const mostAttributes = 50
const objectBytes = 32_768
const deepest = 50

/** PROV_INVALID, saying which member and what is allowed. */
export const invalidValue = (member: string, hint: string): LoomError => new LoomError('PROV_INVALID', member, { hint })

export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Up to ten names of policies or groups, without repetition. */
export function nameList(value: unknown, member: string): string[] {
  const isName = (name: unknown): name is string => typeof name === 'string' && /^[^\p{Cc}]{1,128}$/u.test(name)
  if (!Array.isArray(value) || value.length > mostTexts || !value.every(isName))
    throw invalidValue(member, `it is a list of at most ${mostTexts} names of 1 to 128 characters`)
  return [...new Set<string>(value)]
}

export function attributeMap(value: unknown, member: string): Record<string, string> {
  const entries = isObject(value) ? Object.entries(value) : undefined
  const fits = ([name, text]: [string, unknown]) =>
    /^[^\p{Cc}]{1,128}$/u.test(name) && typeof text === 'string' && text.length <= 1024
  if (!entries || entries.length > mostAttributes || !entries.every(fits))
    throw invalidValue(member, `it is an object of at most ${mostAttributes} texts of up to 1024 characters`)
  return Object.fromEntries(entries) as Record<string, string>
}

/** A copy of a JSON object of limited size. */
export function jsonObject(value: unknown, member: string): Record<string, unknown> {
  if (!isObject(value)) throw invalidValue(member, 'it is an object')
  return jsonCopy(value, member, objectBytes) as Record<string, unknown>
}

/** Tags or desired properties of `member` as twins take them, copied. `position` of the error is the path. */
export function twinSection(value: unknown, section: 'desired' | 'tags', member: string): TwinSection {
  const copy = jsonCopy(value, `${member}.${section}`, twinProfiles.plain.requestBytes)
  try {
    return checkedSection(copy, section)
  } catch (cause) {
    if (!(cause instanceof LoomError)) throw cause
    const { message, hint, position } = cause
    throw new LoomError('PROV_INVALID', `${member}: ${message}`, {
      ...(hint !== undefined && { hint }),
      position: `${member}.${position}`,
      cause,
    })
  }
}

/** What JSON keeps of a value. */
export function jsonCopy(value: unknown, member: string, mostBytes: number): unknown {
  if (deeperThan(value, deepest)) throw invalidValue(member, `it nests at most ${deepest} deep`)
  const text: string | undefined = JSON.stringify(value)
  if (text === undefined) throw invalidValue(member, 'it is no JSON')
  if (Buffer.byteLength(text) > mostBytes) throw invalidValue(member, `it has at most ${mostBytes} bytes`)
  return JSON.parse(text)
}

const deeperThan = (value: unknown, levels: number): boolean =>
  typeof value === 'object' &&
  value !== null &&
  (levels === 0 || Object.values(value).some(member => deeperThan(member, levels - 1)))

/** `host[:port]` as devices dial it: a name, an IPv4 address, or an IPv6 address in brackets. */
export function hubAddress(value: unknown, member: string): string {
  const parts =
    typeof value === 'string' &&
    value.length <= 260 &&
    /^([A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::(\d{1,5}))?$/.exec(value)
  const port = parts && parts[2] !== undefined ? Number(parts[2]) : 1
  if (!parts || port < 1 || port > 65_535) throw invalidValue(member, 'a hub is host or host:port')
  return value
}

export function oneOf<T extends string>(value: unknown, member: string, allowed: readonly T[]): T {
  if (!allowed.includes(value as T)) throw invalidValue(member, `it is one of ${allowed.join(', ')}`)
  return value as T
}

export function wholeNumber(value: unknown, member: string, least: number, most: number): number {
  if (!Number.isInteger(value) || (value as number) < least || (value as number) > most)
    throw invalidValue(member, `it is a whole number from ${least} to ${most}`)
  return value as number
}

export function flag(value: unknown, member: string): boolean {
  if (typeof value !== 'boolean') throw invalidValue(member, 'it is true or false')
  return value
}
