import {
  type DeadLetter,
  flags,
  kinds,
  type LetterFault,
  type NewRecord,
  type RecordKind,
  type RecordProps,
  type Replayed,
  replayFor,
  replayOf,
} from './journal-port.ts'
import type { StoredLetter } from './segment-port.ts'

/** What a stored letter keeps of its record: `u32 length, JSON, payload`. */
export interface LetterHead {
  reason: string
  stage: string
  topic: string
  rule?: string | undefined
  errors?: readonly LetterFault[] | undefined
  key?: string | undefined
  /** Absent: never replayed. */
  replays?: number | undefined
  arrived?: number | undefined
  kind: RecordKind
  qos: number
  props: RecordProps
}

export function encodeLetter(head: LetterHead, payload: Uint8Array): Uint8Array {
  const text = new TextEncoder().encode(JSON.stringify(head))
  const bytes = new Uint8Array(4 + text.length + payload.byteLength)
  new DataView(bytes.buffer).setUint32(0, text.length)
  bytes.set(text, 4)
  bytes.set(payload, 4 + text.length)
  return bytes
}

export function decodeLetter(bytes: Uint8Array): { head: LetterHead; payload: Uint8Array } {
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0)
  const head = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + length))) as LetterHead
  return { head, payload: bytes.slice(4 + length) }
}

export function letterOf(stored: StoredLetter): DeadLetter {
  const { id, at, seq, device, consumer, code, message, node, deliveries, state } = stored
  const { head, payload } = decodeLetter(stored.record)
  const { reason, stage, topic, rule, errors, key, replays = 0, props } = head
  return {
    id,
    at,
    reason,
    code,
    message,
    device,
    topic,
    properties: props.p,
    payload,
    ...(errors !== undefined && { errors }),
    ...(consumer !== null && { consumer }),
    ...(rule !== undefined && { rule }),
    ...(node !== null && { node }),
    ...(key !== undefined && { key }),
    ...(seq !== null && { jseq: seq }),
    stage,
    tries: deliveries,
    replays,
    state,
  }
}

/** The letter as a fresh record that says whose replay it is; with a consumer it is marked so that no other gets it. */
export function replayRecord(stored: StoredLetter): NewRecord {
  const { head, payload } = decodeLetter(stored.record)
  const { [replayFor]: _, [replayOf]: __, ...system } = head.props.s
  const { id, consumer, device, node } = stored
  const { stage, rule, replays = 0, arrived } = head
  const replayed: Replayed = {
    letter: id,
    times: replays + 1,
    stage,
    ...(rule !== undefined && { rule }),
    ...(node !== null && { node }),
    ...(arrived !== undefined && { arrived }),
  }
  return {
    kind: kinds.injected,
    device,
    topic: head.topic,
    qos: head.qos,
    flags: consumer === null ? 0 : flags.replay,
    props: {
      ...head.props,
      s: consumer === null ? system : { ...system, [replayFor]: consumer, [replayOf]: JSON.stringify(replayed) },
    },
    payload,
  }
}

/** The same letter after one more replay was written. */
export function replayedOnce(stored: StoredLetter): StoredLetter {
  const { head, payload } = decodeLetter(stored.record)
  return { ...stored, state: 'replayed', record: encodeLetter({ ...head, replays: (head.replays ?? 0) + 1 }, payload) }
}

/** What a record says of the dead letter it replays; undefined for any other record. */
export function replayedOf({ flags: bits, props }: Pick<NewRecord, 'flags' | 'props'>): Replayed | undefined {
  const text = bits & flags.replay ? props.s[replayOf] : undefined
  return text === undefined ? undefined : (JSON.parse(text) as Replayed)
}
