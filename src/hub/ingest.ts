import { LoomError } from '../errors.ts'
import {
  flags,
  type JournalPort,
  kinds,
  type LetterFault,
  modelFaults,
  type NewRecord,
  type RecordKind,
} from '../journal/journal-port.ts'
import { verdictOnBody } from '../telemetry/body.ts'
import type { Envelope } from '../telemetry/envelope.ts'
import { ConnectionRecords, type RecordContext, recordOf } from '../telemetry/record.ts'
import { faultText } from '../twin/model/checked-model.ts'
import { LetterAllowance, type LeftOut } from './letter-allowance.ts'
import type { TelemetryLook } from './model-checks.ts'

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
  /** Undefined: its device follows no model. */
  modelOf?(envelope: Envelope): TelemetryLook | undefined
}

interface Fault {
  reason: 'undecodable' | 'model'
  code: 'TELEMETRY_UNDECODABLE' | 'MODEL_VIOLATION'
  message: string
  errors?: LetterFault[]
}

/**
 * Takes envelopes into the journal: marks what cannot be decoded, or is not as a strict model says, and puts it among the dead letters once it is on disk, so many of a device that one
 * wrongly set sensor cannot push out everybody else's.
 */
export function createIngest({ journal, now, lost, modelOf = () => undefined }: Parts) {
  const letters = new LetterAllowance({ ...allowance, leftOut: left => lost(throttled(left), left.device) })

  const deadLetter = (record: NewRecord, seq: number, fault: Fault): void => {
    const { device, topic, props, payload } = record
    if (!letters.allows(device)) return
    journal
      .addDeadLetter({ ...fault, stage: 'ingest', tries: 0, device, topic, properties: props.p, payload, jseq: seq }, record)
      .catch(error => lost(error, device))
  }

  return (
    { envelope: sent, context, kind, dup = false }: Arrival,
    committed: (error: LoomError | undefined, seq: number) => void,
  ): void => {
    const arrived = now()
    letters.look(arrived)
    // What devices in quarantine send is kept apart as it is.
    const model = kind === kinds.quarantined ? undefined : modelOf(sent)
    const { undecodable, timeUnsure, body } = verdictOnBody(sent, arrived, model?.look)
    const fault: Fault | undefined =
      undecodable === undefined
        ? model && against(model)
        : { reason: 'undecodable', code: 'TELEMETRY_UNDECODABLE', message: undecodable }
    const envelope = model ? asJudged(sent, body, fault?.errors) : sent
    const record = context instanceof ConnectionRecords ? context.of(envelope, kind) : recordOf(envelope, context, kind)
    record.flags |= (dup ? flags.dup : 0) | (fault ? flags.invalid : 0) | (timeUnsure ? flags.timeUnsure : 0)
    if (!fault && !model?.faults.length) journal.append(record, committed)
    else
      journal.append(record, (error, seq) => {
        committed(error, seq)
        if (error) return
        if (model?.faults.length) model.tell()
        if (fault) deadLetter(record, seq, fault)
      })
  }
}

const against = ({ strict, faults }: TelemetryLook): Fault | undefined =>
  strict && faults.length ? { reason: 'model', code: 'MODEL_VIOLATION', message: faultText(faults), errors: faults } : undefined

/** With long names for short ones, or, if it is set aside, as it came and with the reason. */
function asJudged(envelope: Envelope, body: Uint8Array | undefined, errors: LetterFault[] | undefined): Envelope {
  if (errors) return { ...envelope, system: { ...envelope.system, [modelFaults]: JSON.stringify(errors) } }
  return body ? { ...envelope, body } : envelope
}

function throttled({ device, count, over }: LeftOut): LoomError {
  const who = device ? `"${device}"` : 'further devices'
  const left = over ? `${count} undecodable or refused messages` : 'further undecodable or refused messages'
  return new LoomError('BROKER_THROTTLED', `${left} of ${who} in one minute have no dead letter`, {
    hint: 'set its format right; the messages are in the journal',
  })
}

export type Ingest = ReturnType<typeof createIngest>
