import { codes } from '../../errors.ts'
import { type HttpAnswer, type HttpDialect, type HttpOperation, json, segmentsOf } from '../http.ts'

const shadowVerbs: Readonly<Record<string, string>> = { GET: 'twin.get', POST: 'twin.update', DELETE: 'twin.delete' }

/** AWS IoT's data plane over HTTPS: publish to a topic, shadows, jobs. */
export const awsHttp: HttpDialect = {
  read({ method, path, query, headers, body }): HttpOperation | undefined {
    const segments = segmentsOf(path)
    if (!segments) return undefined
    const [first, second = '', third, ...rest] = segments
    if (first === 'topics' && method === 'POST' && second) {
      const topic = segments.slice(1).join('/')
      const asked = new URLSearchParams(query)
      const type = asked.get('contentType') ?? typeOf(headers['content-type'])
      const message = {
        topic,
        payload: body,
        qos: asked.get('qos') === '1' ? (1 as const) : (0 as const),
        ...(type && { contentType: type }),
      }
      return { family: 'thing', kind: 'publish', messages: [message] }
    }
    if (first === 'things' && second) {
      const at = { family: 'thing', deviceId: second, kind: 'request' } as const
      if (third === 'shadow' && rest.length === 0 && Object.hasOwn(shadowVerbs, method)) {
        const name = new URLSearchParams(query).get('name')
        return { ...at, operation: shadowVerbs[method]!, ...(name && { name }) }
      }
      if (third === 'jobs') return jobOf(at, method, rest)
    }
    const listed = first === 'api' && second === 'things' && third === 'shadow' && rest[0] === 'ListNamedShadowsForThing'
    if (listed && method === 'GET' && rest.length === 2)
      return { family: 'thing', deviceId: rest[1]!, kind: 'request', operation: 'twin.names' }
    return undefined
  },
  accepted: traceId => json(200, { message: 'OK', traceId }),
  refused({ code, message }, { traceId }): HttpAnswer {
    const status = codes[code][0]
    if (status === 401 || status === 403) return json(403, { message: 'Forbidden', traceId })
    return json(status, { code: status, message, traceId })
  },
}

/** AWS takes no notice of the header, and the usual clients put that of a form there unasked. */
const typeOf = (header: string | undefined): string | undefined =>
  /^application\/x-www-form-urlencoded/i.test(header ?? '') ? undefined : header

function jobOf(
  at: { family: 'thing'; deviceId: string; kind: 'request' },
  method: string,
  [job, ...more]: string[],
): HttpOperation | undefined {
  if (more.length) return undefined
  if (job === undefined) return method === 'GET' ? { ...at, operation: 'jobs.list' } : undefined
  if (method === 'GET') return { ...at, operation: 'jobs.describe', name: job }
  if (method === 'PUT' && job === '$next') return { ...at, operation: 'jobs.startNext' }
  return method === 'POST' ? { ...at, operation: 'jobs.update', name: job } : undefined
}
