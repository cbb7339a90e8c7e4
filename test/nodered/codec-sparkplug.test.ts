import assert from 'node:assert/strict'
import { openSparkplugCodec, type SparkplugCodec } from '../../src/codec/sparkplug/sparkplug-codec.ts'
import type { SparkplugMetric } from '../../src/codec/sparkplug/sparkplug-payload.ts'
import { LoomError } from '../../src/errors.ts'
import { SparkplugMessages, type SparkplugMessagesOptions } from '../../src/nodered/codec/sparkplug-messages.ts'

const start = 1_700_000_000_000

describe('messages of Sparkplug and time', () => {
  let codec: SparkplugCodec
  let now: number
  let timer: { run: () => void; at: number } | undefined
  let told: unknown[]
  let messages: SparkplugMessages
  before(async () => {
    codec = await openSparkplugCodec()
  })
  beforeEach(() => {
    now = start
    timer = undefined
    told = []
  })
  const open = (more: Partial<SparkplugMessagesOptions> = {}): void => {
    messages = new SparkplugMessages({
      format: 'sparkplug',
      compression: 'auto',
      deviceNames: 'edge',
      waiting: 128,
      now: () => now,
      schedule(run, afterMs) {
        const mine = (timer = { run, at: now + afterMs })
        return () => {
          if (timer === mine) timer = undefined
        }
      },
      send: async ({ n }, readings) => void told.push(['sent', n, readings.map(({ values }) => values)]),
      refuse: async ({ n }, { code }, whole) => void told.push(['refused', n, code, whole]),
      pass: async ({ n }) => void told.push(['passed', n]),
      rebirth: ({ topic }) => void told.push(['asked', topic]),
      changed: () => undefined,
      failed: (thrown, msg) => void told.push(['failed', (thrown as LoomError).code, msg?.n]),
      emit: () => undefined,
      ...more,
    })
  }
  const take = (n: number, at: string, metrics: readonly SparkplugMetric[], seq: number, more: object = {}) => {
    const [kind, edge = 'e'] = at.split(' ')
    const payload = Buffer.from(codec.encode!({ timestamp: now, seq, metrics }, {}))
    return messages.take({ _msgid: '', n, topic: `spBv1.0/g/${kind}/${edge}`, payload, ...more }, () => undefined)
  }
  const value = (of: number): SparkplugMetric => ({ alias: 1, type: 'Int32', value: of })
  const born = (n: number, seq = 0) => take(n, 'NBIRTH', [{ ...value(0), name: 'a' }], seq)
  const ask = ['asked', 'spBv1.0/g/NCMD/e']
  /** Lets the timer that runs run out, and waits for what comes of it. */
  const pass = async (): Promise<number> => {
    const { run, at } = timer!
    now = at
    timer = undefined
    run()
    // In turn behind it; the edge has no say in it.
    await messages.take({ _msgid: '', topic: 'spBv1.0/STATE/h', payload: Buffer.alloc(0), n: 'turn' }, () => undefined)
    told = told.filter(one => !(one as unknown[]).includes('turn'))
    return now - start
  }

  it('asks once in 30 s however much comes, and gives what waits up after 45 s', async () => {
    open()
    for (let i = 0; i < 100; i++) await take(i, 'NDATA', [value(i)], i)
    assert.deepEqual([told, messages.waiting], [[ask], 100])
    assert.equal(await pass(), 30_000)
    assert.deepEqual(told, [ask, ask])
    assert.equal(await pass(), 45_000)
    assert.equal(messages.waiting, 0)
    assert.deepEqual(
      told.slice(2),
      Array.from({ length: 100 }, (_, i) => ['refused', i, 'CODEC_UNBORN', true]),
    )
    assert.equal(timer, undefined)
  })

  it('asks when a number is missing for 2 s, and no timer runs once it is there', async () => {
    open()
    await born(0)
    await take(2, 'NDATA', [value(2)], 2)
    assert.equal(timer!.at - now, 2000)
    await take(1, 'NDATA', [value(1)], 1)
    assert.deepEqual([timer, messages.waiting], [undefined, 0])
    assert.deepEqual(told.slice(1), [
      ['sent', 1, [{ a: 1 }]],
      ['sent', 2, [{ a: 2 }]],
    ])
    await take(4, 'NDATA', [value(4)], 4)
    assert.equal(await pass(), 2000)
    assert.deepEqual(told.at(-1), ask)
  })

  it('what fails of another message is told with it, of its own is thrown, and the others are sent', async () => {
    open({
      async send({ n }) {
        if (n === 1 || n === 3) throw new LoomError('HUB_DOWN')
        told.push(['sent', n])
      },
    })
    await take(1, 'NDATA', [value(1)], 1)
    await take(2, 'NDATA', [value(2)], 2)
    now++
    await assert.rejects(born(3), { code: 'HUB_DOWN' })
    assert.deepEqual(told, [ask, ['failed', 'HUB_DOWN', 1], ['sent', 2]])
    await take(4, 'NDATA', [value(4)], 1)
    assert.deepEqual(told.at(-1), ['sent', 4])
  })

  it('sends what is delivered again, and passes what was published twice', async () => {
    open()
    await born(0)
    const said = now
    await take(1, 'NDATA', [value(1)], 1, { jseq: 7 })
    now = said
    await take(2, 'NDATA', [value(1)], 1, { jseq: 7 })
    await take(3, 'NDATA', [value(1)], 1, { jseq: 8 })
    assert.deepEqual(told.slice(1), [
      ['sent', 1, [{ a: 1 }]],
      ['sent', 2, [{ a: 1 }]],
      ['passed', 3],
    ])
  })

  it('forgets what waits when it stops, and its timer', async () => {
    open()
    await take(1, 'NDATA', [value(1)], 1)
    await take(2, 'NDATA', [value(1)], 2)
    assert.ok(timer)
    messages.stop()
    await born(3)
    assert.deepEqual([timer, messages.waiting, told], [undefined, 0, [ask]])
  })
})
