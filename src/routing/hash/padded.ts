/** The message, a 1 bit, zeros, and its length in bits at the end of the last block, as MD5 and the SHA family begin. */
export function padded(bytes: Uint8Array, blockBytes: 64 | 128, littleEndian = false): DataView {
  const lengthBytes = blockBytes / 8
  const blocks = Math.ceil((bytes.length + 1 + lengthBytes) / blockBytes)
  const message = new Uint8Array(blocks * blockBytes)
  message.set(bytes)
  message[bytes.length] = 0x80
  const view = new DataView(message.buffer)
  view.setBigUint64(message.length - 8, BigInt(bytes.length) * 8n, littleEndian)
  return view
}
