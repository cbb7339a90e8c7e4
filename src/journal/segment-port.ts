/** A record as it is stored: `props` is JSON text, written once. */
export interface LogRow {
  seq: number
  at: number
  kind: number
  device: string
  topic: string
  qos: number
  flags: number
  props: string
  payload: Uint8Array
  /** Idempotency key, stored in the same transaction. */
  key?: string | undefined
}

/** A run of sequences, both ends inclusive. */
export interface SeqRange {
  from: number
  to: number
}

/** One file of the log. Only the last one is written to; `lastSeq` is `firstSeq - 1` while it is empty. */
export interface Segment {
  firstSeq: number
  lastSeq: number
  /** `at` of the last record, or the floor below which no later `at` may lie */
  lastAt: number
  /** epoch ms */
  created: number
}

/** What was wrong with a file and what could be read of it; the damaged file is kept beside the new one. */
export interface Damage {
  file: string
  kept: number
  lost: SeqRange[]
}

/**
 * The log files. All methods are synchronous and throw LoomErrors: JOURNAL_FULL when the disk has no room, JOURNAL_CORRUPT (its `position` the
 * first seq of the damaged segment), JOURNAL_FAILED for all else.
 */
export interface SegmentLog {
  /** Oldest first, at least one; the array must not be kept. */
  segments(): readonly Segment[]
  /** All or nothing, on disk when it returns. Sequences go on without holes. */
  append(rows: readonly LogRow[]): void
  /** The seq of a record with that idempotency key in the active segment or the one before. */
  seqOfKey(key: string): number | undefined
  /** Rows from `from` on (inclusive) up to `limit` rows or `bytes` of payload and properties, whichever comes first, but at least one. May return fewer at the end of a segment. */
  read(from: number, limit: number, bytes: number): LogRow[]
  /** `at` of the first record at or after `seq`. */
  atOf(seq: number): number | undefined
  /** Size of the active segment's records, roughly; cheap. */
  activeBytes(): number
  /** Size of all segments on disk, write-ahead files included; looks at the files. */
  diskBytes(): number
  /** Seals the active segment and starts one at `firstSeq`; an empty active one is removed. */
  roll(firstSeq: number, at: number, created: number): void
  /** Removes a sealed segment. */
  unlink(firstSeq: number): void
  /** Sets the damaged file aside and keeps what can be read; a damaged active segment is sealed and a new one begins past every seq it may have held. */
  repair(firstSeq: number): Damage
  close(): void
}

export interface StoredConsumer {
  name: string
  /** JSON of the consumer's spec */
  spec: string
  cursor: number
  /** epoch ms of the last change of the cursor */
  updated: number
  /** epoch ms at which it was last alive */
  seen: number
  state: 'live' | 'idle' | 'stale'
}

export interface StoredLetter {
  id: number
  seq: number | null
  device: string
  consumer: string | null
  code: string
  message: string
  node: string | null
  deliveries: number
  at: number
  state: 'open' | 'replayed' | 'discarded'
  record: Uint8Array
}

/** Cursors, pins and dead letters. Synchronous; what a method wrote is on disk when it returns. Throws as SegmentLog does. */
export interface JournalMeta {
  consumers(): StoredConsumer[]
  /** In one transaction. */
  saveConsumers(consumers: readonly StoredConsumer[]): void
  /** With its pins: those named like it and those below `name/`. */
  deleteConsumer(name: string): void
  pins(): [name: string, seq: number][]
  setPin(name: string, seq: number | undefined): void
  lost(): (SeqRange & { reason: 'corrupt' | 'dropped' })[]
  saveLost(ranges: readonly (SeqRange & { reason: 'corrupt' | 'dropped' })[]): void
  /** In one transaction; returns the ids in the same order. */
  addLetters(letters: readonly Omit<StoredLetter, 'id'>[]): number[]
  letter(id: number): StoredLetter | undefined
  /** Newest first, with `id < before`. */
  letters(o: { before: number; limit: number; state?: StoredLetter['state'] | undefined }): StoredLetter[]
  /** In place of the one with that id. */
  putLetter(letter: StoredLetter): void
  letterTotals(): { count: number; bytes: number }
  oldestLetters(limit: number): { id: number; at: number; bytes: number }[]
  /** All with an id up to this one. */
  deleteLetters(upTo: number): void
  /** The last orderly stop is marked here, so that the next start knows whether to check files. */
  close(): void
}

/** Room on the volume; a journal in memory has none. */
export interface DiskSpace {
  freeBytes(): number
  /** A file that is given up when the disk is full, so that cursors and trimming can still be written. True if the file is there now. */
  makeReserve(): boolean
  releaseReserve(): void
  /** below this an alarm is raised */
  readonly minFreeBytes: number
  readonly reserveBytes: number
}

/** Calls `fn` once after `ms` (0: in the next turn of the loop); the returned function takes it back. */
export type Schedule = (ms: number, fn: () => void) => () => void
