import type { FillFn } from './warm-store.ts'

/** One value of a point as an aggregate takes it: in order of time. */
export interface Sample {
  time: number
  arrived: number
  value: unknown
}

/** The values of one point in one bucket. */
export interface Fold {
  add(sample: Sample): void
  /** undefined: no value was usable. */
  result(): unknown
}

/** What is numeric to an aggregate: finite numbers, and booleans as 1 and 0. */
export function numberOf(value: unknown): number | undefined {
  if (typeof value === 'boolean') return value ? 1 : 0
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined
}

/** `span`: the part of the bucket inside the query; `held`: the value before it, for the time-weighted average. */
export function foldOf(fn: FillFn, span: { start: number; end: number }, held: number | undefined): Fold {
  if (fn === 'count') return counting()
  if (fn === 'first' || fn === 'last') return choosing(fn)
  if (fn === 'twa') return weighing(span, held)
  if (fn === 'stddev') return deviating()
  const share = shares[fn as keyof typeof shares]
  return share === undefined ? reducing(fn as 'avg' | 'sum' | 'min' | 'max') : ranking(share)
}

const shares = { p50: 0.5, p95: 0.95, p99: 0.99 } as const

function counting(): Fold {
  let n = 0
  return { add: ({ value }) => void (value !== null && value !== undefined && n++), result: () => n || undefined }
}

/** At equal times the earlier arrival is first, the later last. */
function choosing(fn: 'first' | 'last'): Fold {
  let chosen: Sample | undefined
  return {
    add(sample) {
      if (sample.value === null || sample.value === undefined) return
      const order = chosen ? sample.time - chosen.time || sample.arrived - chosen.arrived : 0
      if (!chosen || (fn === 'first' ? order < 0 : order >= 0)) chosen = sample
    },
    result: () => chosen?.value,
  }
}

function reducing(fn: 'avg' | 'sum' | 'min' | 'max'): Fold {
  let n = 0
  let total = fn === 'min' ? Number.POSITIVE_INFINITY : fn === 'max' ? Number.NEGATIVE_INFINITY : 0
  return {
    add({ value }) {
      const x = numberOf(value)
      if (x === undefined) return
      n++
      if (fn === 'min') total = Math.min(total, x)
      else if (fn === 'max') total = Math.max(total, x)
      else total += x
    },
    result: () => (n ? (fn === 'avg' ? total / n : total) : undefined),
  }
}

/** Sample deviation (n - 1) by Welford's recurrence; null of one value. */
function deviating(): Fold {
  let n = 0
  let mean = 0
  let m2 = 0
  return {
    add({ value }) {
      const x = numberOf(value)
      if (x === undefined) return
      n++
      const delta = x - mean
      mean += delta / n
      m2 += delta * (x - mean)
    },
    result: () => (n ? (n > 1 ? Math.sqrt(m2 / (n - 1)) : null) : undefined),
  }
}

/** A value holds until the next one or the end; the one held before counts from the start. */
function weighing({ start, end }: { start: number; end: number }, held: number | undefined): Fold {
  let from = held === undefined ? undefined : start
  let last = held ?? 0
  let since = start
  let area = 0
  let any = false
  return {
    add({ time, value }) {
      const x = numberOf(value)
      if (x === undefined) return
      any = true
      if (from === undefined) from = time
      else area += last * (time - since)
      last = x
      since = time
    },
    result() {
      if (!any) return undefined
      const covered = end - from!
      return covered > 0 ? (area + last * (end - since)) / covered : last
    },
  }
}

/** Rank 1 + p(n - 1), linear between neighbours. */
function ranking(share: number): Fold {
  const values: number[] = []
  return {
    add({ value }) {
      const x = numberOf(value)
      if (x !== undefined) values.push(x)
    },
    result() {
      if (!values.length) return undefined
      const rank = share * (values.length - 1)
      const below = Math.floor(rank)
      const low = select(values, below)
      if (rank === below) return low
      let high = Number.POSITIVE_INFINITY
      for (let i = below + 1; i < values.length; i++) high = Math.min(high, values[i]!)
      return low + (rank - below) * (high - low)
    },
  }
}

/** The k-th least value (Hoare's quickselect, middle element as pivot); what is right of k afterwards is not less. */
function select(values: number[], k: number): number {
  let low = 0
  let high = values.length - 1
  while (low < high) {
    const pivot = values[(low + high) >> 1]!
    let i = low
    let j = high
    while (i <= j) {
      while (values[i]! < pivot) i++
      while (values[j]! > pivot) j--
      if (i > j) break
      const swapped = values[i]!
      values[i++] = values[j]!
      values[j--] = swapped
    }
    if (k <= j) high = j
    else if (k >= i) low = i
    else break
  }
  return values[k]!
}
