/** Of a subject; empty: the latest. */
export const validVersion = (version: string | undefined): boolean => !version || /^[1-9]\d{0,8}$/.test(version)

/** Between columns of CSV; empty: it is found. */
export const validSeparator = (separator: string): boolean => !separator || separator === '\\t' || separator.length === 1
