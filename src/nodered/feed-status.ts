import type { Feed } from './feed.ts'
import type { HubRef } from './hubs.ts'
import type { Status } from './status.ts'

/** As statuses show repeats that were left out; nothing without any. */
export const repeatsText = (repeats: number): string => (repeats > 0 ? ` · ↻ ${repeats}` : '')

/** Shows records a second, how many wait and repeats left out so far, each second; another state of the hub instead. Returns what ends it. */
export function showFeed(feed: Feed, { hub }: HubRef, status: Status): () => void {
  let before = 0
  let hubState = 'ok'
  const show = (): void => {
    const { released, repeats, lag } = feed.progress()
    const rate = released - before
    before = released
    if (hubState === 'ok' || hubState === 'degraded')
      status(lag > 1000 ? 'busy' : 'ok', `${rate}/s · ${lag}${repeatsText(repeats)}`)
    else status(hubState === 'failed' ? 'error' : 'waiting', hubState)
  }
  const leave = hub.subscribe(event => {
    if (event.type === 'health') hubState = event.status
  })
  const timer = setInterval(show, 1000).unref()
  show()
  return () => {
    clearInterval(timer)
    leave()
  }
}
