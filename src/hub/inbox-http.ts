import type { Inbox, Taken } from '../commands/inbox.ts'
import { azureInboxAnswer, lockOf } from '../dialects/azure/inbox-http.ts'
import { empty, type HttpAnswer, type HttpAsk } from '../dialects/http.ts'
import { inboxAnswer, inboxQuery } from '../dialects/plain/inbox-http.ts'
import { LoomError } from '../errors.ts'

/** Requests that wait for a message at once; more are answered without a wait. */
const maxWaiting = 1000

export interface InboxHttpParts {
  inbox: Pick<Inbox, 'take' | 'settle' | 'abandon' | 'lockedById'>
  /** The generation of a device that may have its messages now. */
  generationOf(deviceId: string): Promise<string | undefined>
  /** A message of the device waits again. */
  returned(deviceId: string): void
  schedule(ms: number, fn: () => void): () => void
  now: () => number
}

/** The inbox of a device over HTTPS: a message that was given out is the asker's for a minute. */
export function createInboxHttp(parts: InboxHttpParts) {
  const { inbox, now } = parts
  const waiting = new Map<string, Set<() => void>>()
  let count = 0

  const wait = (deviceId: string, ms: number): Promise<void> =>
    new Promise(resolve => {
      const mine = waiting.get(deviceId) ?? new Set()
      waiting.set(deviceId, mine)
      const cancel = parts.schedule(ms, () => end())
      const end = (): void => {
        cancel()
        count--
        if (mine.delete(end) && !mine.size) waiting.delete(deviceId)
        resolve()
      }
      mine.add(end)
      count++
    })

  /** `idle`: waiting is no work. */
  const take = async (
    deviceId: string,
    max: number,
    waitMs: number,
    idle: <T>(of: Promise<T>) => Promise<T>,
  ): Promise<Taken[]> => {
    const until = now() + waitMs
    for (;;) {
      const generation = await parts.generationOf(deviceId)
      const taken = generation === undefined ? [] : await inbox.take({ deviceId, generation, max })
      const left = until - now()
      if (taken.length || left <= 0 || count >= maxWaiting) return taken
      await idle(wait(deviceId, left))
    }
  }
  const ended = async (deviceId: string, lock: string, verb: string): Promise<HttpAnswer> => {
    if (verb === 'abandon') {
      await inbox.abandon({ deviceId, lock })
      parts.returned(deviceId)
    } else if (verb === 'complete') await inbox.settle({ deviceId, lock, as: 'completed' })
    else if (verb === 'reject') await inbox.settle({ deviceId, lock, as: 'rejected' })
    else throw new LoomError('NOT_FOUND', `inbox.${verb.slice(0, 40)}`, { hint: 'complete, abandon or reject' })
    return empty(204)
  }

  return {
    /** Undefined: no operation of an inbox. */
    request(ask: HttpAsk, idle: <T>(of: Promise<T>) => Promise<T>): Promise<HttpAnswer> | undefined {
      const [area, verb = ''] = ask.operation.split('.')
      if (area !== 'inbox') return undefined
      const { deviceId, dialect, name = '', request } = ask
      if (dialect === 'azure') {
        if (verb === 'read') return take(deviceId, 1, 0, idle).then(([message]) => azureInboxAnswer(deviceId, message))
        return ended(deviceId, lockOf(name), verb)
      }
      const answer = async (): Promise<HttpAnswer> => {
        if (verb !== 'read') return ended(deviceId, await inbox.lockedById({ deviceId, id: name }), verb)
        const { max, waitMs } = inboxQuery(request.query)
        return inboxAnswer(await take(deviceId, max, waitMs, idle))
      }
      return answer()
    },

    /** Those who wait for a message of the device look again. */
    wake(deviceId: string): void {
      for (const end of [...(waiting.get(deviceId) ?? [])]) end()
    },

    close(): void {
      for (const all of [...waiting.values()]) for (const end of [...all]) end()
    },
  }
}
