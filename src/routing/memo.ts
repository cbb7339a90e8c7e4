import type { Closure, Scope } from './scope.ts'

/** A value that is worked out once per message, however many rules ask for it. The message holds it, so that rules keep no message alive. */
export class Memo {
  readonly key: string
  /** The turn of the message that holds the value. */
  turn = 0
  /** Where in its `values`. */
  at = 0
  /** Which of the scope's parameters it stands for, if it is no memo at all. */
  readonly parameter: number = -1
  /** `read` as a closure, one for all rules. */
  readonly reader: Closure
  protected readonly make: Closure

  constructor(key: string, make: Closure) {
    this.key = key
    this.make = make
    this.reader = scope => (this.turn === scope.turn ? scope.values[this.at] : this.fill(scope))
  }

  read(scope: Scope): unknown {
    return this.turn === scope.turn ? scope.values[this.at] : this.fill(scope)
  }

  fill(scope: Scope): unknown {
    const value = this.make(scope)
    this.at = scope.values.push(value) - 1
    this.turn = scope.turn
    return value
  }
}

/** The memos of rules that run together, one per key. */
export class Memos {
  readonly #known = new Map<string, Map<string, Memo>>()
  readonly #tests = new Map<string, Closure>()

  /** `language`: what the key's text depends on. */
  of(language: string, key: string, make: () => Closure): Memo {
    let known = this.#known.get(language)
    if (!known) this.#known.set(language, (known = new Map()))
    let memo = known.get(key)
    if (!memo) known.set(key, (memo = new Memo(language + key, make())))
    return memo
  }

  /** Tests that several rules have in common. */
  test(key: string, make: () => Closure): Closure {
    let test = this.#tests.get(key)
    if (!test) this.#tests.set(key, (test = make()))
    return test
  }

  /** Forgets those that no rule uses any more, and which tests are in common: rules keep their own. */
  keep(used: ReadonlySet<Memo>): void {
    this.#tests.clear()
    for (const known of this.#known.values()) for (const [key, memo] of known) if (!used.has(memo)) known.delete(key)
  }
}
