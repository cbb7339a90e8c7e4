import { LoomError } from '../errors.ts'
import type { Hub } from '../hub/hub.ts'
import type { FleetDialect } from '../topology/fleet-query/ast.ts'
import { questionOf } from './fleet-request.ts'

/** What a message and the settings say of a group. */
export interface GroupRequest {
  id: string
  parent?: string
  description?: string
  dialect?: string
  text?: string
  ast?: object
  force?: boolean
  /** of the settings, for create */
  query?: unknown
  devices: string[]
}

interface Ports {
  hub: Hub
  by: string
  dialect: FleetDialect
}

/** devices of one call */
const atOnce = 1000

/** A group id, or an object with one. NODE_CONFIG. */
export function groupRequestOf(given: unknown, query: unknown, device: unknown): GroupRequest {
  const group: Record<string, unknown> = typeof given === 'object' && given !== null ? { ...given } : { id: given }
  if (typeof group.id !== 'string' || !group.id)
    throw new LoomError('NODE_CONFIG', `group ${String(group.id).slice(0, 80)}`, {
      hint: 'msg.group is an id, or an object with an id',
    })
  const devices = (Array.isArray(device) ? device : [device]).filter(one => one !== undefined)
  if (!devices.every(one => typeof one === 'string'))
    throw new LoomError('READING_DEVICE', 'msg.device', { hint: 'an id or a list of ids' })
  return { ...(group as { id: string }), devices, ...(query !== undefined && { query }) }
}

async function inChunks<K extends string>(
  { id, devices }: GroupRequest,
  work: (o: { group: string; devices: string[] }) => Promise<Record<K, number>>,
  name: K,
): Promise<object> {
  if (!devices.length) throw new LoomError('READING_DEVICE', 'msg.device', { hint: 'an id or a list of ids' })
  let count = 0
  for (let at = 0; at < devices.length; at += atOnce)
    count += (await work({ group: id, devices: devices.slice(at, at + atOnce) }))[name]
  return { group: id, [name]: count }
}

const isMissing = (error: unknown): boolean => error instanceof LoomError && error.code === 'GROUP_NOT_FOUND'

export const groupActions: Readonly<Record<string, (ports: Ports, request: GroupRequest) => Promise<object>>> = {
  add: ({ hub, by }, request) => inChunks(request, o => hub.groups.add({ ...o, by }), 'added'),
  remove: ({ hub, by }, request) => inChunks(request, o => hub.groups.remove({ ...o, by }), 'removed'),
  /** Static without a query, dynamic with one. */
  async create({ hub, by, dialect }, { id, parent, description, text, ast, query, ...more }) {
    const said = description === undefined ? {} : { description }
    const asked = ast ?? text ?? query
    if (asked === undefined || asked === '')
      return hub.groups.create({ id, ...said, ...(parent !== undefined && { parent }), by })
    if (parent !== undefined)
      throw new LoomError('NODE_CONFIG', `parent of ${id.slice(0, 80)}`, {
        hint: 'a dynamic group has none: ask for memberOf in its query',
      })
    return hub.fleet.createGroup({ id, ...said, ...questionOf(dialect, asked, more.dialect), by })
  },
  /** Whichever kind it is. */
  async delete({ hub, by }, { id, force }) {
    try {
      await hub.fleet.deleteGroup({ id, by })
    } catch (error) {
      if (!isMissing(error)) throw error
      await hub.groups.delete({ id, by, ...(force === true && { force }) })
    }
    return { group: id, deleted: true }
  },
}
