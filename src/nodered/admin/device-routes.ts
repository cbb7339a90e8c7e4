import type { Hub, RegisterDevice } from '../../hub/hub.ts'
import { type HubRoute, paging } from './route.ts'
import { devicePatch, reasonGiven, registration, retirement } from './schemas.ts'
import { listOf, object, pageOf, refTo, text, textTo } from './shapes.ts'

type Update = Parameters<Hub['devices']['update']>[0]
type Retire = Parameters<Hub['devices']['retire']>[0]

/** Changes of what a device may do at all, with the word of the path. */
const states = {
  quarantine: ['Only twin and jobs are left to a device until it is released', 'thingloom.write'],
  release: ['Ends a quarantine', 'thingloom.write'],
} as const
const stateRoutes = Object.entries(states).map(
  ([verb, [summary, permission]]): HubRoute => ({
    method: 'post',
    path: `/thingloom/{hub}/devices/{id}/${verb}`,
    id: `${verb}Device`,
    summary,
    permission,
    body: reasonGiven,
    bodyOptional: true,
    conditional: true,
    answers: { 200: { description: 'the device as it is now', schema: refTo('Device') } },
    run: async ({ on: hub, args, body, etag, by }) => {
      const change = { ...(body as { reason?: string }), id: args.id as string, by, ...(etag && { etag }) }
      const device = await hub.devices[verb as keyof typeof states](change)
      return { body: device, etag: device.etag }
    },
  }),
)

export const deviceRoutes: HubRoute[] = [
  {
    method: 'get',
    path: '/thingloom/{hub}/devices',
    id: 'listDevices',
    summary:
      'Devices by id, by a query of `id:`, `enabled:`, `connected:`, `tags.x:`, `attributes.x:` and an id prefix; with `dialect` by a fleet query',
    permission: 'thingloom.read',
    query: { query: textTo(8192), dialect: { type: 'string', enum: ['aws', 'azure', 'json'] }, ...paging },
    answers: { 200: { description: 'a page', schema: pageOf(refTo('Device')) } },
    run: async ({ on: hub, args }) => ({ body: await hub.devices.list(args) }),
  },
  {
    method: 'post',
    path: '/thingloom/{hub}/devices',
    id: 'createDevice',
    summary: 'Registers a device; its key material is in this answer, once',
    permission: 'thingloom.admin.write',
    body: registration,
    answers: { 201: { description: 'the device and its secrets', schema: refTo('Created') } },
    secret: true,
    run: async ({ on: hub, body, by }) => {
      const made = await hub.devices.register({ ...(body as RegisterDevice), by })
      return { status: 201, body: made, etag: made.device.etag }
    },
  },
  {
    method: 'get',
    path: '/thingloom/{hub}/devices/{id}',
    id: 'getDevice',
    summary: 'Registry record and connection of a device',
    permission: 'thingloom.read',
    answers: { 200: { description: 'the device', schema: refTo('Device') } },
    run: async ({ on: hub, args }) => {
      const device = await hub.devices.get({ id: args.id as string })
      return { body: device, etag: device.etag }
    },
  },
  {
    method: 'patch',
    path: '/thingloom/{hub}/devices/{id}',
    id: 'updateDevice',
    summary: 'Changes a device; `{"enabled": false}` drops its connection',
    permission: 'thingloom.write',
    body: devicePatch,
    conditional: true,
    answers: { 200: { description: 'the device as it is now', schema: refTo('Device') } },
    run: async ({ on: hub, args, body, etag, by }) => {
      const device = await hub.devices.update({ ...(body as Update), id: args.id as string, by, ...(etag && { etag }) })
      return { body: device, etag: device.etag }
    },
  },
  {
    method: 'delete',
    path: '/thingloom/{hub}/devices/{id}',
    id: 'deleteDevice',
    summary: 'Removes a device and drops its connection',
    permission: 'thingloom.admin.write',
    answers: { 204: { description: 'deleted' } },
    run: async ({ on: hub, args, by }) => {
      await hub.devices.delete({ id: args.id as string, by })
      return { status: 204 }
    },
  },
  ...stateRoutes,
  {
    method: 'post',
    path: '/thingloom/{hub}/devices/{id}/retire',
    id: 'retireDevice',
    summary: 'Takes a device out of service for good, with its telemetry if asked; the same request again gives the same report',
    permission: 'thingloom.admin.write',
    body: retirement,
    bodyOptional: true,
    conditional: true,
    answers: { 200: { description: 'the device as it is now, and what was done', schema: refTo('Retired') } },
    run: async ({ on: hub, args, body, etag, by }) => {
      const asked = { ...(body as Pick<Retire, 'reason' | 'telemetry'>), id: args.id as string, by, ...(etag && { etag }) }
      const device = await hub.devices.retire(asked)
      return { body: device, etag: device.etag }
    },
  },
  {
    method: 'get',
    path: '/thingloom/{hub}/devices/{id}/decommission',
    id: 'getDecommission',
    summary: 'What was done with a retired device, and what it was',
    permission: 'thingloom.read',
    answers: { 200: { description: 'the report', schema: refTo('Decommission') } },
    run: async ({ on: hub, args }) => ({ body: await hub.devices.decommission({ id: args.id as string }) }),
  },
  {
    method: 'get',
    path: '/thingloom/{hub}/devices/{id}/connections',
    id: 'listConnections',
    summary: 'The last 100 connections of a device within 90 days, the newest first',
    permission: 'thingloom.read',
    query: paging,
    answers: { 200: { description: 'a page', schema: pageOf(refTo('Connection')) } },
    run: async ({ on: hub, args }) => ({
      body: await hub.devices.connections(args as unknown as Parameters<Hub['devices']['connections']>[0]),
    }),
  },
  {
    method: 'get',
    path: '/thingloom/{hub}/devices/{id}/groups',
    id: 'listGroupsOfDevice',
    summary: 'Groups that a device is in, and all with those above them',
    permission: 'thingloom.read',
    answers: {
      200: { description: 'their ids', schema: object({ direct: listOf(text), all: listOf(text) }, ['direct', 'all']) },
    },
    run: async ({ on: hub, args }) => {
      await hub.devices.get({ id: args.id as string })
      return { body: await hub.groups.groupsOf({ device: args.id as string }) }
    },
  },
]
