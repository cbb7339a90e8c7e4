import type { BrokerPort, Connection } from '../broker/broker-port.ts'
import { createAccessCompiler } from '../identity/policy-access.ts'
import { createPolicySessions } from '../identity/policy-sessions.ts'
import { openPolicies } from '../identity/policy-store.ts'
import type { Identity } from '../identity/identity.ts'
import type { StateStore, Write } from '../storage/state-store.ts'
import type { GroupChange } from '../topology/group.ts'
import { openGroups } from '../topology/groups.ts'
import { devicesColl } from './devices.ts'
import { targetsOfGroup } from './group-targets.ts'
import type { Problems } from './problems.ts'
import { createRights, type RightsParts } from './rights.ts'

export interface AccessParts {
  identities: StateStore
  state: StateStore
  findDevice(id: string): Promise<Pick<Identity, 'credentials'> | undefined>
  /** asked when a session's rights changed: the broker is made after them */
  broker(): Pick<BrokerPort, 'connectionsOf' | 'disconnect' | 'recheck'>
  problems: Problems
  /** Devices are in other groups. */
  groupsChanged(change: GroupChange): void
  leaves: RightsParts['leaves']
  /** A live session may do other things now. */
  rechecked(connection: Connection): void
  now: () => number
}

/** What decides about topics: groups and policies, and the rights that live sessions have of them. */
export async function openAccess(parts: AccessParts) {
  const { identities, state, findDevice, broker, problems, groupsChanged, leaves, rechecked, now } = parts
  let described = (_targets: readonly string[]): void => {}
  const groups = await openGroups({
    store: identities,
    now,
    changed(change) {
      described(targetsOfGroup(change))
      groupsChanged(change)
    },
    isDevice: async id => (await findDevice(id)) !== undefined,
    forgetting: group => policies.planForget({ group }),
  })
  const policies = await openPolicies({ store: identities, now, changed: targets => described(targets) })
  const rights = createRights({
    sessions: createPolicySessions({
      policies,
      compiler: createAccessCompiler({ now }),
      groupsOf: async id => (await groups.groupsOf(id)).all,
      turn: () => new Promise(setImmediate),
    }),
    strict: () => policies.strict,
    entityOf: async id =>
      (await state.get<{ tags: Record<string, unknown>; attributes: Record<string, string> }>(devicesColl, id))?.doc,
    liveOf: id => broker().connectionsOf(id),
    leaves,
    close: ({ id }) => void broker().disconnect(id, 'FORBIDDEN_ACCESS'),
    recheck(connection) {
      problems.watch('subscriptions', broker().recheck(connection.id))
      rechecked(connection)
    },
    now,
  })
  described = targets => problems.watch('policies', rights.changed(targets))
  return {
    groups,
    policies,
    rights,
    /** What policies read of these targets has changed: live sessions follow. */
    described: (targets: readonly string[]): void => described(targets),
    /** The writes by which a device leaves its groups and policies, those of its certificates too. */
    async leaving(id: string): Promise<{ writes: Write[]; settled(committed: boolean): void }> {
      const certificates =
        (await findDevice(id))?.credentials.flatMap(one => (one.kind === 'x509' ? [one.fingerprint] : [])) ?? []
      const plans = [await groups.planLeave(id), await policies.planForget({ device: id })]
      for (const certificate of certificates) plans.push(await policies.planForget({ certificate }))
      return {
        writes: plans.flatMap(({ writes }) => writes),
        settled: committed => {
          for (const { settled } of plans) settled(committed)
        },
      }
    },
  }
}
