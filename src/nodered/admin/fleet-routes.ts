import type { Hub } from '../../hub/hub.ts'
import { fleetFigures, fleetGroupPatch, fleetQuestion, newFleetGroup } from './fleet-schemas.ts'
import { type HubRoute, pageAsked, paging } from './route.ts'
import { pageOf, refTo, text } from './shapes.ts'

type Fleet = Hub['fleet']

const write = 'thingloom.write'
const oneGroup = { description: 'the group', schema: refTo('FleetGroup') }

export const fleetRoutes: HubRoute[] = [
  {
    method: 'get',
    path: '/thingloom/{hub}/fleet',
    id: 'getFleet',
    summary: 'How many devices the fleet index holds, and in how many bytes',
    permission: 'thingloom.read',
    answers: { 200: { description: 'its size', schema: refTo('FleetState') } },
    run: async ({ on: hub }) => ({ body: await hub.fleet.state({}) }),
  },
  {
    method: 'post',
    path: '/thingloom/{hub}/fleet/query',
    id: 'queryFleet',
    summary: 'Devices by a query over registry, twins and connections, in the syntax of AWS or Azure or as JSON',
    permission: 'thingloom.read',
    body: fleetQuestion,
    answers: { 200: { description: 'a page', schema: pageOf(refTo('FleetRow')) } },
    run: async ({ on: hub, body }) => ({ body: await hub.fleet.query(body as Parameters<Fleet['query']>[0]) }),
  },
  {
    method: 'post',
    path: '/thingloom/{hub}/fleet/aggregate',
    id: 'aggregateFleet',
    summary: 'Figures over the devices that a query finds, perhaps by up to three fields',
    permission: 'thingloom.read',
    body: fleetFigures,
    answers: { 200: { description: 'the rows', schema: refTo('FleetRows') } },
    run: async ({ on: hub, body }) => ({ body: await hub.fleet.aggregate(body as Parameters<Fleet['aggregate']>[0]) }),
  },
  {
    method: 'get',
    path: '/thingloom/{hub}/fleet/groups',
    id: 'listFleetGroups',
    summary: 'Dynamic groups by id',
    permission: 'thingloom.read',
    query: paging,
    answers: { 200: { description: 'a page', schema: pageOf(refTo('FleetGroup')) } },
    run: async ({ on: hub, args }) => ({ body: await hub.fleet.groups(pageAsked(args)) }),
  },
  {
    method: 'post',
    path: '/thingloom/{hub}/fleet/groups',
    id: 'createFleetGroup',
    summary: 'Makes a dynamic group: its members are what its query finds',
    permission: write,
    body: newFleetGroup,
    answers: { 201: oneGroup },
    run: async ({ on: hub, body, by }) => {
      const view = await hub.fleet.createGroup({ ...(body as Parameters<Fleet['createGroup']>[0]), by })
      return { status: 201, body: view, etag: view.etag }
    },
  },
  {
    method: 'get',
    path: '/thingloom/{hub}/fleet/groups/{group}',
    id: 'getFleetGroup',
    summary: 'A dynamic group with its query',
    permission: 'thingloom.read',
    answers: { 200: oneGroup },
    run: async ({ on: hub, args }) => {
      const view = await hub.fleet.group({ id: args.group as string })
      return { body: view, etag: view.etag }
    },
  },
  {
    method: 'patch',
    path: '/thingloom/{hub}/fleet/groups/{group}',
    id: 'updateFleetGroup',
    summary: 'Gives a dynamic group another query or description; devices join and leave at once',
    permission: write,
    body: fleetGroupPatch,
    conditional: true,
    answers: { 200: oneGroup },
    run: async ({ on: hub, args, body, etag, by }) => {
      const change = { ...(body as object), id: args.group as string, by, ...(etag && { etag }) }
      const view = await hub.fleet.updateGroup(change)
      return { body: view, etag: view.etag }
    },
  },
  {
    method: 'delete',
    path: '/thingloom/{hub}/fleet/groups/{group}',
    id: 'deleteFleetGroup',
    summary: 'Removes a dynamic group; its members leave it, no device is removed',
    permission: write,
    conditional: true,
    answers: { 204: { description: 'deleted' } },
    run: async ({ on: hub, args, etag, by }) => {
      await hub.fleet.deleteGroup({ id: args.group as string, by, ...(etag && { etag }) })
      return { status: 204 }
    },
  },
  {
    method: 'get',
    path: '/thingloom/{hub}/fleet/groups/{group}/members',
    id: 'listFleetGroupMembers',
    summary: 'Devices in a dynamic group',
    permission: 'thingloom.read',
    query: paging,
    answers: { 200: { description: 'a page of device ids', schema: pageOf(text) } },
    run: async ({ on: hub, args }) => ({
      body: await hub.fleet.members({ group: args.group as string, ...pageAsked(args) }),
    }),
  },
]
