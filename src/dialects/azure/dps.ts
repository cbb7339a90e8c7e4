import { rawValue } from '../bag.ts'
import type { Classified, Dialect } from '../dialect.ts'
import { longerThan, topicLimits } from '../limits.ts'
import { dpsRefusal } from './dps-wire.ts'

const TREE = '$dps/'
const REGISTER = '$dps/registrations/PUT/iotdps-register/?'
const STATUS = '$dps/registrations/GET/iotdps-get-operationstatus/?'
const ANSWERS = '$dps/registrations/res/#'

/** Azure device provisioning: a connection of this family may register and nothing else. */
export const dps: Dialect = {
  name: 'azure',

  classify(topic) {
    if (longerThan(topic, topicLimits.bagBytes)) return denied(`topic longer than ${topicLimits.bagBytes} bytes`)
    if (topic.startsWith(REGISTER)) return request('provisioning.register', topic, REGISTER.length)
    if (topic.startsWith(STATUS)) return request('provisioning.status', topic, STATUS.length)
    return topic.startsWith(TREE) || topic.startsWith('devices/') || topic.startsWith('$iothub/')
      ? denied('no topic of a provisioning connection')
      : undefined
  },

  filter(filter) {
    if (filter === ANSWERS) return { kind: 'granted', feature: 'provisioning' }
    return filter.startsWith(TREE) || filter.startsWith('devices/') || filter.startsWith('$iothub/')
      ? denied('no filter of a provisioning connection')
      : undefined
  },

  refuse: ({ rid = '' }, _payload, error, now) => dpsRefusal(rid, error, now),
}

function request(operation: string, topic: string, bagAt: number): Classified {
  const rid = rawValue(topic.slice(bagAt), '$rid')
  return { kind: 'request', dialect: 'azure', operation, ...(rid !== undefined && { rid }), topic }
}

const denied = (reason: string) => ({ kind: 'denied', reason }) as const
