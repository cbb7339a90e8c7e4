import { routeNodes } from '../route/route-nodes.ts'
import type { RuntimeRoute } from './route.ts'
import { newRules } from './rule-schemas.ts'
import { pageOf, refTo } from './shapes.ts'

const read = 'thingloom.read'
const route = { description: 'the node and its rules', schema: refTo('Route') }

const viewOf = (id: string): object => {
  const node = routeNodes.get(id)
  return { ...node.summary(), items: node.rules() }
}

export const ruleRoutes: RuntimeRoute[] = [
  {
    method: 'get',
    path: '/thingloom/rules',
    id: 'listRoutes',
    summary: 'Nodes with rules, of all hubs and of none',
    permission: read,
    answers: { 200: { description: 'the nodes', schema: pageOf(refTo('RouteSummary')) } },
    run: async () => ({ body: { items: routeNodes.list() } }),
  },
  {
    method: 'get',
    path: '/thingloom/rules/{node}',
    id: 'getRoute',
    summary: 'The rules of a node with their counters',
    permission: read,
    answers: { 200: route },
    run: async ({ args }) => ({ body: viewOf(args.node as string) }),
  },
  {
    method: 'put',
    path: '/thingloom/rules/{node}',
    id: 'replaceRules',
    summary: 'Other rules from the next message on, until the flow is deployed anew; unchanged ones keep their counters',
    permission: 'thingloom.write',
    body: newRules,
    answers: { 200: route },
    run: async ({ on: hubs, args, body, by }) => {
      const id = args.node as string
      const node = routeNodes.get(id)
      node.put((body as { rules: unknown }).rules)
      const { hub, rules } = node.summary()
      if (hub !== undefined)
        await (await hubs.byId(hub)).audit.note({ action: 'rules.replace', target: id, detail: { rules }, by })
      return { body: viewOf(id) }
    },
  },
  {
    method: 'get',
    path: '/thingloom/rules/{node}/recent',
    id: 'listSeenMessages',
    summary: 'The last 20 messages that a node with rules saw, matched or not, newest first',
    permission: read,
    answers: { 200: { description: 'the messages', schema: pageOf(refTo('SeenMessage')) } },
    run: async ({ args }) => ({ body: { items: routeNodes.get(args.node as string).recent() } }),
  },
]
