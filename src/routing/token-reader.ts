import type { TextPosition } from '../errors.ts'
import type { Expression, Statement } from './ast.ts'
import { Lexer, type RuleLanguage, type Token } from './lexer.ts'
import { nearestNames, suggestion } from './nearest-names.ts'
import { ruleFault, shown } from './rule-fault.ts'
import { overflowOf, type RuleLimits, ruleLimits } from './rule-limits.ts'

/** What the parser knows of a function; a `RuleFunction` is one. */
export interface FunctionShape {
  arity: readonly [number, number]
  star?: true
  /** Answered by the host, not by the engine. */
  external?: boolean
}

export interface ParseOptions {
  /** Known functions by lower-case name; without them any name is taken. */
  functions?: ReadonlyMap<string, FunctionShape>
  limits?: Partial<RuleLimits>
  /** Names that SET defines elsewhere, for an expression or template that stands alone. */
  variables?: Iterable<string>
  /** Where the text stands: secrets are for templates of actions, external functions for all but error actions. Default `statement`. */
  use?: 'statement' | 'action' | 'errorAction'
}

/** Parses one operand, postfix included. */
export type OperandParser = (reader: TokenReader) => Expression

/** The one current token, and what is counted while a text is read. */
export class TokenReader {
  readonly lexer: Lexer
  readonly language: RuleLanguage
  readonly limits: RuleLimits
  readonly options: ParseOptions
  readonly operand: OperandParser
  #variables: Set<string> | undefined
  readonly extensions: Statement['extensions'] = []
  token: Token
  /** Where the last token that was taken ended. */
  end = 0
  /** Height of the expression that was parsed last. */
  height = 0
  /** Whether what is parsed becomes output; `jsonata` is for nothing else. */
  projecting = true
  #depth = 0
  #ahead: Token[] | undefined

  constructor(text: string, language: RuleLanguage, operand: OperandParser, options: ParseOptions = {}, offset = 0) {
    this.lexer = new Lexer(text, language)
    this.language = language
    this.operand = operand
    this.options = options
    this.limits = options.limits ? { ...ruleLimits, ...options.limits } : ruleLimits
    if (options.variables) this.#variables = new Set(options.variables)
    const over = overflowOf(text, this.limits.textBytes)
    if (over >= 0) {
      this.lexer.seek(over)
      throw ruleFault(
        'RULE_LIMIT',
        `the text is longer than ${this.limits.textBytes} bytes`,
        this.lexer.position(over, text.length),
      )
    }
    if (offset > 0) this.lexer.seek(offset)
    this.token = this.lexer.next()
  }

  /** Takes the current token. */
  take(): Token {
    const { token } = this
    this.end = token.end
    this.token = this.#ahead?.shift() ?? this.lexer.next()
    return token
  }

  /** The token `distance` behind the current one. */
  peek(distance: number): Token {
    this.#ahead ??= []
    while (this.#ahead.length < distance) this.#ahead.push(this.lexer.next())
    return this.#ahead[distance - 1]!
  }

  /** Goes on behind a template's expression, whose closing brace is the current token. */
  restart(offset: number): void {
    this.lexer.seek(offset)
    this.#ahead = undefined
    this.token = this.lexer.next()
  }

  is(word: string): boolean {
    return this.token.word === word
  }

  /** Takes the keyword or sign if it is there. */
  takes(word: string): boolean {
    if (this.token.word !== word) return false
    this.take()
    return true
  }

  /** RULE_SYNTAX if it is not there. */
  expect(word: string, hint?: string): Token {
    if (this.token.word !== word) throw this.unexpected(word.length > 1 ? word.toUpperCase() : word, hint)
    return this.take()
  }

  /** One level deeper until `leave`. RULE_LIMIT */
  enter(): void {
    if (++this.#depth > this.limits.nesting)
      throw ruleFault('RULE_LIMIT', `nested deeper than ${this.limits.nesting}`, placeOf(this.token))
  }

  leave(): void {
    this.#depth--
  }

  /** The height of a tree over one of `height`. RULE_LIMIT */
  raise(height: number, at: Token): void {
    this.height = height + 1
    if (this.height > this.limits.height)
      throw ruleFault(
        'RULE_LIMIT',
        `a chain of more than ${this.limits.height} operators`,
        placeOf(at),
        'IN [..] tests many values at once',
      )
  }

  /** From the token to the end of what was taken last. */
  since(start: Token): TextPosition {
    return { offset: start.offset, line: start.line, column: start.column, length: this.end - start.offset }
  }

  define(variable: string): void {
    this.#variables ??= new Set()
    this.#variables.add(variable)
  }

  knows(variable: string): boolean {
    return this.#variables?.has(variable) ?? false
  }

  /** Notes the first use of something that AWS does not know. */
  extend(what: string, position: TextPosition): void {
    if (!this.extensions.some(one => one.what === what)) this.extensions.push({ what, position })
  }

  unexpected(expected: string, hint?: string): Error {
    const { kind, offset, end } = this.token
    const text = this.lexer.text.slice(offset, end)
    const found = kind === 'end' ? 'the end' : kind === 'string' ? `the text ${shown(text)}` : shown(text)
    const advice = kind === 'number' && text.startsWith('.') ? 'an element of an array is a[0]' : hint
    return ruleFault('RULE_SYNTAX', `expected ${expected}, found ${found}`, placeOf(this.token), advice)
  }

  unknownVariable(token: Token): Error {
    const near = suggestion(nearestNames(String(token.value), this.#variables ?? []).map(name => `@${name}`))
    return ruleFault('RULE_VARIABLE', `no variable @${shown(String(token.value))}`, placeOf(token), near ?? 'define it by SET')
  }
}

export const placeOf = ({ offset, end, line, column }: Token): TextPosition => ({ offset, line, column, length: end - offset })
