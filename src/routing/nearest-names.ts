/** At most three of the known names that are likely meant, the nearest first: two edits away, or one begins with the other. */
export function nearestNames(name: string, known: Iterable<string>): string[] {
  const found: { name: string; edits: number }[] = []
  for (const other of known) {
    const edits = editsBetween(name, other, 2)
    const begins = Math.min(name.length, other.length) > 2 && (other.startsWith(name) || name.startsWith(other))
    if (edits <= Math.min(2, other.length - 1)) found.push({ name: other, edits })
    else if (begins) found.push({ name: other, edits: 3 })
  }
  found.sort((a, b) => a.edits - b.edits || (a.name < b.name ? -1 : 1))
  return found.slice(0, 3).map(({ name }) => name)
}

/** Levenshtein's distance; above `most` any larger number. */
function editsBetween(a: string, b: string, most: number): number {
  if (Math.abs(a.length - b.length) > most) return most + 1
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++)
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)))
    row = next
  }
  return row[b.length]!
}

/** `did you mean a or b`, or nothing. */
export function suggestion(names: readonly string[]): string | undefined {
  if (names.length === 0) return undefined
  return `did you mean ${[names.slice(0, -1).join(', '), names.at(-1)].filter(Boolean).join(' or ')}`
}
