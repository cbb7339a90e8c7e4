import assert from 'node:assert/strict'
import { openCbor } from '../../src/codec/cbor.ts'
import type { Codec } from '../../src/codec/codec.ts'
import { openMessagePack } from '../../src/codec/message-pack.ts'
import { seeded } from '../seeded.ts'
import { python, run } from './command.ts'
import { randomValue } from './random-value.ts'

/** Frames of four bytes of length each: every one is read and written again. */
const again = (read: string, write: string): string => `
import sys, struct, datetime
${read}
${write}
data, at = sys.stdin.buffer.read(), 0
while at < len(data):
    size = struct.unpack('>I', data[at:at + 4])[0]
    out = write(read(data[at + 4:at + 4 + size]))
    sys.stdout.buffer.write(struct.pack('>I', len(out)) + out)
    at += 4 + size
`

const peers = {
  cbor2: {
    open: openCbor,
    bits: 100,
    script: again(
      'import cbor2\nread = cbor2.loads',
      // Canonical: half floats, too; and dates as text.
      'write = lambda value: cbor2.dumps(value, canonical=True, timezone=datetime.timezone.utc)',
    ),
  },
  msgpack: {
    open: openMessagePack,
    bits: 62,
    script: again(
      'import msgpack\nread = lambda data: msgpack.unpackb(data, timestamp=3, strict_map_key=False)',
      'write = lambda value: msgpack.packb(value, datetime=True)',
    ),
  },
}

const framed = (parts: readonly Uint8Array[]): Buffer =>
  Buffer.concat(
    parts.flatMap(part => {
      const head = Buffer.alloc(4)
      head.writeUInt32BE(part.length)
      return [head, part]
    }),
  )

function* frames(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += 4 + bytes.readUInt32BE(at))
    yield bytes.subarray(at + 4, at + 4 + bytes.readUInt32BE(at))
}

describe('formats, with the packages of Python', function () {
  this.timeout(120_000)
  for (const [name, { open, bits, script }] of Object.entries(peers))
    it(`python3-${name} reads what we write, and we read what it writes`, async function () {
      const command = python(name)
      if (!command) return this.skip()
      const codec: Codec = await open()
      const random = seeded(bits)
      const items = Array.from({ length: 300 }, () => randomValue(random, { bits, depth: 3 }))
      const answer = run(command, ['-c', script], framed(items.map(({ value }) => codec.encode!(value, {}))))
      const back = [...frames(Buffer.from(answer!))].map(bytes => codec.decode(bytes, {}))
      assert.deepEqual(
        back,
        items.map(({ plain }) => plain),
      )
    })
})
