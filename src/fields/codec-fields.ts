/** Of a subject; empty: the latest. */
export const validVersion = (version: string | undefined): boolean => !version || /^[1-9]\d{0,8}$/.test(version)

/** Between columns of CSV; empty: it is found. */
export const validSeparator = (separator: string): boolean => !separator || separator === '\\t' || separator.length === 1

/** JSON that may be fields of bits and bytes; the node says what is wrong in them. */
export function validLayout(layout: string): boolean {
  try {
    const value: unknown = JSON.parse(layout)
    return typeof value === 'object' && value !== null
  } catch {
    return false
  }
}
