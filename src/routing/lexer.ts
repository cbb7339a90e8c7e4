import type { TextPosition } from '../errors.ts'
import { ruleFault, shown } from './rule-fault.ts'

export type RuleLanguage = 'sql' | 'condition'

/**
 * `word` is what the grammar asks for: a sign, or a bare word in lower case; '' for all else, so that a quoted text is never taken for a keyword. `value` is
 * the name as written, the number, or the text of a string.
 */
export interface Token {
  kind: 'word' | 'quoted-name' | 'variable' | 'number' | 'string' | 'sign' | 'end'
  word: string
  value: string | number
  offset: number
  end: number
  line: number
  column: number
}

/** Reads tokens on demand, since the text behind a template's expression is none of this language. RULE_SYNTAX for what is no token. */
export class Lexer {
  readonly text: string
  readonly #language: RuleLanguage
  #at = 0
  #line = 1
  #lineStart = 0
  #afterDot = false

  constructor(text: string, language: RuleLanguage) {
    this.text = text
    this.#language = language
  }

  /** Goes on from there; only forwards. */
  seek(offset: number): void {
    this.#countLines(this.#at, offset)
    this.#at = offset
    this.#afterDot = false
  }

  next(): Token {
    this.#skipSpace()
    const { text } = this
    const at = this.#at
    if (at >= text.length) return this.#token('end', '', '', at)
    const c = text.charCodeAt(at)
    const traits = c < 128 ? table[c]! : 0
    if (traits & nameStart) return this.#word(at)
    if (traits & digit || (c === dot && isDigit(text.charCodeAt(at + 1)))) return this.#number(at)
    if (c === quote || c === doubleQuote) return this.#string(at)
    if (this.#language === 'sql') {
      if (c === backtick) return this.#quotedName(at)
      if (c === atSign) return this.#variable(at)
    }
    return this.#sign(at, c)
  }

  /** From `from` on this line to `end`. */
  position(from: number, end: number): TextPosition {
    return { offset: from, line: this.#line, column: from - this.#lineStart + 1, length: end - from }
  }

  #token(kind: Token['kind'], word: string, value: string | number, end: number): Token {
    const offset = this.#at
    const token = { kind, word, value, offset, end, line: this.#line, column: offset - this.#lineStart + 1 }
    this.#at = end
    this.#afterDot = word === '.'
    return token
  }

  #skipSpace(): void {
    const { text } = this
    let at = this.#at
    for (; at < text.length; at++) {
      const c = text.charCodeAt(at)
      if (c === newline) {
        this.#line++
        this.#lineStart = at + 1
      } else if (c !== 32 && (c < 128 ? !(table[c]! & space) : !wideSpace.test(text[at]!))) break
    }
    this.#at = at
  }

