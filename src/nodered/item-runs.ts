import { type ErrorData, errorData } from '../errors.ts'
import type { Msg, NewMsg } from './define.ts'

/** Items of an array that are in work at once; they share the store's commits. */
const atOnce = 32

export interface ItemResult {
  id: string
  ok: boolean
  error?: ErrorData
}

/** Works on each item; one that fails stops no other. `done` and `results` are in the order of the items. */
export async function runItems<Item, Answer extends object>(
  items: readonly Item[],
  idOf: (item: Item) => string,
  work: (item: Item) => Promise<Answer>,
): Promise<{ done: Answer[]; results: ItemResult[] }> {
  const answers: (Answer | Error)[] = []
  for (let at = 0; at < items.length; at += atOnce) {
    const some = items.slice(at, at + atOnce).map(item => work(item).catch((thrown: Error) => thrown))
    answers.push(...(await Promise.all(some)))
  }
  return {
    done: answers.filter((answer): answer is Answer => !(answer instanceof Error)),
    results: answers.map((answer, i) => {
      const id = idOf(items[i]!)
      return answer instanceof Error ? { id, ok: false, error: errorData(answer) } : { id, ok: true }
    }),
  }
}

/** A message with secrets has of its origin only what names it: the rest may go where secrets must not. */
export const secretsMsg = ({ _msgid, req, res }: Msg, made: NewMsg): NewMsg => ({
  _msgid,
  ...(req !== undefined && { req }),
  ...(res !== undefined && { res }),
  ...made,
})
