import { basicIngestOf } from '../../routing/basic-ingest.ts'
import { type Classified, type Dialect, type FilterRuling, rulingOf } from '../dialect.ts'
import { topicFault } from '../limits.ts'
import { provisioningRequest, rulingOfAnswers } from './claim.ts'
import { rulingOfEvents } from './events.ts'
import { thingFeatures } from './features.ts'
import { refusalOf } from './refusal.ts'
import { type AwsRequest, thingRequest } from './requests.ts'

const TREE = '$aws/'
const THINGS = '$aws/things/'
const RULES = '$aws/rules/'

/** AWS IoT Core: reserved topics of things; all other topics are ordinary ones that policy decides. */
export const aws: Dialect = {
  name: 'aws',

  classify(topic, { deviceId }): Classified | undefined {
    if (!topic.startsWith(TREE)) return undefined
    // Policy decides on Basic Ingest
    if (topic.startsWith(RULES)) return basicIngestOf(topic)?.rest ? undefined : denied('a rule and a topic belong there')
    const fault = topicFault(topic)
    if (fault) return denied(fault)
    const found = requestOf(topic, deviceId)
    return found ? { kind: 'request', dialect: 'aws', ...found, topic } : denied('no topic that this device may publish')
  },

  filter(filter, { deviceId }) {
    if (!filter.startsWith(TREE)) return undefined
    const own = `${THINGS}${deviceId}/`
    if (deviceId && filter.startsWith(own)) return thingRuling(filter.slice(own.length).split('/'))
    return rulingOfAnswers(filter) ?? rulingOfEvents(filter) ?? denied('no filter of this device')
  },

  refuse: refusalOf,
}

/** Jobs and streams are not offered: a filter that hears of nothing else is refused. */
const thingRuling = (levels: readonly string[]): FilterRuling =>
  rulingOf(thingFeatures(levels), () => true) ?? { kind: 'unsupported' }

function requestOf(topic: string, deviceId: string): AwsRequest | undefined {
  if (!topic.startsWith(THINGS)) return provisioningRequest(topic)
  const at = THINGS.length + deviceId.length
  if (!deviceId || !topic.startsWith(deviceId, THINGS.length) || topic[at] !== '/') return undefined
  return thingRequest(topic.slice(at + 1).split('/'))
}

const denied = (reason: string) => ({ kind: 'denied', reason }) as const
