import { rawValue } from '../bag.ts'
import { propertiesOf } from './bag.ts'

/** Where a device publishes: JSON in UTF-8. */
export const eventsTopic = (deviceId: string): string => `devices/${deviceId}/messages/events/$.ct=application%2Fjson&$.ce=utf-8`

/** What a device subscribes to that registers itself. */
export const dpsAnswers = '$dps/registrations/res/#'

/** Where it asks for its assignment. `rid`: any text of its own that comes back with the answer. */
export const dpsRegisterTopic = (rid: string): string => `$dps/registrations/PUT/iotdps-register/?$rid=${rid}`

/** Where it then asks what became of it. */
export const dpsStatusTopic = (rid: string, operationId: string): string =>
  `$dps/registrations/GET/iotdps-get-operationstatus/?$rid=${rid}&operationId=${encodeURIComponent(operationId)}`

/** The topic of an answer; undefined if it is none. */
export function readDpsAnswer(topic: string): { status: number; rid: string; retryAfterS?: number } | undefined {
  const [, status, bag] = /^\$dps\/registrations\/res\/(\d{3})\/\?(.*)$/.exec(topic) ?? []
  if (status === undefined) return undefined
  const properties = new URLSearchParams(bag)
  const retryAfterS = Number(properties.get('retry-after'))
  return { status: Number(status), rid: properties.get('$rid') ?? '', ...(retryAfterS > 0 && { retryAfterS }) }
}

/** What a device subscribes to that listens to all the hub may tell it: answers and changes of its twin, methods, messages. */
export const azureFilters = (deviceId: string): string[] => [
  '$iothub/twin/res/#',
  '$iothub/twin/PATCH/properties/desired/#',
  '$iothub/methods/POST/#',
  `devices/${deviceId}/messages/devicebound/#`,
]

/** Where it asks for its twin. */
export const azureTwinGetTopic = (rid: string): string => `$iothub/twin/GET/?$rid=${rid}`

/** Where it reports. */
export const azureReportTopic = (rid: string): string => `$iothub/twin/PATCH/properties/reported/?$rid=${rid}`

/** Where it answers a method. */
export const azureMethodAnswerTopic = ({ status, rid }: { status: number; rid: string }): string =>
  `$iothub/methods/res/${status}/?$rid=${rid}`

export type AzureHeard =
  /** an answer to a request of the twin */
  | { kind: 'twin'; status: number; rid: string }
  | { kind: 'desired' }
  | { kind: 'method'; name: string; rid: string }
  | { kind: 'message'; id: string; contentType?: string; properties: Record<string, string> }

/** What a topic of these filters says; undefined for another one. */
export function readAzureTopic(topic: string): AzureHeard | undefined {
  const [, status, answered = ''] = /^\$iothub\/twin\/res\/(\d{3})\/\?(.*)$/.exec(topic) ?? []
  if (status !== undefined) return { kind: 'twin', status: Number(status), rid: rawValue(answered, '$rid') ?? '' }
  if (topic.startsWith('$iothub/twin/PATCH/properties/desired/')) return { kind: 'desired' }
  const [, name, asked = ''] = /^\$iothub\/methods\/POST\/([^/]+)\/\?(.*)$/.exec(topic) ?? []
  if (name !== undefined) return { kind: 'method', name, rid: rawValue(asked, '$rid') ?? '' }
  const [, bag] = /^devices\/[^/]+\/messages\/devicebound\/?(.*)$/.exec(topic) ?? []
  if (bag === undefined) return undefined
  const { properties: all, system } = propertiesOf(bag)
  const { 'iothub-ack': _, ...properties } = all
  const contentType = system['$.ct']
  return { kind: 'message', id: system['$.mid'] ?? '', properties, ...(contentType !== undefined && { contentType }) }
}
