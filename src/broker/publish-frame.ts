export interface PublishFields {
  topic: string
  payload: Uint8Array
  qos: 0 | 1
  retain: boolean
  dup: boolean
  /** packet identifier, for QoS 1 */
  id: number
}

/** Bytes of a PUBLISH without its payload [MQTT-3.3]; the payload follows as it is, uncopied. */
export function publishHead({ topic, payload, qos, retain, dup, id }: PublishFields): Buffer {
  const topicBytes = Buffer.byteLength(topic)
  const remaining = 2 + topicBytes + (qos ? 2 : 0) + payload.length
  const head = Buffer.allocUnsafe(1 + lengthBytes(remaining) + 2 + topicBytes + (qos ? 2 : 0))
  head[0] = 0x30 | (dup ? 8 : 0) | (qos << 1) | (retain ? 1 : 0)
  let at = 1
  let rest = remaining
  do {
    head[at++] = (rest & 0x7f) | (rest > 0x7f ? 0x80 : 0)
    rest >>>= 7
  } while (rest > 0)
  at = head.writeUInt16BE(topicBytes, at)
  at += head.write(topic, at)
  if (qos) head.writeUInt16BE(id, at)
  return head
}

const lengthBytes = (length: number): number => (length < 128 ? 1 : length < 16_384 ? 2 : length < 2_097_152 ? 3 : 4)
