import {
  azureFilters,
  azureMethodAnswerTopic,
  azureReportTopic,
  azureTwinGetTopic,
  readAzureTopic,
} from '../dialects/azure/client-topics.ts'
import { commandAnswerTopic, plainFilters, readPlainTopic, reportTopic } from '../dialects/plain/topics.ts'
import type { Call } from './methods.ts'

export type Json = Record<string, unknown>
export interface Letter {
  topic: string
  body: string
}

/** `full`: all that is desired, not a change. */
export interface Desired {
  kind: 'desired'
  version: number
  full: boolean
  desired: Json
}

/** What the hub told a device. */
export type Heard =
  | Desired
  /** word for word; `topic`: its end, as in `update/delta` */
  | { kind: 'shadow'; topic: string; payload: Json; desired?: Desired }
  | { kind: 'method'; name: string; rid: string; payload: unknown }
  | { kind: 'message'; id: string; contentType?: string; properties: Record<string, string>; payload: unknown }

/** How a device of one dialect listens and speaks. */
export interface WireForm {
  filters: readonly string[]
  /** Undefined: nothing for it, or no JSON where there must be some. */
  read(topic: string, body: Uint8Array): Heard | undefined
  /** Asks for all that is desired; undefined: who subscribes is told by itself. */
  ask(): Letter | undefined
  report(patch: Json): Letter
  answer(to: { name: string; rid: string }, answer: Pick<Call, 'status' | 'payload'>): Letter
}

const utf8 = new TextDecoder()

export const plainForm = (id: string): WireForm => ({
  filters: plainFilters(id),
  read(topic, body) {
    const heard = readPlainTopic(id, topic)
    if (heard?.kind === 'message') return { ...heard, payload: contentOf(body) }
    const json = jsonOf(body)
    if (!heard || json === undefined) return undefined
    if (heard.kind === 'method') return { ...heard, payload: json }
    const { version, full, desired } = objectOf(json)
    return desiredOf(version, full === true, desired)
  },
  ask: () => undefined,
  report: patch => ({ topic: reportTopic(id), body: JSON.stringify(patch) }),
  answer: (to, { status, payload }) => ({ topic: commandAnswerTopic(id, to), body: JSON.stringify({ status, payload }) }),
})

export function azureForm(id: string): WireForm {
  let rid = 0
  let asked = ''
  return {
    filters: azureFilters(id),
    read(topic, body) {
      const heard = readAzureTopic(topic)
      if (heard?.kind === 'message') return { ...heard, payload: contentOf(body) }
      if (heard?.kind === 'twin' && (heard.rid !== asked || heard.status !== 200)) return undefined
      const json = jsonOf(body)
      if (!heard || json === undefined) return undefined
      if (heard.kind === 'method') return { ...heard, payload: json }
      const full = heard.kind === 'twin'
      const { $version, ...desired } = objectOf(full ? objectOf(json).desired : json)
      return desiredOf($version, full, desired)
    },
    ask() {
      asked = `t${++rid}`
      return { topic: azureTwinGetTopic(asked), body: '' }
    },
    report: patch => ({ topic: azureReportTopic(`t${++rid}`), body: JSON.stringify(patch) }),
    answer: ({ rid: of }, { status, payload }) => ({
      topic: azureMethodAnswerTopic({ status, rid: of }),
      body: JSON.stringify(payload ?? null),
    }),
  }
}

/** Undefined if the version is none. */
export const desiredOf = (version: unknown, full: boolean, desired: unknown): Desired | undefined =>
  Number.isSafeInteger(version) ? { kind: 'desired', version: version as number, full, desired: objectOf(desired) } : undefined

export function jsonOf(body: Uint8Array): unknown {
  try {
    return JSON.parse(utf8.decode(body))
  } catch {
    return undefined
  }
}

export const objectOf = (value: unknown): Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : {}

/** JSON if it is some, else text. */
const contentOf = (body: Uint8Array): unknown => jsonOf(body) ?? utf8.decode(body)
