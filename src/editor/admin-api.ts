/** Why the admin API did not do what was asked. `position`: offset in a text, or the name of what is wrong in a request. */
export interface Refusal {
  /** HTTP status; 0: Node-RED was not reached */
  status: number
  code: string
  message: string
  hint?: string
  position?: number | string
}

/** What the editor's jQuery does for us: it adds the address of the admin root and the user's token to relative URLs. */
export type Ajax = (settings: {
  url: string
  method: string
  headers: Record<string, string>
  data?: string
  contentType?: string
  dataType: 'text'
  cache: boolean
}) => PromiseLike<string>

export type Query = Readonly<Record<string, string | number | boolean | undefined>>

export interface AdminApi {
  get<T>(path: readonly string[], query?: Query): Promise<T>
  post<T = void>(path: readonly string[], body: object): Promise<T>
  put<T>(path: readonly string[], body: object, etag?: string): Promise<T>
  delete(path: readonly string[], query?: Query, etag?: string): Promise<void>
}

/** The admin API of one hub. Rejects with a Refusal and nothing else. */
export function adminApi({ ajax, hubId }: { ajax: Ajax; hubId: string }): AdminApi {
  const call = async (o: {
    method: string
    path: readonly string[]
    query?: Query
    body?: object
    etag?: string | undefined
  }) => {
    const { method, path, query, body, etag } = o
    try {
      const text = await ajax({
        url: addressOf([hubId, ...path], query),
        method,
        headers: { accept: 'application/json', ...(etag !== undefined && { 'if-match': `"${etag}"` }) },
        ...(body && { data: JSON.stringify(body), contentType: 'application/json' }),
        dataType: 'text',
        cache: true,
      })
      return text ? JSON.parse(text) : undefined
    } catch (thrown) {
      throw refusalOf(thrown)
    }
  }
  return {
    get: (path, query = {}) => call({ method: 'GET', path, query }),
    post: (path, body) => call({ method: 'POST', path, body }),
    put: (path, body, etag) => call({ method: 'PUT', path, body, etag }),
    delete: (path, query = {}, etag) => call({ method: 'DELETE', path, query, etag }),
  }
}

/** Relative: the editor sends its token with such addresses alone. */
export function addressOf(path: readonly string[], query: Query = {}): string {
  const asked = Object.entries(query).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${encodeURIComponent(String(value))}`],
  )
  return ['thingloom', ...path].map(encodeURIComponent).join('/') + (asked.length ? `?${asked.join('&')}` : '')
}

/** Of what jQuery rejects with. */
export function refusalOf(thrown: unknown): Refusal {
  const { status = 0, responseText = '', statusText = '' } = (thrown ?? {}) as Record<string, unknown> & { status?: number }
  const error = errorIn(String(responseText))
  if (error) return { ...error, status }
  const message = thrown instanceof Error ? thrown.message : String(statusText)
  return { status, code: '', message }
}

function errorIn(text: string): Omit<Refusal, 'status'> | undefined {
  try {
    const { error } = JSON.parse(text) as { error?: Partial<Refusal> }
    return typeof error?.code === 'string'
      ? { ...error, code: error.code, message: String(error.message ?? error.code) }
      : undefined
  } catch {
    return undefined
  }
}

/** Why nothing can be shown or done at all; each is a text of the catalogue. */
export const reasons = ['notDeployed', 'hubDown', 'offline', 'notAllowed'] as const

/** Refusals that the editor has its own words for; undefined: the answer's own message says it best. */
export function reasonOf({ status, code }: Refusal): (typeof reasons)[number] | undefined {
  if (status === 0) return 'offline'
  if (status === 401 || (status === 403 && !code)) return 'notAllowed'
  if (status === 404 && (code === 'NOT_FOUND' || !code)) return 'notDeployed'
  return status === 503 ? 'hubDown' : undefined
}
