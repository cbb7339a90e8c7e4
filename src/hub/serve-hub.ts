import { errorData, LoomError } from '../errors.ts'
import { encodeBatch } from './batch.ts'
import type { FromHub, Port, ToHub } from './frames.ts'
import { type Hub, type HubConsumer, type HubEvent, hubApis } from './hub.ts'
import { gathered } from './gathered.ts'
import { seqsOf } from './runs.ts'

const apis = new Set<string>(hubApis)

/** Serves a hub over a port; resolves `closed` when the other side closed it. Only the listed APIs and their own methods can be called. */
export function serveHub(hub: Hub, port: Port<ToHub, FromHub>): { closed: Promise<void> } {
  const consumers = new Map<number, HubConsumer>()
  const opening = new Set<number>()
  const { promise: closed, resolve: finish } = Promise.withResolvers<void>()
  const waiting: HubEvent[] = []

  const flushEvents = (): void => port.postMessage({ t: 'events', events: waiting.splice(0) })
  hub.subscribe(event => {
    if (waiting.push(event) === 1) setTimeout(flushEvents, 100).unref()
    if (waiting.length > 1000) waiting.shift()
  })

  const call = async (api: string, method: string, arg: unknown): Promise<unknown> => {
    const group = apis.has(api) ? (hub[api as keyof Hub] as unknown as Record<string, unknown>) : undefined
    const fn = group && Object.hasOwn(group, method) ? group[method] : undefined
    if (typeof fn !== 'function') throw new LoomError('REQUEST_INVALID', `${api}.${method}`)
    return fn.call(group, arg)
  }
  const answer = (id: number, work: Promise<unknown>): Promise<void> =>
    work
      .then(value => port.postMessage({ t: 'ret', id, value }))
      .catch(error => port.postMessage({ t: 'err', id, error: errorData(error) }))
  const consume = async ({ c, spec }: Extract<ToHub, { t: 'consume' }>): Promise<void> => {
    opening.add(c)
    // The other thread acknowledges what it was handed: only then may the window move, or a blocked flow would be flooded.
    const consumer = await hub.consume(
      { ...spec, ack: 'flow' },
      {
        deliver: gathered((spec.window ?? 256) / 4, records => {
          const buffer = encodeBatch(records)
          port.postMessage({ t: 'batch', c, buffer }, [buffer])
        }),
        gap: gap => port.postMessage({ t: 'gap', c, gap }),
      },
    )
    if (opening.delete(c)) consumers.set(c, consumer)
    else await consumer.close()
  }
  const release = async (c: number): Promise<void> => {
    // Given up before it was open: its caller waits no longer, and the name must be free.
    opening.delete(c)
    const consumer = consumers.get(c)
    consumers.delete(c)
    await consumer?.close()
  }
  const reportStates = (): void => {
    for (const [c, consumer] of consumers) port.postMessage({ t: 'state', c, state: consumer.state() })
  }
  const states = setInterval(reportStates, 1000).unref()

  port.onMessage(message => {
    switch (message.t) {
      case 'call':
        answer(message.id, call(message.api, message.method, message.arg))
        break
      case 'consume':
        answer(message.id, consume(message))
        break
      case 'ack':
        consumers.get(message.c)?.ack(seqsOf(message.runs))
        break
      case 'retry':
        consumers.get(message.c)?.retry(message.seqs, message.delayMs)
        break
      case 'deadletter':
        answer(message.id, consumers.get(message.c)?.deadletter(message.seqs, message.why) ?? Promise.resolve())
        break
      case 'pause':
        consumers.get(message.c)?.pause(message.paused)
        break
      case 'rules':
        consumers.get(message.c)?.setRules(message.rules)
        break
      case 'release':
        answer(message.id, release(message.c))
        break
      case 'close':
        clearInterval(states)
        // The answer first: the thread ends with `finish`, and what it had not posted by then is lost.
        answer(message.id, hub.close()).then(finish)
    }
  })
  return { closed }
}
