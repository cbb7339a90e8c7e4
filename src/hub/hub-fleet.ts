import type { DynamicGroupView } from '../topology/dynamic-group.ts'
import type { FleetRow } from '../topology/fleet-query/aggregate.ts'
import type { FleetQueryText } from '../topology/fleet-query/parse-query.ts'

export type { DynamicGroupView } from '../topology/dynamic-group.ts'

/** Fields by which rows are made, at most three, and figures by name; without figures `{count: {fn: 'count'}}`. */
export interface FleetFigures {
  group?: string[]
  figures?: Record<
    string,
    {
      fn: 'count' | 'cardinality' | 'min' | 'max' | 'avg' | 'sum' | 'percentiles' | 'histogram'
      /** of all but count */
      path?: string | string[]
      /** of percentiles, default 1, 5, 25, 50, 75, 95, 99 */
      percents?: number[]
      /** of a histogram */
      width?: number
    }
  >
}

/**
 * Questions about all devices: registry, twins and connections, from memory, at most moments behind what is stored; what was changed by a call that has been answered is seen. `text` is of
 * dialect `aws` (default) or `azure`, `ast` a condition as JSON. QUERY_SYNTAX with `position`: an offset in the text or a place in the JSON; QUERY_LIMIT.
 */
export interface FleetApi {
  /** By device id, each at most once. `limit`: 1 to 1,000, default 100. Figures of Azure's SELECT come in one page. */
  query(o: FleetQueryText & { limit?: number; cursor?: string }): Promise<{ items: FleetRow[]; next?: string }>
  /** Figures over what the query finds. */
  aggregate(o: FleetQueryText & { aggregate?: FleetFigures }): Promise<{ items: FleetRow[] }>
  /** What the index holds; `reduced`: of twins only declared paths. */
  state(o: Record<string, never>): Promise<{ devices: number; bytes: number; reduced: boolean; groups: number }>
  /** Dynamic groups by id. */
  groups(o: { limit?: number; cursor?: string }): Promise<{ items: DynamicGroupView[]; next?: string }>
  /** GROUP_NOT_FOUND. */
  group(o: { id: string }): Promise<DynamicGroupView>
  /** Its members are what the query finds, now and later; resolves when they are known. GROUP_INVALID, GROUP_EXISTS, GROUP_LIMIT, ENTITY_CYCLE. */
  createGroup(o: FleetQueryText & { id: string; description?: string; by?: string }): Promise<DynamicGroupView>
  /** GROUP_NOT_FOUND, GROUP_CONFLICT, ENTITY_CYCLE. */
  updateGroup(o: FleetQueryText & { id: string; description?: string; etag?: string; by?: string }): Promise<DynamicGroupView>
  /** Its members leave. GROUP_NOT_FOUND, GROUP_CONFLICT. */
  deleteGroup(o: { id: string; etag?: string; by?: string }): Promise<void>
  /** Devices in a dynamic group, by id. GROUP_NOT_FOUND. */
  members(o: { group: string; limit?: number; cursor?: string }): Promise<{ items: string[]; next?: string }>
  /** The dynamic groups a device is in. */
  groupsOf(o: { device: string }): Promise<{ items: string[] }>
}
