import type { Socket } from 'node:net'

/** MQTT 3.1.1 packets as bytes, for peers that must be cheap, or broken on purpose. Section numbers are those of the OASIS standard. */
export const packetTypes = {
  connect: 1,
  connack: 2,
  publish: 3,
  puback: 4,
  subscribe: 8,
  suback: 9,
  pingreq: 12,
  pingresp: 13,
  disconnect: 14,
} as const

export function remainingLength(length: number): Buffer {
  const bytes: number[] = []
  let rest = length
  do {
    bytes.push((rest % 128) | (rest >= 128 ? 0x80 : 0))
    rest = Math.floor(rest / 128)
  } while (rest > 0)
  return Buffer.from(bytes)
}

const field = (value: string | Uint8Array): Buffer => {
  const bytes = typeof value === 'string' ? Buffer.from(value) : value
  const out = Buffer.allocUnsafe(2 + bytes.length)
  out.writeUInt16BE(bytes.length, 0)
  out.set(bytes, 2)
  return out
}

const packet = (head: number, ...parts: Uint8Array[]): Buffer => {
  const body = Buffer.concat(parts)
  return Buffer.concat([Buffer.from([head]), remainingLength(body.length), body])
}

export interface ConnectFields {
  clientId: string
  username?: string
  password?: string | Uint8Array
  clean?: boolean
  keepAliveS?: number
}

export function connectPacket({ clientId, username, password, clean = true, keepAliveS = 60 }: ConnectFields): Buffer {
  const bits = (username === undefined ? 0 : 0x80) | (password === undefined ? 0 : 0x40) | (clean ? 2 : 0)
  return packet(
    0x10,
    field('MQTT'),
    Buffer.from([4, bits, keepAliveS >> 8, keepAliveS & 0xff]),
    field(clientId),
    ...(username === undefined ? [] : [field(username)]),
    ...(password === undefined ? [] : [field(password)]),
  )
}

export interface PublishFields {
  topic: string | Uint8Array
  payload: string | Uint8Array
  qos?: 0 | 1 | 2
  /** packet identifier, for QoS above 0 */
  id?: number
  dup?: boolean
}

export function publishPacket({ topic, payload, qos = 0, id = 1, dup = false }: PublishFields): Buffer {
  const ident = qos ? [Buffer.from([id >> 8, id & 0xff])] : []
  return packet(
    0x30 | (dup ? 8 : 0) | (qos << 1),
    field(topic),
    ...ident,
    typeof payload === 'string' ? Buffer.from(payload) : payload,
  )
}

export const subscribePacket = (filters: string[], qos: 0 | 1 = 1, id = 1): Buffer =>
  packet(0x82, Buffer.from([id >> 8, id & 0xff]), ...filters.flatMap(filter => [field(filter), Buffer.from([qos])]))

export const pubackPacket = (id: number): Buffer => Buffer.from([0x40, 2, id >> 8, id & 0xff])
export const pingPacket = Buffer.from([0xc0, 0])
export const disconnectPacket = Buffer.from([0xe0, 0])

/** Feeds chunks in, calls back for each whole packet with its first byte and its body (valid during the call only). */
export function packetReader(onPacket: (head: number, body: Buffer) => void): (chunk: Buffer) => void {
  let kept: Buffer | undefined
  return chunk => {
    let data = kept ? Buffer.concat([kept, chunk]) : chunk
    kept = undefined
    let at = 0
    while (data.length - at >= 2) {
      let length = 0
      let shift = 1
      let pos = at + 1
      let byte = 0x80
      while (pos < data.length && pos < at + 5 && byte & 0x80) {
        byte = data[pos++]!
        length += (byte & 0x7f) * shift
        shift *= 128
      }
      if (byte & 0x80 || data.length < pos + length) break
      onPacket(data[at]!, data.subarray(pos, pos + length))
      at = pos + length
    }
    if (at < data.length) kept = at ? Buffer.from(data.subarray(at)) : data
    data = Buffer.alloc(0)
  }
}

export interface Packet {
  type: number
  head: number
  body: Buffer
}

/** A conversation over one socket: what came, and waiting for what comes. */
export interface Talk {
  send(bytes: Uint8Array): void
  /** The next packet of that type not yet taken; rejects when the socket ends first. */
  next(type: number, limitMs?: number): Promise<Packet>
  /** Resolves when the peer has closed. */
  closed(limitMs?: number): Promise<void>
  readonly received: Packet[]
  end(): void
}

export function talk(socket: Socket): Talk {
  const received: Packet[] = []
  const untaken: Packet[] = []
  const looks = new Set<() => void>()
  let ended = socket.destroyed
  const wake = () => {
    for (const look of looks) look()
  }
  socket.on(
    'data',
    packetReader((head, body) => {
      const one = { type: head >> 4, head, body: Buffer.from(body) }
      received.push(one)
      untaken.push(one)
      wake()
    }),
  )
  socket.on('error', () => {})
  socket.on('close', () => {
    ended = true
    wake()
  })
  const wait = <T>(what: string, limitMs: number, look: () => T | undefined) =>
    new Promise<T>((resolve, reject) => {
      const attempt = () => {
        const found = look()
        if (found === undefined && !ended) return
        clearTimeout(timer)
        looks.delete(attempt)
        if (found === undefined) reject(new Error(`the connection closed before ${what}`))
        else resolve(found)
      }
      const timer = setTimeout(() => {
        looks.delete(attempt)
        reject(new Error(`${what}: not within ${limitMs} ms`))
      }, limitMs)
      looks.add(attempt)
      attempt()
    })
  return {
    received,
    send: bytes => void socket.write(bytes),
    next: (type, limitMs = 10_000) =>
      wait(`a packet of type ${type}`, limitMs, () => {
        const at = untaken.findIndex(one => one.type === type)
        return at < 0 ? undefined : untaken.splice(at, 1)[0]
      }),
    closed: (limitMs = 10_000) => wait('the end of the connection', limitMs, () => ended || undefined).then(() => {}),
    end: () => void socket.destroy(),
  }
}
