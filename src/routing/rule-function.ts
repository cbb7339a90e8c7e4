import type { RuleMessage } from './message.ts'

/** What the pure engine cannot make itself. The defaults of Node.js and of the browser differ in hashes and in the guard of patterns. */
export interface RulePorts {
  /** Epoch ms UTC. */
  now(): number
  /** [0, 1) */
  random(): number
  /** Version 4, lower case. */
  uuid(): string
  /** Lower-case hex of md2, md5, sha1, sha224, sha256, sha384 or sha512. */
  hash(algorithm: HashName, bytes: Uint8Array): string
  /** Runs patterns outside the safe subset with a limit of time; `undefined` when the limit was hit or the pattern is none. */
  guardedRegex: GuardedRegex
  /** Of the schema registry; may throw, which is Undefined. */
  protobuf?: { decode(bytes: Uint8Array, subject: string, type: string): unknown }
  /** Evaluates an expression of JSONata, as an external function. */
  jsonata?: (expression: string, input: unknown) => Promise<unknown>
}

export type HashName = 'md2' | 'md5' | 'sha1' | 'sha224' | 'sha256' | 'sha384' | 'sha512'

export interface GuardedRegex {
  matches(pattern: string, text: string): boolean | undefined
  /** The first match; `null` when there is none. */
  first(pattern: string, text: string): string | null | undefined
  /** All matches replaced; groups as `$1`. */
  replace(pattern: string, text: string, replacement: string): string | undefined
}

/** What a function may look at besides its arguments. */
export interface CallContext {
  readonly message: RuleMessage
  readonly ports: RulePorts
}

/** A function of the rule language. Never throws: what cannot be computed is `undefined`. */
export interface RuleFunction {
  /** Lower case. */
  readonly name: string
  /** Fewest and most arguments; another number of them gives Undefined and a warning when the rule is compiled. */
  readonly arity: readonly [number, number]
  /** Whether equal arguments give an equal result for one message; not so for `rand` and `newuuid`. */
  readonly stable: boolean
  /** Whether `*` may stand as an argument; it arrives as the raw bytes if they are known, else as the decoded value. */
  readonly star?: true
  /** For completion and help: `name(N, I)` */
  readonly signature: string
  call(args: readonly unknown[], context: CallContext): unknown
}
