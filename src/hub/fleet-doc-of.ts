import type { IdentityView } from '../identity/identity.ts'
import type { FleetDoc, FleetTwin } from '../topology/fleet-doc.ts'
import { diff } from '../twin/diff.ts'
import type { TwinDocument } from '../twin/document.ts'
import type { TwinSection } from '../twin/json.ts'
import type { DeviceView } from './hub.ts'

export const noTwin: FleetTwin = { desired: {}, reported: {}, hasDelta: false }

export const fleetTwinOf = ({ desired, reported, etag }: Pick<TwinDocument, 'desired' | 'reported' | 'etag'>): FleetTwin => ({
  desired,
  reported,
  hasDelta: diff(desired, reported) !== undefined,
  etag: Number(etag),
})

/** Whether what was read of a twin is older than what is known. */
export const isOlder = (twin: FleetTwin, than: FleetTwin | undefined): boolean => (twin.etag ?? 0) < (than?.etag ?? 0)

export const connectivityOf = ({
  connected,
  since,
  lastSeen,
  disconnectReason,
}: DeviceView['connection']): FleetDoc['connectivity'] => {
  const timestamp = connected ? since : lastSeen
  return { connected, ...(timestamp !== undefined && { timestamp }), ...(disconnectReason && { disconnectReason }) }
}

/** Registry and entity of a device as members of its document. */
export function describedOf(
  { id, state, enabled, credentials, createdAt }: IdentityView,
  entity: { tags: TwinSection; attributes: Record<string, string> } = { tags: {}, attributes: {} },
): Pick<FleetDoc, 'id' | 'model' | 'state' | 'enabled' | 'attributes' | 'tags' | 'cert' | 'createdAt'> {
  const { tags, attributes } = entity
  const ends = credentials.flatMap(({ kind, status, notAfter }) =>
    kind === 'x509' && status === 'active' && notAfter !== undefined ? [notAfter] : [],
  )
  const { model } = attributes
  return {
    id,
    ...(model !== undefined && { model }),
    state,
    enabled,
    attributes,
    tags,
    cert: ends.length ? { notAfter: Math.max(...ends) } : {},
    createdAt,
  }
}
