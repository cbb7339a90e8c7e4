import { actionLimits, type ActionOrder, type ActionResponse, type Attempt, type Webhook } from '../routing/action/action.ts'
import { readRetryAfter, verdictOnStatus } from '../routing/action/retry.ts'

/** What is kept of the body of an answer. */
const responseBytes = 262_144
const mostRedirects = 3

/** By this header a receiver knows a message that it has seen: each is sent at least once. */
export const idempotencyHeader = 'idempotency-key'

/**
 * One try of a webhook. Redirects that keep the request as it is (307, 308) are followed on the same host, and no others. Never rejects; what it says names no more of
 * the address than its host.
 */
export async function sendWebhook(
  action: Webhook,
  order: ActionOrder,
  { signal, now }: { signal: AbortSignal; now: number },
): Promise<Attempt> {
  const timeoutMs = Math.max(1, Math.min(order.timeoutMs ?? actionLimits.timeoutMs, actionLimits.mostTimeoutMs))
  // Not AbortSignal.any: it keeps a long-lived signal's dependents for as long as that lives
  const ends = new AbortController()
  const timer = setTimeout(() => ends.abort(new DOMException('', 'TimeoutError')), timeoutMs)
  const end = (): void => ends.abort()
  signal.addEventListener('abort', end)
  if (signal.aborted) end()
  let origin = ''
  try {
    let url = new URL(action.url)
    origin = url.origin
    for (let redirects = 0; ; redirects++) {
      const response = await request(url, action, order, ends.signal)
      const next = redirects < mostRedirects ? redirectOf(response, url) : undefined
      if (!next) return await attemptOf(response, origin, now)
      await response.body?.cancel()
      url = next
    }
  } catch (error) {
    return failureOf(error, { origin, timeoutMs, aborted: signal.aborted })
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', end)
  }
}

function request(url: URL, action: Webhook, { id, original }: ActionOrder, signal: AbortSignal): Promise<Response> {
  const { method, headers, secret, body = original.payload } = action
  const sent = new Headers({ 'content-type': 'application/json', ...(id !== undefined && { [idempotencyHeader]: id }) })
  if (body === null) sent.delete('content-type')
  for (const [name, value] of Object.entries({ ...headers, ...secret })) sent.set(name, value)
  return fetch(url, { method, headers: sent, redirect: 'manual', signal, ...(body !== null && { body: Buffer.from(body) }) })
}

function redirectOf({ status, headers }: Response, from: URL): URL | undefined {
  if (status !== 307 && status !== 308) return undefined
  const location = headers.get('location') ?? ''
  if (!URL.canParse(location, from)) return undefined
  const to = new URL(location, from)
  return to.origin === from.origin ? to : undefined
}

async function attemptOf(response: Response, origin: string, now: number): Promise<Attempt> {
  const { status } = response
  const verdict = verdictOnStatus(status)
  if (verdict === 'done') return { ok: true, response: await responseOf(response) }
  await response.body?.cancel()
  const retryAfterMs = readRetryAfter(response.headers.get('retry-after'), now)
  const why = status >= 300 && status < 400 ? 'leads elsewhere' : 'answered'
  return {
    ok: false,
    kind: verdict,
    code: 'ROUTE_ACTION',
    message: `${origin} ${why} with status ${status}`,
    status,
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  }
}

async function responseOf({ status, headers, body }: Response): Promise<ActionResponse> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  if (body)
    for await (const chunk of body) {
      chunks.push(chunk.subarray(0, responseBytes - bytes))
      bytes += chunk.byteLength
      if (bytes > responseBytes) break
    }
  return {
    status,
    headers: Object.fromEntries(headers),
    body: Buffer.concat(chunks),
    ...(bytes > responseBytes && { truncated: true as const }),
  }
}

function failureOf(error: unknown, o: { origin: string; timeoutMs: number; aborted: boolean }): Attempt {
  const { name, cause } = error as { name?: string; cause?: { code?: unknown } }
  const failed = (kind: 'transient' | 'final', message: string): Attempt => ({ ok: false, kind, code: 'ROUTE_ACTION', message })
  if (!o.origin) return failed('final', 'the address is none')
  if (o.aborted) return failed('transient', `${o.origin}: the hub is stopping`)
  if (name === 'TimeoutError') return failed('transient', `${o.origin} did not answer within ${o.timeoutMs} ms`)
  // fetch speaks of a connection through its cause; what has none is the request's own fault, such as a header that no request may have.
  const { code } = cause ?? {}
  if (cause === undefined) return failed('final', `a request to ${o.origin} cannot be made so`)
  return failed('transient', `${o.origin} cannot be reached${typeof code === 'string' ? ` (${code})` : ''}`)
}
