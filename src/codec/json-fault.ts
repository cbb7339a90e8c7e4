type Awaited = 'value' | 'value or ]' | 'name' | 'name or }' | ':' | ', or end' | 'end'

/** Its offset behind the token, or why there is none. */
type Token = { kind: string; end: number } | 'ended' | 'wrong'

const run = /[\w.+-]*/y
const word = /^(?:-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)$/
const wordBegun = /^(?:-|-?(?:0|[1-9]\d*)(?:\.|(?:\.\d+)?[eE][+-]?)|t(?:ru?)?|f(?:a(?:ls?)?)?|n(?:ul?)?)?$/

/**
 * Where a text that JSON.parse refuses stops being JSON (RFC 8259): the offset of the first token that cannot stand there, or `ended` if all would be well were it longer.
 * Linear; JSON.parse itself tells the place of some faults only.
 */
export function jsonFault(text: string): { at: number; ended: boolean } {
  const open: string[] = []
  let awaited: Awaited = 'value'
  let at = afterSpace(text, 0)
  while (true) {
    const token = tokenAt(text, at)
    if (token === 'wrong' || token === 'ended') return { at, ended: token === 'ended' && awaited !== 'end' }
    const next = afterToken(awaited, token.kind, open)
    if (!next) return { at, ended: false }
    awaited = next
    at = afterSpace(text, token.end)
  }
}

function tokenAt(text: string, at: number): Token {
  const first = text[at]
  if (first === undefined) return 'ended'
  if ('{}[],:'.includes(first)) return { kind: first, end: at + 1 }
  if (first === '"') return stringAt(text, at)
  run.lastIndex = at
  const [letters = ''] = run.exec(text) ?? []
  const end = at + letters.length
  if (word.test(letters)) return { kind: 'word', end }
  return letters !== '' && end === text.length && wordBegun.test(letters) ? 'ended' : 'wrong'
}

function stringAt(text: string, begin: number): Token {
  for (let at = begin + 1; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === 34) return { kind: 'string', end: at + 1 }
    if (code < 32) return 'wrong'
    if (code !== 92) continue
    const escaped = text[++at]
    if (escaped === 'u') {
      const digits = text.slice(at + 1, at + 5)
      if (!/^[0-9a-fA-F]*$/.test(digits)) return 'wrong'
      at += digits.length
    } else if (escaped !== undefined && !'"\\/bfnrt'.includes(escaped)) return 'wrong'
  }
  return 'ended'
}

/** What may follow a token; `undefined` if it cannot stand here. Keeps the open brackets. */
function afterToken(awaited: Awaited, kind: string, open: string[]): Awaited | undefined {
  const after = (): Awaited => (open.length ? ', or end' : 'end')
  if (awaited === 'value' || awaited === 'value or ]') {
    if (kind === '{' || kind === '[') {
      open.push(kind)
      return kind === '{' ? 'name or }' : 'value or ]'
    }
    if (kind === 'string' || kind === 'word') return after()
  }
  if (kind === '}' || kind === ']') {
    if (open.at(-1) !== (kind === '}' ? '{' : '[')) return undefined
    if (awaited !== ', or end' && !awaited.endsWith(kind)) return undefined
    open.pop()
    return after()
  }
  if ((awaited === 'name' || awaited === 'name or }') && kind === 'string') return ':'
  if (awaited === ':' && kind === ':') return 'value'
  if (awaited === ', or end' && kind === ',') return open.at(-1) === '{' ? 'name' : 'value'
  return undefined
}

function afterSpace(text: string, from: number): number {
  let at = from
  while (' \t\n\r'.includes(text[at] ?? '.')) at++
  return at
}
