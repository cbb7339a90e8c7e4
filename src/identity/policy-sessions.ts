import { LoomError } from '../errors.ts'
import type { Access, AccessCompiler } from './policy-access.ts'
import type { PolicyAction } from './policy-actions.ts'
import type { Verdict } from './policy-rules.ts'
import type { Policies } from './policy-store.ts'
import type { AccessContext } from './policy-variables.ts'

/** The policies of one live connection: always those of now. */
export interface PolicySession {
  /** Synchronous, for the hot path. `name` as in `Access`. */
  decide(action: PolicyAction, name: string): Verdict
  /** To be called when the connection is gone. */
  end(): void
}

export interface PolicySessions {
  /** `context` is asked again whenever the session is compiled anew. POLICY_INVALID, POLICY_CONFLICT, STORE_*. */
  open(o: { context: () => AccessContext | Promise<AccessContext>; fingerprint?: string }): Promise<PolicySession>
  /**
   * What changed, as target keys (`device:pump-1`, `group:g`, `certificate:..`, `hub:`): the sessions concerned are compiled anew. Resolves with them, their
   * subscriptions to be judged again. One whose policies cannot be read any more is in `failed` and from then on is denied everything.
   */
  changed(targets: readonly string[]): Promise<{ renewed: PolicySession[]; failed: PolicySession[] }>
  readonly count: number
}

const mostTries = 10
const perTurn = 50

const closed: Access = { decide: () => 'deny' }

class Session implements PolicySession {
  access: Access = closed
  targets: readonly string[] = []
  compiling: Promise<void> | undefined
  ended = false
  readonly context: () => AccessContext | Promise<AccessContext>
  readonly fingerprint: string | undefined
  readonly #onEnd: (session: Session) => void

  constructor(o: {
    context: () => AccessContext | Promise<AccessContext>
    fingerprint: string | undefined
    onEnd: (session: Session) => void
  }) {
    this.context = o.context
    this.fingerprint = o.fingerprint
    this.#onEnd = o.onEnd
  }

  decide(action: PolicyAction, name: string): Verdict {
    return this.access.decide(action, name)
  }

  end(): void {
    this.ended = true
    this.#onEnd(this)
  }
}

/** `turn`: lets others run; awaited every fifty sessions. */
export function createPolicySessions(o: {
  policies: Pick<Policies, 'policiesFor'>
  compiler: AccessCompiler
  /** direct groups and those above */
  groupsOf: (device: string) => Promise<readonly string[]>
  turn?: () => Promise<void>
}): PolicySessions {
  const { policies, compiler, groupsOf, turn = async () => {} } = o
  const live = new Set<Session>()
  const byTarget = new Map<string, Set<Session>>()
  /** What changed since the compilation of a session began. */
  const compiling = new Map<Session, Set<string>>()

  const unlist = (session: Session): void => {
    for (const target of session.targets) {
      const listed = byTarget.get(target)
      if (listed?.delete(session) && listed.size === 0) byTarget.delete(target)
    }
    session.targets = []
  }
  const list = (session: Session, targets: readonly string[]): void => {
    unlist(session)
    if (session.ended) return
    session.targets = targets
    for (const target of targets) {
      const listed = byTarget.get(target)
      if (listed) listed.add(session)
      else byTarget.set(target, new Set([session]))
    }
  }
  const settle = (session: Session, access: Access): void => {
    session.access = access
    session.compiling = undefined
    compiling.delete(session)
  }
  const compiled = async (session: Session): Promise<{ access: Access; targets: string[] }> => {
    const context = await session.context()
    const { deviceId } = context
    const { fingerprint } = session
    const groups = deviceId === undefined ? [] : await groupsOf(deviceId)
    const who = { ...(deviceId !== undefined && { deviceId }), ...(fingerprint !== undefined && { fingerprint }) }
    const found = await policies.policiesFor({ ...who, groups })
    return { access: compiler.compile({ policies: found.policies, context }), targets: found.targets }
  }
  /** No turn of the loop may pass between the last look at what was missed and the end: a change in between would be lost. */
  const compile = async (session: Session): Promise<void> => {
    try {
      for (let tries = 0; tries < mostTries; tries++) {
        const missed = new Set<string>()
        compiling.set(session, missed)
        const { access, targets } = await compiled(session)
        if (targets.some(target => missed.has(target))) continue
        list(session, targets)
        settle(session, access)
        return
      }
      throw new LoomError('POLICY_CONFLICT', 'they change faster than a session can be compiled', { hint: 'try again' })
    } catch (error) {
      settle(session, closed)
      throw error
    }
  }
  const renew = (session: Session): Promise<void> => (session.compiling ??= compile(session))

  const concernedBy = (targets: readonly string[]): Set<Session> => {
    for (const missed of compiling.values()) for (const target of targets) missed.add(target)
    return new Set(targets.flatMap(target => [...(byTarget.get(target) ?? [])]))
  }

  return {
    get count() {
      return live.size
    },
    async open({ context, fingerprint }) {
      const onEnd = (session: Session): void => {
        live.delete(session)
        unlist(session)
      }
      const session = new Session({ context, fingerprint, onEnd })
      live.add(session)
      try {
        await renew(session)
      } catch (error) {
        session.end()
        throw error
      }
      return session
    },
    async changed(targets) {
      const renewed: PolicySession[] = []
      const failed: PolicySession[] = []
      let at = 0
      for (const session of concernedBy(targets)) {
        if (++at % perTurn === 0) await turn()
        if (session.ended) continue
        await renew(session).then(
          () => renewed.push(session),
          () => failed.push(session),
        )
      }
      return { renewed, failed }
    },
  }
}
