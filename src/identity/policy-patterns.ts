import { type Glob, globMatches } from './policy-glob.ts'
import type { Pattern } from './policy-template.ts'

const few = 6

const none: readonly never[] = []

/** Patterns of which any may match: literals by a Set, prefixes by binary search, the rest one by one. Sessions keep thousands: what is empty is shared. */
export class PatternSet {
  readonly #exact: ReadonlySet<string> | undefined
  /** sorted; none begins with another, so that only the greatest that is not above a name can be its prefix */
  readonly #prefixes: readonly string[]
  readonly #globs: readonly Glob[]
  /** compared with `kind/name` */
  readonly #whole: readonly Pattern[]
  readonly #kind: string

  constructor(kind: string, patterns: readonly Pattern[], whole: readonly Pattern[] = none) {
    let exact: Set<string> | undefined
    let prefixes: string[] | undefined
    let globs: Glob[] | undefined
    for (const pattern of patterns)
      if ('exact' in pattern) exact = (exact ?? new Set()).add(pattern.exact)
      else if ('prefix' in pattern) (prefixes ??= []).push(pattern.prefix)
      else (globs ??= []).push(pattern.glob)
    this.#kind = kind
    this.#exact = exact
    this.#prefixes = prefixes ? leastPrefixes(prefixes) : none
    this.#globs = globs ?? none
    this.#whole = whole
  }

  has(name: string): boolean {
    if (this.#exact?.has(name)) return true
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

/** Of no pattern. */
export const noPatterns = new PatternSet('', none)

export const matchesOne = (pattern: Pattern, name: string): boolean =>
  'exact' in pattern
    ? pattern.exact === name
    : 'prefix' in pattern
      ? name.startsWith(pattern.prefix)
      : globMatches(pattern.glob, name)

function leastPrefixes(prefixes: readonly string[]): readonly string[] {
  if (prefixes.length === 1) return prefixes
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
