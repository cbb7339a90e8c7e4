import type { LoomError } from '../errors.ts'
import type { RuleMessage } from './message.ts'

/** A call of an external function: `get_thing_shadow`, `get_registry_data`, `aws_lambda`, `lookup`, `jsonata`. */
export interface ExternalCall {
  readonly name: string
  readonly args: readonly unknown[]
  readonly message: RuleMessage
}

/** Who answers external functions. `undefined` as an answer is Undefined in the rule; an error is ROUTE_EXTERNAL. */
export interface RuleHost {
  /** For `evaluate` and `match`; without it external calls are Undefined there. */
  answer?(call: ExternalCall): unknown
  /** For `evaluateAsync` and `matchAsync`; without it they take `answer`. */
  ask?(call: ExternalCall): Promise<unknown>
  /** Calls back after that time unless the returned function was called; without it calls may take as long as they like. */
  after?(ms: number, then: () => void): () => void
}

export const externalLimits = { rounds: 8, answerMs: 2000, answerBytes: 8192 } as const

/** Thrown inside the engine by an external call whose answer is not known yet. */
export class MissingAnswer {
  readonly key: string
  readonly call: ExternalCall
  readonly failed: (cause: unknown) => LoomError

  constructor(key: string, call: ExternalCall, failed: (cause: unknown) => LoomError) {
    this.key = key
    this.call = call
    this.failed = failed
  }
}
