const empty = 0xc15d213aa4d7a795n

const table = Array.from({ length: 256 }, (_, i) => {
  let value = BigInt(i)
  for (let bit = 0; bit < 8; bit++) value = value & 1n ? (value >> 1n) ^ empty : value >> 1n
  return value
})

/** CRC-64-AVRO of the UTF-8 of a text, 16 hexadecimal digits. */
export function crc64Avro(text: string): string {
  let value = empty
  for (const byte of Buffer.from(text)) value = (value >> 8n) ^ table[Number((value ^ BigInt(byte)) & 255n)]!
  return value.toString(16).padStart(16, '0')
}
