import { codes } from '../../errors.ts'
import { nameOfPlain } from '../../twin/names.ts'
import { readOwnRequest } from './provision.ts'
import { empty, type HttpDialect, type HttpOperation, json, type PolicyQuestion, segmentsOf } from '../http.ts'

/** Our own paths: `/v1/devices/{id}/telemetry[/{stream}]?{bag}`, `/v1/bootstrap`, `/v1/provision` and, by their names, what twins and the inbox will answer. */
export const plainHttp: HttpDialect = {
  name: 'plain',
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
    if (subject === 'twin') return twinOperation(deviceId, method, rest, query)
    const asks: PolicyQuestion[] = [{ action: 'Subscribe', name: `devices/${deviceId}/inbox/#` }]
    if (subject === 'inbox' && method === 'GET' && rest.length === 0)
      return { ...at, kind: 'request', operation: 'inbox.read', asks }
    if (subject === 'inbox' && method === 'POST' && rest.length === 2)
      return { ...at, kind: 'request', operation: `inbox.${rest[1]}`, name: rest[0]!, asks }
    return undefined
  },
  accepted: () => empty(204),
  refused: ({ code, message, hint }) => json(codes[code][0], { error: { code, message, ...(hint && { hint }) } }),
}

function twinOperation(deviceId: string, method: string, rest: readonly string[], query: string): HttpOperation | undefined {
  const verb =
    method === 'GET' && rest.length === 0
      ? 'get'
      : method === 'PATCH' && rest.length === 1 && rest[0] === 'reported'
        ? 'report'
        : undefined
  if (verb === undefined) return undefined
  const name = new URLSearchParams(query).get('name') || undefined
  const twin = name === undefined ? 'twin' : `twins/${nameOfPlain(name)}`
  const asks: PolicyQuestion[] = [{ action: 'Publish', name: `devices/${deviceId}/${twin}/${verb}` }]
  return { family: 'thing', deviceId, kind: 'request', operation: `twin.${verb}`, ...(name !== undefined && { name }), asks }
}
