import type { RetentionClass, WarmRow } from '../storage/warm-store.ts'
import { type ReadingMessage, readingsOf } from '../telemetry/message.ts'

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
 * Rows of a message: readings, single or batch, or window results, whose key is the device and whose end is the time. READING_DEVICE, READING_VALUES,
 * READING_TIME.
 */
export function rowsOf(msg: ReadingMessage, now: number, o: { class: RetentionClass; stream?: string }): WarmRow[] {
  const { payload } = msg
  const batch = isResult(payload) ? [payload] : Array.isArray(payload) ? payload : undefined
  const readings = readingsOf(batch ? { payload: batch.map(item => (isResult(item) ? asReading(item) : item)) } : msg, now)
  return readings.map(reading => ({ ...reading, class: o.class, ...(o.stream && { stream: o.stream }) }))
}
