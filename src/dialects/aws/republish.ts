import { LoomError } from '../../errors.ts'
import { validTopicName } from '../../telemetry/topic.ts'
import type { Classified } from '../dialect.ts'
import { topicFault } from '../limits.ts'
import { thingRequest } from './requests.ts'

/** Where a republished message goes: to subscribers and the journal, or to the shadow of a thing. */
export type RepublishTarget =
  | { kind: 'topic'; topic: string }
  | { kind: 'shadow'; deviceId: string; request: Extract<Classified, { kind: 'request' }> }

const SHADOW = /^\$aws\/things\/([^/]+)\/(shadow\/.+)$/

/**
 * Reads the topic of a republish action. Reserved topics are written `$$aws/..`: those of shadows and of Basic Ingest are open to rules, those of jobs and all others
 * are not. ROUTE_ACTION.
 */
export function readRepublishTopic(text: string): RepublishTarget {
  const topic = text.startsWith('$$') ? text.slice(1) : text
  const fault = validTopicName(topic) ? topicFault(topic) : 'no topic that can be published to'
  if (fault) throw refused(text, fault)
  if (!topic.startsWith('$')) return { kind: 'topic', topic }
  if (topic === text) throw refused(text, 'a reserved topic is written with $$')
  if (/^\$aws\/rules\/[^/]+\/./.test(topic)) return { kind: 'topic', topic }
  const [, deviceId, rest] = SHADOW.exec(topic) ?? []
  const found = rest === undefined ? undefined : thingRequest(rest.split('/'))
  if (deviceId === undefined || !found) throw refused(text, 'no reserved topic that rules may publish to')
  return { kind: 'shadow', deviceId, request: { kind: 'request', dialect: 'aws', topic, ...found } }
}

const refused = (topic: string, why: string): LoomError => new LoomError('ROUTE_ACTION', `"${topic.slice(0, 100)}": ${why}`)
