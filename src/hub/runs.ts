/** Numbers as first and last of each unbroken run, in the order given: what a flow acknowledges is nearly one run. */
export function runsOf(seqs: Iterable<number>): number[] {
  const runs: number[] = []
  let last = Number.NaN
  for (const seq of seqs) {
    if (seq === last + 1) runs[runs.length - 1] = seq
    else runs.push(seq, seq)
    last = seq
  }
  return runs
}

/** The numbers again. */
export function seqsOf(runs: readonly number[]): number[] {
  const seqs: number[] = []
  for (let i = 0; i < runs.length; i += 2) for (let seq = runs[i]!; seq <= runs[i + 1]!; seq++) seqs.push(seq)
  return seqs
}
