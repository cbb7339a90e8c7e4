const ends = ['get/accepted', 'get/rejected', 'update/accepted', 'update/rejected', 'update/delta', 'update/documents'] as const
/** What a device hears of a shadow: answers to its own requests, and every change of it. */
export type ShadowEnd = (typeof ends)[number]

/** `''`: the classic shadow. */
const topicOf = (deviceId: string, shadow: string): string => `$aws/things/${deviceId}/shadow${shadow && `/name/${shadow}`}`

/** What a device subscribes to that listens to one of its shadows; six of the eight that AWS takes in one request. */
export const shadowFilters = (deviceId: string, shadow: string): string[] =>
  ends.map(end => `${topicOf(deviceId, shadow)}/${end}`)

/** Where it asks for the shadow. */
export const shadowGetTopic = (deviceId: string, shadow: string): string => `${topicOf(deviceId, shadow)}/get`

/** Where it reports. */
export const shadowUpdateTopic = (deviceId: string, shadow: string): string => `${topicOf(deviceId, shadow)}/update`

/** What a topic of these filters says; undefined for another one. */
export const readShadowTopic = (deviceId: string, shadow: string, topic: string): ShadowEnd | undefined =>
  ends.find(end => topic === `${topicOf(deviceId, shadow)}/${end}`)
