import { LoomError } from '../../errors.ts'
import { caTemplate, newTemplate, templatePatch } from './provisioning-schemas.ts'
import { type HubRoute, pageAsked, paging } from './route.ts'
import { pageOf, refTo } from './shapes.ts'

type Members = Record<string, unknown>

const admin = 'thingloom.admin.write'
const oneTemplate = { description: 'the template', schema: refTo('Template') }
const ofCa = { description: 'its name', schema: caTemplate }

export const templateRoutes: HubRoute[] = [
  {
    method: 'get',
    path: '/thingloom/{hub}/templates',
    id: 'listTemplates',
    summary: 'Provisioning templates by name',
    permission: 'thingloom.read',
    query: paging,
    answers: { 200: { description: 'a page', schema: pageOf(refTo('Template')) } },
    run: async ({ on: hub, args }) => ({ body: await hub.provisioning.templates(pageAsked(args)) }),
  },
  {
    method: 'post',
    path: '/thingloom/{hub}/templates',
    id: 'createTemplate',
    summary: 'Keeps an AWS provisioning template, as JSON or as text, whose faults then have a place',
    permission: admin,
    body: newTemplate,
    answers: { 201: oneTemplate },
    run: async ({ on: hub, body, by }) => {
      const { name, ...settings } = body as Members & { name: string }
      const view = await hub.provisioning.createTemplate({ name, settings, by })
      return { status: 201, body: view, etag: view.etag }
    },
  },
  {
    method: 'get',
    path: '/thingloom/{hub}/templates/{template}',
    id: 'getTemplate',
    summary: 'A provisioning template, and how many devices came through it',
    permission: 'thingloom.read',
    answers: { 200: oneTemplate },
    run: async ({ on: hub, args }) => {
      const view = await hub.provisioning.template({ name: args.template as string })
      if (!view) throw new LoomError('PROV_NO_TEMPLATE', `"${args.template}"`)
      return { body: view, etag: view.etag }
    },
  },
  {
    method: 'patch',
    path: '/thingloom/{hub}/templates/{template}',
    id: 'updateTemplate',
    summary: 'Changes a template; null clears what is optional. Its devices stay as they are',
    permission: admin,
    body: templatePatch,
    conditional: true,
    answers: { 200: oneTemplate },
    run: async ({ on: hub, args, body, etag, by }) => {
      const change = { name: args.template as string, change: body as Members, by }
      const view = await hub.provisioning.updateTemplate({ ...change, ...(etag && { etag }) })
      return { body: view, etag: view.etag }
    },
  },
  {
    method: 'delete',
    path: '/thingloom/{hub}/templates/{template}',
    id: 'deleteTemplate',
    summary: 'Removes a template: nobody comes through it any more, its devices stay',
    permission: admin,
    conditional: true,
    answers: { 204: { description: 'deleted' } },
    run: async ({ on: hub, args, etag, by }) => {
      await hub.provisioning.deleteTemplate({ name: args.template as string, by, ...(etag && { etag }) })
      return { status: 204 }
    },
  },
  {
    method: 'get',
    path: '/thingloom/{hub}/cas/{ca}/template',
    id: 'getCaTemplate',
    summary: 'Template by which unknown certificates of a CA become devices',
    permission: 'thingloom.read',
    answers: { 200: ofCa },
    run: async ({ on: hub, args }) => {
      const { items } = await hub.provisioning.caTemplates({})
      const found = items.find(({ ca }) => ca === args.ca)
      if (!found) throw new LoomError('NOT_FOUND', `a template of the CA "${args.ca}"`)
      return { body: { template: found.template } }
    },
  },
  {
    method: 'put',
    path: '/thingloom/{hub}/cas/{ca}/template',
    id: 'setCaTemplate',
    summary: 'Lets unknown certificates of a CA become devices, by a template of the kind `jitp`',
    permission: admin,
    body: caTemplate,
    answers: { 200: ofCa },
    run: async ({ on: hub, args, body, by }) => {
      const { template } = body as { template: string }
      await hub.provisioning.setCaTemplate({ ca: args.ca as string, template, by })
      return { body: { template } }
    },
  },
  {
    method: 'delete',
    path: '/thingloom/{hub}/cas/{ca}/template',
    id: 'removeCaTemplate',
    summary: 'Unknown certificates of the CA are refused again',
    permission: admin,
    answers: { 204: { description: 'removed' } },
    run: async ({ on: hub, args, by }) => {
      await hub.provisioning.setCaTemplate({ ca: args.ca as string, by })
      return { status: 204 }
    },
  },
]
