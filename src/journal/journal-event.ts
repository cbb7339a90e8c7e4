import type { Damage } from './segment-port.ts'

/** What an operator should hear of. `at`: epoch ms. */
export type JournalEvent = { at: number } & (
  | { type: 'stale'; consumer: string; cursor: number }
  /** Appends are refused: the size limit (`limit`) or the volume (`disk`) has no room. */
  | { type: 'full'; reason: 'limit' | 'disk'; message: string }
  | { type: 'recovered' }
  /** The volume is nearly full (`low`) or has room again. */
  | { type: 'space'; low: boolean; freeBytes: number }
  | ({ type: 'corrupt' } & Damage)
  | { type: 'deadletter'; id: number; code: string; device: string; consumer?: string }
  /** `age`: kept long enough; `limit`: given up early, no one needed it; `dropped`: someone may have needed it. */
  | { type: 'trimmed'; from: number; to: number; reason: 'age' | 'limit' | 'dropped' }
  /** A callback of a consumer or an appender threw, or cursors could not be written. */
  | { type: 'fault'; error: unknown; consumer?: string }
)

export type Emit = (event: JournalEvent extends infer E ? (E extends unknown ? Omit<E, 'at'> : never) : never) => void
