import type { DeviceOutcome } from '../commands/fan-out.ts'
import type { CommandRecord } from '../commands/history.ts'
import type { MethodResult } from '../commands/method-calls.ts'
import type { InboxMessage, NewInboxMessage, Outcome } from '../commands/message.ts'
import type { OperationState, OperationView } from '../provisioning/bulk-operations.ts'
import type { FleetQueryText } from '../topology/fleet-query/parse-query.ts'
import type { SparkplugCommandsApi } from './sparkplug-commands.ts'

/** What became of a message, for who asked to hear of it. */
export interface MessageFeedback {
  device: string
  generation: string
  messageId: string
  seq: number
  outcome: Outcome
  /** IoT Hub's word for it: Success, Rejected, Expired, DeliveryCountExceeded, Purged */
  statusCode: string
  enqueuedAt: number
  at: number
}

/** Commands to one device, whatever dialect it speaks. IDENTITY_NOT_FOUND, IDENTITY_RETIRED, IDENTITY_DISABLED, DEVICE_QUARANTINED, COMMAND_*. */
export interface DeviceCommandsApi {
  /** A direct method: the device is there, or comes within `connectTimeoutMs`, and answers within `responseTimeoutMs`. */
  call(o: {
    id: string
    method: string
    payload?: unknown
    connectTimeoutMs?: number
    responseTimeoutMs?: number
    by?: string
  }): Promise<MethodResult>
  /** A message that waits for the device. Resolves when it is on disk. */
  send(o: { id: string; message: NewInboxMessage; by?: string }): Promise<{ id: string; seq: number; expiresAt: number }>
  /** What waits for a device, without bodies. */
  inbox(o: { id: string }): Promise<{ items: (Omit<InboxMessage, 'body'> & { bytes: number; held: boolean })[] }>
  purgeInbox(o: { id: string; by?: string }): Promise<{ purged: number }>
  /** The newest first; kept for 90 days. */
  history(o: { id: string; limit?: number; cursor?: string }): Promise<{ items: CommandRecord[]; next?: string }>
}

/** Which devices: by id, of a group (with those below it) static or dynamic, or found by a fleet query at this moment. One of them. */
export interface CommandTargets {
  devices?: string[]
  group?: string
  query?: FleetQueryText
}

/** How far commands to many devices are, a few times a second at most, and their end. */
export interface CommandsEvent {
  type: 'commands'
  at: number
  /** of the operation */
  id: string
  /** `commands.method`, `commands.message` */
  kind: string
  state: OperationState
  total: number
  done: number
  failed: number
  by: string
}

/** The same method or message for many devices. Each call and message is in the history of its device as well. */
export interface GroupCommandsApi {
  /**
   * Returns when the devices are known and on disk; the work goes on as an operation. `concurrency`: devices at a time, 1 to 256, default 16. After a crash or stop, messages go on by
   * themselves; methods wait for `resume`. COMMAND_INVALID, COMMAND_TOO_LARGE, GROUP_NOT_FOUND, QUERY_*, PROV_THROTTLED while too many operations run.
   */
  start(
    o: CommandTargets & {
      method?: { name: string; payload?: unknown; connectTimeoutMs?: number; responseTimeoutMs?: number }
      message?: NewInboxMessage
      concurrency?: number
      by?: string
    },
  ): Promise<OperationView>
  /** Newest first; a page may be short. */
  operations(o: { limit?: number; cursor?: string }): Promise<{ items: OperationView[]; next?: string }>
  /** NOT_FOUND. */
  operation(o: { id: string }): Promise<OperationView>
  /** What became of each device so far, in their order, without those under way; kept for a week. `failed`: only failures. NOT_FOUND. */
  results(o: {
    id: string
    failed?: boolean
    limit?: number
    cursor?: string
  }): Promise<{ items: DeviceOutcome[]; next?: string }>
  /** What is done stays done, what is under way is waited for. NOT_FOUND, OPERATION_STATE. */
  cancel(o: { id: string; by?: string }): Promise<void>
  /** Goes on with devices that have no outcome yet. NOT_FOUND, OPERATION_STATE, PROV_THROTTLED. */
  resume(o: { id: string; by?: string }): Promise<OperationView>
}

export interface CommandsApi extends DeviceCommandsApi, GroupCommandsApi, SparkplugCommandsApi {}
