/** Spreadsheets run what begins so, in quotes or not. */
const formula = /^[\s\p{Cf}]*[=+\-@\uFF1D\uFF0B\uFF0D\uFF20]|^[\t\r\n]/u
const number = /^-?\d{1,15}(?:\.\d{1,15})?$/

/** One line of CSV (RFC 4180) with its CR LF. A text that a spreadsheet would run as a formula gets an apostrophe before it; plain numbers stay. */
export const csvLine = (fields: readonly (string | number | undefined)[]): string => `${fields.map(fieldOf).join(',')}\r\n`

function fieldOf(value: string | number | undefined): string {
  const text = value === undefined ? '' : String(value)
  const safe = formula.test(text) && !number.test(text) ? `'${text}` : text
  return /[",\r\n]|^\s|\s$/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}
