import { LoomError } from '../errors.ts'

export type TwinSection = Record<string, unknown>

/** When and at which section version a member last changed; `of`: its members, if it is an object. An array is one leaf. */
export interface Stamp {
  /** epoch ms */
  t: number
  v: number
  of?: Record<string, Stamp>
}

/** One twin of a device as it is stored; `name` is `''` for the main one. */
export interface Twin {
  deviceId: string
  name: string
  desired: TwinSection
  reported: TwinSection
  tags: TwinSection
  meta: { desired: Stamp; reported: Stamp }
  /** +1 per accepted change of desired or reported, from 0 */
  version: number
  /** of the sections, +1 per change of each, from 1 */
  desiredVersion: number
  reportedVersion: number
  /** changes with every write, tags included */
  etag: string
  /** AWS devices see it: something was desired or reported */
  exists: boolean
}

export const twinLimits = { sectionBytes: 32_768, tagsBytes: 8_192, depth: 10, keyBytes: 1024 } as const

/** The twin a device starts with. Initial desired properties count as the first change. TWIN_INVALID, TWIN_LIMIT. */
export function newTwin(o: { deviceId: string; name?: string; desired?: TwinSection; tags?: TwinSection; now: number }): Twin {
  const { deviceId, name = '', now } = o
  const desired = checkedSection(o.desired ?? {}, 'desired', twinLimits.sectionBytes)
  const tags = checkedSection(o.tags ?? {}, 'tags', twinLimits.tagsBytes)
  const changed = Object.keys(desired).length > 0
  const desiredVersion = changed ? 2 : 1
  return {
    deviceId,
    name,
    desired,
    reported: {},
    tags,
    meta: { desired: stampOf(desired, now, desiredVersion), reported: { t: now, v: 1, of: {} } },
    version: changed ? 1 : 0,
    desiredVersion,
    reportedVersion: 1,
    etag: '1',
    exists: changed,
  }
}

export function stampOf(value: unknown, t: number, v: number): Stamp {
  if (!isObject(value)) return { t, v }
  return { t, v, of: Object.fromEntries(Object.entries(value).map(([key, member]) => [key, stampOf(member, t, v)])) }
}

/**
 * A copy of a section without null members (as in a merge patch, RFC 7396), or why it cannot be one: no JSON object, a key with control characters, a leading
 * `$` or over 1 KB, a value JSON does not have (TWIN_INVALID); more than `bytes` or 10 levels (TWIN_LIMIT).
 */
export function checkedSection(value: unknown, section: string, bytes: number): TwinSection {
  if (!isObject(value)) throw new LoomError('TWIN_INVALID', `${section} must be an object`)
  const copy = copyObject(value, section, 1, { budget: { nodes: bytes }, inArray: false })
  const size = Buffer.byteLength(JSON.stringify(copy))
  if (size > bytes) throw new LoomError('TWIN_LIMIT', `${section} has ${size} bytes`, { hint: `at most ${bytes}` })
  return copy
}

interface Walk {
  budget: { nodes: number }
  /** an array is replaced whole: nulls below it are values */
  inArray: boolean
}

function copyObject(value: object, path: string, depth: number, walk: Walk): TwinSection {
  enter(path, depth)
  const copy: TwinSection = {}
  for (const [key, member] of Object.entries(value)) {
    if (member === null && !walk.inArray) continue
    checkKey(key, path)
    copy[key] = copyValue(member, `${path}.${key}`, depth, walk)
  }
  return copy
}

function copyValue(value: unknown, path: string, depth: number, walk: Walk): unknown {
  // each member takes a byte at least: shared references cannot make a small input large
  if (--walk.budget.nodes < 0) throw new LoomError('TWIN_LIMIT', `too many members at ${shown(path)}`)
  if (Array.isArray(value)) {
    enter(path, depth + 1)
    const inside = { ...walk, inArray: true }
    return value.map((member, at) => copyValue(member, `${path}[${at}]`, depth + 1, inside))
  }
  if (isObject(value)) return copyObject(value, path, depth + 1, walk)
  const kind = typeof value
  if (value === null || kind === 'string' || kind === 'boolean' || (kind === 'number' && Number.isFinite(value))) return value
  throw new LoomError('TWIN_INVALID', `${shown(path)} is no JSON value`, { position: path.slice(0, 200) })
}

function enter(path: string, depth: number): void {
  if (depth > twinLimits.depth) throw new LoomError('TWIN_LIMIT', `${shown(path)} is deeper than ${twinLimits.depth} levels`)
}

function checkKey(key: string, path: string): void {
  const wrong =
    key === '' ||
    key.startsWith('$') ||
    key === '__proto__' ||
    /\p{Cc}/u.test(key) ||
    Buffer.byteLength(key) > twinLimits.keyBytes
  if (wrong)
    throw new LoomError('TWIN_INVALID', `key ${JSON.stringify(key.slice(0, 60))} in ${shown(path)}`, {
      hint: 'a key has 1 to 1024 bytes, no control characters and no $ at its start',
    })
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' &&
  value !== null &&
  !Array.isArray(value) &&
  [Object.prototype, null].includes(Object.getPrototypeOf(value))

const shown = (path: string) => path.slice(0, 100)
