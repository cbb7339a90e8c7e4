import type { ErrorData } from '../errors.ts'
import type { Certificates, KeyCredential } from './credentials.ts'
import type { Told } from './dialogue.ts'
import type { FaultLog } from './faults.ts'
import type { FleetStats } from './fleet.ts'
import type { Endpoint } from './link.ts'
import type { SimulatorOptions } from './options.ts'

/** What the worker is started with. */
export interface WorkerStart {
  options: SimulatorOptions
  endpoint: Endpoint
  keyFolder: string
}

export const workerMethods = ['set', 'setEndpoint', 'inject', 'renew', 'adopt', 'leave', 'come', 'stats', 'log', 'stop'] as const
export type WorkerMethod = (typeof workerMethods)[number]

export type ToWorker =
  | { kind: 'call'; id: number; method: WorkerMethod; argument: unknown }
  | { kind: 'enrolled'; id: number; answer?: Certificates | KeyCredential; error?: ErrorData }

export type FromWorker =
  | { kind: 'ready' }
  | { kind: 'failed'; error: ErrorData }
  | { kind: 'reply'; id: number; value?: unknown; error?: ErrorData }
  | { kind: 'enrol'; id: number; device: string; csrPem: string }
  | { kind: 'stats'; stats: FleetStats }
  | { kind: 'told'; what: Told }
  | { kind: 'faults'; items: FaultLog[]; suppressed: number }
