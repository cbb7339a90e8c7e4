import { LoomError } from '../errors.ts'

/** Levels of nesting, the top one included. */
export const maxGroupDepth = 7

/** A static group: devices are put into it by hand, and what is attached to it counts for the devices in it and in the groups below. */
export interface Group {
  id: string
  parent?: string
  description?: string
  /** epoch ms */
  createdAt: number
  updatedAt: number
}

export interface GroupView extends Group {
  etag: string
}

/** What changed, for live sessions and for join and leave events. */
export type GroupChange =
  | { kind: 'joined' | 'left'; group: string; devices: readonly string[] }
  /** Other groups are above it now: concerns everybody in it or below it. */
  | { kind: 'moved'; group: string }

/** GROUP_INVALID. */
export function checkGroupId(id: unknown): asserts id is string {
  if (typeof id !== 'string' || !/^[A-Za-z0-9][A-Za-z0-9:_-]{0,127}$/.test(id))
    throw new LoomError('GROUP_INVALID', JSON.stringify(String(id).slice(0, 80)), {
      hint: 'a group id has 1 to 128 of A-Z a-z 0-9 : _ - and begins with a letter or digit',
    })
}
