import { LoomError } from '../errors.ts'
import { flags, type JournalPort, type NewRecord, type RecordKind } from '../journal/journal-port.ts'
import { verdictOnBody } from '../telemetry/body.ts'
import type { Envelope } from '../telemetry/envelope.ts'
import { ConnectionRecords, type RecordContext, recordOf } from '../telemetry/record.ts'
import { LetterAllowance, type LeftOut } from './letter-allowance.ts'

export interface Arrival {
  envelope: Envelope
  /** Where it came in; `ConnectionRecords` where more will come. */
  context: RecordContext | ConnectionRecords
  kind?: RecordKind
  dup?: boolean
}

/** Letters of one device in a minute, and devices that are counted one by one in a minute. */
const allowance = { perMinute: 60, maxDevices: 10_000 }

interface Parts {
  journal: JournalPort
  now: () => number
  /**
   * There is no letter for an undecodable message: it could not be written, or its device has had its 60 letters of this minute (BROKER_THROTTLED, once for
   * the first that is left out and once with their number, at the first arrival after that minute). The record itself is in the journal.
   */
  lost(error: Error, device: string): void
}

/**
 * Takes envelopes into the journal: marks what cannot be decoded and puts it among the dead letters once it is on disk, so many of a device that one
 * wrongly set sensor cannot push out everybody else's.
 */
export function createIngest({ journal, now, lost }: Parts) {
  const letters = new LetterAllowance({ ...allowance, leftOut: left => lost(throttled(left), left.device) })

  const deadLetter = (record: NewRecord, seq: number, message: string): void => {
    const { device, topic, props, payload } = record
    if (!letters.allows(device)) return
    const why = { reason: 'undecodable', code: 'TELEMETRY_UNDECODABLE', message, stage: 'ingest', tries: 0 }
    journal
      .addDeadLetter({ ...why, device, topic, properties: props.p, payload, jseq: seq }, record)
      .catch(error => lost(error, device))
  }

  return (
    { envelope, context, kind, dup = false }: Arrival,
    committed: (error: LoomError | undefined, seq: number) => void,
  ): void => {
    const arrived = now()
    letters.look(arrived)
    const { undecodable, timeUnsure } = verdictOnBody(envelope, arrived)
    const record = context instanceof ConnectionRecords ? context.of(envelope, kind) : recordOf(envelope, context, kind)
    record.flags |= (dup ? flags.dup : 0) | (undecodable === undefined ? 0 : flags.invalid) | (timeUnsure ? flags.timeUnsure : 0)
    if (undecodable === undefined) journal.append(record, committed)
    else
      journal.append(record, (error, seq) => {
        committed(error, seq)
        if (!error) deadLetter(record, seq, undecodable)
      })
  }
}

function throttled({ device, count, over }: LeftOut): LoomError {
  const who = device ? `"${device}"` : 'further devices'
  const left = over ? `${count} undecodable messages` : 'further undecodable messages'
  return new LoomError('BROKER_THROTTLED', `${left} of ${who} in one minute have no dead letter`, {
    hint: 'set its format right; the messages are in the journal',
  })
}

export type Ingest = ReturnType<typeof createIngest>
