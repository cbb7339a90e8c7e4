import type { LoomError } from '../errors.ts'
import type { JournalRecord, NewRecord, RecordKind, RecordProps } from './journal-port.ts'
import type { LogRow } from './segment-port.ts'

/** A row with its properties as an object, when some one has needed them; the text is dropped once it is stored. */
export interface TailRow extends LogRow {
  parsed?: RecordProps | undefined
  bytes: number
}

export interface PendingRecord extends TailRow {
  committed: ((error: LoomError | undefined, seq: number) => void) | undefined
  refused: LoomError | undefined
}

/** Room a record takes beside its payload and properties: integers, headers, names. */
const overheadBytes = 64

export const sizeOf = (row: LogRow): number => row.payload.byteLength + row.props.length + overheadBytes

/** The record becomes the journal's: neither it nor its payload may be changed afterwards. */
export function pendingRecord(record: NewRecord, at: number, committed: NonNullable<PendingRecord['committed']>): PendingRecord {
  const { kind, device, topic, qos, flags, props, payload, idempotencyKey } = record
  const text = record.propsText ?? JSON.stringify(props)
  return {
    seq: 0,
    at,
    kind,
    device,
    topic,
    qos,
    flags,
    props: text,
    payload,
    key: idempotencyKey,
    parsed: props,
    bytes: payload.byteLength + text.length + overheadBytes,
    committed,
    refused: undefined,
  }
}

export const propsOf = (row: LogRow & { parsed?: RecordProps | undefined }): RecordProps =>
  (row.parsed ??= JSON.parse(row.props) as RecordProps)

/** Plain data, shared by all readers of the row: not to be changed. */
export function recordOf(row: LogRow & { parsed?: RecordProps | undefined }): JournalRecord {
  const { seq, at, kind, device, topic, qos, flags, payload } = row
  return { seq, at, kind: kind as RecordKind, device, topic, qos, flags, props: propsOf(row), payload }
}
