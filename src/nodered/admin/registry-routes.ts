import type { Deletion } from '../../codec/registry/deletion.ts'
import { type SchemaReference, type SchemaVersion, versionNumberOf } from '../../codec/registry/registered-schema.ts'
import { schemaTypes, type SchemaType } from '../../codec/schema-text.ts'
import type { CompatibilityMode } from '../../codec/registry/compatibility.ts'
import type { Hub } from '../../hub/hub.ts'
import { RegistryFault, registryForm } from './registry-form.ts'
import type { HubRoute } from './route.ts'
import type { Schema } from './schema.ts'
import { count, flag, listOf, open, text, textTo } from './shapes.ts'

const read = 'thingloom.read'
const write = 'thingloom.write'
const form = registryForm
const { root } = form

const offered: Schema = open(
  {
    schema: text,
    schemaType: { type: 'string', enum: schemaTypes, description: 'default AVRO' },
    references: listOf(open({ name: text, subject: text, version: count }, ['name', 'subject', 'version'])),
  },
  ['schema'],
)
const shown: Schema = open({ subject: text, id: count, version: count, schema: text, schemaType: text })
const level: Schema = open({ compatibility: text, compatibilityLevel: text })
const newLevel: Schema = open({ compatibility: textTo(40, 'BACKWARD, FORWARD, FULL, their .._TRANSITIVE, NONE') }, [
  'compatibility',
])
/** What clients send with a schema; it is as they ask whatever they ask. */
const asked: Record<string, Schema> = { normalize: flag, verbose: flag }

interface Offer {
  schema: string
  schemaType?: SchemaType
  references?: SchemaReference[]
}
const offerOf = (subject: unknown, body: unknown) => {
  const { schema, schemaType: type = 'AVRO', references = [] } = body as Offer
  return { subject: subject as string, schema, type, references }
}

/** Avro goes without saying, as clients expect it. */
const answerOf = ({ subject, id, version, schema, type, references }: SchemaVersion) => ({
  ...{ subject, id, version, schema },
  ...(type !== 'AVRO' && { schemaType: type }),
  ...(references.length && { references }),
})

const levelOf = (mode: CompatibilityMode) => ({ compatibility: mode, compatibilityLevel: mode })

/** `latest`, -1 for the same, or a number from 1 on. */
function versionOf(version: unknown): number | 'latest' {
  if (version === 'latest' || version === '-1') return 'latest'
  const known = typeof version === 'string' ? versionNumberOf(version) : undefined
  if (known !== undefined) return known
  throw new RegistryFault(42202, `version ${String(version).slice(0, 40)}`)
}

async function versionsOf(hub: Hub, subject: string): Promise<number[]> {
  const { items } = await hub.schemas.list({ prefix: subject, limit: 1 })
  if (items[0]?.subject !== subject) throw new RegistryFault(40401, `subject ${subject.slice(0, 100)}`)
  return items[0].versions
}

async function found(hub: Hub, args: Record<string, unknown>): Promise<SchemaVersion> {
  const subject = args.subject as string
  const version = versionOf(args.version)
  const one = await hub.schemas.get({ subject, version })
  if (one) return one
  await versionsOf(hub, subject)
  throw new RegistryFault(40402, `version ${version} of ${subject.slice(0, 100)}`)
}

const deleted = async (hub: Hub, what: Deletion, permanent: unknown, by: string): Promise<number[]> =>
  (await hub.schemas.delete({ ...what, permanent: permanent === true, by })).versions

