import { fleetLimits, limitFault, syntaxFault } from './ast.ts'

/** What ends a bare word, unless a backslash stands before it. */
const special = new Set(' \t\r\n:<>=()[]{}"'.split(''))

/** A text with a place in it. */
export class AwsText {
  readonly #text: string
  at = 0

  constructor(text: string) {
    if (text.length > fleetLimits.textChars)
      throw limitFault(`a query longer than ${fleetLimits.textChars} characters`, fleetLimits.textChars)
    this.#text = text
  }

  get done(): boolean {
    return this.at >= this.#text.length
  }

  get next(): string {
    return this.#text[this.at] ?? ''
  }

  blank(): void {
    while (/\s/.test(this.next)) this.at++
  }

  /** Goes on behind it if it stands here. */
  take(token: string): boolean {
    if (!this.#text.startsWith(token, this.at)) return false
    this.at += token.length
    return true
  }

  /** An operator in capitals, a word of its own. */
  takeWord(word: 'AND' | 'OR' | 'NOT'): boolean {
    const behind = this.#text[this.at + word.length] ?? ' '
    if (!this.#text.startsWith(word, this.at) || !(/\s/.test(behind) || behind === '(' || behind === '"')) return false
    this.at += word.length
    return true
  }

  /** A bare word; `parts`: split at points that no backslash hides, `open`: it ends with a star that none hides. */
  word(what: string): { text: string; parts: string[]; open: boolean } {
    const from = this.at
    const parts = ['']
    let [text, open] = ['', false]
    for (; !this.done; this.at++) {
      let character = this.next
      if (special.has(character)) break
      if (open) throw syntaxFault('a star stands at the end of a word', this.at - 1, 'a prefix is asked for by `pump*`')
      if (character === '*') {
        if (!text) {
          this.at++
          if (this.done || special.has(this.next)) return { text: '', parts: [], open: true }
          throw syntaxFault('a word cannot begin with a star', from)
        }
        open = true
        continue
      }
      if (character === '?') throw syntaxFault('? is not offered', this.at, 'write \\? for the character itself')
      const hidden = character === '\\'
      if (hidden) {
        this.at++
        if (this.done) throw syntaxFault('a character is expected behind the backslash', this.at)
        character = this.next
      }
      text += character
      if (character === '.' && !hidden) parts.push('')
      else parts.push(parts.pop()! + character)
    }
    if (!text) throw syntaxFault(`${what} is expected`, from)
    return { text, parts, open }
  }

  /** A text between quotes. */
  quoted(): string {
    const from = this.at++
    let text = ''
    while (!this.done) {
      const character = this.next
      this.at++
      if (character === '"') return text
      if (character !== '\\') text += character
      else if (!this.done) text += this.#text[this.at++]
    }
    throw syntaxFault('the quote is not closed', from)
  }
}
