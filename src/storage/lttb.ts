/**
 * Largest triangle three buckets (S. Steinarsson, "Downsampling Time Series for Visual Representation", 2013): indexes of the points that keep the shape of
 * the line, first and last among them. Yields after each bucket, so that a caller can share its thread. O(n).
 */
export function* lttb(times: ArrayLike<number>, values: ArrayLike<number>, maxPoints: number): Generator<void, number[]> {
  const n = values.length
  if (n <= maxPoints) return Array.from({ length: n }, (_, i) => i)
  if (maxPoints < 3) return maxPoints === 2 ? [0, n - 1] : [n - 1]
  const width = (n - 2) / (maxPoints - 2)
  const chosen = [0]
  for (let bucket = 0; bucket < maxPoints - 2; bucket++) {
    const from = 1 + Math.floor(bucket * width)
    const to = 1 + Math.floor((bucket + 1) * width)
    const end = Math.min(1 + Math.floor((bucket + 2) * width), n)
    const next = meanOf(times, values, to, Math.max(end, to + 1))
    const last = chosen.at(-1)!
    let best = from
    let bestArea = -1
    for (let i = from; i < to; i++) {
      const area = Math.abs(
        (times[last]! - next.time) * (values[i]! - values[last]!) - (times[last]! - times[i]!) * (next.value - values[last]!),
      )
      if (area <= bestArea) continue
      bestArea = area
      best = i
    }
    chosen.push(best)
    yield
  }
  chosen.push(n - 1)
  return chosen
}

function meanOf(times: ArrayLike<number>, values: ArrayLike<number>, from: number, to: number): { time: number; value: number } {
  let time = 0
  let value = 0
  for (let i = from; i < to; i++) {
    time += times[i]!
    value += values[i]!
  }
  return { time: time / (to - from), value: value / (to - from) }
}
