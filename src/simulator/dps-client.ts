import { isIP } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { connectAsync, type MqttClient } from 'mqtt'
import { dpsAnswers, dpsRegisterTopic, dpsStatusTopic, readDpsAnswer } from '../dialects/azure/client-topics.ts'
import { LoomError } from '../errors.ts'
import { signSas } from '../identity/sas.ts'
import { addressOf } from './hub-address.ts'
import { type Endpoint, isRefusal } from './link.ts'

/** Where a device belongs, and under which name. */
export interface Assignment {
  /** `host[:port]` */
  assignedHub: string
  deviceId: string
}

export interface DpsClient {
  /**
   * Registers, and asks for at most `withinMs` what became of it. PROV_DENIED with the hub's reason, PROV_PENDING if nobody has decided by then, PROV_THROTTLED;
   * HUB_DOWN, HUB_TIMEOUT.
   */
  register(withinMs: number): Promise<Assignment>
  /** Whether the hub of that address is the one that was asked: its certificate has the name. */
  isItself(hub: string): boolean
  close(): Promise<void>
}

interface Reply {
  status: number
  retryAfterMs: number
  body: {
    operationId?: string
    status?: string
    errorCode?: number
    message?: string
    registrationState?: Partial<Assignment> & { errorCode?: number; errorMessage?: string }
  }
}

/** Any: the hub has none of its own. */
const idScope = 'thingloom'
const answerLimitMs = 30_000
const tokenMs = 3_600_000
const longestRetryS = 60

/** Connects as the provisioning clients of the Azure SDKs do. PROV_DENIED if the key is refused. */
export async function openDps(o: { endpoint: Endpoint; id: string; key: string; now: () => number }): Promise<DpsClient> {
  const { endpoint, id, now } = o
  const client = await connected(o)
  const certificate = (client.stream as TLSSocket).getPeerX509Certificate()
  let requests = 0

  const ask = async (topicOf: (rid: string) => string, payload: string): Promise<Reply> => {
    const rid = String(++requests)
    const { promise, resolve, reject } = Promise.withResolvers<Reply>()
    const take = (topic: string, bytes: Buffer): void => {
      const answer = readDpsAnswer(topic)
      if (answer?.rid !== rid) return
      const { status, retryAfterS = 2 } = answer
      const body = JSON.parse(bytes.toString() || '{}') as Reply['body']
      resolve({ status, retryAfterMs: 1000 * Math.min(longestRetryS, retryAfterS), body })
    }
    const gone = (): void => reject(new LoomError('HUB_DOWN', 'the connection was lost on the way'))
    const limit = setTimeout(() => reject(new LoomError('HUB_TIMEOUT', `provisioning, ${answerLimitMs} ms`)), answerLimitMs)
    client.on('message', take).on('close', gone)
    promise.catch(() => undefined) // the publish may fail first
    try {
      await client.publishAsync(topicOf(rid), payload, { qos: 1 })
      return await promise
    } finally {
      clearTimeout(limit)
      client.off('message', take).off('close', gone)
    }
  }
  const begin = (): Promise<Reply> => ask(dpsRegisterTopic, JSON.stringify({ registrationId: id }))
  const look = (operationId: string): Promise<Reply> => ask(rid => dpsStatusTopic(rid, operationId), '')

  return {
    async register(withinMs) {
      const until = now() + withinMs
      await client.subscribeAsync(dpsAnswers, { qos: 1 })
      let reply = await begin()
      for (let assigned = assignmentIn(reply); ; assigned = assignmentIn(reply)) {
        if (assigned) return assigned
        const { status, retryAfterMs, body } = reply
        if (now() + retryAfterMs > until) throw new LoomError(status === 202 ? 'PROV_PENDING' : 'PROV_THROTTLED', `"${id}"`)
        await new Promise(resolve => setTimeout(resolve, retryAfterMs))
        reply = body.operationId ? await look(body.operationId) : await begin()
      }
    },
    isItself(hub) {
      const { host, port } = addressOf(hub)
      const named = isIP(host) ? certificate?.checkIP(host) : certificate?.checkHost(host)
      return port === endpoint.port && named !== undefined
    },
    close: () => client.endAsync(true),
  }
}

/** Undefined while it is undecided. PROV_DENIED. */
function assignmentIn({ status, body }: Reply): Assignment | undefined {
  const { registrationState = {} } = body
  if (status === 202 || status >= 429) return undefined
  if (status === 200 && body.status === 'assigned') return registrationState as Assignment
  const { errorCode = body.errorCode, errorMessage = body.message } = registrationState
  throw new LoomError('PROV_DENIED', `${errorCode}, ${errorMessage}`)
}

async function connected(o: { endpoint: Endpoint; id: string; key: string; now: () => number }): Promise<MqttClient> {
  const { endpoint, id, key, now } = o
  const resource = `${idScope}/registrations/${id}`
  try {
    return await connectAsync({
      protocol: 'mqtts',
      host: endpoint.host,
      port: endpoint.port,
      ca: endpoint.caPem,
      clientId: id,
      username: `${resource}/api-version=2019-03-31&ClientVersion=simulator`,
      password: `${signSas({ key, resource, expiresAt: now() + tokenMs })}&skn=registration`,
      protocolVersion: 4,
      clean: true,
      connectTimeout: 20_000,
      reconnectPeriod: 0,
    })
  } catch (thrown) {
    if (isRefusal(thrown)) throw new LoomError('PROV_DENIED', 'no enrolment admits it, or its key is another one')
    throw thrown
  }
}
