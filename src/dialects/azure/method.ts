import type { WireAnswer } from '../dialect.ts'
import { type MethodAnswer, readAnswer } from '../method-answer.ts'

/** Of the calls of a method, as policies see it: without what names one call. */
export const azureMethodTopic = (name: string): string => `$iothub/methods/POST/${name}`

/** A call on its way to a device: the payload is JSON text, an empty one makes the SDK answer 400 by itself. */
export const azureMethod = ({ name, rid, payload }: { name: string; rid: string; payload: string }): WireAnswer => ({
  topic: `${azureMethodTopic(name)}/?$rid=${rid}`,
  payload,
  qos: 0,
})

/** Of a topic `$iothub/methods/res/{status}/?$rid={rid}`, that the dialect let pass. */
export const azureMethodAnswer = (topic: string, payload: Uint8Array): MethodAnswer => ({
  status: Number(topic.split('/')[3]),
  payload: readAnswer(payload),
})
