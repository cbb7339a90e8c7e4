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
