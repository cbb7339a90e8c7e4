import type { ErrorData } from '../errors.ts'
import type { FleetQueryText } from '../topology/fleet-query/parse-query.ts'
import type { Configuration } from '../twin/configuration/configuration.ts'
import type { Standing } from '../twin/configuration/standing.ts'
import type { ConfigurationMetrics } from '../twin/configuration/tally.ts'
import type { TwinSection } from '../twin/json.ts'

export type { ConfigurationMetrics } from '../twin/configuration/tally.ts'

export interface ConfigurationView extends Configuration {
  /** changes with every write */
  etag: string
}

/** How a configuration stands on a device. */
export interface ConfiguredDeviceView {
  device: string
  standing: Standing
  /** JSON pointers of values that others win */
  lost: string[]
  /** why the twin refused it */
  error?: ErrorData
}

/** How far a configuration is, each time that differs, a few times a second at most; all 0 once it is for no device. */
export interface ConfigurationEvent {
  type: 'configuration'
  at: number
  id: string
  metrics: ConfigurationMetrics
}

/** Devices by standing: `applied` with the converged ones, as it is counted; `conflict`: some value is another's. */
export type ConfigurationFilter = Standing | 'conflict'

export interface PutConfiguration extends FleetQueryText {
  id: string
  description?: string
  priority?: number
  desired: TwinSection
  /** percent of the devices */
  canary?: number
  enabled?: boolean
  etag?: string
  by?: string
}

/**
 * Desired properties of main twins for all devices that a query finds, now and later. Of several that want the same path the highest `priority` wins, then the newest. A device that no longer
 * is found loses what was set, unless someone changed it since. CONFIGURATION_NOT_FOUND.
 */
export interface ConfigurationsApi {
  /**
   * A new one, or other contents of one; resolves when its devices are known, and goes on writing their twins. CONFIGURATION_INVALID, CONFIGURATION_CONFLICT (`etag` is not the current
   * one), CONFIGURATION_LIMIT, QUERY_SYNTAX, QUERY_LIMIT, GROUP_DYNAMIC, TWIN_INVALID, TWIN_LIMIT.
   */
  put(o: PutConfiguration): Promise<ConfigurationView>
  get(o: { id: string }): Promise<ConfigurationView>
  /** By id. */
  list(o: { limit?: number; cursor?: string }): Promise<{ items: ConfigurationView[]; next?: string }>
  /** What it has set is removed. CONFIGURATION_CONFLICT. */
  delete(o: { id: string; etag?: string; by?: string }): Promise<void>
  /** A larger share of the devices: `canary` percent, without it all. CONFIGURATION_INVALID, CONFIGURATION_CONFLICT. */
  promote(o: { id: string; canary?: number; etag?: string; by?: string }): Promise<ConfigurationView>
  metrics(o: { id: string }): Promise<ConfigurationMetrics>
  /** Devices its query finds, by id. `limit`: 1 to 1,000, default 100. */
  devices(o: {
    id: string
    state?: ConfigurationFilter
    limit?: number
    cursor?: string
  }): Promise<{ items: ConfiguredDeviceView[]; next?: string }>
}
