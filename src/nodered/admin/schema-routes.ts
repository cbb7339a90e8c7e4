import { compatibilityModes } from '../../codec/registry/compatibility.ts'
import { schemaTypes } from '../../codec/schema-text.ts'
import type { Hub } from '../../hub/hub.ts'
import { type HubRoute, pageAsked, paging } from './route.ts'
import type { Schema } from './schema.ts'
import { count, free, listOf, object, open, pageOf, text, textTo, time } from './shapes.ts'

const reference = object({ name: text, subject: textTo(255), version: count }, ['name', 'subject', 'version'])
const newSchema: Schema = object(
  {
    subject: textTo(255),
    schema: text,
    type: { type: 'string', enum: schemaTypes, description: 'default AVRO' },
    references: listOf(reference),
  },
  ['subject', 'schema'],
)
const schemaVersion = open({
  ...{ id: count, subject: text, version: count, type: text, schema: text, references: listOf(reference) },
  ...{ fingerprints: free, createdAt: time, by: text },
})
const settings: Schema = {
  type: 'object',
  properties: {
    compatibility: { type: 'string', enum: compatibilityModes },
    replay: {
      type: 'string',
      enum: ['offer', 'start'],
      description: 'start: letters that wait for a schema are replayed when it comes',
    },
  },
}

export const schemaRoutes: HubRoute[] = [
  {
    method: 'get',
    path: '/thingloom/{hub}/schemas',
    id: 'listSchemas',
    summary: 'Subjects of the schema registry by name, with their versions',
    permission: 'thingloom.read',
    query: { prefix: textTo(255), ...paging },
    answers: { 200: { description: 'a page', schema: pageOf(open({ subject: text, type: text, versions: listOf(count) })) } },
    run: async ({ on: hub, args }) => {
      const { prefix } = args as { prefix?: string }
      return { body: await hub.schemas.list({ ...(prefix !== undefined && { prefix }), ...pageAsked(args) }) }
    },
  },
  {
    method: 'post',
    path: '/thingloom/{hub}/schemas',
    id: 'registerSchema',
    summary: 'Registers a schema as the next version of its subject; the same again is no change',
    permission: 'thingloom.write',
    body: newSchema,
    answers: { 201: { description: 'the version', schema: schemaVersion } },
    run: async ({ on: hub, body, by }) => ({
      status: 201,
      body: await hub.schemas.register({ ...(body as Parameters<Hub['schemas']['register']>[0]), by }),
    }),
  },
  {
    method: 'get',
    path: '/thingloom/{hub}/schema-settings',
    id: 'getSchemaSettings',
    summary: 'The compatibility of schemas where a subject has none, and what becomes of letters that wait for one',
    permission: 'thingloom.read',
    answers: { 200: { description: 'the settings', schema: settings } },
    run: async ({ on: hub }) => ({ body: await hub.schemas.settings({}) }),
  },
  {
    method: 'put',
    path: '/thingloom/{hub}/schema-settings',
    id: 'setSchemaSettings',
    summary: 'Changes the settings of the schema registry; what is not given stays',
    permission: 'thingloom.write',
    body: settings,
    answers: { 200: { description: 'the settings', schema: settings } },
    run: async ({ on: hub, body, by }) => ({ body: await hub.schemas.setSettings({ ...(body as object), by }) }),
  },
]