/** A schema registry as clients of Confluent's know it, as far as they need it to write, read and evolve. */
export const registryRoutes: HubRoute[] = [
  {
    method: 'get',
    path: `${root}/schemas/types`,
    id: 'registryTypes',
    summary: 'Formats of schemas that the registry takes',
    permission: read,
    form,
    answers: { 200: { description: 'the formats', schema: listOf(text) } },
    run: async () => ({ body: [...schemaTypes] }),
  },
  {
    method: 'get',
    path: `${root}/schemas/ids/{schema}`,
    id: 'registrySchema',
    summary: 'The schema of an id, also one that was deleted',
    permission: read,
    form,
    query: { ...asked, fetchMaxId: flag, subject: textTo(255) },
    answers: { 200: { description: 'the schema', schema: shown } },
    run: async ({ on: hub, args }) => {
      const one = await hub.schemas.get({ id: args.schema as number })
      if (!one) throw new RegistryFault(40403, `schema ${args.schema}`)
      const { schema, schemaType, references } = answerOf(one) as Offer
      return { body: { schema, ...(schemaType && { schemaType }), ...(references && { references }) } }
    },
  },
  {
    method: 'get',
    path: `${root}/subjects`,
    id: 'registrySubjects',
    summary: 'Names of all subjects',
    permission: read,
    form,
    query: { subjectPrefix: textTo(255) },
    answers: { 200: { description: 'the names', schema: listOf(text) } },
    run: async ({ on: hub, args }) => {
      const prefix = (args.subjectPrefix as string | undefined) ?? ''
      const names: string[] = []
      let cursor: string | undefined
      do {
        const page = await hub.schemas.list({ prefix, limit: 1000, ...(cursor !== undefined && { cursor }) })
        names.push(...page.items.map(({ subject }) => subject))
        cursor = page.next
      } while (cursor !== undefined)
      return { body: names }
    },
  },
  {
    method: 'get',
    path: `${root}/subjects/{subject}/versions`,
    id: 'registryVersions',
    summary: 'Versions of a subject',
    permission: read,
    form,
    answers: { 200: { description: 'the versions', schema: listOf(count) } },
    run: async ({ on: hub, args }) => ({ body: await versionsOf(hub, args.subject as string) }),
  },
  {
    method: 'get',
    path: `${root}/subjects/{subject}/versions/{version}`,
    id: 'registryVersion',
    summary: 'One version of a subject, or the latest',
    permission: read,
    form,
    answers: { 200: { description: 'the version', schema: shown } },
    run: async ({ on: hub, args }) => ({ body: answerOf(await found(hub, args)) }),
  },
  {
    method: 'post',
    path: `${root}/subjects/{subject}/versions`,
    id: 'registryRegister',
    summary: 'Registers a schema as the next version of a subject; the same again is no change',
    permission: write,
    form,
    query: asked,
    body: offered,
    answers: { 200: { description: 'the id of the schema', schema: open({ id: count }) } },
    run: async ({ on: hub, args, body, by }) => {
      const { id } = await hub.schemas.register({ ...offerOf(args.subject, body), by })
      return { body: { id } }
    },
  },
  {
    method: 'post',
    path: `${root}/subjects/{subject}`,
    id: 'registryFind',
    summary: 'The version of a subject that a schema is',
    permission: read,
    form,
    query: asked,
    body: offered,
    answers: { 200: { description: 'the version', schema: shown } },
    run: async ({ on: hub, args, body }) => {
      await versionsOf(hub, args.subject as string)
      const one = await hub.schemas.find(offerOf(args.subject, body))
      if (!one) throw new RegistryFault(40403, `such a schema in ${String(args.subject).slice(0, 100)}`)
      return { body: answerOf(one) }
    },
  },
  {
    method: 'post',
    path: `${root}/compatibility/subjects/{subject}/versions/{version}`,
    id: 'registryCheck',
    summary: 'Whether a schema is compatible with a version of a subject, and what is in the way; nothing is stored',
    permission: read,
    form,
    query: asked,
    body: offered,
    answers: { 200: { description: 'the verdict', schema: open({ is_compatible: flag, messages: listOf(text) }) } },
    run: async ({ on: hub, args, body }) => {
      const { version } = await found(hub, args)
      const { compatible, faults } = await hub.schemas.check({ ...offerOf(args.subject, body), version })
      const messages = faults.map(({ path, reason }) => `${path} ${reason}`)
      return { body: { is_compatible: compatible, ...(messages.length && { messages }) } }
    },
  },
  {
    method: 'delete',
    path: `${root}/subjects/{subject}`,
    id: 'registryDeleteSubject',
    summary: 'Deletes all versions of a subject; their schemas are still found by id, until it is deleted again with `permanent`',
    permission: write,
    form,
    query: { permanent: flag },
    answers: { 200: { description: 'the versions', schema: listOf(count) } },
    run: async ({ on: hub, args, by }) => ({ body: await deleted(hub, { subject: args.subject as string }, args.permanent, by) }),
  },
  {
    method: 'delete',
    path: `${root}/subjects/{subject}/versions/{version}`,
    id: 'registryDeleteVersion',
    summary: 'Deletes one version of a subject; a second time with `permanent`, for good',
    permission: write,
    form,
    query: { permanent: flag },
    answers: { 200: { description: 'the version', schema: count } },
    run: async ({ on: hub, args, by }) => {
      const [version] = await deleted(
        hub,
        { subject: args.subject as string, version: versionOf(args.version) },
        args.permanent,
        by,
      )
      return { body: version }
    },
  },
  {
    method: 'get',
    path: `${root}/config`,
    id: 'registryConfig',
    summary: 'The compatibility of subjects that have none of their own',
    permission: read,
    form,
    answers: { 200: { description: 'the mode', schema: level } },
    run: async ({ on: hub }) => ({ body: levelOf((await hub.schemas.compatibility({})).mode) }),
  },
  {
    method: 'put',
    path: `${root}/config`,
    id: 'registrySetConfig',
    summary: 'Sets the compatibility of subjects that have none of their own',
    permission: write,
    form,
    body: newLevel,
    answers: { 200: { description: 'the mode', schema: level } },
    run: async ({ on: hub, body, by }) => {
      const { compatibility } = await hub.schemas.setSettings({ ...modeOf(body), by })
      return { body: { compatibility } }
    },
  },
  {
    method: 'get',
    path: `${root}/config/{subject}`,
    id: 'registrySubjectConfig',
    summary: 'The compatibility of a subject, if it has one of its own; with `defaultToGlobal` what counts for it',
    permission: read,
    form,
    query: { defaultToGlobal: flag },
    answers: { 200: { description: 'the mode', schema: level } },
    run: async ({ on: hub, args }) => {
      const { mode, own } = await hub.schemas.compatibility({ subject: args.subject as string })
      if (!own && !args.defaultToGlobal)
        throw new RegistryFault(40408, `compatibility of ${String(args.subject).slice(0, 100)} itself`)
      return { body: levelOf(mode) }
    },
  },
  {
    method: 'put',
    path: `${root}/config/{subject}`,
    id: 'registrySetSubjectConfig',
    summary: 'Sets the compatibility of a subject',
    permission: write,
    form,
    body: newLevel,
    answers: { 200: { description: 'the mode', schema: level } },
    run: async ({ on: hub, args, body, by }) => {
      const { compatibility: mode } = modeOf(body)
      await hub.schemas.setCompatibility({ subject: args.subject as string, mode, by })
      return { body: { compatibility: mode } }
    },
  },
  {
    method: 'delete',
    path: `${root}/config/{subject}`,
    id: 'registryDeleteSubjectConfig',
    summary: 'A subject follows the compatibility of all others again',
    permission: write,
    form,
    answers: { 200: { description: 'the mode that counts now', schema: level } },
    run: async ({ on: hub, args, by }) => {
      const subject = args.subject as string
      await hub.schemas.setCompatibility({ subject, mode: null, by })
      return { body: levelOf((await hub.schemas.compatibility({ subject })).mode) }
    },
  },
]

const modeOf = (body: unknown): { compatibility: CompatibilityMode } => ({
  compatibility: String((body as { compatibility: unknown }).compatibility).toUpperCase() as CompatibilityMode,
})
