import { type FleetPath, syntaxFault } from './ast.ts'
import { type AzureToken, azureTokens } from './azure-tokens.ts'
import { checkedPath, pathOfAzure } from './fields.ts'

/** The words of a query one after the other; keywords in any case. */
export class AzureReader {
  readonly #tokens: readonly AzureToken[]
  #next = 0

  constructor(query: string) {
    this.#tokens = azureTokens(query)
  }

  get token(): AzureToken {
    return this.#tokens[this.#next]!
  }

  skip(): AzureToken {
    const token = this.token
    if (token.kind !== 'end') this.#next++
    return token
  }

  isKeyword(word: string, token = this.token): boolean {
    return token.kind === 'name' && !token.literal && token.text.toUpperCase() === word
  }

  take(word: string): boolean {
    if (!this.isKeyword(word)) return false
    this.#next++
    return true
  }

  takeSign(text: string): boolean {
    const { kind, text: found } = this.token
    if (kind !== 'sign' || found !== text) return false
    this.#next++
    return true
  }

  need(word: string): void {
    if (!this.take(word)) throw this.fault(`${word} is expected`)
  }

  needSign(text: string): void {
    if (!this.takeSign(text)) throw this.fault(`${text} is expected`)
  }

  /** A function: a name with a bracket behind it. */
  takeFunction(): string | undefined {
    const behind = this.#tokens[this.#next + 1]
    if (this.token.kind !== 'name' || behind?.kind !== 'sign' || behind.text !== '(') return undefined
    const { text } = this.token
    this.#next += 2
    return text.toUpperCase()
  }

  name(): string {
    if (this.token.kind !== 'name') throw this.fault('a name is expected')
    return this.skip().text
  }

  /** Names joined by points. */
  names(): { names: string[]; at: number } {
    const { at } = this.token
    const names = [this.name()]
    while (this.takeSign('.')) names.push(this.name())
    return { names, at }
  }

  /** A field; `names` as they were written. */
  path(): { path: FleetPath; names: string[] } {
    const { names, at } = this.names()
    return { path: checkedPath(pathOfAzure(names), at), names }
  }

  fault(detail: string, hint?: string) {
    const { kind, text, at } = this.token
    return syntaxFault(kind === 'end' ? `${detail}, not the end` : `${detail}, not ${text.slice(0, 40)}`, at, hint)
  }
}
