import type { Codec } from './codec.ts'
import { encodableOf } from './encodable.ts'
import { malformed } from './fault.ts'
import { assertInput } from './input.ts'
import { scanMessagePack } from './message-pack-scan.ts'
import { loadPeer } from './peers.ts'
import { plainOf } from './plain.ts'
import { spliced } from './splice.ts'

/** MessagePack by the package msgpackr, which sees only bytes that were looked over. CODEC_UNAVAILABLE without it. */
export async function openMessagePack(): Promise<Codec> {
  const { Packr } = await loadPeer('msgpackr')
  // Its records are an extension of its own that others cannot read.
  const objects = new Packr({ useRecords: false, mapsAsObjects: true })
  const maps = new Packr({ useRecords: false, mapsAsObjects: false })
  return {
    name: 'msgpack',
    decode(bytes, context) {
      assertInput('MessagePack', bytes, context)
      const { plain, edits } = scanMessagePack(bytes)
      const item = edits.length ? spliced(bytes, edits) : bytes
      try {
        return plain ? objects.unpack(item) : plainOf(maps.unpack(item))
      } catch (cause) {
        throw malformed('MessagePack', 0, 'the package msgpackr cannot read it', cause)
      }
    },
    encode: value => objects.pack(encodableOf('MessagePack', value, { bits: 64 })),
  }
}
