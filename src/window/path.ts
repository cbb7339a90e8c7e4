/** Reads a member of `values`: its own full name first, else level by level along the dots. Never an inherited member. */
export function pathReader(path: string): (values: Record<string, unknown>) => unknown {
  if (path === '*') return values => values
  const levels = path.split('.')
  // Own members only: a field named `constructor` must not find Object's
  if (path in Object.prototype) return values => (Object.hasOwn(values, path) ? values[path] : undefined)
  if (levels.length === 1) return values => values[path]
  return values => {
    const whole = values[path]
    if (whole !== undefined) return whole
    let at: unknown = values
    for (const level of levels) {
      if (typeof at !== 'object' || at === null || !Object.hasOwn(at, level)) return undefined
      at = (at as Record<string, unknown>)[level]
    }
    return at
  }
}

const part = (value: unknown): string => (value === undefined || value === null ? '' : String(value))
const encoded = (text: string): string => text.replace(/[%|]/g, c => (c === '%' ? '%25' : '%7C'))

/** `%` and `|` percent-encoded, so that keys can be joined with `|`. */
export const encodeKey = (key: string): string => (key.includes('%') || key.includes('|') ? encoded(key) : key)

/** The key of an event: one path as it stands, several joined with `|`. */
export function keyReader(paths: string | readonly string[]): (values: Record<string, unknown>) => string {
  const readers = [paths].flat().map(pathReader)
  const [only] = readers
  if (only && readers.length === 1) return values => part(only(values))
  return values => readers.map(read => encodeKey(part(read(values)))).join('|')
}
