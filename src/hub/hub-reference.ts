import type { ReferenceRows } from '../storage/reference-table.ts'
import type { DeviceFacts, FactName } from '../telemetry/device-facts.ts'

export interface ReferenceView {
  name: string
  /** +1 with each put, from 1 */
  version: number
  /** name of the column whose values are the keys; '' where the keys were given apart */
  key: string
  columns: string[]
  /** when it was put */
  rows: number
  /** of the rows as JSON; 0 for one in a file of its own */
  bytes: number
  /** epoch ms */
  updatedAt: number
  by: string
  /** where its rows are, if not in the hub */
  sqlite?: SqliteSource
}

/** A table of a SQLite file in the folder `reference` of the hub's data folder. It is read, never written, and may change or be replaced at any time. */
export interface SqliteSource {
  file: string
  table: string
}

export interface ReferenceEvent {
  type: 'reference'
  at: number
  table: string
  change: 'put' | 'deleted'
  version?: number
}

/**
 * What readings are enriched with, and rules look up: tables of rows by key, and what is known of devices. Keys are compared as texts. REFERENCE_UNKNOWN for a table that there is
 * not, REFERENCE_INVALID, REFERENCE_LIMIT.
 */
export interface ReferenceApi {
  /** Replaces the table at once: a lookup sees all of the old rows or all of the new ones. `key`: default the first column. */
  put(o: { name: string; key?: string; by?: string } & (ReferenceRows | { sqlite: SqliteSource })): Promise<ReferenceView>
  get(o: { name: string }): Promise<ReferenceView>
  /** By name. */
  list(o: { prefix?: string; limit?: number; cursor?: string }): Promise<{ items: ReferenceView[]; next?: string }>
  delete(o: { name: string; by?: string }): Promise<void>
  /** The rows that there are, each key once, all of one version. At most 10,000 keys. */
  lookup(o: {
    table: string
    keys: (string | number | boolean)[]
  }): Promise<{ version: number; items: { key: string; row: unknown }[] }>
  /** Of the devices that there are. At most 10,000. */
  devices(o: { ids: string[]; of: FactName[] }): Promise<{ items: ({ id: string } & DeviceFacts)[] }>
}
