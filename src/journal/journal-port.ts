import type { LoomError } from '../errors.ts'
import type { DialectName } from '../telemetry/envelope.ts'

/** What a record is. Numbers are stored; never reuse one. `quarantined`: a message of a device in quarantine, only for consumers that ask for it. */
export const kinds = {
  message: 1,
  lifecycle: 2,
  twin: 3,
  clock: 4,
  gap: 5,
  injected: 6,
  quarantined: 7,
  feedback: 8,
  membership: 9,
  configuration: 10,
} as const
export type RecordKind = (typeof kinds)[keyof typeof kinds]

/** Bits of `flags`. Numbers are stored. `replay`: a dead letter on its way again; only the consumer named in `props.s[replayFor]` gets it. */
export const flags = { dup: 1, will: 2, timeUnsure: 4, erased: 8, invalid: 16, replay: 32 } as const

/** The system property that names the one consumer of a replayed dead letter; counts only together with the flag, which devices cannot set. */
export const replayFor = 'loom-replay-for'

/** The system property of a replayed dead letter that says which one it is: JSON of `Replayed`. Counts only together with the flag. */
export const replayOf = 'loom-replay-of'

/** What a replayed record says of its dead letter; `times` counts its replays from 1. */
export interface Replayed {
  letter: number
  times: number
  stage: string
  rule?: string
  node?: string
  /** when what failed came to the hub first, epoch ms, where its letter says so */
  arrived?: number
}

/** The system property that says, of a record with the flag `invalid`, what its device's model does not allow: a JSON list of faults. Counts only together with the flag. */
export const modelFaults = 'loom-model-faults'

/** What a letter says of the places in its payload that are at fault. */
export interface LetterFault {
  path: string
  rule: string
  message: string
}

/** The stored properties of a record, version 1. Rules see the same after replay as they saw live. */
export interface RecordProps {
  v: 1
  /** application properties */
  p: Record<string, string>
  /** system properties of the dialect */
  s: Record<string, string>
  /** the envelope around the body */
  e: {
    stream?: string
    module?: string
    /** source time, epoch ms */
    time?: number
    seq?: number
    schema?: string
    contentType?: string
    contentEncoding?: string
    messageId?: string
    correlationId?: string
    clientId?: string
    principal?: string
    sourceIp?: string
    traceId?: string
    dialect?: DialectName
    connectionId?: string
    rule?: string
    hops?: number
  }
}

export interface NewRecord {
  kind: RecordKind
  /** '' for records of no device */
  device: string
  /** without its property bag */
  topic: string
  qos: number
  flags: number
  props: RecordProps
  /** `props` as JSON text, if the sender has it at hand. */
  propsText?: string
  payload: Uint8Array
  /** A second append with the same key is not stored again; it resolves with the first one's seq. Remembered for the active segment and the one before. */
  idempotencyKey?: string
}

/** `seq` grows by one without holes; `at` (epoch ms) never decreases. */
export interface JournalRecord extends Omit<NewRecord, 'idempotencyKey' | 'propsText'> {
  seq: number
  at: number
}

export interface ConsumerFilter {
  /** Device ids. Here and below an empty list means all. */
  devices?: string[]
  /** MQTT topic filters */
  topics?: string[]
  streams?: string[]
  /** default: messages and injected ones */
  kinds?: RecordKind[]
  /** Nothing but dead letters that come back to this consumer. */
  only?: 'replays'
}

export interface ConsumerSpec {
  /** Durable name: the cursor lives under it. */
  name: string
  filter?: ConsumerFilter
  /** `delivery`: acknowledged when handed over; `flow`: when `ack` is called. Default delivery. */
  ack?: 'delivery' | 'flow'
  /** Where a new name starts; an existing one resumes at its cursor. Default latest. */
  start?: 'latest' | 'earliest' | { time: number } | { seq: number }
  /** Records in flight, default 256. */
  window?: number
  /** Bytes in flight, default 4 MiB. */
  windowBytes?: number
  /** Unacknowledged for so long: delivered again. Default 60,000. */
  ackTimeoutMs?: number
  /** Deliveries before a record becomes a dead letter. Default 5. */
  maxDeliveries?: number
  /** Hold a device's later records while an earlier one is open. Default false. */
  strictOrder?: boolean
  /** How long a new record waits for others to be handed over with it, at most. Default 0. */
  lingerMs?: number
  /** With `lingerMs`: so many records wait no longer. Default, and at most, the window. */
  batch?: number
}

/** A record handed to a consumer; `deliveries` counts from 1, so more than 1 is a repeat. */
export interface Delivered extends JournalRecord {
  deliveries: number
}

/** A part of the journal that a consumer will never get. */
export interface Gap {
  from: number
  to: number
  reason: 'trimmed' | 'corrupt' | 'dropped'
}

export interface ConsumerEvents {
  /** Asked about each record that the filter lets through, replays aside; what is not wanted is passed over and needs no acknowledgement. If it throws, the record is handed over. */
  wants?(record: JournalRecord): boolean
  /** Called in seq order (repeats aside), never re-entrantly, each time with at least one record. */
  deliver(records: Delivered[]): void
  gap?(gap: Gap): void
}

