import type { Groups } from '../topology/groups.ts'
import type { AuditTrail } from './audit-trail.ts'
import type { GroupsApi } from './hub.ts'

/** Static groups; each change with its audit record. */
export function createGroupsApi({ groups, trail }: { groups: Groups; trail: AuditTrail }): GroupsApi {
  const audited = (by: string | undefined, action: string, target: string, detail: Record<string, unknown> = {}) => ({
    ...(by !== undefined && { by }),
    also: [trail.write('identities', { by, action, target, detail })],
  })
  return {
    list: o => groups.page(o),
    get: ({ id }) => groups.get(id),
    create: ({ by, ...group }) => groups.create({ ...group, ...audited(by, 'group.create', group.id, { parent: group.parent }) }),
    update: ({ id, by, ...change }) =>
      groups.update(id, { ...change, ...audited(by, 'group.update', id, { parent: change.parent }) }),
    delete: ({ id, by, ...o }) => groups.delete(id, { ...o, ...audited(by, 'group.delete', id) }),
    add: ({ group, devices, by }) => groups.addDevices({ group, devices, ...audited(by, 'group.add', group, { devices }) }),
    remove: ({ group, devices, by }) =>
      groups.removeDevices({ group, devices, ...audited(by, 'group.remove', group, { devices }) }),
    members: o => groups.members(o),
    groupsOf: ({ device }) => groups.groupsOf(device),
  }
}
