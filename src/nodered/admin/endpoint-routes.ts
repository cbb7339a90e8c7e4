import type { HubRoute } from './route.ts'
import type { Schema } from './schema.ts'
import { count, free, open, pageOf, refTo, text, time } from './shapes.ts'

/** Component of the OpenAPI document. */
export const endpointSchemas: Readonly<Record<string, Schema>> = {
  Endpoint: open(
    {
      id: { ...text, description: 'of the node' },
      name: text,
      kind: { type: 'string', enum: ['webhook', 'republish'] },
      resource: { ...text, description: 'scheme and host; `mqtt`' },
      health: { type: 'string', enum: ['unknown', 'healthy', 'degraded', 'unhealthy', 'dead'] },
      waiting: { ...count, description: 'messages on disk' },
      waitingBytes: count,
      oldestAt: time,
      done: { ...count, description: 'since the start of the hub, as the next two' },
      retries: count,
      dead: count,
      lastError: free,
      lastAt: time,
    },
    ['id', 'kind', 'resource', 'health', 'waiting', 'waitingBytes', 'done', 'retries', 'dead'],
  ),
}

export const endpointRoutes: HubRoute[] = [
  {
    method: 'get',
    path: '/thingloom/{hub}/endpoints',
    id: 'listEndpoints',
    summary: 'Where actions of nodes go, how that is, and what waits on disk for it',
    permission: 'thingloom.read',
    answers: { 200: { description: 'all of them', schema: pageOf(refTo('Endpoint')) } },
    run: async ({ on: hub }) => ({ body: await hub.actions.endpoints({}) }),
  },
]
