import type { Stamp } from '../../src/twin/stamp.ts'
import type { seeded } from '../seeded.ts'

type Random = ReturnType<typeof seeded>
type Json = Record<string, unknown>

const keys = ['a', 'b', 'c', 'constructor', 'prototype', 'toString', 'ä ö', '1', '10', '𝄞', 'x.y', 'hasOwnProperty']
const leaves = [0, -0, 1, -1.5, 1e21, true, false, '', 'text', 'ünïcode 𝄞', '__proto__', '"\\\n\u0000']

export const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value)

/** `nulls`: members may be null, as in a patch. */
export function randomSection(random: Random, o: { levels?: number; nulls?: boolean } = {}): Json {
  const { levels = 4, nulls = false } = o
  return Object.fromEntries(
    Array.from({ length: random.below(5) }, () => [random.pick(keys), randomValue(random, { levels: levels - 1, nulls })]),
  )
}

function randomValue(random: Random, { levels, nulls }: { levels: number; nulls: boolean }): unknown {
  const kind = random.below(10)
  if (nulls && kind < 2) return null
  if (levels > 0 && kind < 6) return randomSection(random, { levels, nulls })
  if (levels > 0 && kind < 8) return randomArray(random, levels)
  return random.pick(leaves)
}

const randomArray = (random: Random, levels: number): unknown[] =>
  Array.from({ length: random.below(4) }, () =>
    random.below(4) === 0 ? null : randomValue(random, { levels: levels - 1, nulls: random.below(2) === 0 }),
  )

/** Members whose name begins with `o` are objects everywhere, others never, and none is null. */
export function randomShaped(random: Random, levels = 4): Json {
  return Object.fromEntries(
    Array.from({ length: random.below(5) }, () => {
      const key = random.pick(['a', 'b', 'o1', 'o2', 'o3'])
      if (!key.startsWith('o')) return [key, random.pick([...leaves, [1, { o: null }], []])]
      return [key, levels > 1 ? randomShaped(random, levels - 1) : {}]
    }),
  )
}

/** The MergePatch procedure of RFC 7396, section 2, word for word. */
export function modelMerge(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch
  const result: Json = isObject(target) ? structuredClone(target) : {}
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete result[name]
    else result[name] = modelMerge(Object.hasOwn(result, name) ? result[name] : undefined, value)
  }
  return result
}

/** As JSON text says it: -0 is 0. */
export const jsonOf = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T

/** Each member's path, objects and leaves alike; `''` is the section itself. */
export function pathsOf(value: unknown, path = ''): string[] {
  if (!isObject(value)) return [path]
  return [path, ...Object.entries(value).flatMap(([key, member]) => pathsOf(member, `${path}/${key}`))]
}

export type Stamps = Map<string, string>

/** Stamps as a flat table: what the patch names, and all above it, gets the new one; what is gone loses its own. */
export function modelStamps(before: Stamps, o: { patch: Json; after: Json; t: number; v: number }): Stamps {
  const after: Stamps = new Map(before)
  for (const path of pathsOf(o.patch)) {
    const parts = path.split('/')
    for (let depth = 1; depth <= parts.length; depth++) after.set(parts.slice(0, depth).join('/'), `${o.t} ${o.v}`)
  }
  const there = new Set(pathsOf(o.after))
  return new Map([...after].filter(([path]) => there.has(path)))
}

export function flatStamps(stamp: Stamp, path = ''): Stamps {
  const found: Stamps = new Map([[path, `${stamp.t} ${stamp.v}`]])
  for (const [key, inner] of Object.entries(stamp.of ?? {}))
    for (const [at, value] of flatStamps(inner, `${path}/${key}`)) found.set(at, value)
  return found
}

export function frozen<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value)
    for (const member of Object.values(value)) frozen(member)
  }
  return value
}

export const nested = (levels: number): Json => (levels === 1 ? { x: 1 } : { x: nested(levels - 1) })
