/** Spreadsheets run what begins so, in quotes or not. */
const formula = /^[\s\p{Cf}]*[=+\-@\uFF1D\uFF0B\uFF0D\uFF20]|^[\t\r\n]/u
const number = /^-?\d{1,15}(?:\.\d{1,15})?$/

export interface CsvLineOptions {
  /** one character; default a comma */
  separator?: string
  /** A text that a spreadsheet would run as a formula gets an apostrophe before it; plain numbers stay. Default true. */
  guarded?: boolean
}

/** One line of CSV (RFC 4180) with its CR LF. */
export const csvLine = (
  fields: readonly (string | number | undefined)[],
  { separator = ',', guarded = true }: CsvLineOptions = {},
): string => `${fields.map(field => fieldOf(field, separator, guarded)).join(separator)}\r\n`

function fieldOf(value: string | number | undefined, separator: string, guarded: boolean): string {
  const text = value === undefined ? '' : String(value)
  const safe = guarded && formula.test(text) && !number.test(text) ? `'${text}` : text
  return safe.includes(separator) || /["\r\n]|^\s|\s$/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}
