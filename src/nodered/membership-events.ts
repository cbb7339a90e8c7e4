import { type Delivered, flags, kinds } from '../journal/journal-port.ts'
import type { MembershipEvent } from '../topology/dynamic-group.ts'
import type { NewMsg } from './define.ts'

/** Which joins and leaves a flow wants to hear of; empty lists: all. */
export interface MembershipFilter {
  groups: readonly string[]
  events: readonly string[]
}

const utf8 = new TextDecoder()

/** The message of a record, if it tells of a join or leave and is wanted. */
export function membershipMessage(
  { kind, flags: marks, device, payload, props, deliveries }: Delivered,
  { groups, events }: MembershipFilter,
): NewMsg | undefined {
  const { group, event } = props.p
  if (kind !== kinds.membership || marks & flags.erased || group === undefined || event === undefined) return undefined
  if ((groups.length && !groups.includes(group)) || (events.length && !events.includes(event))) return undefined
  try {
    const told = JSON.parse(utf8.decode(payload)) as MembershipEvent
    return { payload: told, topic: event, group, device, time: told.at, ...(deliveries > 1 && { redelivered: true }) }
  } catch {
    return undefined
  }
}
