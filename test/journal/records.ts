import type { LoomError } from '../../src/errors.ts'
import {
  type ConsumerEvents,
  type Delivered,
  type Gap,
  kinds,
  type JournalPort,
  type NewRecord,
  type RecordProps,
} from '../../src/journal/journal-port.ts'

export const props = (e: RecordProps['e'] = {}, p: Record<string, string> = {}): RecordProps => ({ v: 1, p, s: {}, e })

export const message = (device: string, text = device, over: Partial<NewRecord> = {}): NewRecord => ({
  kind: kinds.message,
  device,
  topic: `devices/${device}/telemetry`,
  qos: 1,
  flags: 0,
  props: props(),
  payload: Buffer.from(text),
  ...over,
})

export interface Outcome {
  error: LoomError | undefined
  seq: number
}

/** Appends all and returns the list their outcomes go to, in the order of the callbacks. */
export function appendAll(journal: JournalPort, records: NewRecord[]): Outcome[] {
  const outcomes: Outcome[] = []
  for (const record of records) journal.append(record, (error, seq) => outcomes.push({ error, seq }))
  return outcomes
}

/** A consumer's events as lists. */
export function collector(
  onDeliver?: (records: Delivered[]) => void,
): ConsumerEvents & { got: Delivered[]; batches: Delivered[][]; gaps: Gap[]; seqs(): number[] } {
  const got: Delivered[] = []
  const batches: Delivered[][] = []
  const gaps: Gap[] = []
  return {
    got,
    batches,
    gaps,
    seqs: () => got.map(({ seq }) => seq),
    deliver(records) {
      got.push(...records)
      batches.push(records)
      onDeliver?.(records)
    },
    gap: gap => gaps.push(gap),
  }
}

export const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, i) => from + i)
export const numbered = (count: number, device = 'd1'): NewRecord[] => range(1, count).map(n => message(device, String(n)))
