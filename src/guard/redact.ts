import { withoutSecrets } from '../errors.ts'

const secret =
  /secret|password|passwd|(^|[^a-z])(key|keys|token|pem|hash|salt|sig|authorization|payload|csr)$|key$|keys$|keypem$|token$|pem$|connectionstring/i
const mostMembers = 40
const longestText = 200
const deepest = 4

/**
 * A detail for the audit log: members whose name speaks of a secret are left out, long texts cut, deep or wide values shortened, bytes named by their length.
 * Callers still choose what they pass; this is the net below them.
 */
export function redacted(detail: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return membersOf(detail, 1)
}

function membersOf(value: object, depth: number): Record<string, unknown> {
  const out: Record<string, unknown> = {}
  let left = mostMembers
  for (const [name, member] of Object.entries(value)) {
    if (member === undefined || secret.test(name)) continue
    if (left-- === 0) {
      out['..'] = 'more'
      break
    }
    out[name.slice(0, longestText)] = shortened(member, depth)
  }
  return out
}

function shortened(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return textOf(value)
  if (typeof value !== 'object' || value === null) return typeof value === 'bigint' ? String(value) : value
  if (ArrayBuffer.isView(value)) return `${value.byteLength} bytes`
  if (depth >= deepest) return Array.isArray(value) ? `${value.length} items` : '{..}'
  if (!Array.isArray(value)) return membersOf(value, depth + 1)
  const items = value.slice(0, mostMembers).map(item => shortened(item, depth + 1))
  return value.length > mostMembers ? [...items, `${value.length - mostMembers} more`] : items
}

/** A PEM block or a connection string is a secret under any name, and so is what looks like a key. */
function textOf(text: string): string {
  if (/-----BEGIN |SharedAccess(Key|Signature)|Bearer /i.test(text)) return '(left out)'
  const rest = withoutSecrets(text)
  return rest.length > longestText ? `${rest.slice(0, longestText)}..` : rest
}
