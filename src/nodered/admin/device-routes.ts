import type { CredentialRequest, Hub, RegisterDevice } from '../../hub/hub.ts'
import { type HubRoute, paging } from './route.ts'
import { credentialRequest, devicePatch, pageOf, refTo, registration } from './schemas.ts'

type Update = Parameters<Hub['devices']['update']>[0]

/** Who did it, as the audit trail shows. */
const by = 'admin api'

export const deviceRoutes: HubRoute[] = [
  {
    method: 'get',
    path: '/thingloom/{hub}/devices',
    id: 'listDevices',
    summary: 'Devices by id, by a query of `id:`, `enabled:`, `connected:`, `tags.x:`, `attributes.x:` and an id prefix',
    permission: 'thingloom.read',
    query: { query: { type: 'string', maxLength: 1024 }, ...paging },
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
    run: async ({ on: hub, body }) => {
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
    run: async ({ on: hub, args, body, etag }) => {
      const device = await hub.devices.update({ ...(body as Update), id: args.id as string, by, ...(etag && { etag }) })
      return { body: device, etag: device.etag }
    },
  },
  {
    method: 'delete',
    path: '/thingloom/{hub}/devices/{id}',
    id: 'deleteDevice',
    summary: 'Removes a device and drops its connection',
    permission: 'thingloom.write',
    answers: { 204: { description: 'deleted' } },
    run: async ({ on: hub, args }) => {
      await hub.devices.delete({ id: args.id as string, by })
      return { status: 204 }
    },
  },
  {
    method: 'post',
    path: '/thingloom/{hub}/devices/{id}/credentials',
    id: 'addCredential',
    summary: 'Adds a credential; its key material is in this answer, once',
    permission: 'thingloom.admin.write',
    body: credentialRequest,
    answers: { 201: { description: 'the secrets', schema: refTo('Secrets') } },
    secret: true,
    run: async ({ on: hub, args, body }) => ({
      status: 201,
      body: await hub.identity.addCredential({ id: args.id as string, credential: body as CredentialRequest, by }),
    }),
  },
  {
    method: 'delete',
    path: '/thingloom/{hub}/devices/{id}/credentials/{cid}',
    id: 'revokeCredential',
    summary: 'Revokes a credential and closes the sessions opened with it',
    permission: 'thingloom.admin.write',
    answers: { 204: { description: 'revoked' } },
    run: async ({ on: hub, args }) => {
      await hub.identity.revokeCredential({ id: args.id as string, cid: args.cid as string, by })
      return { status: 204 }
    },
  },
]
