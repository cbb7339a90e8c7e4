import type { RequestHandler } from 'express'
import { LoomError } from '../../errors.ts'
import { fail } from './failure.ts'
import type { Route } from './route.ts'

/** Answers what no route took, below the path it is mounted at: 405 with `Allow` where another method would do, else 404. */
export function noRoute(routes: readonly Pick<Route, 'method' | 'path'>[]): RequestHandler {
  const methods = new Map<string, Set<string>>()
  for (const { method, path } of routes) {
    const known = methods.get(path) ?? new Set(['OPTIONS'])
    methods.set(path, known.add(method.toUpperCase()))
    if (method === 'get') known.add('HEAD')
  }
  const patterns = [...methods].map(([path, known]) => ({ pattern: patternOf(path), allow: [...known].sort().join(', ') }))
  return (request, response) => {
    const path = `/thingloom${request.path}`
    const allow = patterns.find(({ pattern }) => pattern.test(path))?.allow
    if (allow) response.set('Allow', allow)
    if (allow && request.method === 'OPTIONS') response.status(204).end()
    else if (allow) fail(response, new LoomError('METHOD_NOT_ALLOWED', request.method, { hint: `use ${allow}` }))
    else
      fail(
        response,
        new LoomError('NOT_FOUND', `${request.method} ${path.slice(0, 100)}`, {
          hint: 'the routes are described by /thingloom/openapi.json',
        }),
      )
  }
}

/** As the server matches: letters of either case, with or without a slash at the end. */
const patternOf = (path: string): RegExp => new RegExp(`^${path.replaceAll('.', '\\.').replace(/\{\w+\}/g, '[^/]+')}/?$`, 'i')
