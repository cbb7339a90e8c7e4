import type { RequestHandler } from 'express'
import { LoomError } from '../../errors.ts'
import { fail } from './failure.ts'
import type { Route } from './route.ts'

type Place = Pick<Route, 'method' | 'path' | 'form'>

/**
 * Answers what no route took, below the path it is mounted at: 405 with `Allow` where another method would do, else 404. `others`: someone else may
 * have what is not known here.
 */
export function noRoute(routes: readonly Place[], { others = false } = {}): RequestHandler {
  const forms = [...new Set(routes.flatMap(({ form }) => form ?? []))].map(form => ({
    form,
    pattern: patternOf(form.root, '(/.*)?'),
  }))
  return (request, response, next) => {
    const path = `/thingloom${request.path}`
    const allow = allowed(routes, path)
    if (!allow && others) return next()
    if (allow) response.set('Allow', allow)
    const form = forms.find(({ pattern }) => pattern.test(path))?.form
    if (allow && request.method === 'OPTIONS') response.status(204).end()
    else if (allow) fail(response, new LoomError('METHOD_NOT_ALLOWED', request.method, { hint: `use ${allow}` }), form)
    else
      fail(
        response,
        new LoomError('NOT_FOUND', `${request.method} ${path.slice(0, 100)}`, {
          hint: 'the routes are described by /thingloom/openapi.json',
        }),
        form,
      )
  }
}

/** Methods that the routes have for a path, as the header `Allow` lists them; undefined if it is none of theirs. */
export function allowed(routes: readonly Place[], path: string): string | undefined {
  const known = patterns.get(routes) ?? patternsOf(routes)
  patterns.set(routes, known)
  return known.find(({ pattern }) => pattern.test(path))?.allow
}

const patterns = new WeakMap<readonly Place[], Pattern[]>()
interface Pattern {
  pattern: RegExp
  allow: string
}

function patternsOf(routes: readonly Place[]): Pattern[] {
  const methods = new Map<string, Set<string>>()
  for (const { method, path } of routes) {
    const known = methods.get(path) ?? new Set(['OPTIONS'])
    methods.set(path, known.add(method.toUpperCase()))
    if (method === 'get') known.add('HEAD')
  }
  return [...methods].map(([path, known]) => ({ pattern: patternOf(path), allow: [...known].sort().join(', ') }))
}

/** As the server matches: letters of either case, with or without a slash at the end. */
const patternOf = (path: string, end = '/?'): RegExp =>
  new RegExp(`^${path.replaceAll('.', '\\.').replace(/\{\w+\}/g, '[^/]+')}${end}$`, 'i')