/** A live consumer. Everything is idempotent; unknown sequences are ignored. */
export interface Consumer {
  readonly name: string
  /** Acknowledges single records; the cursor moves over the unbroken run. */
  ack(seqs: readonly number[]): void
  /** Delivers again after `delayMs`; counts as a delivery. */
  retry(seqs: readonly number[], delayMs: number): void
  /** Ends a record as a dead letter, which counts as acknowledged. */
  deadletter(seqs: readonly number[], why: { code: string; message: string; node?: string }): Promise<void>
  /** Stops or lets go on: no delivery while paused. */
  pause(paused: boolean): void
  /** Releases the name; the durable cursor stays. Resolves when the cursor is on disk. */
  close(): Promise<void>
  state(): ConsumerState
}

export interface ConsumerState {
  name: string
  /** Highest seq below which (inclusive) all is acknowledged. */
  cursor: number
  inFlight: number
  /** records behind the head, counted by seq */
  lag: number
  delivered: number
  /** not wanted by `wants` */
  passedOver: number
  redelivered: number
  dead: number
  gaps: number
  live: boolean
  /** epoch ms */
  seen: number
}

export interface DeadLetter {
  id: number
  at: number
  /** what kind of failure: `undecodable`, `model`, `deliveries`, `flow`, `schema-unknown`, `invalid`, `evaluation`, `action`, `loop`, `expired` */
  reason: string
  code: string
  message: string
  device: string
  topic: string
  properties: Record<string, string>
  payload: Uint8Array
  /** of the reason `model` */
  errors?: readonly LetterFault[]
  consumer?: string
  rule?: string
  node?: string
  /** What letters of one cause have in common, such as the fingerprint of a schema that nobody has registered. */
  key?: string
  jseq?: number
  /** where it failed: `ingest`, `flow`, or what the node that failed calls it */
  stage: string
  tries: number
  /** how often it was replayed */
  replays: number
  state: 'open' | 'replayed' | 'discarded'
}
/**
 * `letter`: the one that failed again in a replay; it is changed, and no other is made. `arrived`: when it came to the hub, epoch ms. `envelope`: what its replay says of the
 * body, where the journal does not know the record.
 */
export type NewDeadLetter = Omit<DeadLetter, 'id' | 'at' | 'state' | 'replays'> & {
  letter?: number
  arrived?: number
  envelope?: RecordProps['e']
}
/** Which letters; every condition that is given holds. `from` and `to` epoch ms, `to` exclusive. */
export interface LetterFilter {
  state?: DeadLetter['state']
  reason?: string
  device?: string
  rule?: string
  node?: string
  key?: string
  from?: number
  to?: number
}
/** What a replay needs of a letter's record beside the letter itself. */
export type LetterRecord = Pick<NewRecord, 'kind' | 'qos' | 'props'>

export interface JournalMetrics {
  appended: number
  bytes: number
  /** size on disk of all segments */
  diskBytes: number
  commits: number
  /** exponentially weighted mean of a commit's duration, ms */
  commitMs: number
  /** records not yet committed */
  pending: number
  pendingBytes: number
  headSeq: number
  oldestSeq: number
  dropped: number
  state: 'ok' | 'degraded' | 'full'
  /** Live and stored ones, and owners of pins: all that may hold records. `cursor` of one that is not live: where it goes on, the lowest of its cursor and pins. */
  consumers: ConsumerState[]
}

/**
 * The append log. When `committed` is called without error the record is on disk (synced); callbacks run in append order.
 * A failed commit calls `committed(error)` for each of its records and keeps nothing of them.
 */
export interface JournalPort {
  append(record: NewRecord, committed: (error: LoomError | undefined, seq: number) => void): void
  /** Throws JOURNAL_CONSUMER_EXISTS while a live consumer has the name, JOURNAL_TRIMMED if `start` lies before the oldest record. */
  consume(spec: ConsumerSpec, events: ConsumerEvents): Promise<Consumer>
  /** Deletes a stored consumer, its cursor and its pins (`name` and `name/...`): it holds no record any more. JOURNAL_CONSUMER_EXISTS while it is live. */
  forget(name: string): Promise<void>
  /** Records from `from` on (inclusive; 0 = the oldest), at most `limit`, 10,000 and 8 MiB. JOURNAL_TRIMMED, its `position` the oldest left. */
  read(o: { from: number; limit: number }): Promise<JournalRecord[]>
  /** Keeps the journal from trimming past `seq`; undefined takes the pin away. */
  pin(name: string, seq: number | undefined): Promise<void>
  /**
   * Resolves with the id when the letter is on disk; those of one turn share a transaction. JOURNAL_FULL while 10,000 wait. `record`: the letter's record,
   * if it is at hand; else it is looked up by `jseq`.
   */
  addDeadLetter(letter: NewDeadLetter, record?: LetterRecord): Promise<number>
  /** Newest first. A page may hold fewer than `limit`, even none, and still have a `next`: so many are looked through at a time. */
  deadLetters(o: LetterFilter & { limit: number; cursor?: string }): Promise<{ items: DeadLetter[]; next?: string }>
  /** Hands a dead letter to its consumer again (or to all, if it names none) as a fresh record; NOT_FOUND. */
  replayDeadLetter(id: number): Promise<{ seq: number }>
  discardDeadLetter(id: number): Promise<void>
  metrics(): JournalMetrics
  /** Commits what waits, writes cursors, closes files. */
  close(): Promise<void>
}
