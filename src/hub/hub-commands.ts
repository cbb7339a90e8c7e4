import type { CommandRecord } from '../commands/history.ts'
import type { MethodResult } from '../commands/method-calls.ts'
import type { InboxMessage, NewInboxMessage, Outcome } from '../commands/message.ts'

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

/** Commands to devices, whatever dialect they speak. IDENTITY_NOT_FOUND, IDENTITY_RETIRED, IDENTITY_DISABLED, DEVICE_QUARANTINED, COMMAND_*. */
export interface CommandsApi {
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
