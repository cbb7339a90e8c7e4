import { decodePercent } from '../bag.ts'
import { readBag } from './bag.ts'

/** Where a device hears that it is out of service for good; below its own tree, so that nobody else can say so. */
export const retireTopic = (deviceId: string): string => `devices/${deviceId}/retire`

/** Where a device of the plain dialect publishes telemetry. */
export const telemetryTopic = (deviceId: string, stream = ''): string => `devices/${deviceId}/telemetry${stream && `/${stream}`}`

/** What a device subscribes to that listens to all the hub may tell it: its main twin, methods, messages. */
export const plainFilters = (deviceId: string): string[] =>
  ['twin/desired', 'commands/+/+', 'inbox/#'].map(end => `devices/${deviceId}/${end}`)

/** Where it reports to its main twin. */
export const reportTopic = (deviceId: string): string => `devices/${deviceId}/twin/report`

/** Where it answers a method. */
export const commandAnswerTopic = (deviceId: string, { name, rid }: { name: string; rid: string }): string =>
  `devices/${deviceId}/commands/${name}/${rid}/answer`

export type PlainHeard =
  | { kind: 'desired' }
  | { kind: 'method'; name: string; rid: string }
  | { kind: 'message'; id: string; contentType?: string; properties: Record<string, string> }

/** What a topic of these filters says; undefined for another one. */
export function readPlainTopic(deviceId: string, topic: string): PlainHeard | undefined {
  const tree = `devices/${deviceId}/`
  if (!topic.startsWith(tree)) return undefined
  const bagAt = topic.indexOf('/?')
  const [first, second = '', third = ''] = topic.slice(tree.length, bagAt < 0 ? undefined : bagAt).split('/')
  if (first === 'twin' && second === 'desired') return { kind: 'desired' }
  if (first === 'commands' && second && third) return { kind: 'method', name: second, rid: third }
  if (first !== 'inbox' || !second) return undefined
  const { headers, properties: all } = readBag(bagAt < 0 ? '' : topic.slice(bagAt + 2))
  const { contentType } = headers
  const { ack: _, ...properties } = all
  return { kind: 'message', id: decodePercent(second), properties, ...(contentType !== undefined && { contentType }) }
}
