import { scanCbor } from './cbor-scan.ts'
import type { Codec } from './codec.ts'
import { encodableOf } from './encodable.ts'
import { malformed } from './fault.ts'
import { assertInput } from './input.ts'
import { loadPeer } from './peers.ts'
import { plainOf } from './plain.ts'
import { spliced } from './splice.ts'

/** Tag 55799 before the item, which says no more than that it is CBOR (RFC 8949, 3.4.6). */
export const isSelfDescribed = (bytes: Uint8Array): boolean => bytes[0] === 0xd9 && bytes[1] === 0xd9 && bytes[2] === 0xf7

/** CBOR (RFC 8949) by the package cbor-x, which sees only bytes that were looked over. CODEC_UNAVAILABLE without it. */
export async function openCbor(): Promise<Codec> {
  const { Encoder } = await loadPeer('cbor-x')
  const common = { useRecords: false, tagUint8Array: false, useTag259ForMaps: false } as const
  const objects = new Encoder({ ...common, mapsAsObjects: true })
  // Objects have no place for numbers as names and for one that is called __proto__.
  const maps = new Encoder({ ...common, mapsAsObjects: false })
  return {
    name: 'cbor',
    detect: isSelfDescribed,
    decode(bytes, context) {
      assertInput('CBOR', bytes, context)
      const from = isSelfDescribed(bytes) ? 3 : 0
      const { plain, edits } = scanCbor(bytes, { from })
      if (from) edits.unshift({ from: 0, to: from, by: [] })
      const item = edits.length ? spliced(bytes, edits) : bytes
      try {
        return plain ? objects.decode(item) : plainOf(maps.decode(item))
      } catch (cause) {
        throw malformed('CBOR', from, 'the package cbor-x cannot read it', cause)
      }
    },
    encode: value => objects.encode(encodableOf('CBOR', value)),
  }
}
