const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
/** Code of a character -> its six bits; 64 for others. */
const sextets = Uint8Array.from({ length: 128 }, (_, code) => {
  const at = alphabet.indexOf(String.fromCharCode(code))
  return at === -1 ? 64 : at
})
const chunk = 12_288

/** RFC 4648, 4, with padding. */
export function base64Of(bytes: Uint8Array): string {
  let text = ''
  for (let start = 0; start < bytes.length; start += chunk) text += encoded(bytes.subarray(start, start + chunk))
  return text
}

function encoded(bytes: Uint8Array): string {
  const codes: string[] = []
  for (let i = 0; i < bytes.length; i += 3) {
    const bits = (bytes[i]! << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0)
    codes.push(alphabet[bits >> 18]!, alphabet[(bits >> 12) & 63]!, alphabet[(bits >> 6) & 63]!, alphabet[bits & 63]!)
  }
  const rest = bytes.length % 3
  if (rest > 0) codes.splice(rest - 3, 3 - rest, '='.repeat(3 - rest))
  return codes.join('')
}

/** Padding may be left out; `undefined` for another length or a character outside the alphabet, white space too. */
export function bytesOfBase64(text: string): Uint8Array | undefined {
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0
  const length = text.length - padding
  if (length % 4 === 1 || (padding > 0 && text.length % 4 !== 0)) return undefined
  const bytes = new Uint8Array(Math.floor((length * 3) / 4))
  let bits = 0
  for (let i = 0, at = 0; i < length; i++) {
    const sextet = sextets[text.charCodeAt(i)] ?? 64
    if (sextet === 64) return undefined
    bits = (bits << 6) | sextet
    if (i % 4 > 0) bytes[at++] = bits >> (6 - 2 * (i % 4))
  }
  return bytes
}
