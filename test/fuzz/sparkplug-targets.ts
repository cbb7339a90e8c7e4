import assert from 'node:assert/strict'
import { openSparkplug } from '../../src/codec/sparkplug/open-sparkplug.ts'
import { openSparkplugCodec } from '../../src/codec/sparkplug/sparkplug-codec.ts'
import { sparkplugKinds } from '../../src/codec/sparkplug/topic.ts'
import { LoomError } from '../../src/errors.ts'
import { mutatedBytes } from './mutate.ts'
import { bytesIn, type Family, type Target } from './target.ts'

const codes = /^CODEC_/
const timestamp = 1_790_000_000_000
const tree = {
  name: 't',
  type: 'Template',
  value: {
    ref: 'T',
    metrics: [{ name: 'x', type: 'Int32', value: -5 }],
    parameters: [{ name: 'p', type: 'String', value: 'y' }],
  },
}
const payloads: readonly object[] = [
  {
    timestamp,
    seq: 0,
    metrics: [
      { name: 'bdSeq', type: 'Int64', value: 1 },
      { name: 'a', alias: 1, type: 'Double', value: 1.5, timestamp },
      { name: 'b', alias: 2, type: 'UInt64', value: '18446744073709551615' },
      { name: 'c', alias: 3, type: 'Boolean', value: true, properties: { unit: { type: 'String', value: 'm' } } },
      { name: 'f', type: 'Bytes', value: 'AAEC' },
      { name: 'l', type: 'Int16Array', value: [1, -2, 3] },
    ],
  },
  {
    timestamp,
    seq: 1,
    metrics: [
      { alias: 1, type: 'Double', value: 2.5, timestamp },
      { alias: 2, value: null },
      { alias: 9, type: 'Int8', value: -1 },
    ],
  },
  { timestamp, metrics: [{ name: 'bdSeq', type: 'Int64', value: 1 }] },
  {
    timestamp,
    seq: 2,
    metrics: [
      {
        name: 'd',
        type: 'DataSet',
        value: {
          columns: ['x', 'y'],
          types: ['Int32', 'String'],
          rows: [
            [1, 'a'],
            [2, null],
          ],
        },
      },
      tree,
    ],
  },
]

interface Step {
  kind: (typeof sparkplugKinds)[number]
  /** base64 */
  bytes: string
  laterMs: number
}

async function payloadTarget(): Promise<Target<string>> {
  const codec = await openSparkplugCodec()
  const from = payloads.map(payload => codec.encode!(payload, {}))
  return {
    codes,
    make: random => mutatedBytes(random, from).toString('base64'),
    run(text) {
      const value = codec.decode(bytesIn(text), {})
      codec.decode(codec.encode!(value, {}), { inflated: true })
      return value
    },
  }
}

/** What one edge may say in any order, and how late. */
async function edges(): Promise<Target<Step[]>> {
  const codec = await openSparkplugCodec()
  const from = payloads.map(payload => codec.encode!(payload, {}))
  return {
    codes,
    make: random =>
      Array.from({ length: 1 + random.below(12) }, () => ({
        kind: random.pick(sparkplugKinds),
        bytes: (random.below(2) ? Buffer.from(random.pick(from)) : mutatedBytes(random, from)).toString('base64'),
        laterMs: random.pick([0, 1, 1999, 2001, 30_001]),
      })),
    async run(steps) {
      let now = timestamp
      const sparkplug = await openSparkplug<number>({ now: () => now, limits: { parked: 4, devices: 2 } })
      const heard = steps.flatMap(({ kind, bytes, laterMs }, source) => {
        now += laterMs
        const topic = `spBv1.0/g/${kind}/e${kind.startsWith('D') ? `/d${source % 3}` : ''}`
        const due = sparkplug.dueAt() === undefined ? [] : [sparkplug.due()]
        try {
          return [...due, sparkplug.take({ topic, payload: bytesIn(bytes), source })]
        } catch (error) {
          assert.ok(error instanceof LoomError && codes.test(error.code), String((error as Error).stack))
          return due
        }
      })
      heard.push(sparkplug.close())
      for (const { error } of heard.flatMap(({ dropped }) => dropped))
        assert.ok(error === undefined || error instanceof LoomError)
      return heard.map(({ messages, stale }) => ({ messages, stale }))
    },
  }
}

export const sparkplugTargets = { sparkplug: payloadTarget, 'sparkplug-edges': edges } satisfies Family
