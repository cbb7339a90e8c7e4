import type { Hub } from '../../hub/hub.ts'
import { configurationBody, promotion } from './configuration-schemas.ts'
import { type HubRoute, pageAsked, paging } from './route.ts'
import { pageOf, refTo } from './shapes.ts'

type Put = Parameters<Hub['configurations']['put']>[0]
type Devices = Parameters<Hub['configurations']['devices']>[0]

const read = 'thingloom.read'
const write = 'thingloom.write'
const one = { description: 'the configuration', schema: refTo('Configuration') }
const at = '/thingloom/{hub}/configurations/{configuration}'
const states = ['held', 'pending', 'failed', 'overruled', 'applied', 'converged', 'conflict']

export const configurationRoutes: HubRoute[] = [
  {
    method: 'get',
    path: '/thingloom/{hub}/configurations',
    id: 'listConfigurations',
    summary: 'Fleet configurations by id',
    permission: read,
    query: paging,
    answers: { 200: { description: 'a page', schema: pageOf(refTo('Configuration')) } },
    run: async ({ on: hub, args }) => ({ body: await hub.configurations.list(pageAsked(args)) }),
  },
  {
    method: 'get',
    path: at,
    id: 'getConfiguration',
    summary: 'A fleet configuration',
    permission: read,
    answers: { 200: one },
    run: async ({ on: hub, args }) => {
      const view = await hub.configurations.get({ id: args.configuration as string })
      return { body: view, etag: view.etag }
    },
  },
  {
    method: 'put',
    path: at,
    id: 'putConfiguration',
    summary: 'Makes or replaces a fleet configuration: the twins of all devices its query finds get what it desires',
    permission: write,
    body: configurationBody,
    conditional: true,
    answers: { 200: one },
    run: async ({ on: hub, args, body, etag, by }) => {
      const asked = { ...(body as Omit<Put, 'id'>), id: args.configuration as string, by, ...(etag && { etag }) }
      const view = await hub.configurations.put(asked)
      return { body: view, etag: view.etag }
    },
  },
  {
    method: 'delete',
    path: at,
    id: 'deleteConfiguration',
    summary: 'Removes a fleet configuration, and from the twins what it had set',
    permission: write,
    conditional: true,
    answers: { 204: { description: 'deleted' } },
    run: async ({ on: hub, args, etag, by }) => {
      await hub.configurations.delete({ id: args.configuration as string, by, ...(etag && { etag }) })
      return { status: 204 }
    },
  },
  {
    method: 'post',
    path: `${at}/promote`,
    id: 'promoteConfiguration',
    summary: 'Gives a fleet configuration to a larger share of its devices, without `canary` to all',
    permission: write,
    body: promotion,
    conditional: true,
    answers: { 200: one },
    run: async ({ on: hub, args, body, etag, by }) => {
      const { canary } = body as { canary?: number }
      const asked = { id: args.configuration as string, by, ...(canary !== undefined && { canary }), ...(etag && { etag }) }
      const view = await hub.configurations.promote(asked)
      return { body: view, etag: view.etag }
    },
  },
  {
    method: 'get',
    path: `${at}/metrics`,
    id: 'getConfigurationMetrics',
    summary: 'How many devices a fleet configuration is for, has reached, and has not',
    permission: read,
    answers: { 200: { description: 'the counts', schema: refTo('ConfigurationMetrics') } },
    run: async ({ on: hub, args }) => ({ body: await hub.configurations.metrics({ id: args.configuration as string }) }),
  },
  {
    method: 'get',
    path: `${at}/devices`,
    id: 'listConfiguredDevices',
    summary: 'Devices of a fleet configuration and how it stands on them; with `state` those of one standing',
    permission: read,
    query: { state: { type: 'string', enum: states }, ...paging },
    answers: { 200: { description: 'a page', schema: pageOf(refTo('ConfiguredDevice')) } },
    run: async ({ on: hub, args }) => {
      const { state } = args as Pick<Devices, 'state'>
      const asked = { id: args.configuration as string, ...(state && { state }), ...pageAsked(args) }
      return { body: await hub.configurations.devices(asked) }
    },
  },
]
