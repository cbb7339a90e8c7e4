import type { EnrichmentRow } from '../../src/routing/enrichment-row.ts'

export const type = 'loom-enrich'

export interface EnrichConfig {
  name: string
  /** Needed by rows that ask one. */
  hub: string
  rows: EnrichmentRow[]
  /** How long what was found is remembered; 0: not at all. */
  cacheMs: number
  /** Devices, and rows of each table, that are remembered. */
  cacheEntries: number
}
