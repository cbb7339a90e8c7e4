import { codes } from '../../errors.ts'
import { readOwnRequest } from './provision.ts'
import { empty, type HttpDialect, type HttpOperation, json, segmentsOf } from '../http.ts'

/** Our own paths: `/v1/devices/{id}/telemetry[/{stream}]?{bag}`, `/v1/bootstrap`, `/v1/provision` and, by their names, what twins and the inbox will answer. */
export const plainHttp: HttpDialect = {
  read({ method, path, query, body, headers }): HttpOperation | undefined {
    const [version, devices, deviceId = '', subject, ...rest] = segmentsOf(path) ?? []
    if (path === '/v1/bootstrap' && method === 'GET') return { family: 'thing', kind: 'seek', operation: 'bootstrap.get' }
    if (path === '/v1/provision' && method === 'POST')
      return { family: 'thing', kind: 'seek', operation: 'provision', request: readOwnRequest(body) }
    if (version !== 'v1' || devices !== 'devices' || !deviceId) return undefined
    const at = { family: 'thing', deviceId } as const
    if (subject === 'telemetry' && rest.length <= 1 && method === 'POST') {
      const stream = rest[0] ? `/${rest[0]}` : ''
      const type = headers['content-type']
      const bag = [type && !/(^|&)ct=/.test(query) ? `ct=${encodeURIComponent(type)}` : '', query].filter(Boolean).join('&')
      const topic = `devices/${deviceId}/telemetry${stream}${bag && `/?${bag}`}`
      return { ...at, kind: 'publish', messages: [{ topic, payload: body, qos: 1 }] }
    }
    if (subject === 'twin' && method === 'GET' && rest.length === 0) return { ...at, kind: 'request', operation: 'twin.get' }
    if (subject === 'twin' && method === 'PATCH' && rest[0] === 'reported' && rest.length === 1)
      return { ...at, kind: 'request', operation: 'twin.report' }
    if (subject === 'inbox' && method === 'GET' && rest.length === 0) return { ...at, kind: 'request', operation: 'inbox.read' }
    if (subject === 'inbox' && method === 'POST' && rest.length === 2)
      return { ...at, kind: 'request', operation: `inbox.${rest[1]}`, name: rest[0]! }
    return undefined
  },
  accepted: () => empty(204),
  refused: ({ code, message, hint }) => json(codes[code][0], { error: { code, message, ...(hint && { hint }) } }),
}
