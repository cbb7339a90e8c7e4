import { codes, type ErrorCode, LoomError } from '../../errors.ts'
import { encodeBag } from '../bag.ts'
import {
  empty,
  type HttpDialect,
  type HttpMessage,
  type HttpOperation,
  type HttpRequest,
  json,
  type PolicyQuestion,
  segmentsOf,
} from '../http.ts'
import { errorBody, twinForm } from './errors.ts'

const batchType = 'application/vnd.microsoft.iothub.json'
const maxBatchBytes = 262_144
const maxBatch = 500
const appPrefix = 'iothub-app-'
/** Header -> system property of the same meaning in a topic's bag. */
const systemHeaders: Readonly<Record<string, string>> = {
  'iothub-messageid': '$.mid',
  'iothub-correlationid': '$.cid',
  'iothub-userid': '$.uid',
  'iothub-to': '$.to',
  'iothub-expiry': '$.exp',
  'content-type': '$.ct',
  'content-encoding': '$.ce',
}

/** Azure IoT Hub over HTTPS: device-to-cloud messages alone or in batches; cloud-to-device messages by their names. */
export const azureHttp: HttpDialect = {
  name: 'azure',
  read(request): HttpOperation | undefined {
    const segments = segmentsOf(request.path)
    const [devices, deviceId = '', messages, kind = '', token, verb, ...rest] = segments ?? []
    if (devices?.toLowerCase() !== 'devices' || !deviceId || messages?.toLowerCase() !== 'messages' || rest.length)
      return undefined
    const at = { family: 'iothub', deviceId } as const
    const asks = inboxQuestions(deviceId)
    if (kind.toLowerCase() === 'events' && token === undefined && request.method === 'POST')
      return { ...at, kind: 'publish', messages: messagesOf(deviceId, request) }
    if (kind.toLowerCase() !== 'devicebound') return undefined
    if (request.method === 'GET' && token === undefined) return { ...at, kind: 'request', operation: 'inbox.read', asks }
    if (request.method === 'DELETE' && token && verb === undefined)
      return {
        ...at,
        kind: 'request',
        operation: /(^|&)reject/.test(request.query) ? 'inbox.reject' : 'inbox.complete',
        name: token,
        asks,
      }
    if (request.method === 'POST' && token && verb?.toLowerCase() === 'abandon')
      return { ...at, kind: 'request', operation: 'inbox.abandon', name: token, asks }
    return undefined
  },
  accepted: () => empty(204),
  refused({ code, message }, { traceId, now }) {
    const [status, errorCode] = twinForm(code)
    // A topic answers 400 or 500 where HTTP has a status of its own.
    const http =
      errorCode === 401003 ? 401 : errorCode === 403002 ? 403 : errorCode === 404001 ? 404 : (serverStatus(code) ?? status)
    return { ...json(http, {}), body: errorBody(errorCode, message, traceId, now) }
  },
}

const inboxQuestions = (deviceId: string): PolicyQuestion[] => [
  { action: 'Subscribe', name: `devices/${deviceId}/messages/devicebound/#` },
]

const serverStatus = (code: ErrorCode): number | undefined => (codes[code][0] > 500 ? codes[code][0] : undefined)

function messagesOf(deviceId: string, { headers, body }: HttpRequest): HttpMessage[] {
  const topicOf = (properties: Record<string, string>) => {
    const bag = encodeBag(properties)
    return `devices/${deviceId}/messages/events/${bag}`
  }
  if (
    /^([^;]*)/
      .exec(headers['content-type'] ?? '')![1]!
      .trim()
      .toLowerCase() === batchType
  )
    return batchOf(body).map(({ payload, properties }) => ({ topic: topicOf(properties), payload, qos: 1 }))
  const properties: Record<string, string> = {}
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined) continue
    if (name.startsWith(appPrefix)) properties[name.slice(appPrefix.length)] = value
    else if (Object.hasOwn(systemHeaders, name)) properties[systemHeaders[name]!] = value
  }
  return [{ topic: topicOf(properties), payload: body, qos: 1 }]
}

const wrong = (what: string) =>
  new LoomError('REQUEST_INVALID', what, {
    hint: 'a batch is [{"body": base64, "base64Encoded": true, "properties": {"iothub-app-k": "v"}}, ..], 1 to 500 of them',
  })

function batchOf(body: Uint8Array): { payload: Uint8Array; properties: Record<string, string> }[] {
  if (body.length > maxBatchBytes)
    throw new LoomError('BROKER_PACKET_TOO_LARGE', `a batch of ${body.length} bytes, at most ${maxBatchBytes}`)
  let list: unknown
  try {
    list = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body))
  } catch {
    throw wrong('the batch is not JSON')
  }
  if (!Array.isArray(list) || list.length === 0 || list.length > maxBatch) throw wrong('the batch')
  return list.map((item: unknown, at) => {
    const { body: text, base64Encoded = true, properties = {} } = (item ?? {}) as Record<string, unknown>
    if (typeof text !== 'string' || typeof base64Encoded !== 'boolean') throw wrong(`item ${at}: body`)
    if (base64Encoded && !/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text))
      throw wrong(`item ${at}: body is no base64`)
    if (typeof properties !== 'object' || properties === null || Array.isArray(properties)) throw wrong(`item ${at}: properties`)
    const named: [string, string][] = Object.entries(properties).map(([name, value]) => {
      if (typeof value !== 'string') throw wrong(`item ${at}: property ${name.slice(0, 60)}`)
      const lower = name.toLowerCase()
      if (lower.startsWith(appPrefix)) return [name.slice(appPrefix.length), value]
      return [Object.hasOwn(systemHeaders, lower) ? systemHeaders[lower]! : name, value]
    })
    return { payload: Buffer.from(text, base64Encoded ? 'base64' : 'utf8'), properties: Object.fromEntries(named) }
  })
}
