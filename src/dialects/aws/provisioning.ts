import { type ErrorCode, LoomError } from '../../errors.ts'
import type { FleetProvisioning } from '../../provisioning/fleet-provisioning.ts'
import type { FleetPrincipal } from '../../provisioning/fleet-provisioning-port.ts'
import type { Classified } from '../dialect.ts'
import { type Cbor, encodeRecord } from './cbor.ts'
import { rejectionOf } from './rejection.ts'

/** To the connection that asked and to no other: it may hold a private key. */
export interface ProvisioningAnswer {
  topic: string
  payload: string | Uint8Array
  qos: 1
}

export interface AwsProvisioning {
  /** Never rejects. Undefined: the connection has gone meanwhile. Requests of one connection on one topic run one after the other: nothing else tells their answers apart. */
  answer(
    request: Extract<Classified, { kind: 'request' }>,
    payload: Uint8Array,
    connection: { id: string; principal: FleetPrincipal },
  ): Promise<ProvisioningAnswer | undefined>
  /** Forgets what the connection still waits for. */
  gone(connectionId: string): void
}

interface Lane {
  waiting: number
  last: Promise<unknown>
}

const maxPayloadBytes = 65_536
/** waiting on one topic of one connection; SDKs have one */
const mostWaiting = 4

/** AWS fleet provisioning over MQTT. Without `cbor` requests in that format are refused with CODEC_UNAVAILABLE. */
export function createAwsProvisioning({ fleet, cbor }: { fleet: FleetProvisioning; cbor?: Cbor }): AwsProvisioning {
  const connections = new Map<string, Map<string, Lane>>()

  const run = async (operation: string, name: string | undefined, body: Body, who: FleetPrincipal): Promise<object> => {
    if (operation === 'provisioning.createCertificate') return fleet.createCertificate(who)
    if (operation === 'provisioning.signCertificate') return fleet.signCertificate(who, body.certificateSigningRequest)
    if (operation !== 'provisioning.provision') throw new LoomError('COMMAND_UNSUPPORTED', operation)
    return fleet.provision(who, name ?? '', { token: body.certificateOwnershipToken, parameters: body.parameters })
  }

  return {
    async answer({ operation, name, topic }, payload, { id, principal }) {
      const format: Format = topic.endsWith('/cbor') ? 'cbor' : 'json'
      const lanes = connections.get(id) ?? new Map<string, Lane>()
      const lane = lanes.get(topic) ?? { waiting: 0, last: Promise.resolve() }
      if (lane.waiting >= mostWaiting)
        return rejected(topic, format, new LoomError('PROV_THROTTLED', 'wait for the answer to the request before'))
      connections.set(id, lanes.set(topic, lane))
      lane.waiting++
      const work = lane.last.then(async () => {
        if (connections.get(id) !== lanes) return undefined
        try {
          const result = await run(operation, name, bodyOf(payload, format, cbor), principal)
          return {
            topic: `${topic}/accepted`,
            payload: format === 'json' ? JSON.stringify(result) : cbor!.encode(result),
            qos: 1,
          } as const
        } catch (error) {
          return rejected(topic, format, error)
        } finally {
          if (--lane.waiting === 0) lanes.delete(topic)
          if (lanes.size === 0 && connections.get(id) === lanes) connections.delete(id)
        }
      })
      lane.last = work
      return work
    },
    gone: connectionId => void connections.delete(connectionId),
  }
}

type Format = 'json' | 'cbor'
type Body = Readonly<Record<string, unknown>>

function bodyOf(payload: Uint8Array, format: Format, cbor: Cbor | undefined): Body {
  if (format === 'cbor' && !cbor) throw new LoomError('CODEC_UNAVAILABLE', 'CBOR', { hint: 'install cbor-x' })
  if (payload.length > maxPayloadBytes)
    throw new LoomError('REQUEST_INVALID', `${payload.length} bytes`, { hint: `at most ${maxPayloadBytes}` })
  if (payload.length === 0) return {}
  let value: unknown
  try {
    value = format === 'cbor' ? cbor!.decode(payload) : JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload))
  } catch (cause) {
    throw new LoomError('REQUEST_INVALID', `the payload is not ${format === 'cbor' ? 'CBOR' : 'JSON'}`, { cause })
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Body
  throw new LoomError('REQUEST_INVALID', 'the payload is not an object')
}

/** What is no expected failure says nothing of itself to a device. */
function rejected(topic: string, format: Format, error: unknown): ProvisioningAnswer {
  const failure: { code: ErrorCode; message: string } =
    error instanceof LoomError ? error : { code: 'NODE_FAULT', message: 'unexpected failure' }
  const body = rejectionOf(failure)
  const payload = format === 'json' ? JSON.stringify(body) : encodeRecord({ ...body })
  return { topic: `${topic}/rejected`, payload, qos: 1 }
}
