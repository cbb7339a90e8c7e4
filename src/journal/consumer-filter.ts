import { LoomError } from '../errors.ts'
import { topicMatches, validTopicFilter } from '../telemetry/topic.ts'
import { type ConsumerFilter, flags, kinds, replayFor } from './journal-port.ts'
import { propsOf, type TailRow } from './pending-record.ts'

type Wanted = (row: Pick<TailRow, 'kind' | 'flags' | 'device' | 'topic' | 'props' | 'parsed'>) => boolean

/**
 * The filter as a function, an absent or empty list letting all through, cheapest tests first: properties are parsed only for `streams`. A replayed dead letter goes to the consumer it names, whatever
 * the filter says, and to no other. REQUEST_INVALID for a topic filter that is not well formed.
 */
export function consumerFilter(name: string, filter: ConsumerFilter = {}): Wanted {
  const wrong = filter.topics?.find(topic => !validTopicFilter(topic))
  if (wrong !== undefined)
    throw new LoomError('REQUEST_INVALID', `topic filter "${wrong.slice(0, 100)}"`, {
      hint: '+ fills a level, # is the last one',
    })
  const wantedKinds = new Set<number>(filter.kinds?.length ? filter.kinds : [kinds.message, kinds.injected])
  const devices = filter.devices?.length ? new Set(filter.devices) : undefined
  const streams = filter.streams?.length ? new Set(filter.streams) : undefined
  const exact = filter.topics?.length ? new Set(filter.topics.filter(topic => !/[+#]/.test(topic))) : undefined
  const patterns = filter.topics?.filter(topic => /[+#]/.test(topic)) ?? []

  return row => {
    if (row.flags & flags.replay) return propsOf(row as TailRow).s[replayFor] === name
    if (filter.only || !wantedKinds.has(row.kind)) return false
    if (devices && !devices.has(row.device)) return false
    if (exact && !exact.has(row.topic) && !patterns.some(pattern => topicMatches(pattern, row.topic))) return false
    return !streams || streams.has(propsOf(row as TailRow).e.stream ?? '')
  }
}
