import { LoomError } from '../../errors.ts'
import type { Hub } from '../../hub/hub.ts'
import { faultsFound, modelChange, modelDefault, modelFollowed, modelSample, newModel, oneModel } from './model-schemas.ts'
import { type HubRoute, pageAsked, paging } from './route.ts'
import { open, pageOf, refTo, text, textTo } from './shapes.ts'

const read = 'thingloom.read'
const write = 'thingloom.write'
const version = textTo(32, 'default: the newest, for DELETE all')
const settings = {
  description: 'the settings',
  schema: open({ default: { ...text, description: 'model of devices that name none' } }),
}

const asked = ({ model, version }: Record<string, unknown>): { id: string; version?: string } => ({
  id: model as string,
  ...(version !== undefined && { version: version as string }),
})

function defaultOf({ default: name }: { default?: unknown }): string | null {
  if (name === null || typeof name === 'string') return name
  throw new LoomError('REQUEST_INVALID', 'body.default must be the name of a model or null', { position: 'body.default' })
}

export const modelRoutes: HubRoute[] = [
  {
    method: 'get',
    path: '/thingloom/{hub}/models',
    id: 'listModels',
    summary: 'Device models by id, the newest version of each first',
    permission: read,
    query: { prefix: textTo(128), ...paging },
    answers: { 200: { description: 'a page', schema: pageOf(refTo('Model')) } },
    run: async ({ on: hub, args }) => {
      const { prefix } = args as { prefix?: string }
      return { body: await hub.models.list({ ...(prefix !== undefined && { prefix }), ...pageAsked(args) }) }
    },
  },
  {
    method: 'post',
    path: '/thingloom/{hub}/models',
    id: 'putModel',
    summary: 'Adds a version of a device model, for ever; the same again is no change',
    permission: write,
    body: newModel,
    answers: { 201: oneModel },
    run: async ({ on: hub, body, by }) => ({
      status: 201,
      body: await hub.models.put({ ...(body as Parameters<Hub['models']['put']>[0]), by }),
    }),
  },
  {
    method: 'get',
    path: '/thingloom/{hub}/models/{model}',
    id: 'getModel',
    summary: 'A device model with its document, and what was made of it',
    permission: read,
    query: { version },
    answers: { 200: oneModel },
    run: async ({ on: hub, args }) => {
      const found = await hub.models.get(asked(args))
      if (!found) throw new LoomError('MODEL_UNKNOWN', JSON.stringify(args.model))
      return { body: found }
    },
  },
  {
    method: 'patch',
    path: '/thingloom/{hub}/models/{model}',
    id: 'attachModel',
    summary: 'How a device model counts, all its versions: off, warn or strict, and whether other names are faults',
    permission: write,
    body: modelChange,
    answers: { 200: { description: 'how it counts now', schema: modelChange } },
    run: async ({ on: hub, args, body, by }) => ({
      body: await hub.models.attach({ id: args.model as string, ...(body as object), by }),
    }),
  },
  {
    method: 'delete',
    path: '/thingloom/{hub}/models/{model}',
    id: 'deleteModel',
    summary: 'Removes a device model, or one version of it; who follows it is checked no more',
    permission: write,
    query: { version },
    answers: { 204: { description: 'deleted' } },
    run: async ({ on: hub, args, by }) => {
      await hub.models.delete({ ...asked(args), by })
      return { status: 204 }
    },
  },
  {
    method: 'post',
    path: '/thingloom/{hub}/model-checks',
    id: 'checkSample',
    summary: 'What a device model says of a sample: values of a message, properties, a command; nothing is stored',
    permission: read,
    body: modelSample,
    answers: { 200: { description: 'the faults', schema: faultsFound } },
    run: async ({ on: hub, body }) => ({ body: await hub.models.validate(body as Parameters<Hub['models']['validate']>[0]) }),
  },
  {
    method: 'get',
    path: '/thingloom/{hub}/model-settings',
    id: 'getModelSettings',
    summary: 'The device model that counts where nobody names one',
    permission: read,
    answers: { 200: settings },
    run: async ({ on: hub }) => ({ body: await hub.models.settings({}) }),
  },
  {
    method: 'put',
    path: '/thingloom/{hub}/model-settings',
    id: 'setModelSettings',
    summary: 'Sets the device model that counts where nobody names one; null: none',
    permission: write,
    body: modelDefault,
    answers: { 200: settings },
    run: async ({ on: hub, body, by }) => ({ body: await hub.models.setSettings({ default: defaultOf(body as object), by }) }),
  },
  {
    method: 'get',
    path: '/thingloom/{hub}/devices/{id}/model',
    id: 'getModelOfDevice',
    summary: 'The model that a device follows, and who named it; `{}` if it follows none',
    permission: read,
    answers: { 200: { description: 'the model', schema: modelFollowed } },
    run: async ({ on: hub, args }) => ({ body: (await hub.models.modelOf({ device: args.id as string })) ?? {} }),
  },
]
