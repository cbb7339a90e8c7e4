import { LoomError } from '../errors.ts'
import type { TwinSection } from './json.ts'
import { type TwinProfile, twinProfiles } from './profiles.ts'
import { sectionBytes } from './size.ts'

interface Walk {
  readonly profile: TwinProfile
  readonly path: (string | number)[]
  readonly keepNulls: boolean
  members: number
}

/**
 * A copy of a section without null members, or why it cannot be one: no JSON object, a key or value that the profile does not take
 * (TWIN_INVALID), more bytes or levels than it allows (TWIN_LIMIT). `position` of the error is the path.
 */
export function checkedSection(
  value: unknown,
  section: 'desired' | 'reported' | 'tags',
  profile: TwinProfile = twinProfiles.plain,
): TwinSection {
  const most = section === 'tags' ? profile.tagsBytes : profile.sectionBytes
  const copy = copySection(value, section, { profile, members: most, keepNulls: false })
  const bytes = sectionBytes(copy, profile)
  if (bytes > most) throw tooLarge(section, bytes, most)
  return copy
}

/** A copy of a merge patch (RFC 7396) of a section, nulls kept; checked like a section but for its bytes, which count once it is merged. */
export function checkedPatch(value: unknown, section: string, profile: TwinProfile = twinProfiles.plain): TwinSection {
  return copySection(value, section, { profile, members: profile.sectionBytes, keepNulls: true })
}

export const tooLarge = (section: string, bytes: number, most: number): LoomError =>
  new LoomError('TWIN_LIMIT', `${section} has ${bytes} bytes`, { hint: `at most ${most}`, position: section })

function copySection(value: unknown, section: string, o: Omit<Walk, 'path'>): TwinSection {
  if (!isPlainObject(value)) throw new LoomError('TWIN_INVALID', `${section} must be an object`, { position: section })
  return copyObject(value, { ...o, path: [section] }, false)
}

function copyObject(value: TwinSection, walk: Walk, inArray: boolean): TwinSection {
  const copy: TwinSection = {}
  for (const key of Object.keys(value)) {
    checkKey(key, walk)
    const member = value[key]
    const copied = copyMember(member, key, walk, inArray)
    // An array is replaced whole: nulls below it are values
    if (copied !== null || walk.keepNulls || inArray) copy[key] = copied
  }
  return copy
}

function copyMember(value: unknown, key: string | number, walk: Walk, inArray: boolean): unknown {
  walk.path.push(key)
  const copy = copyValue(value, walk, inArray)
  walk.path.pop()
  return copy
}

function copyValue(value: unknown, walk: Walk, inArray: boolean): unknown {
  // Each member takes a byte at least: shared references cannot make a small input large
  if (--walk.members < 0) throw new LoomError('TWIN_LIMIT', `too many members at ${shown(walk)}`, { position: pathOf(walk) })
  if (typeof value === 'string') return checkedString(value, walk)
  if (typeof value === 'number') return checkedNumber(value, walk)
  if (typeof value === 'boolean') return value
  if (value === null) {
    if (inArray && !walk.profile.arrayNulls) throw invalid(walk, 'null in an array')
    return null
  }
  if (Array.isArray(value)) {
    enter(walk)
    // Not map(): a hole is no JSON
    return Array.from(value, (item: unknown, at) => copyMember(item, at, walk, true))
  }
  if (!isPlainObject(value)) throw invalid(walk, 'no JSON value')
  enter(walk)
  return copyObject(value, walk, inArray)
}

function enter(walk: Walk): void {
  const { depth } = walk.profile
  // The path starts with the section, which is no level
  if (walk.path.length - 1 > depth)
    throw new LoomError('TWIN_LIMIT', `${shown(walk)} is deeper than ${depth} levels`, { position: pathOf(walk) })
}

function checkedString(value: string, walk: Walk): string {
  const { stringBytes = Number.POSITIVE_INFINITY } = walk.profile
  if (!value.isWellFormed()) throw invalid(walk, 'half a surrogate pair')
  if (longer(value, stringBytes)) throw invalid(walk, `a text of more than ${stringBytes} bytes`)
  return value
}

function checkedNumber(value: number, walk: Walk): number {
  const { integers } = walk.profile
  if (!Number.isFinite(value)) throw invalid(walk, 'no JSON number or too large for one')
  if (integers && Number.isInteger(value) && (value < integers.min || value > integers.max))
    throw invalid(walk, `an integer beyond ${integers.min} to ${integers.max}`)
  // -0 is written as 0 and would differ from itself once stored
  return value === 0 ? 0 : value
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what it looks for
const controls = /[\u0000-\u001f\u007f-\u009f]/

function checkKey(key: string, walk: Walk): void {
  const { keyBytes, keyWithout } = walk.profile
  const wrong =
    key === '' ||
    key.startsWith('$') ||
    key === '__proto__' ||
    controls.test(key) ||
    keyWithout?.test(key) ||
    !key.isWellFormed() ||
    longer(key, keyBytes)
  if (!wrong) return
  const more = keyWithout ? ', nor any of . $ and blank' : ''
  throw new LoomError('TWIN_INVALID', `key ${JSON.stringify(key.slice(0, 60))} in ${shown(walk)}`, {
    hint: `a key has 1 to ${keyBytes} bytes, no control characters and no $ at its start${more}`,
    position: pathOf(walk),
  })
}

// A UTF-16 unit is at most 3 bytes
const longer = (text: string, bytes: number): boolean => text.length * 3 > bytes && Buffer.byteLength(text) > bytes

const isPlainObject = (value: unknown): value is TwinSection => {
  if (typeof value !== 'object' || value === null) return false
  const prototype = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

const invalid = (walk: Walk, why: string): LoomError =>
  new LoomError('TWIN_INVALID', `${shown(walk)}: ${why}`, { position: pathOf(walk) })

const shown = (walk: Walk): string => pathOf(walk).slice(0, 100)

const pathOf = ({ path }: Walk): string =>
  path
    .map((part, at) => (typeof part === 'number' ? `[${part}]` : at ? `.${part.slice(0, 60)}` : part))
    .join('')
    .slice(0, 200)
    .toWellFormed()
