import type { Connection, Principal } from '../broker/broker-port.ts'
import { LoomError } from '../errors.ts'
import type { Access, AccessCompiler } from '../identity/policy-access.ts'
import { ruleAccess } from '../identity/policy-order.ts'
import type { Policies } from '../identity/policy-store.ts'
import type { Verdict } from '../identity/policy-rules.ts'
import type { PolicyAction } from '../identity/policy-actions.ts'
import type { AccessContext } from '../identity/policy-variables.ts'
import type { Groups } from '../topology/groups.ts'

/** What one session may do now; replaced in place when a policy, a group or the state of its device changes. */
export class Rights {
  #access: Access
  /** keys of the policy targets that count for it */
  targets: ReadonlySet<string>
  quarantined: boolean
  readonly context: AccessContext
  readonly fingerprint: string | undefined

  constructor(o: {
    access: Access
    targets: Iterable<string>
    quarantined: boolean
    context: AccessContext
    fingerprint: string | undefined
  }) {
    this.#access = o.access
    this.targets = new Set(o.targets)
    this.quarantined = o.quarantined
    this.context = o.context
    this.fingerprint = o.fingerprint
  }

  decide(action: PolicyAction, name: string): Verdict {
    return this.#access.decide(action, name)
  }

  replace(access: Access, targets: Iterable<string>): void {
    this.#access = access
    this.targets = new Set(targets)
  }
}

export interface RightsParts {
  policies: Pick<Policies, 'policiesFor' | 'strict'>
  groups: Pick<Groups, 'groupsOf'>
  compiler: AccessCompiler
  /** What policies may read of a device; only asked if one does. */
  entityOf(deviceId: string): Promise<{ tags?: Record<string, unknown>; attributes?: Record<string, string> } | undefined>
  live(): Iterable<Connection>
  liveOf(deviceId: string): readonly Connection[]
  /** The session may not be connected any more. */
  close(connection: Connection): void
  /** Subscriptions that are no longer allowed are to go. */
  recheck(connection: Connection): void
  failed(error: unknown): void
}

export interface Admission {
  principal: Principal
  clientId: string
  address: string
  certificate?: Uint8Array
  quarantined: boolean
  persistent: boolean
  will: boolean
}

const perTurn = 200
const reads = /^(tag\.|site$|device\.model$|iot:connection\.thing\.(attributes|thingtypename))/i

/** The rights of live sessions: compiled at CONNECT, compiled again when what they rest on changes. */
export function createRights(parts: RightsParts) {
  const { policies, groups, compiler } = parts
  const known = new WeakMap<Principal, Rights>()
  let stale = new Set<string>()
  let running = false

  const compiled = async (deviceId: string, fingerprint: string | undefined, context: AccessContext) => {
    const { all } = deviceId ? await groups.groupsOf(deviceId) : { all: [] }
    const found = await policies.policiesFor({ deviceId, groups: all, ...(fingerprint !== undefined && { fingerprint }) })
    const entity =
      deviceId && found.policies.some(({ document }) => document.variables.some(name => reads.test(name)))
        ? await parts.entityOf(deviceId)
        : undefined
    const { tags, attributes } = entity ?? {}
    const { model, site } = attributes ?? {}
    const whole: AccessContext = {
      ...context,
      ...(tags && { tags }),
      ...(attributes && { attributes }),
      ...(model !== undefined && { model }),
      ...(site !== undefined && { site }),
    }
    return { access: compiler.compile({ policies: found.policies, context: whole }), targets: found.targets }
  }

  const mayConnect = (rights: Rights, clientId: string): boolean =>
    ruleAccess({
      // The registry has said that the client id is the device's own.
      table: 'granted',
      verdict: rights.decide('Connect', clientId),
      feature: 'connect',
      direction: 'connect',
      quarantined: rights.quarantined,
      strict: policies.strict,
    }).allow

  const refresh = async (connection: Connection): Promise<void> => {
    const rights = known.get(connection.principal)
    if (!rights) return
    const { access, targets } = await compiled(connection.principal.deviceId, rights.fingerprint, rights.context)
    rights.replace(access, targets)
    if (mayConnect(rights, connection.clientId)) parts.recheck(connection)
    else parts.close(connection)
  }

  const run = async (): Promise<void> => {
    running = true
    try {
      while (stale.size) {
        const targets = stale
        stale = new Set()
        let done = 0
        for (const connection of [...parts.live()]) {
          const rights = known.get(connection.principal)
          if (!rights || rights.targets.isDisjointFrom(targets)) continue
          await refresh(connection)
          if (++done % perTurn === 0) await new Promise(setImmediate)
        }
      }
    } finally {
      running = false
    }
  }

  return {
    /** POLICY_DENIED if no policy lets it connect. */
    async admit({ principal, clientId, address, certificate, quarantined, persistent, will }: Admission): Promise<Rights> {
      const { deviceId, fingerprint } = principal
      const context: AccessContext = {
        clientId,
        sourceIp: address,
        ...(deviceId && { deviceId }),
        ...(certificate && { certificate }),
        connectAttributes: [...(persistent ? (['PersistentConnect'] as const) : []), ...(will ? (['LastWill'] as const) : [])],
      }
      const { access, targets } = await compiled(deviceId, fingerprint, context)
      const rights = new Rights({ access, targets, quarantined, context, fingerprint })
      if (!mayConnect(rights, clientId)) throw new LoomError('POLICY_DENIED', `connect as "${clientId.slice(0, 80)}"`)
      known.set(principal, rights)
      return rights
    },
    of: (principal: Principal): Rights | undefined => known.get(principal),
    get strict(): boolean {
      return policies.strict
    },
    /** Policies, groups or attributes changed: sessions that rest on one of these targets are compiled again, a few hundred a turn. */
    changed(targets: readonly string[]): void {
      for (const target of targets) stale.add(target)
      if (!running && stale.size) run().catch(parts.failed)
    },
    /** Counts at once, before the sessions are compiled again. */
    quarantine(deviceId: string, quarantined: boolean): void {
      for (const connection of parts.liveOf(deviceId)) {
        const rights = known.get(connection.principal)
        if (!rights) continue
        rights.quarantined = quarantined
        parts.recheck(connection)
      }
    },
  }
}

export type SessionRights = ReturnType<typeof createRights>
