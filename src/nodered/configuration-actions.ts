import { LoomError } from '../errors.ts'
import type { ConfigurationMetrics, ConfigurationsApi, ConfigurationView } from '../hub/hub.ts'
import type { FleetDialect } from '../topology/fleet-query/ast.ts'
import { isSection, type TwinSection } from '../twin/json.ts'
import { questionOf } from './fleet-request.ts'

/** What the settings of a node say of the action that is set. */
export interface ConfigurationFields {
  dialect: FleetDialect
  query?: unknown
  priority?: number
  desired?: unknown
  canary?: number
}

export interface ConfigurationRequest {
  /** of any action but `list` */
  id: string
  /** `msg.payload` */
  payload: unknown
  set: ConfigurationFields
  by: string
}

export type ConfigurationAnswer =
  | ConfigurationView
  | ConfigurationView[]
  | ConfigurationMetrics
  | { configuration: string; deleted: true }

type Action = (api: ConfigurationsApi, request: ConfigurationRequest) => Promise<ConfigurationAnswer>

const pageSize = 100

/** What `loom-configuration` does with one configuration. Errors are the hub's, and CONFIGURATION_INVALID for a payload that says something else. */
export const configurationActions: Readonly<Record<string, Action>> = {
  put(api, { id, payload, set, by }) {
    const { text, ast, dialect, enabled, description, ...said } = wishOf(payload)
    return api.put({
      ...{ id, by, ...etagOf(payload, id) },
      ...questionOf(set.dialect, ast ?? text ?? set.query, dialect),
      desired: (said.desired ?? set.desired) as TwinSection,
      ...given('priority', said.priority ?? set.priority),
      ...given('canary', said.canary === undefined ? set.canary : said.canary),
      ...given('enabled', typed('boolean', 'enabled', enabled)),
      ...given('description', typed('string', 'description', description)),
    })
  },
  get: (api, { id }) => api.get({ id }),
  async list(api) {
    const all: ConfigurationView[] = []
    let cursor: string | undefined
    do {
      const { items, next } = await api.list({ limit: pageSize, ...(cursor !== undefined && { cursor }) })
      all.push(...items)
      cursor = next
    } while (cursor !== undefined)
    return all
  },
  async delete(api, { id, payload, by }) {
    await api.delete({ id, by, ...etagOf(payload, id) })
    return { configuration: id, deleted: true }
  },
  promote(api, { id, payload, set, by }) {
    // The share of a configuration as it was read is the one it had
    const wished = isSection(payload) && payload.desired === undefined ? payload.canary : undefined
    return api.promote({ id, by, ...etagOf(payload, id), ...given('canary', wished === undefined ? set.canary : wished) })
  },
  metrics: (api, { id }) => api.metrics({ id }),
}

/** A typed input's value, else the id in a configuration as it was read. NODE_CONFIG. */
export function configurationIdOf(value: unknown, payload: unknown): string {
  const id = value ?? (isSection(payload) ? payload.id : undefined)
  if (typeof id === 'string' && id) return id
  throw new LoomError('NODE_CONFIG', `configuration ${JSON.stringify(id)?.slice(0, 80)}`, {
    hint: 'name it in msg.configuration, or choose it in the node',
  })
}

const members = ['text', 'ast', 'dialect', 'desired', 'priority', 'canary', 'enabled', 'description']
/** Of a configuration as it was read, which may come back. */
const readOnly = ['id', 'etag', 'version', 'createdAt', 'updatedAt']

/** Payloads that are no objects say nothing. CONFIGURATION_INVALID for a member that is none of a configuration. */
function wishOf(payload: unknown): Record<string, unknown> & { dialect?: unknown } {
  if (!isSection(payload) || ArrayBuffer.isView(payload)) return {}
  const other = Object.keys(payload).find(key => !members.includes(key) && !readOnly.includes(key))
  if (other === undefined) return payload
  throw new LoomError('CONFIGURATION_INVALID', `${JSON.stringify(other.slice(0, 40))} in the payload`, {
    position: 'payload',
    hint: `it has ${members.join(', ')}; properties of twins belong into desired`,
  })
}

/** The etag of a configuration that was read; of another one it says nothing about this. NODE_CONFIG. */
function etagOf(payload: unknown, id: string): { etag?: string } {
  if (!isSection(payload) || payload.etag === undefined || (payload.id ?? id) !== id) return {}
  const { etag } = payload
  if (typeof etag === 'string') return { etag }
  throw new LoomError('NODE_CONFIG', `etag ${JSON.stringify(etag)?.slice(0, 40)}`, { hint: 'as an earlier answer has it' })
}

function typed(type: 'boolean' | 'string', name: string, value: unknown): unknown {
  if (value === undefined || typeof value === type) return value
  throw new LoomError('CONFIGURATION_INVALID', `${name} ${JSON.stringify(value)?.slice(0, 40)}: a ${type}`, { position: name })
}

/** The hub judges the values. */
const given = (name: string, value: unknown): object => (value === undefined ? {} : { [name]: value })
