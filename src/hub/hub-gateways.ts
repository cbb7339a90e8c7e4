import type { ErrorData } from '../errors.ts'
import type { TwinSection } from '../twin/json.ts'
import type { TwinView } from './hub-twins.ts'

/** A message of a device behind a gateway. */
export interface LeafTelemetry {
  device: string
  payload: Uint8Array
  stream?: string
  contentType?: string
  properties?: Record<string, string>
  /** epoch ms */
  time?: number
}

/** What is for a device behind a gateway. `listener`: the one that is to take it. */
export type LeafEvent = { type: 'leaf'; at: number; gateway: string; listener: string; device: string } & (
  | { kind: 'call'; name: string; rid: string; payload: unknown }
  | {
      kind: 'message'
      /** names this delivery */
      lock: string
      id: string
      seq: number
      /** base64 */
      body: string
      properties: Record<string, string>
      contentType?: string
      enqueuedAt: number
      expiresAt: number
      deliveries: number
    }
)

/**
 * Acting for devices behind a gateway: those whose attribute `gateway` is its id. POLICY_DENIED for any other, DEVICE_QUARANTINED if the gateway is in quarantine, IDENTITY_DISABLED,
 * IDENTITY_NOT_FOUND.
 */
export interface GatewaysApi {
  /** Resolves when all that could be taken are on disk, with an outcome for each, in order. */
  telemetry(o: {
    gateway: string
    messages: LeafTelemetry[]
    by?: string
  }): Promise<{ results: ({ device: string; seq: number } | { device: string; error: ErrorData })[] }>
  /** Codes of `twins.report`. */
  report(o: {
    gateway: string
    device: string
    reported: TwinSection | null
    name?: string
    version?: number
    by?: string
  }): Promise<TwinView>
  /** The gateway has it, or not any more. False: that was so before. */
  presence(o: { gateway: string; device: string; online: boolean; reason?: string }): Promise<{ changed: boolean }>
  /** By id, ascending. */
  leaves(o: { gateway: string }): Promise<{ items: string[] }>
  /**
   * `listener` takes what is for the devices of the gateway, as events of type `leaf`, until `on` is false: the last one that came takes them. The hub forgets it when it ends: then all devices behind
   * are away. `instance`: of the listener; only the last one ends it. `known`: it was there before.
   */
  attend(o: { gateway: string; listener: string; instance: string; on: boolean }): Promise<{ known: boolean }>
  /** Answers a call. COMMAND_INVALID; COMMAND_TIMEOUT if nobody waits for it any more. */
  answer(o: { gateway: string; device: string; rid: string; status: number; payload: unknown }): Promise<void>
  /** What became of a message: the next one comes. COMMAND_LOCK_LOST. */
  settle(o: { gateway: string; device: string; lock: string; as: 'completed' | 'rejected' | 'abandoned' }): Promise<void>
}
