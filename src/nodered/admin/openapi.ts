import { isHubRoute, pathParameters, pathSchemas, type Route } from './route.ts'
import { components } from './schemas.ts'
import { refTo } from './shapes.ts'

const failure = { description: 'the error', content: { 'application/json': { schema: refTo('Error') } } }

function operationOf(route: Route): object {
  const inPath = pathParameters(route.path).map(name => ({ name, in: 'path', required: true, schema: pathSchemas[name] }))
  const inQuery = Object.entries(route.query ?? {}).map(([name, schema]) => ({
    name,
    in: 'query',
    schema,
    ...(schema.type === 'array' && { explode: false }),
  }))
  const inHeader = route.conditional ? [{ name: 'If-Match', in: 'header', schema: { type: 'string' } }] : []
  const answers = Object.entries(route.answers).map(([status, { description, schema, contentType = 'application/json', or }]) => [
    status,
    {
      description,
      ...((schema || contentType !== 'application/json') && {
        content: { [contentType]: { schema: schema ?? { type: 'string' } }, ...(or && { [or]: {} }) },
      }),
    },
  ])
  return {
    operationId: route.id,
    summary: route.summary,
    description: `Permission \`${route.permission}\`.`,
    parameters: [...inPath, ...inQuery, ...inHeader],
    ...(route.body && {
      requestBody: { required: !route.bodyOptional, content: { 'application/json': { schema: route.body } } },
    }),
    ...(route.raw && {
      requestBody: {
        required: true,
        content: Object.fromEntries(route.raw.types.map(type => [type, { schema: { type: 'string' } }])),
      },
    }),
    responses: {
      ...Object.fromEntries(answers),
      default: failure,
      ...(isHubRoute(route) && { 503: { ...failure, description: 'the hub does not run' } }),
    },
    security: [{ nodeRed: [] }],
  }
}

/** The OpenAPI 3.1 document of the routes. `server`: the admin root as the client reached it. */
export function openapiOf(routes: readonly Route[], { version, server }: { version: string; server: string }): object {
  const paths: Record<string, Record<string, object>> = {}
  for (const route of routes) paths[route.path] = { ...paths[route.path], [route.method]: operationOf(route) }
  return {
    openapi: '3.1.0',
    info: { title: 'Thingloom admin API', version, license: { name: 'Apache-2.0', identifier: 'Apache-2.0' } },
    servers: [{ url: server }],
    paths,
    components: {
      schemas: components,
      securitySchemes: {
        nodeRed: { type: 'http', scheme: 'bearer', description: "A token of Node-RED's own authentication, if it is set up" },
      },
    },
  }
}
