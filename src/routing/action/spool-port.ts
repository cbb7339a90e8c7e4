/** What waits for one endpoint, at most; beyond it the oldest become dead letters. */
export const spoolLimits = { bytes: 64 * 1024 * 1024, keepMs: 86_400_000 } as const

export interface SpoolEntry {
  /** grows with each entry of the spool, also over restarts */
  id: number
  /** epoch ms */
  at: number
  content: Uint8Array
}

export interface SpoolFigures {
  count: number
  /** of the contents */
  bytes: number
  /** `at` of the first one */
  oldestAt?: number
}

/** Messages that wait for endpoints, in the order in which they were appended. Contents are opaque: who appends seals them. */
export interface SpoolPort {
  /** Resolves with the id when the entry is on disk; those of one turn share a transaction. STORE_LIMIT, STORE_CLOSED. */
  append(endpoint: string, entry: { at: number; content: Uint8Array }): Promise<number>
  /** The oldest first, those behind `after` only; whatever `limit` says, of more than one at most 4 MiB. */
  read(endpoint: string, o: { limit: number; after?: number }): Promise<SpoolEntry[]>
  /** Unknown ids are ignored. */
  remove(endpoint: string, ids: readonly number[]): Promise<void>
  /** Of what is on disk. */
  figures(endpoint: string): SpoolFigures
  /** Those for which something waits. */
  endpoints(): string[]
  /** Writes what waits for its turn. */
  close(): Promise<void>
}

/** Content of one answer of `read`. */
export const readBytes = 4 * 1024 * 1024
