import type { JournalPort, LetterFilter } from '../journal/journal-port.ts'

const page = 1000
/** A call has to end in time. */
const perCall = 10_000
/** Replays under way at once; they are appended in order. */
const together = 100

/** Replays the open letters that a filter holds for, the oldest first and 10,000 at most. Those that fail again meanwhile wait for the next call. */
export async function replayLetters(
  journal: Pick<JournalPort, 'deadLetters' | 'replayDeadLetter'>,
  filter: LetterFilter,
): Promise<{ replayed: number; more: boolean }> {
  const ids: number[] = []
  let cursor: string | undefined
  do {
    const { items, next } = await journal.deadLetters({
      ...filter,
      state: 'open',
      limit: page,
      ...(cursor !== undefined && { cursor }),
    })
    for (const { id } of items) ids.push(id)
    cursor = next
    // Each page is read in one go: others come between
    await new Promise(setImmediate)
  } while (cursor !== undefined)
  const due = ids.reverse().slice(0, perCall)
  for (let at = 0; at < due.length; at += together)
    await Promise.all(due.slice(at, at + together).map(id => journal.replayDeadLetter(id)))
  return { replayed: due.length, more: due.length < ids.length }
}
