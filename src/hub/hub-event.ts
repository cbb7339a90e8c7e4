import type { CredentialEvent } from '../identity/rotation.ts'
import type { ProvisioningRequest } from '../provisioning/provisioning-port.ts'
import type { TwinEvent } from '../twin/change-event.ts'
import type { HubHealth } from './hub.ts'
import type { EndpointEvent } from './hub-actions.ts'
import type { CommandsEvent } from './hub-commands.ts'
import type { ConfigurationEvent } from './hub-configurations.ts'
import type { LeafEvent } from './hub-gateways.ts'
import type { ModelEvent } from './hub-models.ts'
import type { ReferenceEvent } from './hub-reference.ts'
import type { SchemaEvent } from './hub-schemas.ts'

export type DeviceChange =
  | 'created'
  | 'updated'
  | 'deleted'
  | 'connected'
  | 'disconnected'
  | 'online'
  | 'offline'
  | 'silent'
  | 'heard'

/** Live changes for people's eyes: at most once, never the source of truth (that is the journal). */
export type HubEvent =
  | {
      type: 'device'
      id: string
      change: DeviceChange
      at: number
      reason?: string
    }
  | { type: 'health'; status: HubHealth['status']; at: number }
  /** live; with before and after it is in the journal */
  | { type: 'twin'; at: number; device: string; name: string; section: TwinEvent['section']; version: number; by: string }
  | { type: 'metrics'; at: number; connections: number; received: number; headSeq: number }
  | ({ type: 'credential'; at: number } & CredentialEvent)
  | {
      type: 'provisioning'
      at: number
      /** ISSUED, ACTIVE, PENDING_APPROVAL, DENIED, CLONE_SUSPECTED, .. */
      state: string
      by: string
      ip: string
      deviceId?: string
      registrationId?: string
      enrolmentId?: string
      /** of a device that DPS assigned: `self`, or `host[:port]` of the other hub, which must be told of it */
      hub?: string
      template?: string
      claimId?: string
      code?: string
      reason?: string
    }
  | { type: 'provisioning-question'; at: number; request: ProvisioningRequest; until: number }
  /** A device that is away is called. `token` proves to it who woke it; good until `exp` in it, once. */
  | LeafEvent
  | { type: 'wake'; at: number; device: string; method: string; until: number; token: string }
  | ModelEvent
  | SchemaEvent
  | ReferenceEvent
  | ConfigurationEvent
  | EndpointEvent
  | CommandsEvent
  | { type: 'deadletter'; at: number; id: number; code: string; device: string }
  | { type: 'security'; at: number; code: string; message: string; device?: string; address?: string }
