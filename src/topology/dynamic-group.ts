import { LoomError } from '../errors.ts'
import type { FleetDialect } from './fleet-query/ast.ts'
import type { FleetQueryText } from './fleet-query/parse-query.ts'

export const maxDynamicGroups = 500

/** A group whose members are what its query finds. It carries no policies: what a device writes into its twin must never grant rights. */
export interface DynamicGroup {
  dialect: FleetDialect
  text?: string
  ast?: unknown
  description?: string
  /** epoch ms */
  createdAt: number
  updatedAt: number
}

export interface DynamicGroupView extends DynamicGroup {
  id: string
  members: number
  /** what its query reads is not kept by the index: members stay as they were */
  suspended?: true
  etag: string
}

/** A device has joined or left a dynamic group. */
export interface MembershipEvent {
  event: 'join' | 'leave'
  group: string
  /**
   * What changed: `created`, `deleted` (the device), `state`, `enabled`, `model`, `groups`, `attributes`, `tags`, `twin`, `shadows`, `connectivity`, `cert`, `query` (the group's), `start` (found when
   * the hub started)
   */
  cause: string
  /** epoch ms */
  at: number
}

export const causeOf = (keys: readonly string[] | 'all', exists: boolean): string =>
  keys === 'all' ? (exists ? 'created' : 'deleted') : (keys[0]?.split('\0')[0] ?? 'created')

/** The query as a group keeps it. */
export const keptQuery = ({ dialect, text, ast }: FleetQueryText): Pick<DynamicGroup, 'dialect' | 'text' | 'ast'> => ({
  dialect: dialect ?? (ast === undefined ? 'aws' : 'json'),
  ...(text !== undefined && { text }),
  ...(ast !== undefined && { ast }),
})

export const dynamicGroupMissing = (id: unknown): LoomError =>
  new LoomError('GROUP_NOT_FOUND', JSON.stringify(String(id).slice(0, 80)), { hint: 'no dynamic group is called so' })
