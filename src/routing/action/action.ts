import type { ErrorCode, ErrorData } from '../../errors.ts'

/** What a dead letter keeps of the message behind an action, so that it can come back as the same thing. */
export interface ActionOriginal {
  device: string
  topic: string
  properties: Record<string, string>
  payload: Uint8Array
  jseq?: number
}

export interface Webhook {
  kind: 'webhook'
  /** `http` or `https`; its host is the endpoint */
  url: string
  method: string
  headers: Record<string, string>
  /** Headers that are secrets. The newest that an endpoint was given count for all that waits for it. */
  secret?: Record<string, string>
  /** Without one the payload of the original is sent; null: no body at all. */
  body?: Uint8Array | null
}

export interface Republish {
  kind: 'republish'
  /** `$$aws/..` stands for a reserved topic. */
  topic: string
  /** Without one the payload of the original is sent. */
  body?: Uint8Array
  contentType?: string
  qos: 0 | 1
  properties: Record<string, string>
  /** how often the message was republished before */
  hops: number
}

/** One message that is to reach an endpoint. */
export interface ActionOrder {
  /** Whose action: the id of a node. With the host of a webhook it names the endpoint. */
  node: string
  /** for people */
  name?: string
  /** the rule behind the message */
  rule?: string
  action: Webhook | Republish
  original: ActionOriginal
  /** The dead letter that this replays. */
  letter?: number
  /** The same for each try, so that a receiver knows what it has seen; made if absent. */
  id?: string
  /** tries at once; default 3 */
  tries?: number
  /** of one try; default 10 s */
  timeoutMs?: number
}

/** What one try gave. `gone`: the endpoint refuses everything for good. */
export type Attempt =
  | { ok: true; response?: ActionResponse }
  | {
      ok: false
      kind: 'transient' | 'final' | 'gone'
      code: ErrorCode
      message: string
      status?: number
      retryAfterMs?: number
    }
export type FailedAttempt = Extract<Attempt, { ok: false }>

export interface ActionResponse {
  status: number
  headers: Record<string, string>
  body: Uint8Array
  /** There was more of the body than is kept. */
  truncated?: true
}

/** `spooled`: on disk, and sent in order once the endpoint answers again. `dead`: given up, and a dead letter where there is a hub. */
export type ActionAnswer =
  | { outcome: 'done'; tries: number; response?: ActionResponse }
  | { outcome: 'spooled'; tries: number }
  | { outcome: 'dead'; tries: number; error: ErrorData; status?: number; letter?: number }

export const actionLimits = { tries: 3, mostTries: 10, timeoutMs: 10_000, mostTimeoutMs: 60_000 } as const

/** What an endpoint is called where others may read it: never more of an address than its host. */
export function resourceOf(action: Webhook | Republish): string {
  if (action.kind === 'republish') return 'mqtt'
  return URL.canParse(action.url) ? new URL(action.url).origin : 'no address'
}
