import { isObject } from '../../routing/values.ts'
import type { FunctionWords, Vocabulary } from './question.ts'

export interface Completion {
  label: string
  kind: 'key' | 'function' | 'topic' | 'keyword' | 'variable'
  detail?: string
  /** Else the label. */
  insert?: string
}

/** What can be offered at all. */
export interface Offers {
  language: 'sql' | 'condition'
  vocabulary: Vocabulary
  /** decoded */
  payload: unknown
  properties: readonly string[]
  system: readonly string[]
  twin: unknown
  topics: readonly string[]
}

const sqlWords =
  'SELECT VALUE FROM WHERE AS AND OR NOT IN SET CASE WHEN THEN ELSE END FOREACH DO INCASE TRUE FALSE NULL UNDEFINED'.split(' ')
const conditionWords = 'AND OR NOT true false null'.split(' ')
const mostKeys = 200

/** What may stand at the end of `before`; `all` is the whole text. */
export function completionsAt(before: string, all: string, offers: Offers): Completion[] {
  const open = openString(before)
  if (open !== undefined) return /\bFROM\s+(['"][^'"]*['"]\s*,\s*)*$/i.test(open) ? topics(offers) : []
  const [, path, dotted] = /((?:[\w$]|\.|\[\d+\])*?)(\.?)[\w$-]*$/.exec(before) ?? []
  if (dotted) return keysOf(valueAt(path ?? '', offers))
  if (offers.language === 'condition')
    return [...conditionRoots(offers), ...functions(offers.vocabulary.condition), ...words(conditionWords)]
  return [...keysOf(offers.payload), ...variables(all), ...functions(offers.vocabulary.sql), ...words(sqlWords)]
}

/** The text before a string that is still open; undefined outside of strings. */
function openString(before: string): string | undefined {
  let from = -1
  for (let i = 0; i < before.length; i++) {
    const c = before[i]!
    if (from < 0 ? c === "'" || c === '"' : c === before[from]) from = from < 0 ? i : -1
  }
  return from < 0 ? undefined : before.slice(0, from)
}

function valueAt(path: string, { language, payload, twin }: Offers): unknown {
  const [root = '', ...steps] = path.split(/[.[\]]+/).filter(Boolean)
  const lower = root.toLowerCase()
  let value = language === 'sql' ? memberOf(payload, root) : lower === '$body' ? payload : lower === '$twin' ? twin : undefined
  for (const step of steps) value = memberOf(value, step)
  return value
}

const memberOf = (value: unknown, key: string): unknown =>
  Array.isArray(value) ? value[Number(key)] : isObject(value) && Object.hasOwn(value, key) ? value[key] : undefined

/** Keys that no name can be are left to `get()`. */
const keysOf = (value: unknown): Completion[] =>
  isObject(value)
    ? Object.keys(value)
        .filter(key => /^[A-Za-z_$][\w$]*$/.test(key))
        .slice(0, mostKeys)
        .map(label => ({ label, kind: 'key', detail: kindText(value[label]) }))
    : []

const kindText = (value: unknown): string =>
  Array.isArray(value) ? 'array' : isObject(value) ? 'object' : (JSON.stringify(value) ?? '').slice(0, 40)

const conditionRoots = ({ properties, system }: Offers): Completion[] => [
  ...properties.map(label => ({ label, kind: 'key' as const })),
  ...['$body', '$twin.tags', '$twin.properties.desired', '$twin.properties.reported', ...system.map(name => `$${name}`)].map(
    label => ({ label, kind: 'key' as const }),
  ),
]

const topics = (offers: Offers): Completion[] => offers.topics.map(label => ({ label, kind: 'topic' }))
const words = (all: readonly string[]): Completion[] => all.map(label => ({ label, kind: 'keyword' }))

const functions = (all: readonly FunctionWords[]): Completion[] =>
  all.map(({ name, signature }) => ({
    label: name,
    kind: 'function',
    detail: signature,
    insert: signature.includes('()') ? `${name}()` : `${name}($0)`,
  }))

/** Those that SET names anywhere. */
const variables = (text: string): Completion[] =>
  [...new Set([...text.matchAll(/@(\w+)\s*=/g)].map(([, name]) => `@${name}`))].map(label => ({ label, kind: 'variable' }))

/** The call whose brackets stand open at the end of `before`, and which of its arguments that is, from 0. */
export function callAt(before: string): { name: string; argument: number } | undefined {
  const open: { name: string; argument: number }[] = []
  for (const [token, name] of before.matchAll(/'[^']*'?|"[^"]*"?|([A-Za-z_]\w*)?\s*\(|[)\],[]/g)) {
    if (token.endsWith('(') || token === '[') open.push({ name: name ?? '', argument: 0 })
    else if (token === ')' || token === ']') open.pop()
    else if (token === ',' && open.length) open.at(-1)!.argument++
  }
  const call = open.at(-1)
  return call?.name ? call : undefined
}

/** Where in a signature the arguments stand: `[from, to]` of each. */
export function parametersOf(signature: string): [number, number][] {
  const from = signature.indexOf('(') + 1
  const to = signature.indexOf(')', from)
  let at = from
  return signature
    .slice(from, to)
    .split(',')
    .map(part => {
      const range: [number, number] = [at, at + part.length]
      at += part.length + 1
      return range
    })
}
