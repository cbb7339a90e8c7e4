import type { RetentionClass, WarmRow } from '../storage/warm-store.ts'
import { type Fault, type ReadingMessage, sortedReadingsOf } from '../telemetry/message.ts'

interface WindowResult {
  key: string
  end: number
  values: Record<string, unknown>
}

const isResult = (item: unknown): item is WindowResult => {
  const { key, end, values } = (item ?? {}) as Partial<WindowResult>
  return typeof key === 'string' && typeof end === 'number' && typeof values === 'object' && values !== null
}

const asReading = ({ key, end, values }: WindowResult) => ({ device: key, time: end, values })

/**
 * Rows of a message: readings, single or batch, or window results, whose key is the device and whose end is the time; `faults` are items of a batch that are
 * neither. A single message throws READING_DEVICE, READING_VALUES, READING_TIME.
 */
export function rowsOf(
  msg: ReadingMessage,
  now: number,
  o: { class: RetentionClass; stream?: string },
): { rows: WarmRow[]; faults: Fault[] } {
  const { payload } = msg
  const batch = isResult(payload) ? [payload] : Array.isArray(payload) ? payload : undefined
  const all = batch ? { payload: batch.map(item => (isResult(item) ? asReading(item) : item)) } : msg
  const { readings, faults } = sortedReadingsOf(all, now)
  return { rows: readings.map(reading => ({ ...reading, class: o.class, ...(o.stream && { stream: o.stream }) })), faults }
}
