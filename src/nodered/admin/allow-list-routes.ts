import { LoomError } from '../../errors.ts'
import { newAllowList, newEntries } from './provisioning-schemas.ts'
import { type HubRoute, pageAsked, paging } from './route.ts'
import { count, listOf, object, pageOf, refTo, textTo } from './shapes.ts'

const write = 'thingloom.write'

export const allowListRoutes: HubRoute[] = [
  {
    method: 'get',
    path: '/thingloom/{hub}/allow-lists',
    id: 'listAllowLists',
    summary: 'Lists of devices that may come, with their patterns',
    permission: 'thingloom.read',
    answers: { 200: { description: 'all of them', schema: pageOf(refTo('AllowList')) } },
    run: async ({ on: hub }) => ({ body: await hub.provisioning.allowLists({}) }),
  },
  {
    method: 'post',
    path: '/thingloom/{hub}/allow-lists',
    id: 'createAllowList',
    summary: 'Makes an empty list; who is not on it may not come',
    permission: write,
    body: newAllowList,
    answers: { 201: { description: 'the list', schema: refTo('AllowList') } },
    run: async ({ on: hub, body, by }) => ({
      status: 201,
      body: await hub.provisioning.createAllowList({ ...(body as { name: string }), by }),
    }),
  },
  {
    method: 'delete',
    path: '/thingloom/{hub}/allow-lists/{list}',
    id: 'deleteAllowList',
    summary: 'Removes a list with its entries: where it is named, nobody may come',
    permission: write,
    answers: { 204: { description: 'deleted' } },
    run: async ({ on: hub, args, by }) => {
      await hub.provisioning.deleteAllowList({ name: args.list as string, by })
      return { status: 204 }
    },
  },
  {
    method: 'get',
    path: '/thingloom/{hub}/allow-lists/{list}/entries',
    id: 'listAllowListEntries',
    summary: 'Entries by serial, and which device came with each; patterns are with the list',
    permission: 'thingloom.read',
    query: paging,
    answers: { 200: { description: 'a page', schema: pageOf(refTo('AllowListEntry')) } },
    run: async ({ on: hub, args }) => ({
      body: await hub.provisioning.allowListEntries({ name: args.list as string, ...pageAsked(args) }),
    }),
  },
  {
    method: 'post',
    path: '/thingloom/{hub}/allow-lists/{list}/entries',
    id: 'addAllowListEntries',
    summary: 'Adds entries, at most 500, all or none; what is known is replaced and stays spent',
    permission: write,
    body: newEntries,
    answers: { 200: { description: 'how many', schema: object({ added: count, replaced: count }, ['added', 'replaced']) } },
    run: async ({ on: hub, args, body, by }) => {
      const { entries } = body as { entries: unknown[] }
      return { body: await hub.provisioning.addToAllowList({ name: args.list as string, entries, by }) }
    },
  },
  {
    method: 'delete',
    path: '/thingloom/{hub}/allow-lists/{list}/entries',
    id: 'removeAllowListEntries',
    summary: 'Removes entries; devices that came with them stay',
    permission: write,
    query: { serials: { ...listOf(textTo(129)), description: 'comma-separated, at most 500' } },
    answers: { 200: { description: 'how many', schema: object({ removed: count }, ['removed']) } },
    run: async ({ on: hub, args, by }) => {
      const { serials } = args as { serials?: string[] }
      if (!serials?.length) throw new LoomError('REQUEST_INVALID', 'serials is missing', { position: 'serials' })
      return { body: await hub.provisioning.removeFromAllowList({ name: args.list as string, serials, by }) }
    },
  },
]
