type Run = { from: number; to: number }

/** Adds [from, to] to disjoint sorted runs, joining what touches. */
export function cover(runs: Run[], from: number, to: number): void {
  const last = runs.at(-1)
  if (last && from >= last.from && from <= last.to) {
    if (to > last.to) last.to = to
    return
  }
  const joined = { from, to }
  const apart: Run[] = []
  for (const run of runs) {
    if (run.to < joined.from || run.from > joined.to) apart.push(run)
    else {
      joined.from = Math.min(joined.from, run.from)
      joined.to = Math.max(joined.to, run.to)
    }
  }
  runs.splice(0, runs.length, ...[...apart, joined].sort((a, b) => a.from - b.from))
}

/** True if a window lies within one run. */
export const covers = (runs: readonly Run[], start: number, end: number): boolean =>
  runs.some(run => run.from <= start && end <= run.to)

/** The least window start from `after` on that lies within a run, all starts being aligned alike; runs wholly before are dropped. */
export function nextCovered(runs: Run[], after: number, sizeMs: number): number | undefined {
  while (runs[0] && runs[0].to < after + sizeMs) runs.shift()
  for (const { from, to } of runs) {
    const start = Math.max(from, after)
    if (start + sizeMs <= to) return start
  }
  return undefined
}
