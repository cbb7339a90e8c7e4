import { codes, errorOf } from '../../errors.ts'
import type { PolicyAction } from '../../identity/policy-actions.ts'
import { nameOfShadow } from '../../twin/names.ts'
import { toAwsRejected } from '../../twin/shadow-error.ts'
import { type HttpAnswer, type HttpDialect, type HttpOperation, json, segmentsOf } from '../http.ts'
import { clientTokenOf } from './client-token.ts'

const shadowVerbs = new Map<string, readonly [verb: string, action: PolicyAction]>([
  ['GET', ['get', 'GetThingShadow']],
  ['POST', ['update', 'UpdateThingShadow']],
  ['DELETE', ['delete', 'DeleteThingShadow']],
])
/** What the service of shadows has texts for. */
const shadowStatuses: ReadonlySet<number> = new Set([400, 404, 409, 413, 415, 429, 500])

/** AWS IoT's data plane over HTTPS: publish to a topic, shadows, jobs. */
export const awsHttp: HttpDialect = {
  name: 'aws',
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
      if (third === 'shadow' && rest.length === 0) return shadowOf(at, method, query)
      if (third === 'jobs') return jobOf(at, method, rest)
    }
    const listed = first === 'api' && second === 'things' && third === 'shadow' && rest[0] === 'ListNamedShadowsForThing'
    if (listed && method === 'GET' && rest.length === 2) {
      const thing = rest[1]!
      // over MQTT each is asked for by its name
      const asks = [
        { action: 'Publish', name: `$aws/things/${thing}/shadow/get` },
        { action: 'ListNamedShadowsForThing', name: thing },
      ] as const
      return { family: 'thing', deviceId: thing, kind: 'request', operation: 'twin.names', asks: [...asks] }
    }
    return undefined
  },
  accepted: traceId => json(200, { message: 'OK', traceId }),
  refused(error, { traceId, now, asked }): HttpAnswer {
    const { code, message } = error
    const status = codes[code][0]
    if (status === 401 || status === 403) return json(403, { message: 'Forbidden', traceId })
    if (asked?.operation.kind === 'request' && asked.operation.operation.startsWith('twin.') && shadowStatuses.has(status)) {
      const { deviceId = '', name } = asked.operation
      const clientToken = clientTokenOf(asked.body)
      const context = { now, thing: deviceId, ...(clientToken !== undefined && { clientToken }) }
      return json(status, toAwsRejected(errorOf(error), { ...context, ...(name !== undefined && { shadow: name }) }))
    }
    return json(status, { code: status, message, traceId })
  },
}

/** AWS takes no notice of the header, and the usual clients put that of a form there unasked. */
const typeOf = (header: string | undefined): string | undefined =>
  /^application\/x-www-form-urlencoded/i.test(header ?? '') ? undefined : header

interface OfThing {
  family: 'thing'
  deviceId: string
  kind: 'request'
}

function shadowOf(at: OfThing, method: string, query: string): HttpOperation | undefined {
  const found = shadowVerbs.get(method)
  if (!found) return undefined
  const [verb, action] = found
  const { deviceId } = at
  const name = new URLSearchParams(query).get('name') || undefined
  nameOfShadow(name)
  const [shadow, resource] = name === undefined ? ['', deviceId] : [`/name/${name}`, `${deviceId}/${name}`]
  const asks = [
    { action: 'Publish' as const, name: `$aws/things/${deviceId}/shadow${shadow}/${verb}` },
    { action, name: resource },
  ]
  return { ...at, operation: `twin.${verb}`, ...(name !== undefined && { name }), asks }
}

function jobOf(at: OfThing, method: string, [job, ...more]: string[]): HttpOperation | undefined {
  if (more.length) return undefined
  const { deviceId } = at
  const asks = (topic: string, action: PolicyAction) => [
    { action: 'Publish' as const, name: `$aws/things/${deviceId}/jobs/${topic}` },
    { action, name: deviceId },
  ]
  if (job === undefined)
    return method === 'GET' ? { ...at, operation: 'jobs.list', asks: asks('get', 'GetPendingJobExecutions') } : undefined
  if (method === 'GET') return { ...at, operation: 'jobs.describe', name: job, asks: asks(`${job}/get`, 'DescribeJobExecution') }
  if (method === 'PUT' && job === '$next')
    return { ...at, operation: 'jobs.startNext', asks: asks('start-next', 'StartNextPendingJobExecution') }
  if (method !== 'POST') return undefined
  return { ...at, operation: 'jobs.update', name: job, asks: asks(`${job}/update`, 'UpdateJobExecution') }
}
