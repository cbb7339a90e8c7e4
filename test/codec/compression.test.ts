import assert from 'node:assert/strict'
import * as zlib from 'node:zlib'
import { type Compression, compressed, compressionByMagic, compressionOf, inflated } from '../../src/codec/compression.ts'
import { LoomError } from '../../src/errors.ts'
import { seeded } from '../seeded.ts'
import { bytesOf, codedOnly, refusal } from './codec-errors.ts'

const text = Buffer.from('{"temperature":21.5,"humidity":40}'.repeat(5))
const kinds: Compression[] = ['gzip', 'deflate', ...('zstdDecompressSync' in zlib ? (['zstd'] as const) : [])]

describe('compressed payloads', function () {
  this.timeout(60_000)

  for (const kind of kinds)
    describe(kind, () => {
      const packed = Buffer.from(compressed(text, kind))

      it('comes out as it went in', () => {
        assert.deepEqual(Buffer.from(inflated(packed, kind)), text)
        assert.deepEqual(Buffer.from(inflated(compressed(new Uint8Array(), kind), kind)), Buffer.alloc(0))
      })

      it('is known by its first bytes', () => assert.equal(compressionByMagic(packed), kind))

      it('is truncated wherever it is cut', () => {
        for (let length = 0; length < packed.length; length++)
          assert.equal(
            refusal(() => inflated(packed.subarray(0, length), kind)),
            `CODEC_TRUNCATED at ${length}`,
          )
      })

      it('is refused with anything behind it', () => {
        for (const more of ['00', '000000', 'ff', '6a756e6b', '28b5'])
          assert.match(
            refusal(() => inflated(Buffer.concat([packed, bytesOf(more)]), kind)),
            /^CODEC_FORMAT at \d+$/,
            more,
          )
      })

      it('is refused when it would be more than 200 times as long', () => {
        const bomb = compressed(Buffer.alloc(4_000_000), kind)
        assert.ok(bomb.length < 20_000)
        assert.equal(
          refusal(() => inflated(bomb, kind)),
          'CODEC_LIMIT at 0',
        )
      })

      it('is refused when more than 16 MiB come out', () => {
        const random = seeded(1952)
        const block = Buffer.from(Array.from({ length: 1024 }, () => random.below(256)))
        const long = Buffer.concat(
          Array.from({ length: 16 * 1024 + 1 }, (_, i) =>
            i % 64 ? block : Buffer.from(Array.from({ length: 1024 }, () => random.below(256))),
          ),
        )
        const packedLong = compressed(long, kind)
        assert.ok(packedLong.length > long.length / 200, 'the ratio alone would refuse it')
        assert.equal(
          refusal(() => inflated(packedLong, kind)),
          'CODEC_LIMIT at 0',
        )
        const most = inflated(compressed(long.subarray(0, 16 * 1_048_576), kind), kind)
        assert.equal(most.length, 16 * 1_048_576)
      })

      it('tells changed bytes by its own errors only', () => {
        const random = seeded(8878)
        for (let i = 0; i < 500; i++) {
          const changed = Buffer.from(packed)
          for (let changes = 1 + random.below(3); changes > 0; changes--)
            changed[random.below(changed.length)] = random.below(256)
          const bytes = codedOnly(() => inflated(changed, kind))
          if (bytes) assert.ok(bytes.length <= 200 * changed.length)
        }
      })
    })

  it('refuses more than 1 MiB before looking', () =>
    assert.equal(
      refusal(() => inflated(Buffer.alloc(1_048_577), 'gzip')),
      'CODEC_LIMIT at 1048576',
    ))

  it('takes gzip of several members, and one layer only', () => {
    const half = compressed(text, 'gzip')
    assert.equal(inflated(Buffer.concat([half, half]), 'gzip').length, 2 * text.length)
    assert.deepEqual(Buffer.from(inflated(compressed(half, 'gzip'), 'gzip')), Buffer.from(half))
    assert.equal(
      refusal(() => compressionOf('gzip, gzip')),
      'CODEC_FORMAT at 0',
    )
  })

  if (kinds.includes('zstd'))
    // Frame header without a content size, window descriptor with the exponents 14, 17 and 21, an empty last block.
    it('refuses a zstd frame that asks for a window of more than 16 MiB', () => {
      assert.equal(inflated(bytesOf('28b52ffd 00 70 010000'), 'zstd').length, 0)
      for (const frame of ['28b52ffd 00 88 010000', '28b52ffd 00 a8 010000'])
        assert.equal(
          refusal(() => inflated(bytesOf(frame), 'zstd')),
          'CODEC_LIMIT at 0',
        )
    })
  else
    it('says where zstd is to be had when this Node.js has none', () =>
      assert.throws(
        () => inflated(bytesOf('28b52ffd'), 'zstd'),
        (error: LoomError) => error.code === 'CODEC_UNAVAILABLE',
      ))

  for (const [encoding, compression] of [
    [undefined, undefined],
    ['', undefined],
    ['identity', undefined],
    ['UTF-8', undefined],
    ['utf-16le', undefined],
    ['UTF-32', undefined],
    ['gzip', 'gzip'],
    [' X-GZIP ', 'gzip'],
    ['deflate', 'deflate'],
    ['zstd', 'zstd'],
  ] as const)
    it(`takes the content encoding ${JSON.stringify(encoding)}`, () => assert.equal(compressionOf(encoding), compression))

  it('refuses other content encodings with those that there are', () =>
    assert.throws(
      () => compressionOf('br'),
      (error: unknown) => error instanceof LoomError && /"br".*gzip, deflate and zstd/.test(error.message),
    ))

  it('takes no text for deflate', () => {
    for (const sample of ['x^2', 'xy', 'x', '{"a":1}', '']) assert.equal(compressionByMagic(Buffer.from(sample)), undefined)
  })
})
