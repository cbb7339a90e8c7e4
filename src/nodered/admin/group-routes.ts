import { LoomError } from '../../errors.ts'
import { groupMembers, groupPatch, newGroup } from './access-schemas.ts'
import { type HubRoute, pageAsked, paging } from './route.ts'
import { count, listOf, object, pageOf, refTo, text, textTo } from './shapes.ts'

interface Patch {
  parent?: unknown
  description?: string
}

const write = 'thingloom.write'
const oneGroup = { description: 'the group', schema: refTo('Group') }

function patchOf({ parent, ...rest }: Patch): { parent?: string | null; description?: string } {
  if (parent === undefined) return rest
  if (parent !== null && typeof parent !== 'string')
    throw new LoomError('REQUEST_INVALID', 'body.parent must be a group id or null', { position: 'body.parent' })
  return { ...rest, parent }
}

export const groupRoutes: HubRoute[] = [
  {
    method: 'get',
    path: '/thingloom/{hub}/groups',
    id: 'listGroups',
    summary: 'Groups by id; with `parent` those right below one, with `top=true` those below none',
    permission: 'thingloom.read',
    query: { parent: textTo(128), top: { type: 'boolean' }, prefix: textTo(128), ...paging },
    answers: { 200: { description: 'a page', schema: pageOf(refTo('Group')) } },
    run: async ({ on: hub, args }) => {
      const { parent, top, prefix } = args as { parent?: string; top?: boolean; prefix?: string }
      const below = top ? null : parent
      const asked = { ...(below !== undefined && { parent: below }), ...(prefix !== undefined && { prefix }) }
      return { body: await hub.groups.list({ ...asked, ...pageAsked(args) }) }
    },
  },
  {
    method: 'post',
    path: '/thingloom/{hub}/groups',
    id: 'createGroup',
    summary: 'Makes a group, below another one if `parent` names it',
    permission: write,
    body: newGroup,
    answers: { 201: oneGroup },
    run: async ({ on: hub, body, by }) => {
      const view = await hub.groups.create({ ...(body as { id: string; parent?: string; description?: string }), by })
      return { status: 201, body: view, etag: view.etag }
    },
  },
  {
    method: 'get',
    path: '/thingloom/{hub}/groups/{group}',
    id: 'getGroup',
    summary: 'A group',
    permission: 'thingloom.read',
    answers: { 200: oneGroup },
    run: async ({ on: hub, args }) => {
      const view = await hub.groups.get({ id: args.group as string })
      if (!view) throw new LoomError('GROUP_NOT_FOUND', `"${args.group}"`)
      return { body: view, etag: view.etag }
    },
  },
  {
    method: 'patch',
    path: '/thingloom/{hub}/groups/{group}',
    id: 'updateGroup',
    summary: 'Describes or moves a group; `{"parent": null}` moves it to the top',
    permission: write,
    body: groupPatch,
    conditional: true,
    answers: { 200: oneGroup },
    run: async ({ on: hub, args, body, etag, by }) => {
      const view = await hub.groups.update({ id: args.group as string, ...patchOf(body as Patch), by, ...(etag && { etag }) })
      return { body: view, etag: view.etag }
    },
  },
  {
    method: 'delete',
    path: '/thingloom/{hub}/groups/{group}',
    id: 'deleteGroup',
    summary: 'Removes an empty group, with `force=true` any with all groups below it; no device is removed',
    permission: write,
    query: { force: { type: 'boolean' } },
    conditional: true,
    answers: { 204: { description: 'deleted' } },
    run: async ({ on: hub, args, etag, by }) => {
      await hub.groups.delete({ id: args.group as string, force: args.force === true, by, ...(etag && { etag }) })
      return { status: 204 }
    },
  },
  {
    method: 'get',
    path: '/thingloom/{hub}/groups/{group}/members',
    id: 'listMembers',
    summary: 'Devices in a group, with `deep=true` also in those below it',
    permission: 'thingloom.read',
    query: { deep: { type: 'boolean' }, ...paging },
    answers: { 200: { description: 'a page of device ids', schema: pageOf(text) } },
    run: async ({ on: hub, args }) => ({
      body: await hub.groups.members({ group: args.group as string, deep: args.deep === true, ...pageAsked(args) }),
    }),
  },
  {
    method: 'post',
    path: '/thingloom/{hub}/groups/{group}/members',
    id: 'addMembers',
    summary: 'Puts devices into a group, at most 1,000, all or none',
    permission: write,
    body: groupMembers,
    answers: { 200: { description: 'how many were not in it', schema: object({ added: count }, ['added']) } },
    run: async ({ on: hub, args, body, by }) => ({
      body: await hub.groups.add({ group: args.group as string, ...(body as { devices: string[] }), by }),
    }),
  },
  {
    method: 'delete',
    path: '/thingloom/{hub}/groups/{group}/members',
    id: 'removeMembers',
    summary: 'Takes devices out of a group',
    permission: write,
    query: { devices: { ...listOf(textTo(128)), description: 'comma-separated' } },
    answers: { 200: { description: 'how many were in it', schema: object({ removed: count }, ['removed']) } },
    run: async ({ on: hub, args, by }) => {
      const { group, devices } = args as { group: string; devices?: string[] }
      if (!devices?.length) throw new LoomError('REQUEST_INVALID', 'devices is missing', { position: 'devices' })
      return { body: await hub.groups.remove({ group, devices, by }) }
    },
  },
]
