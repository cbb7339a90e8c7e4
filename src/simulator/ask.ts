import type { MqttClient } from 'mqtt'
import { codes, LoomError } from '../errors.ts'

export type Answer = Record<string, unknown>
/** Sends a request to a topic and resolves with what comes back on its `/accepted`. */
export type Ask = (topic: string, request: object) => Promise<Answer>

const answerLimitMs = 30_000

/** One request at a time on a topic. PROV_PENDING, PROV_DENIED with the hub's reason; HUB_DOWN, HUB_TIMEOUT. */
export async function ask(client: MqttClient, topic: string, request: object): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>()
  const take = (name: string, payload: Buffer): void => {
    if (!name.startsWith(`${topic}/`)) return
    const answer = JSON.parse(payload.toString()) as Answer
    if (name.endsWith('/accepted')) resolve(answer)
    else reject(refusalOf(answer))
  }
  const gone = (): void => reject(new LoomError('HUB_DOWN', 'the connection was lost on the way'))
  const limit = setTimeout(() => reject(new LoomError('HUB_TIMEOUT', `provisioning, ${answerLimitMs} ms`)), answerLimitMs)
  client.on('message', take).on('close', gone)
  // Whoever waits below may be told of the publish that failed first.
  promise.catch(() => undefined)
  try {
    await client.subscribeAsync([`${topic}/accepted`, `${topic}/rejected`], { qos: 1 })
    await client.publishAsync(topic, JSON.stringify(request), { qos: 1 })
    return await promise
  } finally {
    clearTimeout(limit)
    client.off('message', take).off('close', gone)
  }
}

/** AWS has one error code for a no and for a not yet: only the wording tells them apart. */
function refusalOf({ errorCode, errorMessage }: Answer): LoomError {
  const said = String(errorMessage)
  const waits = codes.PROV_PENDING[1]
  if (said.startsWith(waits)) return new LoomError('PROV_PENDING', said.slice(waits.length).replace(/^: /, ''))
  return new LoomError('PROV_DENIED', `${String(errorCode)}, ${said}`)
}
