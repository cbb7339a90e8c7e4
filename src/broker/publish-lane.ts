import { isUtf8 } from 'node:buffer'
import type { InboundPublish } from './broker-port.ts'

/** A PUBLISH as it lies in a chunk; `end` is where the next packet begins. */
export interface LanePublish extends InboundPublish {
  qos: 0 | 1
  retain: false
  will: false
  /** packet identifier; 0 at QoS 0 */
  id: number
  end: number
}

const maxLevels = 100

/**
 * Reads the common PUBLISH straight from a chunk of the socket: whole, QoS 0 or 1, not retained, its topic beyond doubt. The payload is a view of the chunk.
 * Everything else (undefined) is for the library, to read or to refuse, so that there is one opinion on what is wrong.
 * A connection mostly repeats its topic: while it does, the same string is used again.
 */
export class PublishLane {
  #topic = ''

  read(chunk: Buffer, at: number, limitBytes: number): LanePublish | undefined {
    const head = chunk[at]!
    if (head !== 0x32 && head !== 0x30 && head !== 0x3a) return undefined
    let from = at + 1
    let remaining = 0
    for (let scale = 1; ; scale *= 128) {
      if (from >= chunk.length || scale > 2_097_152) return undefined
      const byte = chunk[from++]!
      remaining += (byte & 0x7f) * scale
      if (byte < 0x80) break
    }
    const end = from + remaining
    const qos = head === 0x30 ? 0 : 1
    if (remaining > limitBytes || end > chunk.length || remaining < 2) return undefined
    const topicAt = from + 2
    const topicEnd = topicAt + chunk[from]! * 256 + chunk[from + 1]!
    const payloadAt = topicEnd + 2 * qos
    if (payloadAt > end) return undefined
    const topic = this.#topicOf(chunk, topicAt, topicEnd)
    if (topic === undefined) return undefined
    const id = qos && chunk[topicEnd]! * 256 + chunk[topicEnd + 1]!
    const payload = chunk.subarray(payloadAt, end)
    return { topic, payload, qos, retain: false, dup: head === 0x3a, will: false, id, end }
  }

  #topicOf(chunk: Buffer, from: number, to: number): string | undefined {
    if (isText(this.#topic, chunk, from, to)) return this.#topic
    if (!isUtf8(chunk.subarray(from, to))) return undefined
    const topic = chunk.toString('utf8', from, to)
    if (!mayBePublished(topic)) return undefined
    this.#topic = topic
    return topic
  }
}

/** Only ASCII compares; an empty text is nothing. */
function isText(text: string, chunk: Buffer, from: number, to: number): boolean {
  if (to - from !== text.length || text === '') return false
  for (let i = 0; i < text.length; i++) {
    const byte = chunk[from + i]!
    if (byte !== text.charCodeAt(i) || byte > 0x7f) return false
  }
  return true
}

function mayBePublished(topic: string): boolean {
  let levels = 1
  for (let i = 0; i < topic.length; i++) {
    const unit = topic.charCodeAt(i)
    if (unit === 0 || unit === 0x23 || unit === 0x2b) return false
    if (unit === 0x2f) levels++
  }
  return topic !== '' && levels <= maxLevels
}
