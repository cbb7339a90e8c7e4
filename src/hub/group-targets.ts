import type { GroupChange } from '../topology/group.ts'

/** The policy targets whose sessions a change of groups may concern. */
export const targetsOfGroup = (change: GroupChange): string[] =>
  'devices' in change ? change.devices.map(id => `device:${id}`) : [`group:${change.group}`]
