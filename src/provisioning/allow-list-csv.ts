import { LoomError } from '../errors.ts'
import { type AllowListEntry, checkEntry } from './allow-list-entry.ts'

/** One line of a list: an entry, or why it is none. Bad lines never stop the rest. */
export type AllowListRow = { line: number; entry: AllowListEntry } | { line: number; fault: string }

const columns = ['serial', 'keyHash', 'thumbprint', 'cn', 'batch', 'notAfter', 'owner', 'model'] as const
type Column = (typeof columns)[number]
const names: ReadonlyMap<string, Column> = new Map<string, Column>([
  ...columns.map((name): [string, Column] => [name.toLowerCase(), name]),
  ['id', 'serial'],
  ['registrationid', 'serial'],
])
const lineChars = 4096

/**
 * Reads a list as CSV from text in parts, one entry a line, fields perhaps in quotes; it keeps one line in memory. The first line names the columns, of which
 * unknown ones are skipped; a list without a header has serials only. Linear in the length of the text.
 */
export function createAllowListReader(): { push(text: string): AllowListRow[]; end(): AllowListRow[] } {
  let rest = ''
  /** the line being read is too long: its remainder is skipped */
  let skipping = false
  let line = 0
  let header: (Column | undefined)[] | undefined

  const rowOf = (text: string): AllowListRow | undefined => {
    line++
    const clean = (line === 1 ? text.replace(/^\uFEFF/, '') : text).replace(/\r$/, '')
    if (clean === '') return undefined
    try {
      const fields = fieldsOf(clean)
      if (!header) {
        header = headerOf(fields)
        if (header.includes('serial')) return undefined
        header = ['serial']
      }
      return { line, entry: checkEntry(recordOf(header, fields)) }
    } catch (error) {
      if (error instanceof LoomError) return { line, fault: error.message }
      throw error
    }
  }
  const tooLong = (): AllowListRow => ({ line: ++line, fault: `longer than ${lineChars} characters` })

  return {
    push(text) {
      const rows: AllowListRow[] = []
      let from = 0
      for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', from)) {
        const whole = rest + text.slice(from, at)
        from = at + 1
        rest = ''
        if (skipping) skipping = false
        else {
          const row = whole.length > lineChars ? tooLong() : rowOf(whole)
          if (row) rows.push(row)
        }
      }
      if (!skipping) rest += text.slice(from)
      if (rest.length > lineChars) {
        rows.push(tooLong())
        rest = ''
        skipping = true
      }
      return rows
    },
    end() {
      const row = rest === '' ? undefined : rowOf(rest)
      rest = ''
      return row ? [row] : []
    },
  }
}

const headerOf = (fields: readonly string[]) => fields.map(field => names.get(field.trim().toLowerCase().replace(/[ _-]/g, '')))

function recordOf(header: readonly (Column | undefined)[], fields: readonly string[]): Record<string, string> {
  if (fields.length > header.length) throw new LoomError('PROV_INVALID', `${fields.length} fields under ${header.length} columns`)
  const record: Record<string, string> = {}
  for (const [at, name] of header.entries()) if (name) record[name] = (fields[at] ?? '').trim()
  return record
}

/** RFC 4180 without line breaks in quotes. */
function fieldsOf(text: string): string[] {
  const fields: string[] = []
  let at = 0
  while (true) {
    if (text[at] !== '"') {
      const comma = text.indexOf(',', at)
      fields.push(comma < 0 ? text.slice(at) : text.slice(at, comma))
      if (comma < 0) return fields
      at = comma + 1
      continue
    }
    let field = ''
    for (at++; ; ) {
      const quote = text.indexOf('"', at)
      if (quote < 0) throw new LoomError('PROV_INVALID', 'a quote is never closed')
      field += text.slice(at, quote)
      at = quote + 1
      if (text[at] !== '"') break
      field += '"'
      at++
    }
    fields.push(field)
    if (at === text.length) return fields
    if (text[at] !== ',') throw new LoomError('PROV_INVALID', 'text follows a closing quote')
    at++
  }
}
