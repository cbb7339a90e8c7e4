import assert from 'node:assert/strict'
import { BatchDecoder, encodeBatch } from '../../src/hub/batch.ts'
import type { Delivered, RecordKind } from '../../src/journal/journal-port.ts'
import { seeded } from '../seeded.ts'

describe('the batch buffer', () => {
  it('carries any records across unchanged', () => {
    const random = seeded(7)
    const decoder = new BatchDecoder()
    const word = (): string =>
      Array.from({ length: random.below(40) }, () => String.fromCodePoint(random.below(0x2fff) + 32)).join('')
    for (let round = 0; round < 200; round++) {
      const records = Array.from(
        { length: random.below(8) },
        (): Delivered => ({
          seq: random.below(2 ** 31) * 1000,
          at: 1_700_000_000_000 + random.below(1e9),
          kind: (1 + random.below(6)) as RecordKind,
          flags: random.below(32),
          qos: random.below(3),
          deliveries: 1 + random.below(5),
          device: word(),
          topic: word(),
          props: { v: 1, p: { [word()]: word() }, s: {}, e: { stream: word(), seq: random.below(100) } },
          payload: Uint8Array.from({ length: random.below(300) }, () => random.below(256)),
        }),
      )
      assert.deepEqual(decoder.decode(encodeBatch(records)), records)
    }
  })

  it('tells records apart whose texts run together', () => {
    const decoder = new BatchDecoder()
    const record = (device: string, topic: string): Delivered => ({
      seq: 1,
      at: 1,
      kind: 1,
      flags: 0,
      qos: 1,
      deliveries: 1,
      device,
      topic,
      props: { v: 1, p: {}, s: {}, e: {} },
      payload: new Uint8Array(),
    })
    const records = [record('ab', 'c'), record('a', 'bc'), record('ab', 'c')]
    const [first, second, third] = decoder.decode(encodeBatch(records))
    assert.deepEqual([first, second, third], records)
    assert.equal(first!.props, third!.props)
    assert.notEqual(first!.props, second!.props)
  })
})
