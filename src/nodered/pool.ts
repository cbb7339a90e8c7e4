/**
 * Works on each item, at most `atOnce` at a time, the next one as soon as there is room. Answers in the order of the items, an Error where it failed; `ended` hears how
 * many are done.
 */
export async function inPool<Item, Answer>(
  items: readonly Item[],
  { atOnce, ended }: { atOnce: number; ended: (done: number) => void },
  work: (item: Item) => Promise<Answer>,
): Promise<(Answer | Error)[]> {
  const answers = new Array<Answer | Error>(items.length)
  let next = 0
  let done = 0
  const lane = async (): Promise<void> => {
    while (next < items.length) {
      const at = next++
      answers[at] = await work(items[at]!).catch((thrown: Error) => thrown)
      ended(++done)
    }
  }
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, lane))
  return answers
}
