import { LoomError } from '../../errors.ts'
import { readPolicy } from '../../identity/policy-document.ts'
import { newPolicy, policyChange, policyGiven, policyQuestion, strictness } from './access-schemas.ts'
import { documentOf, documentIn, type Documented } from './policy-text.ts'
import { type HubRoute, pageAsked, paging } from './route.ts'
import { pageOf, refTo } from './shapes.ts'

const admin = 'thingloom.admin.write'
/** Words that stand where an id does. */
const taken = ['test', 'who-may', 'strict', 'attached']
const onePolicy = { description: 'the policy', schema: refTo('Policy') }

export const policyRoutes: HubRoute[] = [
  {
    method: 'get',
    path: '/thingloom/{hub}/policies',
    id: 'listPolicies',
    summary: 'Policies by id',
    permission: 'thingloom.read',
    query: { prefix: { type: 'string', maxLength: 128 }, ...paging },
    answers: { 200: { description: 'a page', schema: pageOf(refTo('Policy')) } },
    run: async ({ on: hub, args }) => {
      const prefix = args.prefix !== undefined && { prefix: args.prefix as string }
      return { body: await hub.policies.list({ ...pageAsked(args), ...prefix }) }
    },
  },
  {
    method: 'post',
    path: '/thingloom/{hub}/policies',
    id: 'createPolicy',
    summary: 'Keeps an AWS IoT policy document; it counts where it is attached',
    permission: admin,
    body: newPolicy,
    answers: { 201: onePolicy },
    run: async ({ on: hub, body, by }) => {
      const { id, description } = body as { id: string; description?: string }
      if (taken.includes(id)) throw new LoomError('REQUEST_INVALID', `"${id}" is no id`, { position: 'body.id' })
      const text = documentOf(body as Documented)
      const view = await hub.policies.create({ id, text, by, ...(description !== undefined && { description }) })
      return { status: 201, body: view, etag: view.etag }
    },
  },
  {
    method: 'post',
    path: '/thingloom/{hub}/policies/test',
    id: 'testPolicies',
    summary: "What the device's policies, or a document that is not kept, say of one action, and which statement settles it",
    permission: 'thingloom.read',
    body: policyQuestion,
    answers: { 200: { description: 'the verdict', schema: refTo('PolicyAnswer') } },
    run: async ({ on: hub, body }) => {
      const { text: _, document: __, ...question } = body as Documented & { device: string; action: string }
      const given = documentIn(body as Documented)
      await hub.devices.get({ id: question.device })
      return { body: await hub.policies.test({ ...question, ...(given !== undefined && { document: given }) }) }
    },
  },
  {
    method: 'post',
    path: '/thingloom/{hub}/policies/check',
    id: 'checkPolicy',
    summary: 'Reads a policy document and keeps nothing; its faults have a place',
    permission: 'thingloom.read',
    body: policyGiven,
    answers: { 200: { description: 'what is in it', schema: refTo('PolicyContent') } },
    run: async ({ body }) => {
      const { statements, variables } = readPolicy(documentOf(body as Documented))
      return { body: { statements: statements.length, variables } }
    },
  },
  {
    method: 'get',
    path: '/thingloom/{hub}/policies/who-may',
    id: 'whoMay',
    summary: 'Devices that policies allow an action, with the statement',
    permission: 'thingloom.read',
    query: { action: { type: 'string', maxLength: 64 }, topic: { type: 'string', maxLength: 1024 }, ...paging },
    answers: { 200: { description: 'a page; it may be short', schema: pageOf(refTo('Allowed')) } },
    run: async ({ on: hub, args }) => {
      const { action, topic } = args
      if (action === undefined) throw new LoomError('REQUEST_INVALID', 'action is missing', { position: 'action' })
      const about = topic !== undefined && { topic: topic as string }
      return { body: await hub.policies.whoMay({ action: action as string, ...about, ...pageAsked(args) }) }
    },
  },
  {
    method: 'get',
    path: '/thingloom/{hub}/policies/strict',
    id: 'getStrict',
    summary: 'Whether reserved topics need an Allow too, as in AWS',
    permission: 'thingloom.read',
    answers: { 200: { description: 'the setting', schema: strictness } },
    run: async ({ on: hub }) => ({ body: await hub.policies.strict({}) }),
  },
  {
    method: 'put',
    path: '/thingloom/{hub}/policies/strict',
    id: 'setStrict',
    summary: 'Sets whether reserved topics need an Allow too',
    permission: admin,
    body: strictness,
    answers: { 200: { description: 'the setting', schema: strictness } },
    run: async ({ on: hub, body, by }) => {
      await hub.policies.setStrict({ ...(body as { strict: boolean }), by })
      return { body: await hub.policies.strict({}) }
    },
  },
  {
    method: 'get',
    path: '/thingloom/{hub}/policies/{policy}',
    id: 'getPolicy',
    summary: 'A policy with its document',
    permission: 'thingloom.read',
    answers: { 200: onePolicy },
    run: async ({ on: hub, args }) => {
      const view = await hub.policies.get({ id: args.policy as string })
      if (!view) throw new LoomError('POLICY_NOT_FOUND', `"${args.policy}"`)
      return { body: view, etag: view.etag }
    },
  },
  {
    method: 'put',
    path: '/thingloom/{hub}/policies/{policy}',
    id: 'updatePolicy',
    summary: 'Changes document or description; acts on live sessions at once',
    permission: admin,
    body: policyChange,
    conditional: true,
    answers: { 200: onePolicy },
    run: async ({ on: hub, args, body, etag, by }) => {
      const { description } = body as { description?: string }
      const text = documentIn(body as Documented)
      const view = await hub.policies.update({
        id: args.policy as string,
        by,
        ...(text !== undefined && { text }),
        ...(description !== undefined && { description }),
        ...(etag && { etag }),
      })
      return { body: view, etag: view.etag }
    },
  },
  {
    method: 'delete',
    path: '/thingloom/{hub}/policies/{policy}',
    id: 'deletePolicy',
    summary: 'Removes a policy that is attached to nothing',
    permission: admin,
    conditional: true,
    answers: { 204: { description: 'deleted' } },
    run: async ({ on: hub, args, etag, by }) => {
      await hub.policies.delete({ id: args.policy as string, by, ...(etag && { etag }) })
      return { status: 204 }
    },
  },
]
