import { routeNodes } from '../route/route-nodes.ts'
import { streamEvents } from './event-stream.ts'
import { type HubRoute, paging, type RuntimeRoute } from './route.ts'
import { pageOf, refTo } from './shapes.ts'

export const runtimeRoutes: RuntimeRoute[] = [
  {
    method: 'get',
    path: '/thingloom',
    id: 'listHubs',
    summary: 'The hubs of this Node-RED',
    permission: 'thingloom.read',
    answers: { 200: { description: 'the hubs', schema: pageOf(refTo('Hub')) } },
    run: async ({ on: hubs }) => ({
      body: {
        items: await Promise.all(
          hubs.list().map(async ({ id, name, state }) => {
            if (state !== 'running') return { id, name, status: state }
            const status = await hubs
              .byId(id)
              .then(hub => hub.health.get({}))
              .then(
                health => health.status,
                () => 'failed' as const,
              )
            return { id, name, status }
          }),
        ),
      },
    }),
  },
]

export const hubRoutes: HubRoute[] = [
  {
    method: 'get',
    path: '/thingloom/{hub}/health',
    id: 'getHealth',
    summary: 'State of the hub, its listeners, journal and stores',
    permission: 'thingloom.read',
    answers: { 200: { description: 'the state', schema: refTo('Health') } },
    run: async ({ on: hub }) => ({ body: await hub.health.get({}) }),
  },
  {
    method: 'get',
    path: '/thingloom/{hub}/metrics',
    id: 'getMetrics',
    summary: 'Metrics in the Prometheus text format 0.0.4',
    permission: 'thingloom.read',
    answers: { 200: { description: 'the metrics', contentType: 'text/plain' } },
    run: async ({ on: hub, args }) => {
      const { text } = await hub.health.metrics({})
      const all = text + routeNodes.metricsOf(args.hub as string)
      return { text: { type: 'text/plain; version=0.0.4; charset=utf-8', text: all } }
    },
  },
  {
    method: 'get',
    path: '/thingloom/{hub}/events',
    id: 'streamEvents',
    summary: 'Live changes as server-sent events, at most once each; read it with a streaming fetch',
    permission: 'thingloom.read',
    answers: {
      200: {
        description: 'events `device`, `health`, `metrics`, `credential`, `deadletter`, `security`',
        contentType: 'text/event-stream',
      },
    },
    run: async ({ on: hub }) => ({ stream: response => streamEvents(hub, response) }),
  },
  {
    method: 'get',
    path: '/thingloom/{hub}/consumers',
    id: 'listConsumers',
    summary: 'Named readers of the journal, also those that no node uses now',
    permission: 'thingloom.read',
    query: paging,
    answers: { 200: { description: 'a page, by name', schema: pageOf(refTo('Consumer')) } },
    run: async ({ on: hub, args }) => ({ body: await hub.journal.consumers(args) }),
  },
  {
    method: 'delete',
    path: '/thingloom/{hub}/consumers/{name}',
    id: 'forgetConsumer',
    summary: 'Forgets the place of a reader that no node uses: the journal keeps nothing for it any more',
    permission: 'thingloom.admin.write',
    answers: { 204: { description: 'forgotten' } },
    run: async ({ on: hub, args, by }) => {
      const target = args.name as string
      await hub.journal.forget({ name: target, existing: true })
      await hub.audit.note({ action: 'consumer.forget', target, by })
      return { status: 204 }
    },
  },
]
