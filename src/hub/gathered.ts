/** Each message between threads wakes the other one, which costs as much as some records. */
const gapMs = 8

/** Passes lists on at most once in a few milliseconds, what came meanwhile together: the first at once, and as soon as there are `enough`. */
export function gathered<T>(enough: number, pass: (items: T[]) => void): (items: readonly T[]) => void {
  let held: T[] = []
  let gap: NodeJS.Timeout | undefined
  const release = (): void => {
    clearTimeout(gap)
    const items = held
    held = []
    gap = items.length ? setTimeout(release, gapMs).unref() : undefined
    if (items.length) pass(items)
  }
  return items => {
    for (const item of items) held.push(item)
    if (!gap || held.length >= enough) release()
  }
}
