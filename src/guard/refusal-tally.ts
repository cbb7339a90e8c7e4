import type { AuditFact } from './audit-entry.ts'

const windowMs = 60_000
const maxKeys = 5_000
const maxKindsOfSource = 20

interface Counted {
  fact: AuditFact
  since: number
  more: number
}

/**
 * Refusals as the audit log keeps them: the first of a kind at once, the rest of its minute as one entry with their number, so that a stranger who tries
 * without end cannot fill the log. A kind begins with its source, up to the first `|`: beyond 20 kinds of one source in a minute the source's others are
 * counted together, and beyond 5,000 kinds of all sources these.
 */
export class RefusalTally {
  readonly #counted = new Map<string, Counted>()
  /** by source: its kinds among those counted */
  readonly #kinds = new Map<string, number>()
  /** by source: what is beyond its kinds */
  readonly #others = new Map<string, Counted>()
  #beyond: Counted | undefined

  /** The fact if it is the first of its kind in this minute. */
  note(kind: string, fact: AuditFact): AuditFact | undefined {
    const known = this.#counted.get(kind)
    if (known) {
      known.more++
      known.fact = fact
      return undefined
    }
    const source = sourceOf(kind)
    const others = this.#others.get(source)
    if (others) {
      others.more++
      return undefined
    }
    const kinds = this.#kinds.get(source) ?? 0
    if (kinds >= maxKindsOfSource) {
      this.#others.set(source, { fact: { ...fact, actor: source, target: 'many' }, since: fact.time, more: 1 })
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
    this.#kinds.set(source, kinds + 1)
    return fact
  }

  /** What was counted in minutes that are over by now. */
  sweep(now: number): AuditFact[] {
    const out: AuditFact[] = []
    for (const [kind, counted] of this.#counted) {
      if (now - counted.since < windowMs) continue
      this.#counted.delete(kind)
      this.#oneLess(sourceOf(kind))
      if (counted.more) out.push(summary(counted))
    }
    for (const [source, counted] of this.#others) {
      if (now - counted.since < windowMs) continue
      this.#others.delete(source)
      out.push(summary(counted))
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

  #oneLess(source: string): void {
    const left = this.#kinds.get(source)! - 1
    if (left) this.#kinds.set(source, left)
    else this.#kinds.delete(source)
  }
}

const sourceOf = (kind: string): string => kind.split('|', 1)[0]!

const summary = ({ fact, more }: Counted): AuditFact => ({ ...fact, detail: { ...fact.detail, more } })
