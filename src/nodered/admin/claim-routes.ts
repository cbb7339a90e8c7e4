import { LoomError } from '../../errors.ts'
import type { Hub } from '../../hub/hub.ts'
import { claimPatch, newClaim } from './provisioning-schemas.ts'
import { type HubRoute, pageAsked, paging } from './route.ts'
import { pageOf, refTo } from './shapes.ts'

type Members = Record<string, unknown>
type Trusted = Parameters<Hub['provisioning']['createTrustedClaim']>[0]

const admin = 'thingloom.admin.write'
const oneClaim = { description: 'the claim', schema: refTo('Claim') }
const wrong = (detail: string, member: string): LoomError =>
  new LoomError('REQUEST_INVALID', `body.${member} ${detail}`, { position: `body.${member}` })

/** The two kinds of claim have members of their own. REQUEST_INVALID. */
function make(hub: Hub, { trusted, ...members }: Members, by: string) {
  const { id, template, deviceId, keyType, ...settings } = members
  if (trusted !== true) {
    for (const member of ['template', 'deviceId']) if (member in members) throw wrong('is for a trusted claim', member)
    if (id === undefined) throw wrong('is missing', 'id')
    return hub.provisioning.createClaim({
      id: id as string,
      settings: { ...settings, ...(keyType !== undefined && { keyType }) },
      by,
    })
  }
  const [foreign] = [...(id === undefined ? [] : ['id']), ...Object.keys(settings)]
  if (foreign !== undefined) throw wrong('is not for a trusted claim', foreign)
  if (template === undefined) throw wrong('is missing', 'template')
  const who = { ...(deviceId !== undefined && { deviceId }), ...(keyType !== undefined && { keyType }) } as Partial<Trusted>
  return hub.provisioning.createTrustedClaim({ ...who, template: template as string, by })
}

export const claimRoutes: HubRoute[] = [
  {
    method: 'get',
    path: '/thingloom/{hub}/claims',
    id: 'listClaims',
    summary: 'Claim certificates by id, with what came and was refused',
    permission: 'thingloom.read',
    query: paging,
    answers: { 200: { description: 'a page', schema: pageOf(refTo('Claim')) } },
    run: async ({ on: hub, args }) => ({ body: await hub.provisioning.claims(pageAsked(args)) }),
  },
  {
    method: 'post',
    path: '/thingloom/{hub}/claims',
    id: 'createClaim',
    summary:
      'Makes a claim certificate, with `trusted: true` one of five minutes for one device; its key is in this answer, once',
    permission: admin,
    body: newClaim,
    answers: { 201: { description: 'the claim and its certificate', schema: refTo('MadeClaim') } },
    secret: true,
    run: async ({ on: hub, body, by }) => {
      const made = await make(hub, body as Members, by)
      return { status: 201, body: made, etag: made.claim.etag }
    },
  },
  {
    method: 'get',
    path: '/thingloom/{hub}/claims/{claim}',
    id: 'getClaim',
    summary: 'A claim',
    permission: 'thingloom.read',
    answers: { 200: oneClaim },
    run: async ({ on: hub, args }) => {
      const view = await hub.provisioning.claim({ id: args.claim as string })
      if (!view) throw new LoomError('PROV_NO_CLAIM', `"${args.claim}"`)
      return { body: view, etag: view.etag }
    },
  },
  {
    method: 'patch',
    path: '/thingloom/{hub}/claims/{claim}',
    id: 'updateClaim',
    summary: 'Changes a claim; `{"enabled": false}` closes its connections, null clears what is optional',
    permission: admin,
    body: claimPatch,
    conditional: true,
    answers: { 200: oneClaim },
    run: async ({ on: hub, args, body, etag, by }) => {
      const change = { id: args.claim as string, change: body as Members, by }
      const view = await hub.provisioning.updateClaim({ ...change, ...(etag && { etag }) })
      return { body: view, etag: view.etag }
    },
  },
  {
    method: 'delete',
    path: '/thingloom/{hub}/claims/{claim}',
    id: 'deleteClaim',
    summary: 'Removes a claim and closes its connections; devices that came with it stay',
    permission: admin,
    conditional: true,
    answers: { 204: { description: 'deleted' } },
    run: async ({ on: hub, args, etag, by }) => {
      await hub.provisioning.deleteClaim({ id: args.claim as string, by, ...(etag && { etag }) })
      return { status: 204 }
    },
  },
]
