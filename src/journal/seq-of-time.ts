/** The first seq whose record is not before `time`, or `head + 1`. `atOf` gives the time at or after a seq and never decreases; logarithmic. */
export function seqOfTime(time: number, oldest: number, head: number, atOf: (seq: number) => number | undefined): number {
  let [low, high] = [oldest, head + 1]
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    if ((atOf(middle) ?? Number.POSITIVE_INFINITY) >= time) high = middle
    else low = middle + 1
  }
  return low
}
