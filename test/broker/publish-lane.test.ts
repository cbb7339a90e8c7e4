import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import { parser as libraryParser } from 'mqtt-packet'
import type { LibraryClient, LibraryPacket, LibraryParser } from '../../src/broker/library.ts'
import { guardParser } from '../../src/broker/packet-guard.ts'
import { PublishLane } from '../../src/broker/publish-lane.ts'
import { Reader } from '../../src/broker/reader.ts'
import { disconnectPacket, pingPacket, publishPacket, pubackPacket, remainingLength, subscribePacket } from '../mqtt-wire.ts'
import { seeded } from '../seeded.ts'

const limitBytes = 300

/** What a connection made of the bytes it was sent: its packets in order, then what was wrong. */
interface Heard {
  packets: string[]
  error?: string
  byLane: number
}

interface Way {
  /** Without it the library's parser reads everything. */
  lane: boolean
  /** Whether reading stops before the next packet, asked before each. */
  holds?: () => boolean
}

/** Reads chunks the way a connection does after its CONNECT, up to the first error. */
function hear(chunks: readonly Buffer[], { lane, holds = () => false }: Way): Heard {
  const heard: Heard = { packets: [], byLane: 0 }
  const parser = libraryParser() as unknown as LibraryParser & EventEmitter
  const conn = Object.assign(new EventEmitter(), { pause() {}, resume() {}, isPaused: () => false, destroy() {} })
  const waiting = [...chunks]
  let blocked = false
  let resumed = false
  const stopped = (): boolean => blocked || heard.error !== undefined
  const mayStart = (): boolean => {
    if (heard.error !== undefined) return false
    if (!resumed && holds()) blocked = true
    resumed = false
    return !blocked
  }
  const note = ({ cmd, topic, payload, qos, retain, dup, messageId }: LibraryPacket): void =>
    void heard.packets.push(
      cmd === 'publish' ? JSON.stringify([topic, payload.toString('hex'), qos, retain, dup, qos ? messageId : 0]) : cmd,
    )
  parser.on('packet', note)
  parser.on('error', (error: Error) => {
    heard.error ??= error.message
  })
  guardParser(parser, { limitBytes: () => limitBytes, mayStart })
  const publishes = new PublishLane()
  const reader = new Reader({
    client: { conn, _parser: parser, _nextBatch() {} } as unknown as LibraryClient,
    ownEnd: [],
    takeSome(chunk) {
      let at = 0
      while (lane && at < chunk.length) {
        const packet = publishes.read(chunk, at, limitBytes)
        if (!packet || !mayStart()) break
        note({ cmd: 'publish', ...packet, payload: Buffer.from(packet.payload), messageId: packet.id })
        heard.byLane++
        at = packet.end
      }
      return at
    },
    stopped,
    failed: error => {
      heard.error ??= (error as Error).message
    },
  })
  for (let turn = 0; turn < 10_000 && (waiting.length || blocked) && heard.error === undefined; turn++) {
    if (blocked) {
      blocked = false
      resumed = true
      reader.read()
    } else conn.emit('data', Buffer.from(waiting.shift()!))
  }
  return heard
}

const cut = (bytes: Buffer, places: readonly number[]): Buffer[] =>
  [0, ...places].map((from, i) => bytes.subarray(from, places[i] ?? bytes.length))

