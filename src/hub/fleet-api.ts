import { dynamicGroupMissing } from '../topology/dynamic-group.ts'
import type { DynamicGroups } from '../topology/dynamic-groups.ts'
import type { FleetIndex } from '../topology/fleet-index.ts'
import { compileQuery } from '../topology/fleet-query/compile.ts'
import { pathsOf } from '../topology/fleet-query/compile.ts'
import { type FleetQueryText, parseCondition, parseQuery } from '../topology/fleet-query/parse-query.ts'
import type { AuditTrail } from './audit-trail.ts'
import { type Asked, pageOfDevices, rowsOf } from './fleet-pages.ts'
import type { FleetApi } from './hub-fleet.ts'

export interface FleetApiParts {
  index: FleetIndex
  groups: DynamicGroups
  trail: Pick<AuditTrail, 'write'>
  /** Resolves when everything stored so far is in the index. */
  settled(): Promise<void>
}

const queryOf = ({ dialect, text, ast }: FleetQueryText): FleetQueryText => ({
  ...(dialect !== undefined && { dialect }),
  ...(text !== undefined && { text }),
  ...(ast !== undefined && { ast }),
})

/** Fleet queries and dynamic groups as people and flows ask for them; changes with their audit records. */
export function createFleetApi({ index, groups, trail, settled }: FleetApiParts): FleetApi {
  const { memberships } = groups
  const audited = (by: string | undefined, action: string, target: string, detail: Record<string, unknown> = {}) => ({
    ...(by !== undefined && { by }),
    also: [trail.write('state', { by, action, target, detail })],
  })

  return {
    async query({ limit, cursor, ...o }) {
      const query = parseQuery(o)
      await settled()
      return rowsOf(index, query, memberships, { ...(limit !== undefined && { limit }), ...(cursor !== undefined && { cursor }) })
    },
    async aggregate({ aggregate, ...o }) {
      const query = parseQuery(o, aggregate ?? (o.dialect === 'azure' ? undefined : {}))
      await settled()
      return rowsOf(index, query.aggregate ? query : parseQuery(o, {}), memberships, {})
    },
    async state() {
      await settled()
      const { size: devices, bytes, reduced } = index
      return { devices, bytes, reduced, groups: memberships.size }
    },
    async groups({ limit = 100, cursor }) {
      const views = groups.list().filter(({ id }) => cursor === undefined || id > cursor)
      const items = views.slice(0, limit)
      return { items, ...(views.length > limit && { next: items.at(-1)!.id }) }
    },
    async group({ id }) {
      await settled()
      const view = groups.get(id)
      if (!view) throw dynamicGroupMissing(id)
      return view
    },
    async createGroup({ id, description, by, ...o }) {
      const query = queryOf(o)
      parseCondition(query)
      await settled()
      return groups.create({
        id,
        query,
        ...(description !== undefined && { description }),
        ...audited(by, 'fleetGroup.create', id, { ...query }),
      })
    },
    async updateGroup({ id, description, etag, by, ...o }) {
      const query = queryOf(o)
      await settled()
      return groups.update(id, {
        ...((query.text !== undefined || query.ast !== undefined) && { query }),
        ...(description !== undefined && { description }),
        ...(etag !== undefined && { etag }),
        ...audited(by, 'fleetGroup.update', id, { ...query }),
      })
    },
    deleteGroup: ({ id, etag, by }) =>
      groups.delete(id, { ...(etag !== undefined && { etag }), ...audited(by, 'fleetGroup.delete', id) }),
    async members({ group, ...asked }) {
      await settled()
      if (!groups.has(group)) throw dynamicGroupMissing(group)
      const { items, next } = await pageOfDevices(index, ({ id }) => memberships.isMember(group, id), asked)
      return { items: items.map(({ id }) => id), ...(next !== undefined && { next }) }
    },
    async groupsOf({ device }) {
      await settled()
      return { items: memberships.groupsOf(device).sort() }
    },
  }
}

/** Ids of devices that a query finds, for lists of devices. QUERY_SYNTAX if it asks for columns. */
export async function idsOf(
  { index, groups, settled }: Pick<FleetApiParts, 'index' | 'groups' | 'settled'>,
  { limit, cursor, ...o }: FleetQueryText & Asked,
): Promise<{ items: string[]; next?: string }> {
  const condition = parseCondition(o)
  index.check(pathsOf(condition))
  await settled()
  const asked = { ...(limit !== undefined && { limit }), ...(cursor !== undefined && { cursor }) }
  const { items, next } = await pageOfDevices(index, compileQuery(condition, groups.memberships), asked)
  return { items: items.map(({ id }) => id), ...(next !== undefined && { next }) }
}
