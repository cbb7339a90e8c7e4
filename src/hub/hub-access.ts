import type { AuditQuery, AuditView, Checkpoint, Verification } from '../guard/audit-log.ts'
import type { PolicyAnswer } from '../identity/policy-tester.ts'
import type { PolicyView } from '../identity/policy-store.ts'
import type { PolicyTarget } from '../identity/policy-targets.ts'
import type { GroupView } from '../topology/group.ts'

export interface PoliciesApi {
  list(o: { prefix?: string; limit?: number; cursor?: string }): Promise<{ items: PolicyView[]; next?: string }>
  get(o: { id: string }): Promise<PolicyView | undefined>
  /** `text`: an AWS IoT policy document. POLICY_INVALID with the place, POLICY_EXISTS. */
  create(o: { id: string; text: string; description?: string; by?: string }): Promise<PolicyView>
  /** Acts on live sessions at once. POLICY_NOT_FOUND, POLICY_INVALID, POLICY_CONFLICT. */
  update(o: { id: string; text?: string; description?: string; etag?: string; by?: string }): Promise<PolicyView>
  /** POLICY_NOT_FOUND, POLICY_CONFLICT, POLICY_ATTACHED. */
  delete(o: { id: string; etag?: string; by?: string }): Promise<void>
  /** POLICY_NOT_FOUND, POLICY_LIMIT. */
  attach(o: { policy: string; target: PolicyTarget; by?: string }): Promise<void>
  detach(o: { policy: string; target: PolicyTarget; by?: string }): Promise<void>
  attached(o: { target: PolicyTarget }): Promise<string[]>
  targets(o: { policy: string; limit?: number; cursor?: string }): Promise<{ items: PolicyTarget[]; next?: string }>
  strict(o: Record<string, never>): Promise<{ strict: boolean }>
  /** Strict: what the table of reserved topics grants needs an Allow too, as in AWS. */
  setStrict(o: { strict: boolean; by?: string }): Promise<void>
  /** What the device's policies, or a `document` that is not stored, say of one action, by policies alone. POLICY_INVALID, REQUEST_INVALID. */
  test(o: {
    device: string
    action: string
    topic?: string
    clientId?: string
    sourceIp?: string
    domainName?: string
    document?: string
  }): Promise<PolicyAnswer>
  /** Devices that policies allow it, with the statement; looks at no more than 10,000 for one answer, so a page may be short, or longer than `limit` by 200. */
  whoMay(o: {
    action: string
    topic?: string
    limit?: number
    cursor?: string
  }): Promise<{ items: { id: string; statement: NonNullable<PolicyAnswer['statement']> }[]; next?: string }>
}

export interface GroupsApi {
  list(o: {
    parent?: string | null
    prefix?: string
    limit?: number
    cursor?: string
  }): Promise<{ items: GroupView[]; next?: string }>
  get(o: { id: string }): Promise<GroupView | undefined>
  /** GROUP_INVALID, GROUP_EXISTS, GROUP_LIMIT, GROUP_NOT_FOUND for the parent. */
  create(o: { id: string; parent?: string; description?: string; by?: string }): Promise<GroupView>
  /** `parent: null` moves it to the top. GROUP_NOT_FOUND, GROUP_LIMIT, ENTITY_CYCLE, GROUP_CONFLICT. */
  update(o: { id: string; parent?: string | null; description?: string; etag?: string; by?: string }): Promise<GroupView>
  /** GROUP_NOT_EMPTY unless `force`. */
  delete(o: { id: string; force?: boolean; etag?: string; by?: string }): Promise<void>
  /** At most 1,000, all or none. */
  add(o: { group: string; devices: string[]; by?: string }): Promise<{ added: number }>
  remove(o: { group: string; devices: string[]; by?: string }): Promise<{ removed: number }>
  members(o: { group: string; deep?: boolean; limit?: number; cursor?: string }): Promise<{ items: string[]; next?: string }>
  groupsOf(o: { device: string }): Promise<{ direct: string[]; all: string[] }>
}

export interface AuditApi {
  /** Newest first. */
  query(o: AuditQuery): Promise<{ items: AuditView[]; next?: string }>
  /** Recomputes the chain and compares it with its checkpoints and the end that is kept apart; `upTo`: a checkpoint kept elsewhere. */
  verify(o: { upTo?: Checkpoint }): Promise<Verification>
  checkpoints(o: { limit?: number }): Promise<Checkpoint[]>
  /** A chain that was cut off or replaced counts as it is from now on. OPERATION_STATE if nothing of that kind was found. */
  accept(o: { by?: string }): Promise<{ accepted: { seq: number; reason: string; foundAt: number }[] }>
  /** Erases the details about a target, or of what an actor did; who did what to whom and when stays, and the chain whole. REQUEST_INVALID. */
  eraseDetails(o: { target?: string; actor?: string; by?: string }): Promise<{ erased: number }>
  /** Something a flow or a person wants on record. */
  note(o: { action: string; target: string; detail?: Record<string, unknown>; by?: string }): Promise<void>
}
