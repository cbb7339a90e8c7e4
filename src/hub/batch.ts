import type { Delivered, RecordKind } from '../journal/journal-port.ts'

const head = 32
const encoder = new TextEncoder()
const decoder = new TextDecoder()

/**
 * Records as one transferable buffer: per record `u32 length, f64 seq, f64 at, u8 kind, u8 flags, u8 qos, u8 deliveries, u16 deviceBytes, u16 topicBytes,
 * u32 propsBytes`, then device, topic, props (JSON), payload (the rest). Little endian. Allocated on its own: a pooled Buffer cannot be transferred.
 */
export function encodeBatch(records: readonly Delivered[]): ArrayBuffer {
  const parts = records.map(
    r => [encoder.encode(r.device), encoder.encode(r.topic), encoder.encode(JSON.stringify(r.props)), r.payload] as const,
  )
  let size = 0
  for (const [device, topic, props, payload] of parts) size += head + device.length + topic.length + props.length + payload.length
  const bytes = new Uint8Array(size)
  const view = new DataView(bytes.buffer)
  let at = 0
  records.forEach((record, i) => {
    const [device, topic, props, payload] = parts[i]!
    const start = at
    view.setFloat64(at + 4, record.seq, true)
    view.setFloat64(at + 12, record.at, true)
    view.setUint8(at + 20, record.kind)
    view.setUint8(at + 21, record.flags)
    view.setUint8(at + 22, record.qos)
    view.setUint8(at + 23, Math.min(record.deliveries, 255))
    view.setUint16(at + 24, device.length, true)
    view.setUint16(at + 26, topic.length, true)
    view.setUint32(at + 28, props.length, true)
    at += head
    for (const part of [device, topic, props, payload]) {
      bytes.set(part, at)
      at += part.length
    }
    view.setUint32(start, at - start, true)
  })
  return bytes.buffer
}

/** The records again. Payloads are views into the buffer. */
export function decodeBatch(buffer: ArrayBuffer): Delivered[] {
  const view = new DataView(buffer)
  const records: Delivered[] = []
  for (let start = 0; start < buffer.byteLength; ) {
    const end = start + view.getUint32(start, true)
    const topicAt = start + head + view.getUint16(start + 24, true)
    const propsAt = topicAt + view.getUint16(start + 26, true)
    const payloadAt = propsAt + view.getUint32(start + 28, true)
    const text = (from: number, to: number): string => decoder.decode(new Uint8Array(buffer, from, to - from))
    records.push({
      seq: view.getFloat64(start + 4, true),
      at: view.getFloat64(start + 12, true),
      kind: view.getUint8(start + 20) as RecordKind,
      flags: view.getUint8(start + 21),
      qos: view.getUint8(start + 22),
      deliveries: view.getUint8(start + 23),
      device: text(start + head, topicAt),
      topic: text(topicAt, propsAt),
      props: JSON.parse(text(propsAt, payloadAt)),
      payload: new Uint8Array(buffer, payloadAt, end - payloadAt),
    })
    start = end
  }
  return records
}
