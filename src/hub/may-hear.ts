import type { Connection } from '../broker/broker-port.ts'
import { isAwsEvent } from '../dialects/aws/events.ts'
import { deviceIn } from '../dialects/plain/leaf.ts'
import { ruleAccess } from '../identity/policy-order.ts'
import type { SessionRights } from './rights.ts'

/**
 * Whether the hub may tell a connection something on a topic of its own tree: a Deny of `Receive` and quarantine count, strict policies want an Allow. So do events of all
 * clients, always. A gateway hears what is of a device behind it for as long as it may act for that.
 */
export const mayHear =
  (rights: Pick<SessionRights, 'of' | 'strict' | 'actsFor' | 'isQuarantined'>) =>
  ({ principal }: Connection, topic: string, [feature = 'ordinary']: readonly string[]): boolean => {
    const held = rights.of(principal)
    if (!held) return true
    const device = deviceIn(topic)
    const leaf = device === principal.deviceId ? undefined : device
    if (leaf !== undefined && !rights.actsFor(principal, leaf)) return false
    const verdict = held.decide('Receive', topic.replace(/\/\?.*$/s, ''))
    const quarantined = leaf === undefined ? held.quarantined : rights.isQuarantined(leaf)
    const table = isAwsEvent(feature) ? 'ordinary' : 'granted'
    return ruleAccess({ table, verdict, feature, direction: 'receive', quarantined, strict: rights.strict }).allow
  }
