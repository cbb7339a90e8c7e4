import { featuresHeard } from '../filter-overlap.ts'
import { type FilterRuling, rulingOf } from '../dialect.ts'
import type { DeviceNews } from '../twin-port.ts'

const TREE = '$aws/events/'

const kinds = {
  connected: 'presence',
  disconnected: 'presence',
  subscribed: 'subscriptions',
  unsubscribed: 'subscriptions',
} as const
export type AwsEventType = keyof typeof kinds

const table = Object.entries(kinds).map(([type, kind]) => [`events.${type}`, `${kind}/${type}/*`] as const)

/** Lifecycle events of all clients: nobody's own, so that only a policy can grant them. Undefined: no filter of this tree, or one that can hear of none. */
export function rulingOfEvents(filter: string): FilterRuling | undefined {
  if (!filter.startsWith(TREE)) return undefined
  const ruling = rulingOf(featuresHeard(filter.slice(TREE.length).split('/'), table), () => true)
  return ruling && { ...ruling, ...(ruling.kind === 'granted' && { onlyByPolicy: true as const }) }
}

export const isAwsEvent = (feature: string): boolean => feature.startsWith('events.')
export const featureOfEvent = (type: AwsEventType): string => `events.${type}`

export interface AwsEvent {
  type: AwsEventType
  clientId: string
  /** epoch ms */
  at: number
  session: string
  /** the credential */
  principal: string
  address?: string
  /** of connected and disconnected */
  version?: number
  /** of disconnected */
  reason?: string
  /** of subscribed and unsubscribed */
  topics?: readonly string[]
}

/** As AWS IoT publishes it. A client id that would be a wildcard or a level of its own in a filter has none. */
export function awsEventNews(event: AwsEvent): DeviceNews | undefined {
  const { type, clientId, at, session, principal, address, version, reason, topics } = event
  if (/[#+/]/.test(clientId)) return undefined
  const payload = {
    clientId,
    timestamp: at,
    eventType: type,
    ...(reason !== undefined && {
      clientInitiatedDisconnect: reason === 'CLIENT_INITIATED_DISCONNECT',
      disconnectReason: reason,
    }),
    sessionIdentifier: session,
    principalIdentifier: principal,
    ...(address !== undefined && { ipAddress: address }),
    ...(version !== undefined && { versionNumber: version }),
    ...(topics && { topics }),
  }
  return { topic: `${TREE}${kinds[type]}/${type}/${clientId}`, payload: JSON.stringify(payload) }
}
