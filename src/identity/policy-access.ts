import { Lru } from './lru.ts'
import type { PolicyAction } from './policy-actions.ts'
import type { PolicyDocument } from './policy-document.ts'
import { Remembered } from './policy-remembered.ts'
import { type Rules, rulesFor, type Verdict } from './policy-rules.ts'
import { type AccessContext, resolverOf } from './policy-variables.ts'

/** A policy as a session uses it. `version`: another one whenever the document is another one. */
export interface SessionPolicy {
  id: string
  version: number
  document: PolicyDocument
}

/** What one connection may do. Synchronous and made for the hot path. */
export interface Access {
  /** `name`: the topic, topic filter, client id, thing or device, without the kind before it. */
  decide(action: PolicyAction, name: string): Verdict
}

/** The verdicts of one session over rules that it may share with others. It remembers those of the two actions that come with every message: 256 in all. */
class SessionAccess implements Access {
  readonly #rules: Rules
  readonly #now: () => number
  #published: Remembered | undefined
  #received: Remembered | undefined

  constructor(rules: Rules, now: () => number) {
    this.#rules = rules
    this.#now = now
  }

  decide(action: PolicyAction, name: string): Verdict {
    const rules = this.#rules[action]
    if (!rules) return 'none'
    const remembered =
      action === 'Publish'
        ? (this.#published ??= new Remembered())
        : action === 'Receive'
          ? (this.#received ??= new Remembered())
          : undefined
    return rules.at(remembered ? remembered.fixed(rules, name) : rules.fixed(name), name, this.#now)
  }
}

/** The access of one connection under these policies; `now` serves conditions on the time. */
export const compileAccess = (o: { documents: readonly PolicyDocument[]; context: AccessContext; now: () => number }): Access =>
  new SessionAccess(rulesFor(o.documents, resolverOf(o.context)), o.now)

export interface AccessCompiler {
  /** As `compileAccess`, with the rules shared among sessions of the same policies and the same values of the variables in them. */
  compile(o: { policies: readonly SessionPolicy[]; context: AccessContext }): Access
}

/** `entries`: sets of rules kept, default 5,000. */
export function createAccessCompiler({ now, entries = 5000 }: { now: () => number; entries?: number }): AccessCompiler {
  const shared = new Lru<string, Rules>(entries)
  return {
    compile({ policies, context }) {
      const resolve = resolverOf(context)
      const documents = policies.map(({ document }) => document)
      const names = [...new Set(documents.flatMap(({ variables }) => variables))].sort()
      const key = JSON.stringify([policies.map(({ id, version }) => [id, version]), names.map(name => resolve(name) ?? null)])
      let rules = shared.get(key)
      if (!rules) shared.set(key, (rules = rulesFor(documents, resolve)))
      return new SessionAccess(rules, now)
    },
  }
}
