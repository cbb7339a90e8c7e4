import type { GroupsApi, IdentityApi, PoliciesApi } from './hub.ts'
import type { Fleet } from './open-fleet.ts'

/** Members of a dynamic group come from its query, and it carries no policies: what a device writes into its twin must never grant rights. */
export function staticOnly(
  { groups, policies }: { groups: GroupsApi; policies: PoliciesApi },
  { refuseDynamic }: Pick<Fleet, 'refuseDynamic'>,
): { groups: GroupsApi; policies: PoliciesApi } {
  return {
    groups: {
      ...groups,
      async create(o) {
        refuseDynamic(o.id)
        if (o.parent !== undefined) refuseDynamic(o.parent)
        return groups.create(o)
      },
      async add(o) {
        refuseDynamic(o.group)
        return groups.add(o)
      },
      async remove(o) {
        refuseDynamic(o.group)
        return groups.remove(o)
      },
    },
    policies: {
      ...policies,
      async attach(o) {
        if ('group' in o.target) refuseDynamic(o.target.group)
        return policies.attach(o)
      },
    },
  }
}

/** The fleet index shows when the certificate of a device ends. */
export function followedIdentity(identity: IdentityApi, { feed }: Pick<Fleet, 'feed'>): IdentityApi {
  return {
    ...identity,
    addCredential: o => identity.addCredential(o).finally(() => feed.described(o.id)),
    rotate: o => identity.rotate(o).finally(() => feed.described(o.id)),
    revokeCredential: o => identity.revokeCredential(o).finally(() => feed.described(o.id)),
  }
}
