import type { Envelope } from '../../telemetry/envelope.ts'
import { rawValue } from '../bag.ts'
import type { Classified, Dialect, FilterRuling, InboundBytes } from '../dialect.ts'
import { longerThan, topicLimits } from '../limits.ts'
import { headersOf, propertiesOf } from './bag.ts'
import { errorBody, twinForm } from './errors.ts'

type Me = Parameters<Dialect['classify']>[1]

const DEVICES = 'devices/'
const HUB = '$iothub/'
const EVENTS = 'messages/events'
const TWIN_GET = '$iothub/twin/GET/?'
const TWIN_REPORT = '$iothub/twin/PATCH/properties/reported/?'
const METHOD_ANSWER = '$iothub/methods/res/'
const hubFilters: ReadonlyMap<string, string> = new Map([
  ['$iothub/twin/res/#', 'twin.answer'],
  ['$iothub/twin/PATCH/properties/desired/#', 'twin.desired'],
  ['$iothub/methods/POST/#', 'methods'],
])

/** Azure IoT Hub: telemetry with property bags; twin and method requests by name. A module speaks under its own path only. */
export const azure: Dialect = {
  name: 'azure',

  classify(topic, me) {
    if (topic.startsWith(DEVICES)) return ofDevices(topic, me)
    if (topic.startsWith(HUB)) return ofHub(topic)
    return topic.startsWith('$dps/') ? denied('provisioning needs a connection of its own') : undefined
  },

  filter(filter, me): FilterRuling | undefined {
    const feature = hubFilters.get(filter)
    if (feature !== undefined) return { kind: 'granted', feature }
    if (filter.startsWith(HUB) || filter.startsWith('$dps')) return denied('no filter of a device')
    if (!filter.startsWith(DEVICES)) return undefined
    const own = `${DEVICES}${me.deviceId}/`
    if (me.module !== undefined && filter === `${own}modules/${me.module}/inputs/#`) return { kind: 'unsupported' }
    if (me.module === undefined && filter === `${own}messages/devicebound/#`) return { kind: 'granted', feature: 'inbox' }
    return denied('no filter of this device')
  },

  refuse({ operation, rid = '' }, _payload, { code, message }, now) {
    if (!operation.startsWith('twin.')) return undefined
    const [status, errorCode] = twinForm(code)
    return { topic: `$iothub/twin/res/${status}/?$rid=${rid}`, payload: errorBody(errorCode, message, rid, now), qos: 0 }
  },
}

function ofDevices(topic: string, { deviceId, module }: Me): Classified {
  let at = DEVICES.length
  if (!topic.startsWith(deviceId, at) || topic[at + deviceId.length] !== '/') return denied('the topic names another device')
  at += deviceId.length + 1
  if (module !== undefined) {
    const own = `modules/${module}/`
    if (!topic.startsWith(own, at)) return denied('a module publishes under its own path only')
    at += own.length
  }
  if (!topic.startsWith(EVENTS, at)) return denied('a device publishes to its events topic only')
  const end = at + EVENTS.length
  if (topic.length > end && topic[end] !== '/') return denied('a device publishes to its events topic only')
  if (longerThan(topic, topicLimits.bagBytes)) return denied(`topic longer than ${topicLimits.bagBytes} bytes`)
  return { kind: 'telemetry', dialect: 'azure', route: false, envelope: inbound => envelopeOf(inbound, end) }
}

/** `end`: where the topic proper ends and `/`, the bag and perhaps another `/` follow. */
function envelopeOf({ topic, payload, qos, retain, will, deviceId, module }: InboundBytes, end: number): Envelope {
  const from = topic[end + 1] === '?' ? end + 2 : end + 1
  const found = propertiesOf(topic.slice(from, topic.endsWith('/') ? -1 : undefined))
  const { properties, system } = found
  if (will) properties['iothub-MessageType'] = 'Will'
  if (retain) properties['mqtt-retain'] = 'true'
  return {
    deviceId,
    ...(module !== undefined && { module }),
    ...headersOf(found),
    body: payload,
    properties,
    system,
    topic: topic.slice(0, end),
    qos,
    will,
    dialect: 'azure',
  }
}

function ofHub(topic: string): Classified {
  if (longerThan(topic, topicLimits.bagBytes)) return denied(`topic longer than ${topicLimits.bagBytes} bytes`)
  if (topic.startsWith(TWIN_GET)) return request('twin.get', topic, TWIN_GET.length)
  if (topic.startsWith(TWIN_REPORT)) return request('twin.report', topic, TWIN_REPORT.length)
  if (topic.startsWith(METHOD_ANSWER)) {
    const end = topic.indexOf('/?', METHOD_ANSWER.length)
    const status = end < 0 ? '' : topic.slice(METHOD_ANSWER.length, end)
    if (/^-?\d{1,9}$/.test(status) && Number(status) !== 0) return request('method.answer', topic, end + 2)
  }
  return denied('no topic of a device')
}

function request(operation: string, topic: string, bagAt: number): Classified {
  const rid = rawValue(topic.slice(bagAt), '$rid')
  return { kind: 'request', dialect: 'azure', operation, ...(rid !== undefined && { rid }), topic }
}

const denied = (reason: string) => ({ kind: 'denied', reason }) as const
