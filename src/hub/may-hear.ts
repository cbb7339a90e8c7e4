import type { Connection } from '../broker/broker-port.ts'
import { isAwsEvent } from '../dialects/aws/events.ts'
import { ruleAccess } from '../identity/policy-order.ts'
import type { SessionRights } from './rights.ts'

/**
 * Whether the hub may tell a connection something on a topic of its own tree: a Deny of `Receive` and quarantine count, strict policies want an Allow. So do events of all
 * clients, always.
 */
export const mayHear =
  (rights: Pick<SessionRights, 'of' | 'strict'>) =>
  ({ principal }: Connection, topic: string, [feature = 'ordinary']: readonly string[]): boolean => {
    const held = rights.of(principal)
    if (!held) return true
    const verdict = held.decide('Receive', topic.replace(/\/\?.*$/s, ''))
    const { quarantined } = held
    const table = isAwsEvent(feature) ? 'ordinary' : 'granted'
    return ruleAccess({ table, verdict, feature, direction: 'receive', quarantined, strict: rights.strict }).allow
  }
