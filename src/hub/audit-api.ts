import { LoomError } from '../errors.ts'
import type { AuditTrail } from './audit-trail.ts'
import type { AuditApi } from './hub.ts'

/** The audit log, read and checked; what was recorded a moment ago is brought into it first. */
export function createAuditApi({ trail }: { trail: AuditTrail }): AuditApi {
  const { log } = trail
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
    async note({ action, target, detail, by }) {
      for (const [name, value] of Object.entries({ action, target }))
        if (typeof value !== 'string' || !/^[^\p{Cc}]{1,256}$/u.test(value))
          throw new LoomError('REQUEST_INVALID', `${name} of an audit entry`, { hint: 'give 1 to 256 characters' })
      trail.note({ by, action, target, ...(detail && { detail }) })
      await trail.drain()
    },
  }
}
