import {
  readShadowTopic,
  type ShadowEnd,
  shadowFilters,
  shadowGetTopic,
  shadowUpdateTopic,
} from '../dialects/aws/client-topics.ts'
import { readPlainTopic } from '../dialects/plain/topics.ts'
import { type Desired, desiredOf, type Json, jsonOf, objectOf, plainForm, type WireForm } from './wire-form.ts'

/** A thing of AWS: its twin is a shadow, the classic one if the name is empty. Methods and messages have the topics of plain devices. */
export function shadowForm(id: string, shadow: string): WireForm {
  const plain = plainForm(id)
  let requests = 0
  let asked = ''
  const clientToken = (): string => `r${++requests}`

  /** What it learns of what is desired. A shadow that does not exist wants nothing. */
  const learned = (end: ShadowEnd, { version, state, code, clientToken }: Json): Desired | undefined => {
    if (end === 'update/delta') return desiredOf(version, false, state)
    if (clientToken !== asked) return undefined
    if (end === 'get/accepted') return desiredOf(version, true, objectOf(state).desired)
    return end === 'get/rejected' && code === 404 ? desiredOf(0, true, {}) : undefined
  }

  return {
    ...plain,
    filters: [
      ...shadowFilters(id, shadow),
      ...plain.filters.filter(filter => readPlainTopic(id, filter)?.kind !== 'desired'), // of the main twin
    ],
    read(topic, body) {
      const end = readShadowTopic(id, shadow, topic)
      if (!end) return plain.read(topic, body)
      const payload = objectOf(jsonOf(body))
      const desired = learned(end, payload)
      return { kind: 'shadow', topic: end, payload, ...(desired && { desired }) }
    },
    ask() {
      asked = clientToken()
      return { topic: shadowGetTopic(id, shadow), body: JSON.stringify({ clientToken: asked }) }
    },
    report: reported => ({
      topic: shadowUpdateTopic(id, shadow),
      body: JSON.stringify({ state: { reported }, clientToken: clientToken() }),
    }),
  }
}
