import type { Classified, FilterRuling } from '../dialect.ts'
import { longerThan, topicLimits } from '../limits.ts'
import { readBag } from './bag.ts'

const TREE = 'devices/'

/** The device whose tree a topic or filter names; undefined: none, or more than one. */
export function deviceIn(topic: string): string | undefined {
  if (!topic.startsWith(TREE)) return undefined
  const end = topic.indexOf('/', TREE.length)
  const device = end < 0 ? '' : topic.slice(TREE.length, end)
  return device && !/[+#]/.test(device) ? device : undefined
}

/** What a gateway may publish in the tree of a device behind it: some of what the device may (`found`), and that it is there. */
export function leafPublish(topic: string, found: Classified): Classified {
  if (found.kind === 'telemetry') return found
  if (found.kind === 'request' && (found.operation.startsWith('twin.') || found.operation === 'method.answer')) return found
  const [, said] = PRESENCE.exec(topic) ?? []
  if (said !== undefined && !longerThan(topic, topicLimits.bytes))
    return { kind: 'request', dialect: 'plain', operation: `${presenceArea}${said}`, topic }
  return { kind: 'denied', reason: 'nothing that a gateway sends for its devices' }
}

/** What a gateway says of a device behind it; undefined: another request. */
export function readPresence({ operation, topic }: { operation: string; topic: string }) {
  if (!operation.startsWith(presenceArea)) return undefined
  const bagAt = topic.indexOf('/?')
  const { reason } = readBag(bagAt < 0 ? '' : topic.slice(bagAt + 2)).properties
  return { online: operation === `${presenceArea}online`, ...(reason && { reason: reason.slice(0, mostReason) }) }
}

const presenceArea = 'presence.'
const PRESENCE = /^devices\/[^/]+\/presence\/(online|offline)(?:\/\?.*)?$/s
const mostReason = 128
const heard = /^(?:twin\..*|methods|inbox)$/

/** Of what a device may hear in its tree, what a gateway may for it: twins, methods, messages. */
export function leafFilter(ruling: FilterRuling): FilterRuling {
  if (ruling.kind !== 'granted') return { kind: 'denied', reason: 'nothing that a gateway hears for its devices' }
  const [feature, ...more] = (ruling.features ?? [ruling.feature]).filter(name => heard.test(name))
  if (feature === undefined) return { kind: 'denied', reason: 'nothing that a gateway hears for its devices' }
  return { kind: 'granted', feature, features: [feature, ...more] }
}
