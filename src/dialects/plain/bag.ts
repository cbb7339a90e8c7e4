import { timeOfText } from '../../telemetry/time.ts'
import { decodeBag, isHubsOwn } from '../bag.ts'

/** Envelope members that a plain topic's bag may say; `rid` and `version` belong to requests and are dropped from telemetry. */
export interface PlainHeaders {
  contentType?: string
  contentEncoding?: string
  messageId?: string
  correlationId?: string
  schema?: string
  time?: number
  seq?: number
}

const texts: ReadonlyMap<string, 'contentType' | 'contentEncoding' | 'messageId' | 'correlationId' | 'schema'> = new Map([
  ['ct', 'contentType'],
  ['ce', 'contentEncoding'],
  ['mid', 'messageId'],
  ['cid', 'correlationId'],
  ['schema', 'schema'],
])

/** Reserved keys become headers, others properties. A `time` or `seq` that cannot be read stays a property, so nothing is lost. */
export function readBag(bag: string): { headers: PlainHeaders; properties: Record<string, string> } {
  const headers: PlainHeaders = {}
  const properties: [string, string][] = []
  for (const pair of decodeBag(bag)) {
    const [key, value] = pair
    const text = texts.get(key)
    if (text) {
      if (value) headers[text] = value
    } else if (key === 'time' || key === 'seq') {
      const number = key === 'time' ? timeOfText(value) : sequenceOf(value)
      if (number === undefined) properties.push(pair)
      else headers[key] = number
    } else if (key !== 'rid' && key !== 'version' && !isHubsOwn(key)) properties.push(pair)
  }
  return { headers, properties: Object.fromEntries(properties) }
}

function sequenceOf(text: string): number | undefined {
  const seq = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN
  return Number.isSafeInteger(seq) ? seq : undefined
}
