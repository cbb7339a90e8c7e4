import type { BootstrapDocument } from '../../provisioning/bootstrap.ts'
import type { WireAnswer } from '../dialect.ts'

export const bootstrapGet = 'bootstrap.get'
/** Feature of the filters that hear the document whenever it changes. */
export const bootstrapNews = 'bootstrap.news'

/** Beside the topic that asked: `../answer`, with the request's id if it has one. */
export function answerTopic(topic: string, rid: string | undefined): string {
  const bagAt = topic.indexOf('/?')
  const asked = bagAt < 0 ? topic : topic.slice(0, bagAt)
  return `${asked.slice(0, asked.lastIndexOf('/'))}/answer${rid ? `/${rid}` : ''}`
}

export const bootstrapAnswer = ({ topic, rid }: { topic: string; rid?: string }, document: BootstrapDocument): WireAnswer => ({
  topic: answerTopic(topic, rid),
  payload: JSON.stringify({ status: 200, ...document }),
  qos: 1,
})

export const bootstrapPush = (deviceId: string, document: BootstrapDocument): WireAnswer => ({
  topic: `devices/${deviceId}/bootstrap`,
  payload: JSON.stringify(document),
  qos: 1,
})
