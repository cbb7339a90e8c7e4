import { fleetLimits, limitFault, syntaxFault } from './ast.ts'

export interface AzureToken {
  kind: 'name' | 'text' | 'number' | 'sign' | 'end'
  /** of a name in double brackets: what is in them */
  text: string
  /** offset in the query */
  at: number
  /** a name that is no keyword, whatever it says */
  literal?: true
}

// Sticky, each of them linear: no part of one can match what the next takes.
const blank = /\s*/y
const name = /[A-Za-z_$][\w$-]*/y
const number = /-?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?/y
const sign = /!=|<>|<=|>=|[=<>()[\],.*]/y
const escapes: Readonly<Record<string, string>> = {
  "'": "'",
  '"': '"',
  '\\': '\\',
  n: '\n',
  r: '\r',
  t: '\t',
  b: '\b',
  f: '\f',
  '/': '/',
}

/** The words of a query, with an `end` at the end. QUERY_SYNTAX, QUERY_LIMIT. */
export function azureTokens(query: string): AzureToken[] {
  if (query.length > fleetLimits.textChars)
    throw limitFault(`a query longer than ${fleetLimits.textChars} characters`, fleetLimits.textChars)
  const tokens: AzureToken[] = []
  let at = 0
  const match = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at
    return pattern.exec(query)?.[0]
  }
  while (true) {
    at += match(blank)!.length
    if (at >= query.length) return [...tokens, { kind: 'end', text: '', at }]
    const from = at
    const quote = query[at]
    if (quote === "'" || quote === '"') {
      const { text, end } = textAt(query, at, quote)
      tokens.push({ kind: 'text', text, at: from })
      at = end
      continue
    }
    // Of `a IN [['x']]` no list has a list: double brackets are always a name.
    if (query.startsWith('[[', at)) {
      const end = query.indexOf(']]', at)
      if (end < 0) throw syntaxFault('the name is not closed by ]]', from)
      tokens.push({ kind: 'name', text: query.slice(at + 2, end), at: from, literal: true })
      at = end + 2
      continue
    }
    const word = match(name)
    const figure = word === undefined ? match(number) : undefined
    const other = word === undefined && figure === undefined ? match(sign) : undefined
    const text = word ?? figure ?? other
    if (text === undefined) throw syntaxFault(`unexpected ${query[at]}`, at)
    tokens.push({ kind: word !== undefined ? 'name' : figure !== undefined ? 'number' : 'sign', text, at: from })
    at += text.length
  }
}

function textAt(query: string, from: number, quote: string): { text: string; end: number } {
  let text = ''
  for (let at = from + 1; at < query.length; at++) {
    const character = query[at]!
    if (character === quote) {
      if (text.length > fleetLimits.valueChars) throw limitFault(`a value longer than ${fleetLimits.valueChars} characters`, from)
      return { text, end: at + 1 }
    }
    if (character !== '\\') {
      text += character
      continue
    }
    const escaped = query[++at] ?? ''
    const code = escaped === 'u' ? /^[0-9a-fA-F]{4}$/.exec(query.slice(at + 1, at + 5))?.[0] : undefined
    if (code !== undefined) {
      text += String.fromCharCode(Number.parseInt(code, 16))
      at += 4
    } else if (Object.hasOwn(escapes, escaped)) text += escapes[escaped]
    else throw syntaxFault('no such escape', at - 1)
  }
  throw syntaxFault('the text is not closed', from)
}
