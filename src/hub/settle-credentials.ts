import type { Registry } from '../identity/registry.ts'
import type { AuditTrail } from './audit-trail.ts'
import type { HubEvent } from './hub.ts'

const perRound = 500

/** What time has brought to credentials: ended overlaps close their sessions, everything is told and on record. */
export async function settleCredentials(parts: {
  registry: Pick<Registry, 'settle'>
  drop(deviceId: string, cid: string): Promise<void>
  emit(event: HubEvent): void
  trail: Pick<AuditTrail, 'note'>
  now: () => number
}): Promise<void> {
  for (let round = 0; round < 20; round++) {
    const events = await parts.registry.settle({ limit: perRound })
    for (const event of events) {
      const { id, cid, event: what } = event
      const ended = what === 'superseded' || what === 'dropped'
      if (ended) {
        parts.trail.note({ action: `credential.${what}`, target: id, detail: { cid } })
        await parts.drop(id, cid)
      }
      parts.emit({ type: 'credential', at: parts.now(), ...event })
    }
    if (events.length < perRound) return
  }
}
