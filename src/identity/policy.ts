import { basicIngestOf } from '../routing/basic-ingest.ts'

export type TopicAction = 'publish' | 'subscribe' | 'receive'

// biome-ignore lint/suspicious/noTemplateCurlyInString: a policy variable
const me = '${device.id}'

/** What a device may do with topics that no dialect reserves: send what it measures, hear what it is told. */
export const defaultStatements = [
  { Effect: 'Allow', Action: 'iot:Connect', Resource: `client/${me}` },
  { Effect: 'Allow', Action: 'iot:Publish', Resource: `topic/dt/${me}/*` },
  { Effect: 'Allow', Action: 'iot:Subscribe', Resource: `topicfilter/cmd/${me}/*` },
  { Effect: 'Allow', Action: 'iot:Receive', Resource: `topic/cmd/${me}/*` },
] as const

/** The document of the hub's own policy, as long as nobody replaced it. */
export const defaultPolicyText: string = JSON.stringify({ Version: '2012-10-17', Statement: defaultStatements }, null, 2)

const ordinaryTree: Readonly<Record<TopicAction, string>> = { publish: 'dt/', subscribe: 'cmd/', receive: 'cmd/' }

/** The default policy for an ordinary topic or filter, on the hot path: the same verdict as `defaultStatements`, which a test compares. */
export function decideTopic(o: { action: TopicAction; topic: string; deviceId: string }): boolean {
  const { action, topic, deviceId } = o
  if (refusedAlways(action, topic)) return false
  const tree = ordinaryTree[action]
  const end = tree.length + deviceId.length
  return (
    deviceId !== '' &&
    topic.startsWith(tree) &&
    topic.startsWith(deviceId, tree.length) &&
    topic[end] === '/' &&
    topic.length > end + 1
  )
}

/** What no policy can grant: the broker's own trees but for messages to a rule by Basic Ingest, shared subscriptions, wildcards where the device should be named, wildcards in a topic name. */
export function refusedAlways(action: TopicAction, topic: string): boolean {
  if (topic === '' || topic.includes('\0')) return true
  if (topic.startsWith('$') && !(action === 'publish' && basicIngestOf(topic)?.rest)) return true
  const wildcard = topic.search(/[#+]/)
  if (wildcard < 0) return false
  if (action !== 'subscribe') return true
  const second = topic.indexOf('/', topic.indexOf('/') + 1)
  return second < 0 || wildcard < second
}
