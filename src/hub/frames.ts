import type { ErrorData } from '../errors.ts'
import type { ConsumerState, Gap } from '../journal/journal-port.ts'
import type { ConsumerRules, HubConsumerSpec, HubEvent } from './hub.ts'

/** What the main thread sends to the hub's thread. `c` numbers a consumption. */
export type ToHub =
  | { t: 'call'; id: number; api: string; method: string; arg: unknown }
  | { t: 'consume'; id: number; c: number; spec: HubConsumerSpec }
  /** first and last number of each unbroken run */
  | { t: 'ack'; c: number; runs: number[] }
  | { t: 'retry'; c: number; seqs: number[]; delayMs: number }
  | { t: 'deadletter'; id: number; c: number; seqs: number[]; why: { code: string; message: string; node?: string } }
  | { t: 'pause'; c: number; paused: boolean }
  | { t: 'rules'; c: number; rules: ConsumerRules }
  | { t: 'release'; id: number; c: number }
  | { t: 'close'; id: number }

/** What the hub's thread sends back. */
export type FromHub =
  | { t: 'ready' }
  | { t: 'failed'; error: ErrorData }
  | { t: 'ret'; id: number; value: unknown }
  | { t: 'err'; id: number; error: ErrorData }
  | { t: 'batch'; c: number; buffer: ArrayBuffer }
  | { t: 'gap'; c: number; gap: Gap }
  | { t: 'state'; c: number; state: ConsumerState }
  | { t: 'events'; events: HubEvent[] }

/** The part of a MessagePort (or worker) both ends need. */
export interface Port<In, Out> {
  postMessage(message: Out, transfer?: readonly ArrayBuffer[]): void
  onMessage(listener: (message: In) => void): void
}
