import type { AuditFact } from './audit-entry.ts'

const windowMs = 60_000
const maxKeys = 5_000

interface Counted {
  fact: AuditFact
  since: number
  more: number
}

/**
 * Refusals as the audit log keeps them: the first of a kind at once, the rest of its minute as one entry with their number, so that a stranger who tries
 * without end cannot fill the log. Beyond 5,000 kinds in a minute they are counted together.
 */
export class RefusalTally {
  readonly #counted = new Map<string, Counted>()
  #beyond: Counted | undefined

  /** The fact if it is the first of its kind in this minute. */
  note(kind: string, fact: AuditFact): AuditFact | undefined {
    const known = this.#counted.get(kind)
    if (known) {
      known.more++
      known.fact = fact
      return undefined
    }
    if (this.#counted.size >= maxKeys) {
      if (this.#beyond) {
        this.#beyond.more++
        return undefined
      }
      this.#beyond = { fact: { ...fact, actor: 'many', target: 'many' }, since: fact.time, more: 1 }
      return undefined
    }
    this.#counted.set(kind, { fact, since: fact.time, more: 0 })
    return fact
  }

  /** What was counted in minutes that are over by now. */
  sweep(now: number): AuditFact[] {
    const out: AuditFact[] = []
    for (const [kind, counted] of this.#counted) {
      if (now - counted.since < windowMs) continue
      this.#counted.delete(kind)
      if (counted.more) out.push(summary(counted))
    }
    if (this.#beyond && now - this.#beyond.since >= windowMs) {
      out.push(summary(this.#beyond))
      this.#beyond = undefined
    }
    return out
  }

  /** Everything counted so far: the hub stops. */
  end(): AuditFact[] {
    return this.sweep(Infinity)
  }
}

const summary = ({ fact, more }: Counted): AuditFact => ({ ...fact, detail: { ...fact.detail, more } })
