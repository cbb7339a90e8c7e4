import type { Hub } from '../../hub/hub.ts'
import { manyCommands, messageOf, methodCall, newMessage } from './command-schemas.ts'
import { type HubRoute, pageAsked, paging } from './route.ts'
import { count, listOf, object, pageOf, refTo } from './shapes.ts'

type Commands = Hub['commands']
type Start = Parameters<Commands['start']>[0]

const oneOperation = { description: 'the operation', schema: refTo('CommandOperation') }

/** Methods and messages to a device, and to many. */
export const commandRoutes: HubRoute[] = [
  {
    method: 'post',
    path: '/thingloom/{hub}/devices/{id}/methods/{method}',
    id: 'callMethod',
    summary: 'Calls a method of a device that is connected, and answers with what it answered',
    permission: 'thingloom.write',
    body: methodCall,
    bodyOptional: true,
    answers: { 200: { description: 'what the device answered', schema: refTo('MethodResult') } },
    run: async ({ on: hub, args, body, by }) => {
      const { id, method } = args as { id: string; method: string }
      return { body: await hub.commands.call({ ...(body as object), id, method, by }) }
    },
  },
  {
    method: 'post',
    path: '/thingloom/{hub}/devices/{id}/messages',
    id: 'sendMessage',
    summary: 'Puts a message into the inbox of a device, where it waits until the device takes it or it expires',
    permission: 'thingloom.write',
    body: newMessage,
    answers: { 201: { description: 'it is on disk', schema: refTo('SentMessage') } },
    run: async ({ on: hub, args, body, by }) => ({
      status: 201,
      body: await hub.commands.send({ id: args.id as string, message: messageOf(body as object), by }),
    }),
  },
  {
    method: 'get',
    path: '/thingloom/{hub}/devices/{id}/inbox',
    id: 'getInbox',
    summary: 'What waits for a device, oldest first, without bodies',
    permission: 'thingloom.read',
    answers: { 200: { description: 'at most 50', schema: object({ items: listOf(refTo('WaitingMessage')) }, ['items']) } },
    run: async ({ on: hub, args }) => ({ body: await hub.commands.inbox({ id: args.id as string }) }),
  },
  {
    method: 'delete',
    path: '/thingloom/{hub}/devices/{id}/inbox',
    id: 'purgeInbox',
    summary: 'Ends all messages that wait for a device',
    permission: 'thingloom.write',
    answers: { 200: { description: 'how many there were', schema: object({ purged: count }, ['purged']) } },
    run: async ({ on: hub, args, by }) => ({ body: await hub.commands.purgeInbox({ id: args.id as string, by }) }),
  },
  {
    method: 'get',
    path: '/thingloom/{hub}/devices/{id}/commands',
    id: 'listCommands',
    summary: 'Methods and messages of the last 90 days and what became of them, newest first',
    permission: 'thingloom.read',
    query: paging,
    answers: { 200: { description: 'a page', schema: pageOf(refTo('CommandRecord')) } },
    run: async ({ on: hub, args }) => ({ body: await hub.commands.history({ id: args.id as string, ...pageAsked(args) }) }),
  },
  {
    method: 'post',
    path: '/thingloom/{hub}/commands',
    id: 'startCommands',
    summary: 'Starts a method or message for many devices: a list, a group, or what a fleet query finds',
    permission: 'thingloom.write',
    body: manyCommands,
    answers: { 202: oneOperation },
    run: async ({ on: hub, body, by }) => {
      const { message, ...rest } = body as Omit<Start, 'message'> & { message?: object }
      const operation = await hub.commands.start({ ...rest, ...(message && { message: messageOf(message) }), by })
      return { status: 202, body: operation }
    },
  },
  {
    method: 'get',
    path: '/thingloom/{hub}/commands',
    id: 'listCommandOperations',
    summary: 'Commands for many devices, newest first; a page may be short',
    permission: 'thingloom.read',
    query: paging,
    answers: { 200: { description: 'a page', schema: pageOf(refTo('CommandOperation')) } },
    run: async ({ on: hub, args }) => ({ body: await hub.commands.operations(pageAsked(args)) }),
  },
  {
    method: 'get',
    path: '/thingloom/{hub}/commands/{run}',
    id: 'getCommandOperation',
    summary: 'How far a command for many devices is',
    permission: 'thingloom.read',
    answers: { 200: oneOperation },
    run: async ({ on: hub, args }) => ({ body: await hub.commands.operation({ id: args.run as string }) }),
  },
  {
    method: 'get',
    path: '/thingloom/{hub}/commands/{run}/results',
    id: 'getCommandResults',
    summary: 'What became of each device so far, with `failed=true` of those that failed',
    permission: 'thingloom.read',
    query: { failed: { type: 'boolean' }, ...paging },
    answers: { 200: { description: 'a page', schema: pageOf(refTo('DeviceOutcome')) } },
    run: async ({ on: hub, args }) => ({
      body: await hub.commands.results({ id: args.run as string, failed: args.failed === true, ...pageAsked(args) }),
    }),
  },
  {
    method: 'post',
    path: '/thingloom/{hub}/commands/{run}/cancel',
    id: 'cancelCommands',
    summary: 'Asks a command for many devices to stop; what is done stays done',
    permission: 'thingloom.write',
    answers: { 204: { description: 'asked' } },
    run: async ({ on: hub, args, by }) => {
      await hub.commands.cancel({ id: args.run as string, by })
      return { status: 204 }
    },
  },
  {
    method: 'post',
    path: '/thingloom/{hub}/commands/{run}/resume',
    id: 'resumeCommands',
    summary: 'Goes on with the devices that have no outcome yet',
    permission: 'thingloom.write',
    answers: { 202: oneOperation },
    run: async ({ on: hub, args, by }) => ({ status: 202, body: await hub.commands.resume({ id: args.run as string, by }) }),
  },
]
