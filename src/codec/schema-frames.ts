/** What the first bytes say about the schema. `key` is what its letters wait under as long as nobody knows it. */
export type FrameFound =
  | { frame: 'single'; crc64: string; key: string; body: number }
  | { frame: 'registry'; id: number; key: string; body: number }
  | { frame: 'container' }

const singleBytes = 10
const registryBytes = 5

export const isContainer = (bytes: Uint8Array): boolean =>
  bytes[0] === 0x4f && bytes[1] === 0x62 && bytes[2] === 0x6a && bytes[3] === 1

/**
 * Container files of Avro (`Obj` 1), its single object encoding (C3 01, fingerprint), and the frame of registries (00, id). Bare bytes may begin with the last two as
 * well: only who finds that schema knows.
 */
export function frameOf(bytes: Uint8Array): FrameFound | undefined {
  if (isContainer(bytes)) return { frame: 'container' }
  if (bytes.length >= singleBytes && bytes[0] === 0xc3 && bytes[1] === 1) {
    const crc64 = viewOf(bytes).getBigUint64(2, true).toString(16).padStart(16, '0')
    return { frame: 'single', crc64, key: crc64, body: singleBytes }
  }
  if (bytes.length >= registryBytes && bytes[0] === 0) {
    const id = viewOf(bytes).getUint32(1)
    return { frame: 'registry', id, key: `id:${id}`, body: registryBytes }
  }
  return undefined
}

const viewOf = ({ buffer, byteOffset, byteLength }: Uint8Array): DataView => new DataView(buffer, byteOffset, byteLength)

/** Whether the first bytes are those of a container file or single object of Avro. */
export const meansAvro = (bytes: Uint8Array): boolean =>
  isContainer(bytes) || (bytes.length >= singleBytes && bytes[0] === 0xc3 && bytes[1] === 1)

export function singleFrame(crc64: string): Uint8Array {
  const head = new Uint8Array(singleBytes)
  head.set([0xc3, 1])
  new DataView(head.buffer).setBigUint64(2, BigInt(`0x${crc64}`), true)
  return head
}

export function registryFrame(id: number): Uint8Array {
  const head = new Uint8Array(registryBytes)
  new DataView(head.buffer).setUint32(1, id)
  return head
}
