/** What a path of a document is compared as: booleans count as 1 and 0, objects and arrays as their JSON text, missing and null as null. */
export type Key = string | number | null

/** The value under a dotted path; arrays and inherited names are not entered. */
export function keyAt(doc: object, path: string): Key {
  let value: unknown = doc
  for (const name of path.split('.')) {
    if (typeof value !== 'object' || value === null || Array.isArray(value) || !Object.hasOwn(value, name)) return null
    value = (value as Record<string, unknown>)[name]
  }
  return keyOf(value)
}

export function keyOf(value: unknown): Key {
  if (typeof value === 'string' || typeof value === 'number') return value
  if (typeof value === 'boolean') return value ? 1 : 0
  return value === null || value === undefined ? null : JSON.stringify(value)
}

/** Null, then numbers, then strings by code point: the order SQLite gives JSON values under its BINARY collation. */
export function compareKeys(a: Key, b: Key): number {
  if (typeof a === 'string') return typeof b === 'string' ? compareText(a, b) : 1
  if (typeof b === 'string') return -1
  if (a === null) return b === null ? 0 : -1
  return b === null ? 1 : a - b
}

/** Order of the UTF-8 bytes; plain `<` compares UTF-16 units and puts U+10000 and above before U+E000. */
export function compareText(a: string, b: string): number {
  if (a === b) return 0
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i)
    const y = b.charCodeAt(i)
    if (x !== y) return rankOfUnit(x) - rankOfUnit(y)
  }
  return a.length - b.length
}

const rankOfUnit = (unit: number): number => (unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit)

/** The least string above every string with this prefix; undefined if there is none. */
export function prefixEnd(prefix: string): string | undefined {
  const points = Array.from(prefix, c => c.codePointAt(0)!)
  while (points.length) {
    const last = points.pop()!
    if (last === 0x10ffff) continue
    return String.fromCodePoint(...points, last === 0xd7ff ? 0xe000 : last + 1)
  }
  return undefined
}
