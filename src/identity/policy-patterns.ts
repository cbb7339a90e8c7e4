import { type Glob, globMatches } from './policy-glob.ts'
import type { Pattern } from './policy-template.ts'

const few = 6

/** Patterns of which any may match: literals by a Set, prefixes by binary search, the rest one by one. */
export class PatternSet {
  readonly #exact: ReadonlySet<string>
  /** sorted; none begins with another, so that only the greatest that is not above a name can be its prefix */
  readonly #prefixes: readonly string[]
  readonly #globs: readonly Glob[]
  /** compared with `kind/name` */
  readonly #whole: readonly Pattern[]
  readonly #kind: string

  constructor(kind: string, patterns: readonly Pattern[], whole: readonly Pattern[] = []) {
    this.#kind = kind
    this.#exact = new Set(patterns.flatMap(pattern => ('exact' in pattern ? [pattern.exact] : [])))
    this.#globs = patterns.flatMap(pattern => ('glob' in pattern ? [pattern.glob] : []))
    this.#prefixes = leastPrefixes(patterns.flatMap(pattern => ('prefix' in pattern ? [pattern.prefix] : [])))
    this.#whole = whole
  }

  /** Whether a look-up may take long: then its result is worth remembering. */
  get slow(): boolean {
    return this.#globs.length + this.#whole.length > 0
  }

  has(name: string): boolean {
    if (this.#exact.size > 0 && this.#exact.has(name)) return true
    const prefixes = this.#prefixes
    if (prefixes.length <= few) {
      for (let i = 0; i < prefixes.length; i++) if (name.startsWith(prefixes[i]!)) return true
    } else {
      const candidate = prefixes[lastUpTo(prefixes, name)]
      if (candidate !== undefined && name.startsWith(candidate)) return true
    }
    for (let i = 0; i < this.#globs.length; i++) if (globMatches(this.#globs[i]!, name)) return true
    return this.#whole.length > 0 && this.#whole.some(pattern => matchesOne(pattern, `${this.#kind}/${name}`))
  }
}

export const matchesOne = (pattern: Pattern, name: string): boolean =>
  'exact' in pattern
    ? pattern.exact === name
    : 'prefix' in pattern
      ? name.startsWith(pattern.prefix)
      : globMatches(pattern.glob, name)

function leastPrefixes(prefixes: readonly string[]): string[] {
  const kept: string[] = []
  for (const prefix of prefixes.toSorted(byUnits)) if (!kept.length || !prefix.startsWith(kept.at(-1)!)) kept.push(prefix)
  return kept
}

const byUnits = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

/** Index of the greatest item that is not above the name, or -1. */
function lastUpTo(sorted: readonly string[], name: string): number {
  let low = 0
  let high = sorted.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (sorted[middle]! <= name) low = middle + 1
    else high = middle
  }
  return low - 1
}