describe('publishes read past the library’s parser', () => {
  const topics = ['a', 'a', 'devices/d1/telemetry', 'devices/d2/telemetry', 'größe/温度', 'x'.repeat(200), '\ufffd', 'é']
  const strange = [Buffer.from([0xe9]), Buffer.from([0x61, 0xff, 0x62]), 'a\0b', 'a/+', '#', '', 'a/'.repeat(120)]
  const script = [
    publishPacket({ topic: 'devices/d1/telemetry', payload: '{"t":1}', qos: 1, id: 7 }),
    publishPacket({ topic: 'devices/d1/telemetry', payload: '', qos: 1, id: 65_535, dup: true }),
    publishPacket({ topic: 'devices/d2/telemetry', payload: 'x'.repeat(200), qos: 0 }),
    pingPacket,
    publishPacket({ topic: 'größe', payload: '1', qos: 1, id: 9 }),
    publishPacket({ topic: 'devices/d2/telemetry', payload: '2', qos: 2, id: 10 }),
    subscribePacket(['a/b']),
    publishPacket({ topic: 'devices/d2/telemetry', payload: '3', qos: 1, id: 11 }),
  ]

  it('are the same ones in the same order, wherever the stream is cut', () => {
    const bytes = Buffer.concat(script)
    const expected = hear([bytes], { lane: false })
    assert.equal(expected.packets.length, script.length)
    assert.equal(hear([bytes], { lane: true }).byLane, 3)
    for (let at = 1; at < bytes.length; at++)
      assert.deepEqual(hear(cut(bytes, [at]), { lane: true }).packets, expected.packets, `cut at ${at}`)
    const single = cut(
      bytes,
      Array.from({ length: bytes.length - 1 }, (_, i) => i + 1),
    )
    assert.deepEqual(hear(single, { lane: true }).packets, expected.packets)
    for (const packet of script) assert.deepEqual(hear([packet], { lane: true }).packets, hear([packet], { lane: false }).packets)
  })

  it('that are not quite in order are the parser’s to refuse', () => {
    const broken = [
      [0x32, 0],
      [0x30, 1, 0],
      [0x32, 2, 0, 0],
      [0x32, 3, 0, 1, 0x61],
      [0x32, 4, 0, 1, 0x61, 0],
      [0x32, 5, 0, 9, 0x61, 0, 1],
      [0x36, 5, 0, 1, 0x61, 0, 1],
      [0x32, 0x80, 0x80, 0x80, 0x80, 0],
      [0x32, 5, 0, 1, 0xe9, 0, 1],
    ].map(bytes => Buffer.from(bytes))
    for (const bytes of broken) {
      const chunks = [Buffer.concat([publishPacket({ topic: 'é', payload: '', qos: 1 }), bytes])]
      const { byLane, ...heard } = hear(chunks, { lane: true })
      const { byLane: _, ...expected } = hear(chunks, { lane: false })
      assert.deepEqual([byLane, heard], [1, expected], bytes.toString('hex'))
    }
  })

  it('stop before the packet that may not start, and go on with it', () => {
    const bytes = Buffer.concat(script)
    const expected = hear([bytes], { lane: false }).packets
    for (let seed = 0; seed < 200; seed++) {
      const random = seeded(seed)
      const chunks = cut(bytes, [1 + random.below(bytes.length - 1)])
      assert.deepEqual(hear(chunks, { lane: true, holds: () => random.below(3) === 0 }).packets, expected, `seed ${seed}`)
    }
  })

  it('of 5,000 damaged or random streams are what the parser alone makes of them, its errors included', () => {
    let byLane = 0
    let errors = 0
    for (let seed = 0; seed < 5000; seed++) {
      const random = seeded(seed)
      const onePacket = (): Buffer => {
        const payload = Buffer.alloc(random.pick([0, 1, 20, 90, 127, 200, random.below(400)]), random.below(256))
        const id = random.below(65_536)
        const qos = random.pick([0, 1, 1, 1, 2] as const)
        const other = [pingPacket, disconnectPacket, pubackPacket(id), subscribePacket(['a', 'b'], 1, id || 1)]
        if (random.below(5) === 0) return random.pick(other)
        const topic = random.below(15) === 0 ? random.pick(strange) : random.pick(topics)
        const packet = publishPacket({ topic, payload, qos, id, dup: random.below(4) === 0 })
        if (random.below(6) === 0) packet[0]! |= 1
        if (packet[1]! >= 128 || random.below(6)) return packet
        switch (random.below(3)) {
          case 0:
            // The topic ends near the end of its packet.
            packet.writeUInt16BE(Math.max(0, packet.length - 7 + random.below(5)), 2)
            return packet
          case 1: {
            // The length field is longer than it needs to be, or too long.
            const more = Array(random.below(4)).fill(0x80)
            return Buffer.concat([packet.subarray(0, 1), Buffer.from([packet[1]! | 0x80, ...more, 0]), packet.subarray(2)])
          }
          default:
            return Buffer.concat([packet.subarray(0, 1), Buffer.from([random.below(5)]), packet.subarray(2, 2 + random.below(5))])
        }
      }
      const bytes = Buffer.concat(Array.from({ length: 1 + random.below(6) }, onePacket))
      for (let damage = random.below(4); damage > 1; damage--) {
        const at = random.below(bytes.length)
        if (random.below(2)) bytes[at] = random.below(256)
        else remainingLength(random.below(70_000)).copy(bytes, at)
      }
      const places = Array.from({ length: random.below(4) }, () => 1 + random.below(bytes.length)).sort((a, b) => a - b)
      const chunks = cut(bytes, places).filter(chunk => chunk.length)
      const expected = hear(chunks, { lane: false })
      const { byLane: taken, ...got } = hear(chunks, { lane: true })
      const { byLane: _, ...wanted } = expected
      assert.deepEqual(got, wanted, `seed ${seed}: ${bytes.toString('hex')}`)
      byLane += taken
      if (wanted.error !== undefined) errors++
    }
    assert.ok(byLane > 1000 && errors > 1000, `${byLane} by the lane, ${errors} errors`)
  })
})
