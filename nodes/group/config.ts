export const type = 'loom-group'

export const actions = ['add', 'remove', 'create', 'delete'] as const
export type GroupAction = (typeof actions)[number]

export interface GroupConfig {
  name: string
  hub: string
  action: GroupAction
  /** Typed input: a group id, or an object with more of it. */
  group: string
  groupType: string
  /** create: the query of a dynamic group; empty: a static one */
  dialect: 'aws' | 'azure' | 'json'
  query: string
  queryType: string
  /** output 2: devices that join and leave dynamic groups */
  listen: boolean
  /** comma-separated group ids; empty: all */
  groups: string
  /** none chosen: both */
  events: ('join' | 'leave')[]
  consumer: string
  ack: 'delivery' | 'flow'
  start: 'latest' | 'earliest'
}
