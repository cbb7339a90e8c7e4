import { codes } from '../../errors.ts'
import type { Envelope } from '../../telemetry/envelope.ts'
import { rawValue } from '../bag.ts'
import { type Classified, type Dialect, type InboundBytes, rulingOf, type WireAnswer } from '../dialect.ts'
import { longerThan, topicLimits } from '../limits.ts'
import { readBag } from './bag.ts'
import { answerTopic, bootstrapGet } from './bootstrap.ts'
import { plainFeatures } from './features.ts'

const TREE = 'devices/'
const TELEMETRY = 'telemetry'
const NAME = /^[A-Za-z0-9_.-]{1,64}$/
const statuses: ReadonlySet<number> = new Set([400, 403, 404, 409, 413, 429])

/** Plain MQTT: one tree `devices/{id}` per device, headers as a bag `/?k=v&..` at the end of the topic. */
export const plain: Dialect = {
  name: 'plain',

  classify(topic, { deviceId }) {
    if (!topic.startsWith(TREE)) return undefined
    const at = ownFrom(topic, deviceId)
    if (at < 0) return denied('the topic names another device')
    if (longerThan(topic, topicLimits.bytes)) return denied(`topic longer than ${topicLimits.bytes} bytes`)
    return topic.startsWith(TELEMETRY, at) ? telemetry(topic, at + TELEMETRY.length) : request(topic, at)
  },

  filter(filter, { deviceId }) {
    if (!filter.startsWith(TREE)) return undefined
    const at = ownFrom(filter, deviceId)
    if (at < 0) return denied('the filter reaches beyond this device')
    return rulingOf(plainFeatures(filter.slice(at).split('/')), () => true) ?? denied('nothing is sent to devices there')
  },

  refuse({ operation, topic, rid }, _payload, { code, message }): WireAnswer | undefined {
    if (!operation.startsWith('twin.') && operation !== bootstrapGet) return undefined
    const status = codes[code][0]
    const payload = JSON.stringify({ status: statuses.has(status) ? status : 500, code, message })
    return { topic: answerTopic(topic, rid), payload, qos: 1 }
  },
}

/** Where the part after `devices/{id}/` begins, or -1. */
function ownFrom(topic: string, deviceId: string): number {
  const at = TREE.length + deviceId.length
  return deviceId && topic.startsWith(deviceId, TREE.length) && topic[at] === '/' ? at + 1 : -1
}

/** `end`: behind the word, where nothing, a stream and a bag may follow. */
function telemetry(topic: string, end: number): Classified {
  if (topic.length === end) return { kind: 'telemetry', dialect: 'plain', route: true, envelope: bare }
  if (topic[end] !== '/') return denied('no topic of the device tree')
  const bagAt = topic.indexOf('/?', end)
  const stream = bagAt === end ? '' : topic.slice(end + 1, bagAt < 0 ? undefined : bagAt)
  if (bagAt !== end && !NAME.test(stream)) return denied('a stream name is 1 to 64 of A-Z a-z 0-9 _ . -')
  return { kind: 'telemetry', dialect: 'plain', route: true, envelope: at => envelopeOf(at, stream, bagAt) }
}

const bare = (at: InboundBytes): Envelope => envelopeOf(at, '', -1)

function envelopeOf(
  { topic, payload, qos, retain, will, deviceId, module }: InboundBytes,
  stream: string,
  bagAt: number,
): Envelope {
  const { headers, properties } =
    bagAt < 0 ? { headers: {}, properties: {} as Record<string, string> } : readBag(topic.slice(bagAt + 2))
  if (retain) properties['mqtt-retain'] = 'true'
  return {
    deviceId,
    ...(module !== undefined && { module }),
    stream,
    body: payload,
    ...headers,
    properties,
    system: {},
    topic: bagAt < 0 ? topic : topic.slice(0, bagAt),
    qos,
    will,
    dialect: 'plain',
  }
}

function request(topic: string, at: number): Classified {
  const bagAt = topic.indexOf('/?', at)
  const levels = topic.slice(at, bagAt < 0 ? undefined : bagAt).split('/')
  const [first, second = '', third = ''] = levels
  if (first === 'twin' && levels.length === 2) return twinRequest(topic, bagAt, second)
  if (first === 'bootstrap' && second === 'get' && levels.length === 2) {
    const rid = bagAt < 0 ? undefined : rawValue(topic.slice(bagAt + 2), 'rid')
    return { kind: 'request', dialect: 'plain', operation: bootstrapGet, ...(rid && { rid }), topic }
  }
  if (first === 'twins' && levels.length === 3 && NAME.test(second)) return twinRequest(topic, bagAt, third, second)
  const answer = first === 'commands' && levels.length === 4 && levels[3] === 'answer' && NAME.test(second) && third !== ''
  if (answer) return { kind: 'request', dialect: 'plain', operation: 'method.answer', name: second, rid: third, topic }
  return denied('no topic that a device publishes')
}

function twinRequest(topic: string, bagAt: number, verb: string, name?: string): Classified {
  if (verb !== 'get' && verb !== 'report') return denied('a twin takes get and report')
  const rid = bagAt < 0 ? undefined : rawValue(topic.slice(bagAt + 2), 'rid')
  const operation = `twin.${verb}`
  return { kind: 'request', dialect: 'plain', operation, ...(name !== undefined && { name }), ...(rid && { rid }), topic }
}

const denied = (reason: string) => ({ kind: 'denied', reason }) as const
