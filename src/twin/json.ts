/** A section of a twin, or a part of one: a JSON object. */
export type TwinSection = Record<string, unknown>

/** Of values that are known to be JSON. */
export const isSection = (value: unknown): value is TwinSection =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** The member itself, never what the prototype has by that name. */
export const own = <T>(of: Readonly<Record<string, T>> | undefined, key: string): T | undefined =>
  of !== undefined && Object.hasOwn(of, key) ? of[key] : undefined

/** Equality of JSON values: numbers by value (1 = 1.0, 0 = -0), arrays in order, objects without order. */
export function sameJson(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (Array.isArray(a)) {
    return Array.isArray(b) && a.length === b.length && a.every((item, at) => sameJson(item, b[at]))
  }
  if (!isSection(a) || !isSection(b)) return false
  const keys = Object.keys(a)
  return keys.length === Object.keys(b).length && keys.every(key => Object.hasOwn(b, key) && sameJson(a[key], b[key]))
}
