/** An address as 16 bytes; IPv4 in its mapped form `::ffff:a.b.c.d`, so that both spellings are equal. Undefined: not an address. */
export function addressBytes(text: string): Uint8Array | undefined {
  const address = text.split('%', 1)[0]!
  if (address.length > 45) return undefined
  const four = fourBytes(address)
  if (four) return Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, ...four)
  const [head = '', tail, more] = address.split('::')
  if (more !== undefined || !address.includes(':')) return undefined
  const front = groups(head, tail === undefined)
  const back = groups(tail ?? '', true)
  if (!front || !back) return undefined
  const missing = 16 - front.length - back.length
  if (tail === undefined ? missing !== 0 : missing < 2) return undefined
  return Uint8Array.from([...front, ...new Array<number>(missing).fill(0), ...back])
}

function fourBytes(text: string): number[] | undefined {
  if (!/^(\d{1,3}\.){3}\d{1,3}$/.test(text)) return undefined
  const bytes = text.split('.').map(Number)
  return bytes.every(byte => byte <= 255) ? bytes : undefined
}

/** The bytes of `a:b:c`; `last`: its last part ends the address and may be an IPv4 one. */
function groups(text: string, last: boolean): number[] | undefined {
  if (text === '') return []
  const parts = text.split(':')
  const bytes: number[] = []
  for (const [at, part] of parts.entries()) {
    const four = last && at === parts.length - 1 ? fourBytes(part) : undefined
    if (four) bytes.push(...four)
    else if (/^[0-9a-fA-F]{1,4}$/.test(part)) bytes.push(Number.parseInt(part, 16) >> 8, Number.parseInt(part, 16) & 0xff)
    else return undefined
  }
  return bytes.length <= 16 ? bytes : undefined
}

export interface Network {
  bytes: Uint8Array
  bits: number
}

/** `10.0.0.0/8`, `2001:db8::/32`, or one address. Undefined: neither. */
export function networkOf(text: string): Network | undefined {
  const [address = '', length, more] = text.split('/')
  const bytes = addressBytes(address)
  if (!bytes || more !== undefined) return undefined
  const width = address.includes(':') ? 128 : 32
  if (length === undefined) return { bytes, bits: 128 }
  if (!/^\d{1,3}$/.test(length) || Number(length) > width) return undefined
  return { bytes, bits: Number(length) + 128 - width }
}

export function isWithin(address: Uint8Array, { bytes, bits }: Network): boolean {
  const whole = bits >> 3
  for (let i = 0; i < whole; i++) if (address[i] !== bytes[i]) return false
  const rest = bits & 7
  return rest === 0 || (address[whole]! ^ bytes[whole]!) >> (8 - rest) === 0
}
