import type { Connection, Principal } from '../broker/broker-port.ts'
import { LoomError } from '../errors.ts'
import { ruleAccess } from '../identity/policy-order.ts'
import type { PolicySession, PolicySessions } from '../identity/policy-sessions.ts'
import type { LeafBook } from '../topology/leaf-book.ts'
import type { AccessContext } from '../identity/policy-variables.ts'

/** What one session may do now: its policies, which follow every change, and whether its device is in quarantine. */
export interface Rights {
  readonly decide: PolicySession['decide']
  readonly quarantined: boolean
}

export interface RightsParts {
  sessions: PolicySessions
  readonly strict: () => boolean
  /** what policies may read of a device */
  entityOf(deviceId: string): Promise<{ tags?: Record<string, unknown>; attributes?: Record<string, string> } | undefined>
  liveOf(deviceId: string): readonly Connection[]
  /** who is behind which gateway */
  leaves: Pick<LeafBook, 'faultOf' | 'isQuarantined' | 'countOf'>
  /** The session may not be connected any more. */
  close(connection: Connection): void
  /** Subscriptions that are no longer allowed are to go. */
  recheck(connection: Connection): void
  now: () => number
}

export interface RightsRequest {
  principal: Principal
  clientId: string
  /** one of the device's own, or made here: needs no Allow */
  ownClientId: boolean
  address: string
  /** the name it dialled, without one the address */
  dialled?: string
  /** DER */
  certificate?: Uint8Array
  quarantined: boolean
  persistent: boolean
  will: boolean
}

interface Held extends Rights {
  session: PolicySession
  quarantined: boolean
  clientId: string
  ownClientId: boolean
  /** absent until it is live */
  connection?: Connection
  since: number
  ended: boolean
}

/** Of a gateway's connection, for each device behind it and for all of them. */
const roomPerLeaf = 4
const roomOfLeaves = 1000

/** An admitted CONNECT that never went live (taken over, over a limit) is forgotten after so long. */
const admittedMs = 60_000

/** The rights of sessions, from CONNECT to their end. */
export function createRights(parts: RightsParts) {
  const { sessions, now } = parts
  const byPrincipal = new WeakMap<Principal, Held>()
  const bySession = new Map<PolicySession, Held>()

  const contextOf = async ({
    principal,
    clientId,
    address,
    dialled,
    certificate,
    persistent,
    will,
  }: RightsRequest): Promise<AccessContext> => {
    const { deviceId } = principal
    const { tags, attributes } = (deviceId && (await parts.entityOf(deviceId))) || {}
    const { model, site } = attributes ?? {}
    return {
      clientId,
      sourceIp: address,
      ...(dialled !== undefined && { domainName: dialled }),
      deviceId,
      ...(tags && { tags }),
      ...(attributes && { attributes }),
      ...(model !== undefined && { model }),
      ...(site !== undefined && { site }),
      ...(certificate && { certificate }),
      connectAttributes: [...(persistent ? (['PersistentConnect'] as const) : []), ...(will ? (['LastWill'] as const) : [])],
    }
  }
  const mayConnect = ({ session, quarantined, clientId, ownClientId }: Held): boolean =>
    ruleAccess({
      table: ownClientId ? 'granted' : 'ordinary',
      verdict: session.decide('Connect', clientId),
      feature: 'connect',
      direction: 'connect',
      quarantined,
      strict: parts.strict(),
    }).allow
  const setQuarantined = (principal: Principal, quarantined: boolean): void => {
    const held = byPrincipal.get(principal)
    if (!held || held.quarantined === quarantined) return
    held.quarantined = quarantined
    if (held.connection) parts.recheck(held.connection)
  }
  const end = (held: Held): void => {
    held.ended = true
    bySession.delete(held.session)
    held.session.end()
  }

  return {
    /** To be ended with `end`. POLICY_DENIED if no policy lets it connect. */
    async admit(request: RightsRequest): Promise<Rights> {
      const { principal, clientId, ownClientId, quarantined } = request
      const { fingerprint } = principal
      const session = await sessions.open({
        context: () => contextOf(request),
        ...(fingerprint !== undefined && { fingerprint }),
      })
      const decide: Rights['decide'] = (action, name) => session.decide(action, name)
      const held: Held = { session, decide, quarantined, clientId, ownClientId, since: now(), ended: false }
      if (!mayConnect(held)) {
        session.end()
        throw new LoomError('POLICY_DENIED', `connect as "${clientId.slice(0, 80)}"`)
      }
      byPrincipal.set(principal, held)
      bySession.set(session, held)
      return held
    },
    /** Whether the connection may act for another device: behind it, and a policy allows it. */
    actsFor(principal: Principal, leaf: string): boolean {
      const held = byPrincipal.get(principal)
      if (!held || held.quarantined || principal.family !== 'thing' || principal.module !== undefined) return false
      return parts.leaves.faultOf(principal.deviceId, leaf) === undefined && held.decide('ActFor', leaf) === 'allow'
    },
    /** How many filters and waiting messages a connection may have beyond those of its own. */
    extraRoom: ({ deviceId, family }: Principal): number =>
      family === 'thing' ? Math.min(roomOfLeaves, roomPerLeaf * parts.leaves.countOf(deviceId)) : 0,
    isQuarantined: (leaf: string): boolean => parts.leaves.isQuarantined(leaf),
    of: (principal: Principal): Rights | undefined => byPrincipal.get(principal),
    get strict(): boolean {
      return parts.strict()
    },
    /** The connection is live; what came between its admission and now is judged. */
    connected(connection: Connection): void {
      const held = byPrincipal.get(connection.principal)
      if (!held) return
      held.connection = connection
      if (held.ended || !mayConnect(held)) parts.close(connection)
    },
    end(principal: Principal): void {
      const held = byPrincipal.get(principal)
      if (held && !held.ended) end(held)
    },
    sweep(): void {
      for (const held of bySession.values()) if (!held.connection && now() - held.since > admittedMs) end(held)
    },
    /** Policies, groups or attributes changed: sessions that rest on one of these targets have other rights now. */
    async changed(targets: readonly string[]): Promise<void> {
      const { renewed, failed } = await sessions.changed(targets)
      for (const session of [...renewed, ...failed]) {
        const held = bySession.get(session)
        if (!held?.connection) continue
        if (mayConnect(held)) parts.recheck(held.connection)
        else parts.close(held.connection)
      }
    },
    setQuarantined,
    /** Counts at once. */
    quarantine(deviceId: string, quarantined: boolean): void {
      for (const { principal } of parts.liveOf(deviceId)) setQuarantined(principal, quarantined)
    },
  }
}

export type SessionRights = ReturnType<typeof createRights>
