import type { Delivered, RecordKind, RecordProps } from '../journal/journal-port.ts'

const head = 32
/** The lengths in the head and the texts after it: what messages of a device have in common. */
const commonAt = 24
const remembered = 4096
const rememberedBytes = 512

interface Common {
  device: string
  topic: string
  props: RecordProps
}

/**
 * Records as one transferable buffer: per record `u32 length, f64 seq, f64 at, u8 kind, u8 flags, u8 qos, u8 deliveries, u16 deviceBytes, u16 topicBytes,
 * u32 propsBytes`, then device, topic, props (JSON), payload (the rest). Little endian. Allocated on its own: a pooled Buffer cannot be transferred.
 */
export function encodeBatch(records: readonly Delivered[]): ArrayBuffer {
  const texts: string[] = []
  const sizes: number[] = []
  let size = 0
  for (const { device, topic, props, payload } of records) {
    const json = JSON.stringify(props)
    const [deviceBytes, topicBytes, propsBytes] = [Buffer.byteLength(device), Buffer.byteLength(topic), Buffer.byteLength(json)]
    texts.push(device + topic + json)
    sizes.push(deviceBytes, topicBytes, propsBytes)
    size += head + deviceBytes + topicBytes + propsBytes + payload.length
  }
  const buffer = new ArrayBuffer(size)
  const bytes = Buffer.from(buffer)
  const view = new DataView(buffer)
  let at = 0
  records.forEach((record, i) => {
    const [deviceBytes, topicBytes, propsBytes] = sizes.slice(3 * i, 3 * i + 3) as [number, number, number]
    const payloadAt = at + head + deviceBytes + topicBytes + propsBytes
    const end = payloadAt + record.payload.length
    view.setUint32(at, end - at, true)
    view.setFloat64(at + 4, record.seq, true)
    view.setFloat64(at + 12, record.at, true)
    view.setUint8(at + 20, record.kind)
    view.setUint8(at + 21, record.flags)
    view.setUint8(at + 22, record.qos)
    view.setUint8(at + 23, Math.min(record.deliveries, 255))
    view.setUint16(at + 24, deviceBytes, true)
    view.setUint16(at + 26, topicBytes, true)
    view.setUint32(at + 28, propsBytes, true)
    bytes.write(texts[i]!, at + head)
    bytes.set(record.payload, payloadAt)
    at = end
  })
  return buffer
}

/** Turns buffers into records again. Payloads are views into the buffer; records alike share their `props`, which nobody may change. */
export class BatchDecoder {
  readonly #known = new Map<string, Common>()

  decode(buffer: ArrayBuffer): Delivered[] {
    const bytes = Buffer.from(buffer)
    const view = new DataView(buffer)
    const records: Delivered[] = []
    for (let start = 0; start < buffer.byteLength; ) {
      const end = start + view.getUint32(start, true)
      const topicAt = start + head + view.getUint16(start + 24, true)
      const propsAt = topicAt + view.getUint16(start + 26, true)
      const payloadAt = propsAt + view.getUint32(start + 28, true)
      const { device, topic, props } = this.#common(bytes, start, topicAt, propsAt, payloadAt)
      records.push({
        seq: view.getFloat64(start + 4, true),
        at: view.getFloat64(start + 12, true),
        kind: view.getUint8(start + 20) as RecordKind,
        flags: view.getUint8(start + 21),
        qos: view.getUint8(start + 22),
        deliveries: view.getUint8(start + 23),
        device,
        topic,
        props,
        payload: new Uint8Array(buffer, payloadAt, end - payloadAt),
      })
      start = end
    }
    return records
  }

  /** One look-up instead of three decodings and a parse: most messages of a device differ in nothing but their payload. */
  #common(bytes: Buffer, start: number, topicAt: number, propsAt: number, payloadAt: number): Common {
    const key = payloadAt - start <= rememberedBytes ? bytes.toString('latin1', start + commonAt, payloadAt) : undefined
    const there = key === undefined ? undefined : this.#known.get(key)
    if (there) return there
    const made: Common = {
      device: bytes.toString('utf8', start + head, topicAt),
      topic: bytes.toString('utf8', topicAt, propsAt),
      props: JSON.parse(bytes.toString('utf8', propsAt, payloadAt)),
    }
    if (key === undefined) return made
    if (this.#known.size >= remembered) this.#known.clear()
    this.#known.set(key, made)
    return made
  }
}
