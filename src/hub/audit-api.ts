import { LoomError } from '../errors.ts'
import type { AuditTrail } from './audit-trail.ts'
import type { AuditApi } from './hub.ts'
import type { Problems } from './problems.ts'

/** The audit log, read and checked; what was recorded a moment ago is brought into it first. */
export function createAuditApi({ trail, problems }: { trail: AuditTrail; problems: Pick<Problems, 'set' | 'clear'> }): AuditApi {
  const { log } = trail
  const [breach] = log.breaches
  if (breach)
    problems.set(
      'audit',
      new LoomError('AUDIT_BROKEN', `from entry ${breach.seq}: ${breach.reason}`, {
        hint: 'find out who changed audit.db, keep a copy of it, then accept what is there',
      }),
    )
  return {
    async query(o) {
      await trail.drain()
      return log.query(o)
    },
    async verify(o) {
      await trail.drain()
      return log.verify(o)
    },
    checkpoints: ({ limit = 100 }) => log.checkpoints({ limit }),
    async accept({ by = 'hub' }) {
      const accepted = await log.accept({ by })
      if (!accepted.length) throw new LoomError('OPERATION_STATE', 'nothing of the audit log is missing')
      problems.clear('audit')
      await trail.drain()
      return { accepted: accepted.map(({ seq, reason, foundAt }) => ({ seq, reason, foundAt })) }
    },
    async eraseDetails({ target, actor, by = 'hub' }) {
      // what waits in the outboxes has details too
      await trail.drain()
      const { erased } = await log.eraseDetails({
        by,
        ...(target !== undefined && { target }),
        ...(actor !== undefined && { actor }),
      })
      await trail.drain()
      return { erased }
    },
    async note({ action, target, detail, by }) {
      for (const [name, value] of Object.entries({ action, target }))
        if (typeof value !== 'string' || !/^[^\p{Cc}]{1,256}$/u.test(value))
          throw new LoomError('REQUEST_INVALID', `${name} of an audit entry`, { hint: 'give 1 to 256 characters' })
      trail.note({ by, action, target, ...(detail && { detail }) })
      await trail.drain()
    },
  }
}
