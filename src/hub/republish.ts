import type { BrokerPort, Connection } from '../broker/broker-port.ts'
import { readRepublishTopic } from '../dialects/aws/republish.ts'
import { deviceIn } from '../dialects/plain/leaf.ts'
import { type ErrorCode, LoomError } from '../errors.ts'
import type { ActionOrder, Attempt, Republish } from '../routing/action/action.ts'
import type { DeviceRequest } from './gate.ts'
import type { Inject } from './inject.ts'

/** The user property that counts how often a message was republished, also across brokers. */
const hopsProperty = 'loom-hops'

/** What may pass by itself. */
const passing: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'JOURNAL_FULL',
  'JOURNAL_FAILED',
  'JOURNAL_CLOSED',
  'TWIN_THROTTLED',
  'STORE_LIMIT',
  'STORE_CLOSED',
  'HUB_DOWN',
])

/** One try of a republish: into the journal, for other rules, and to subscribers; or as a request to a shadow. Never rejects. */
export function createRepublish(house: {
  inject: Inject
  broker(): Pick<BrokerPort, 'publish'>
  /** A request as a device would make it; what became of it is told to those who listen. */
  request(connection: Connection, request: DeviceRequest, payload: Uint8Array): Promise<unknown> | undefined
  now: () => number
}) {
  const { inject, broker, request, now } = house
  const publish = async (action: Republish, { node, original }: ActionOrder): Promise<void> => {
    const { qos, properties, hops, body: payload = original.payload } = action
    const target = readRepublishTopic(action.topic)
    if (target.kind === 'shadow') {
      await request(asker(node, target.deviceId, now()), target.request, payload)
      return
    }
    const { topic } = target
    const contentType = action.contentType ?? (isJson(payload) ? undefined : 'application/octet-stream')
    await inject({
      device: deviceIn(topic) ?? original.device,
      topic,
      payload,
      properties: { ...properties, [hopsProperty]: String(hops + 1) },
      by: `node ${node}`,
      ...(contentType !== undefined && { contentType }),
    })
    await broker().publish({ topic, payload, qos })
  }
  return async (action: Republish, order: ActionOrder): Promise<Attempt> => {
    try {
      await publish(action, order)
      return { ok: true }
    } catch (error) {
      const { code, message } = error instanceof LoomError ? error : { code: 'ROUTE_ACTION' as const, message: String(error) }
      return { ok: false, kind: passing.has(code) ? 'transient' : 'final', code: 'ROUTE_ACTION', message }
    }
  }
}

/** Stands for the action where a request names who asks. */
const asker = (node: string, deviceId: string, since: number): Connection => ({
  id: `action ${node}`,
  clientId: '',
  sessionKey: '',
  principal: { deviceId, family: 'service', cid: '', kind: 'anonymous' },
  listener: 'mqtt',
  remoteAddress: '',
  clean: true,
  since,
})

function isJson(payload: Uint8Array): boolean {
  try {
    JSON.parse(Buffer.from(payload).toString())
    return true
  } catch {
    return false
  }
}
