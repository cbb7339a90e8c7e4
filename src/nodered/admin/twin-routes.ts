import { LoomError } from '../../errors.ts'
import type { Hub, TwinView } from '../../hub/hub.ts'
import type { Answer, Call, HubRoute } from './route.ts'
import type { Schema } from './schema.ts'
import { flag, free, object, pageOf, refTo } from './shapes.ts'

type Change = Parameters<Hub['twins']['patch']>[0]

const section = (description: string): Schema => ({ description: `merge patch, RFC 7396; null: ${description}` })
const twinPatch = object({ desired: section('nothing is desired'), tags: section('no tags') })
const twinReplacement = object({ desired: free, tags: free })
const shadowPatch = object({ desired: section('nothing is desired') })
const metadata = { metadata: { ...flag, description: 'also when each member was changed last' } }
const oneTwin = { 200: { description: 'the twin as it is now', schema: refTo('Twin') } }
const answerOf = (view: TwinView): Answer => ({ body: view, etag: view.etag })

/** The schemas here have no type for what is an object or null. */
function changeOf({ args, body, etag, by }: Call<Hub>): Change {
  const sections = body as Pick<Change, 'desired' | 'tags'>
  for (const [name, value] of Object.entries(sections)) {
    if (value === null || (typeof value === 'object' && !Array.isArray(value))) continue
    throw new LoomError('REQUEST_INVALID', `body.${name} must be an object or null`, { position: `body.${name}` })
  }
  const name = args.shadow as string | undefined
  return { ...sections, id: args.id as string, by, ...(name !== undefined && { name }), ...(etag && { etag }) }
}

const read = async ({ on: hub, args }: Call<Hub>): Promise<Answer> => {
  const { id, shadow, metadata = false } = args as { id: string; shadow?: string; metadata?: boolean }
  return answerOf(await hub.twins.get({ id, metadata, ...(shadow !== undefined && { name: shadow }) }))
}
const patch = async (call: Call<Hub>): Promise<Answer> => answerOf(await call.on.twins.patch(changeOf(call)))

export const twinRoutes: HubRoute[] = [
  {
    method: 'get',
    path: '/thingloom/{hub}/devices/{id}/twin',
    id: 'getTwin',
    summary: 'What is desired of a device, what it reported, and their difference',
    permission: 'thingloom.read',
    query: metadata,
    answers: oneTwin,
    run: read,
  },
  {
    method: 'patch',
    path: '/thingloom/{hub}/devices/{id}/twin',
    id: 'updateTwin',
    summary: 'Merges desired properties and tags with what is there',
    permission: 'thingloom.write',
    body: twinPatch,
    conditional: true,
    answers: oneTwin,
    run: patch,
  },
  {
    method: 'put',
    path: '/thingloom/{hub}/devices/{id}/twin',
    id: 'replaceTwin',
    summary: 'Other desired properties, other tags: each as a whole, if it is given',
    permission: 'thingloom.write',
    body: twinReplacement,
    conditional: true,
    answers: oneTwin,
    run: async call => answerOf(await call.on.twins.replace(changeOf(call) as Parameters<Hub['twins']['replace']>[0])),
  },
  {
    method: 'get',
    path: '/thingloom/{hub}/devices/{id}/shadows',
    id: 'listShadows',
    summary: 'Named twins of a device: named shadows, twins of modules',
    permission: 'thingloom.read',
    answers: { 200: { description: 'all of them, at most ten and those of modules', schema: pageOf(refTo('Twin')) } },
    run: async ({ on: hub, args }) => {
      const { items } = await hub.twins.list({ id: args.id as string })
      return { body: { items: items.filter(({ name }) => name !== '') } }
    },
  },
  {
    method: 'get',
    path: '/thingloom/{hub}/devices/{id}/shadows/{shadow}',
    id: 'getShadow',
    summary: 'A named twin',
    permission: 'thingloom.read',
    query: metadata,
    answers: oneTwin,
    run: read,
  },
  {
    method: 'patch',
    path: '/thingloom/{hub}/devices/{id}/shadows/{shadow}',
    id: 'updateShadow',
    summary: 'Merges desired properties with those of a named twin, which is made if there is none',
    permission: 'thingloom.write',
    body: shadowPatch,
    conditional: true,
    answers: oneTwin,
    run: patch,
  },
  {
    method: 'delete',
    path: '/thingloom/{hub}/devices/{id}/shadows/{shadow}',
    id: 'deleteShadow',
    summary: 'Empties a named twin; its version goes on with the next update',
    permission: 'thingloom.write',
    conditional: true,
    answers: { 204: { description: 'deleted' } },
    run: async ({ on: hub, args, etag, by }) => {
      await hub.twins.delete({ id: args.id as string, name: args.shadow as string, by, ...(etag && { etag }) })
      return { status: 204 }
    },
  },
]