  #word(at: number): Token {
    const { text } = this
    const end = this.#language === 'sql' ? wordEnd(text, at) : this.#conditionWordEnd(at)
    const value = text.slice(at, end)
    return this.#token('word', value.toLowerCase(), value, end)
  }

  /** Names of properties hold `-`; members of a path do not, so that `$body.a-1` is a subtraction. `$sys.name` is one word. */
  #conditionWordEnd(at: number): number {
    const { text } = this
    let end = wordEnd(text, at)
    const word = text.slice(at, end).toLowerCase()
    if (this.#afterDot || word === '$body' || word === '$twin') return end
    if (word === '$sys' && text.charCodeAt(end) === dot) end = wordEnd(text, end + 1)
    while (text.charCodeAt(end) === minus && isNamePart(text.charCodeAt(end + 1))) end = wordEnd(text, end + 1)
    return end
  }

  #number(at: number): Token {
    const { text } = this
    if (this.#language === 'condition' && /^0[xX][0-9a-fA-F]/.test(text.slice(at, at + 3))) {
      let end = at + 3
      while (/^[0-9a-fA-F]$/.test(text.charAt(end))) end++
      return this.#finishNumber(at, end)
    }
    let end = digitsEnd(text, at)
    if (text.charCodeAt(end) === dot) {
      const point = end
      end = digitsEnd(text, end + 1)
      if (end === point + 1) throw this.#fault(at, end, 'digits are missing behind the point')
    }
    if ((text.charCodeAt(end) | 32) === 101) {
      const sign = text.charCodeAt(end + 1)
      const from = sign === plus || sign === minus ? end + 2 : end + 1
      if (isDigit(text.charCodeAt(from))) end = digitsEnd(text, from)
    }
    return this.#finishNumber(at, end)
  }

  #finishNumber(at: number, end: number): Token {
    const { text } = this
    if (isNamePart(text.charCodeAt(end))) {
      const wrong = wordEnd(text, end)
      throw this.#fault(at, wrong, `${shown(text.slice(at, wrong))} is neither a number nor a name`)
    }
    const value = Number(text.slice(at, end))
    if (!Number.isFinite(value)) throw this.#fault(at, end, `${shown(text.slice(at, end))} is too large for a number`)
    return this.#token('number', '', value, end)
  }

  #string(at: number): Token {
    const { value, end } = this.#language === 'sql' ? this.#quoted(at, true) : this.#json(at)
    return this.#multiline('string', value, end)
  }

  #quotedName(at: number): Token {
    const { value, end } = this.#quoted(at, false)
    return this.#multiline('quoted-name', value, end)
  }

  #multiline(kind: Token['kind'], value: string, end: number): Token {
    const token = this.#token(kind, '', value, end)
    this.#countLines(token.offset, end)
    return token
  }

  /** A doubled delimiter stands for one. In strings so does `\` before it, and `\\` is a backslash; any other backslash stays for patterns. */
  #quoted(at: number, escapes: boolean): { value: string; end: number } {
    const { text } = this
    const delimiter = text.charCodeAt(at)
    let value = ''
    let from = at + 1
    for (let i = from; i < text.length; i++) {
      const c = text.charCodeAt(i)
      if (c === delimiter) {
        value += text.slice(from, i)
        if (text.charCodeAt(i + 1) !== delimiter) return { value, end: i + 1 }
        from = ++i
      } else if (escapes && c === backslash) {
        const next = text.charCodeAt(i + 1)
        if (next !== delimiter && next !== backslash) continue
        value += text.slice(from, i)
        from = ++i
      }
    }
    throw this.#unclosed(at)
  }

  /** The escapes of JSON and `\'`. */
  #json(at: number): { value: string; end: number } {
    const { text } = this
    const delimiter = text.charCodeAt(at)
    let value = ''
    let from = at + 1
    for (let i = from; i < text.length; i++) {
      const c = text.charCodeAt(i)
      if (c === delimiter) return { value: value + text.slice(from, i), end: i + 1 }
      if (c !== backslash) continue
      const [sequence = '', code] = /^\\(?:u([0-9a-fA-F]{4})|["'\\/bfnrt])/.exec(text.slice(i, i + 6)) ?? []
      if (!sequence) {
        this.#countLines(at, i)
        throw this.#fault(
          i,
          Math.min(i + 2, text.length),
          'a backslash stands before one of " \' \\ / b f n r t uXXXX',
          'write \\\\',
        )
      }
      value += text.slice(from, i) + (code ? String.fromCharCode(Number.parseInt(code, 16)) : escapeOf(sequence[1]!))
      i += sequence.length - 1
      from = i + 1
    }
    throw this.#unclosed(at)
  }

  #variable(at: number): Token {
    const { text } = this
    let end = at + 1
    while (isNamePart(text.charCodeAt(end)) && text.charCodeAt(end) !== dollar) end++
    const name = text.slice(at + 1, end)
    if (!name) throw this.#fault(at, end, 'the name of a variable is missing behind @')
    if (name.length > 64)
      throw ruleFault('RULE_VARIABLE', `the name of @${shown(name)} is longer than 64`, this.position(at, end))
    return this.#token('variable', '', name, end)
  }

  #sign(at: number, c: number): Token {
    const { text } = this
    const pair = text.slice(at, at + 2)
    if (pair === '/*' || pair === '//' || (pair === '--' && !/\S/.test(text.charAt(at + 2))))
      throw this.#fault(at, at + 2, 'a rule holds no comments', 'leave the comment out')
    if (pair === '<=' || pair === '>=' || pair === '<>' || pair === '!=') return this.#token('sign', pair, pair, at + 2)
    if (signs.includes(text[at]!)) {
      if (pair === '==') throw this.#fault(at, at + 2, 'unexpected ==', 'write =')
      return this.#token('sign', text[at]!, text[at]!, at + 1)
    }
    const [hint, length = 1] = instead[pair] ??
      instead[text[at]!] ?? [c > 127 && this.#language === 'sql' ? foreignName : undefined]
    // Not codePointAt, which in V8 13.6 looks past the end of a text that was cut out of another one.
    const [character = ''] = pair
    const found = length > 1 ? pair : character
    throw this.#fault(at, at + found.length, `unexpected ${c < 32 || c === 127 ? 'control character' : found}`, hint)
  }

  #countLines(from: number, to: number): void {
    for (let at = this.text.indexOf('\n', from); at >= 0 && at < to; at = this.text.indexOf('\n', at + 1)) {
      this.#line++
      this.#lineStart = at + 1
    }
  }

  #unclosed(at: number): Error {
    return this.#fault(at, this.text.length, `the ${this.text[at]} is never closed`)
  }

  #fault(at: number, end: number, detail: string, hint?: string): Error {
    return ruleFault('RULE_SYNTAX', detail, this.position(at, end), hint)
  }
}

const newline = 10
const doubleQuote = 34
const dollar = 36
const quote = 39
const plus = 43
const minus = 45
const dot = 46
const atSign = 64
const backslash = 92
const backtick = 96

const nameStart = 1
const namePart = 2
const digit = 4
const space = 8
const table = new Uint8Array(128)
for (let c = 0; c < 128; c++) {
  const char = String.fromCharCode(c)
  if (/[A-Za-z_$]/.test(char)) table[c] = nameStart | namePart
  if (/[0-9]/.test(char)) table[c] = digit | namePart
  if (/\s/.test(char)) table[c] = space
}
const wideSpace = /\s/
const signs = '=<>+-*/%()[]{},.:'
const foreignName = "a key with such letters stands in backticks, or get(object, 'key')"

/** What is written in other languages -> advice and length of the sign. */
const instead: Readonly<Record<string, [string, number?]>> = {
  '&&': ['write AND', 2],
  '||': ['write OR, or + to join texts', 2],
  '!': ['write NOT or <>'],
  ';': ['a rule ends without a semicolon'],
  '#': ['a topic filter stands in quotes'],
  '`': ['a condition has no names in backticks'],
  '@': ['a condition has no variables'],
}

const isNamePart = (c: number): boolean => c < 128 && (table[c]! & namePart) !== 0
const isDigit = (c: number): boolean => c >= 48 && c <= 57
const escapes: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' }
const escapeOf = (char: string): string => escapes[char] ?? char

function wordEnd(text: string, at: number): number {
  while (isNamePart(text.charCodeAt(at))) at++
  return at
}

function digitsEnd(text: string, at: number): number {
  while (isDigit(text.charCodeAt(at))) at++
  return at
}
