import type { LoomError } from '../errors.ts'
import { flags, type JournalPort, type NewRecord, type RecordKind } from '../journal/journal-port.ts'
import { readingsOfBody } from '../telemetry/body.ts'
import type { Envelope } from '../telemetry/envelope.ts'
import { type RecordContext, recordOf } from '../telemetry/record.ts'

export interface Arrival {
  envelope: Envelope
  context: RecordContext
  kind?: RecordKind
  dup?: boolean
}

/** Takes envelopes into the journal: marks what cannot be decoded and puts it among the dead letters once it is on disk. */
export function createIngest(parts: { journal: JournalPort; now: () => number; lost(error: Error): void }) {
  const { journal, now, lost } = parts

  const deadLetter = (record: NewRecord, seq: number, message: string): void => {
    const { device, topic, props, payload } = record
    journal
      .addDeadLetter({
        reason: 'undecodable',
        code: 'TELEMETRY_UNDECODABLE',
        message,
        device,
        topic,
        properties: props.p,
        payload,
        jseq: seq,
        stage: 'ingest',
        tries: 0,
      })
      .catch(lost)
  }

  return (
    { envelope, context, kind, dup = false }: Arrival,
    committed: (error: LoomError | undefined, seq: number) => void,
  ): void => {
    const body = readingsOfBody({ ...envelope, device: envelope.deviceId, arrived: now() })
    const undecodable = 'undecodable' in body ? body.undecodable : undefined
    const record = recordOf(envelope, context, kind)
    record.flags |=
      (dup ? flags.dup : 0) |
      (envelope.will ? flags.will : 0) |
      (undecodable === undefined ? 0 : flags.invalid) |
      ('timeUnsure' in body && body.timeUnsure ? flags.timeUnsure : 0)
    journal.append(record, (error, seq) => {
      committed(error, seq)
      if (!error && undecodable !== undefined) deadLetter(record, seq, undecodable)
    })
  }
}

export type Ingest = ReturnType<typeof createIngest>
