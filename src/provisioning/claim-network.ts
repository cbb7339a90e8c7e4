import { invalidValue } from './enrolment-values.ts'

/** Addresses as whole numbers; an IPv4 one is compared in its IPv6-mapped form, as sockets may show it either way. */
interface Network {
  base: bigint
  bits: number
}

const mappedPrefix = 0xffffn << 32n

/** True if the address is in one of the networks (CIDR); an empty list is everywhere. An address that cannot be read is nowhere. */
export function inNetworks(address: string, networks: readonly string[]): boolean {
  if (networks.length === 0) return true
  const value = addressOf(address.replace(/%.*$/, ''))
  return (
    value !== undefined &&
    networks.some(text => {
      const network = networkOf(text)
      return network !== undefined && value >> BigInt(128 - network.bits) === network.base >> BigInt(128 - network.bits)
    })
  )
}

/** What one sender has of addresses: an IPv4 address, of IPv6 the /64 that a line gets. Texts that are no address stand for themselves. */
export function senderOf(address: string): string {
  const value = addressOf(address.replace(/%.*$/, ''))
  if (value === undefined) return address.slice(0, 64)
  return value >> 32n === mappedPrefix >> 32n ? `4:${value & 0xffffffffn}` : `6:${value >> 64n}`
}

/** Up to 50 networks `192.0.2.0/24`, `2001:db8::/32`, or single addresses. PROV_INVALID. */
export function networkList(value: unknown, member: string): string[] {
  const fits = (text: unknown) => typeof text === 'string' && networkOf(text) !== undefined
  if (!Array.isArray(value) || value.length > 50 || !value.every(fits))
    throw invalidValue(member, 'it is a list of at most 50 networks such as 192.0.2.0/24 or 2001:db8::/32')
  return [...new Set(value as string[])]
}

function networkOf(text: string): Network | undefined {
  const [address = '', prefix, ...more] = text.split('/')
  const base = addressOf(address)
  if (base === undefined || more.length > 0) return undefined
  const offset = address.includes(':') ? 0 : 96
  const most = 128 - offset
  if (prefix === undefined) return { base, bits: 128 }
  if (!/^\d{1,3}$/.test(prefix) || Number(prefix) > most) return undefined
  return { base, bits: Number(prefix) + offset }
}

function addressOf(text: string): bigint | undefined {
  if (!text.includes(':')) {
    const four = fourOf(text)
    return four === undefined ? undefined : mappedPrefix | four
  }
  if (text.length > 45) return undefined
  // the last 32 bits may be written as IPv4 (RFC 4291, 2.2)
  const cut = text.lastIndexOf(':') + 1
  const four = text.includes('.') ? fourOf(text.slice(cut)) : 0n
  if (four === undefined) return undefined
  const plain = text.includes('.') ? `${text.slice(0, cut)}${(four >> 16n).toString(16)}:${(four & 0xffffn).toString(16)}` : text
  const halves = plain.split('::')
  if (halves.length > 2) return undefined
  const groups = halves.map(half => (half === '' ? [] : half.split(':')))
  const count = groups.reduce((sum, half) => sum + half.length, 0)
  if (halves.length === 2 ? count > 7 : count !== 8) return undefined
  const [head = [], tail = []] = groups
  const all = [...head, ...Array<string>(8 - count).fill('0'), ...tail]
  if (!all.every(group => /^[0-9A-Fa-f]{1,4}$/.test(group))) return undefined
  return all.reduce((value, group) => (value << 16n) | BigInt(`0x${group}`), 0n)
}

function fourOf(text: string): bigint | undefined {
  const parts = text.split('.')
  if (parts.length !== 4 || !parts.every(part => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255)) return undefined
  return parts.reduce((value, part) => (value << 8n) | BigInt(part), 0n)
}
