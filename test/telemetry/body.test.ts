import assert from 'node:assert/strict'
import { type BodySource, readingsOfBody, verdictOnBody } from '../../src/telemetry/body.ts'
import { wideBytes } from '../../src/telemetry/unicode.ts'
import { random } from './random.ts'

const arrived = Date.UTC(2026, 8, 10, 8)
const from = (body: string | Uint8Array, more: Partial<BodySource> = {}) =>
  readingsOfBody({ body: Buffer.from(body), device: 'd1', arrived, ...more })
const read = (body: unknown, more: Partial<BodySource> = {}) => {
  const result = from(typeof body === 'string' ? body : JSON.stringify(body), more)
  assert.ok('readings' in result, JSON.stringify(result))
  return result
}
const one = (body: unknown, more: Partial<BodySource> = {}) => read(body, more).readings[0]!

describe('a telemetry body', () => {
  it('of values becomes a reading at arrival', () =>
    assert.deepEqual(read({ t: 21.5, rpm: 900 }), {
      readings: [{ device: 'd1', time: arrived, values: { t: 21.5, rpm: 900 }, arrived, stream: '', idx: 0, properties: {} }],
      timeUnsure: false,
    }))

  it('may be a reading with time and more', () => {
    const body = {
      time: '2026-09-10T07:00:00Z',
      seq: 17,
      stream: 's',
      schema: 'x',
      props: { a: 'b', n: 1, o: {} },
      values: { t: 1 },
    }
    assert.deepEqual(one(body, { topic: 'devices/d1/telemetry' }), {
      device: 'd1',
      time: arrived - 3_600_000,
      values: { t: 1 },
      arrived,
      stream: 's',
      seq: 17,
      schema: 'x',
      idx: 0,
      properties: { a: 'b', n: '1' },
      topic: 'devices/d1/telemetry',
    })
  })

  it('with any other member, or values that are no object, is all values', () => {
    const mixed = { values: { t: 1 }, time: 5, unit: 'K' }
    assert.deepEqual(one(mixed).values, mixed)
    assert.deepEqual(one({ values: [1, 2] }).values, { values: [1, 2] })
    assert.equal(one({ time: 5, t: 1 }).time, arrived)
  })

  it('of a batch keeps order and forms', () => {
    const { readings } = read([{ t: 1 }, { time: arrived / 1000 - 1, values: { t: 2 } }, { t: 3 }])
    assert.deepEqual(
      readings.map(r => [r.idx, r.time - arrived, r.values.t]),
      [
        [0, 0, 1],
        [1, -1000, 2],
        [2, 0, 3],
      ],
    )
    assert.deepEqual(read([]).readings, [])
  })

  it('of a bare scalar is the value named value', () => {
    for (const scalar of [21.5, 'x', true, null, [1, 2]]) assert.deepEqual(one(JSON.stringify(scalar)).values, { value: scalar })
  })

  it('yields to what topic and headers say', () => {
    const body = { time: arrived - 5, seq: 1, stream: 'body', schema: 'body', props: { a: 'body', b: 'body' }, values: {} }
    const headers = { time: arrived - 9, seq: 2, stream: 'bag', schema: 'bag', properties: { a: 'bag' } }
    const { time, seq, stream, schema, properties } = one(body, headers)
    assert.deepEqual({ time, seq, stream, schema, properties }, { ...headers, properties: { a: 'bag', b: 'body' } })
  })

  it('with a time that makes no sense gets arrival, marked', () => {
    for (const time of ['yesterday', -1, null, {}, '2026-09-10T08:00:00', 1e300]) {
      const { readings, timeUnsure } = read({ time, values: { t: 1 } })
      assert.deepEqual([readings[0]!.time, timeUnsure], [arrived, true], JSON.stringify(time))
    }
  })

  it('is believed up to five minutes ahead', () => {
    assert.deepEqual(one({ time: arrived + 300_000, values: {} }).time, arrived + 300_000)
    assert.deepEqual(read({ time: arrived + 300_001, values: {} }).timeUnsure, true)
    assert.equal(one({ time: arrived + 300_001, values: {} }).time, arrived)
    assert.equal(read({ t: 1 }, { time: arrived + 300_001 }).timeUnsure, true)
    assert.equal(read([{ t: 1 }, { time: 'x', values: {} }]).timeUnsure, true)
  })

  it('takes a sequence number only if it is a whole number', () => {
    for (const seq of [1.5, '3', null]) assert.equal('seq' in one({ seq, values: {} }), false)
  })

  const types: [contentType: string, contentEncoding: string | undefined, json: boolean][] = [
    ['application/json', undefined, true],
    ['Application/JSON; charset=UTF-8', 'utf-8', true],
    ['application/senml+json', undefined, true],
    ['application/json;charset=latin1', undefined, false],
    ['application/json', 'gzip', false],
    ['application/json', 'utf-7', false],
    ['', undefined, true],
    ['application/cbor', undefined, false],
    ['text/plain', undefined, false],
    ['application/jsonx', undefined, false],
  ]
  for (const [contentType, contentEncoding, json] of types)
    it(`of ${contentType || 'no type'}${contentEncoding ? ` in ${contentEncoding}` : ''} is ${json ? 'decoded' : 'left alone'}`, () => {
      const result = from('{"t":1}', { contentType, ...(contentEncoding && { contentEncoding }) })
      assert.equal('readings' in result, json)
      assert.equal('opaque' in result, !json)
    })

  const wide = (text: string, width: 2 | 4, marked: boolean) => wideBytes(text, { width, littleEndian: !marked, marked })
  for (const [width, headers] of [
    [2, { contentEncoding: 'UTF-16' }],
    [2, { contentEncoding: 'utf-16be', contentType: 'application/json' }],
    [2, { contentType: 'application/json; charset=utf-16' }],
    [4, { contentEncoding: 'utf-32' }],
  ] as const)
    for (const marked of [true, false])
      it(`of ${JSON.stringify(headers)}${marked ? ' with a byte order mark' : ''} is read`, () => {
        const result = from(wide('{"t":"ö𝄞"}', width, marked), headers)
        assert.deepEqual('readings' in result && result.readings[0]!.values, { t: 'ö𝄞' })
      })

  it('with a byte order mark of another encoding needs no headers', () => {
    for (const headers of [{}, { contentEncoding: 'utf-8' }, { contentType: 'application/json' }])
      for (const width of [2, 4] as const) assert.ok('readings' in from(wide('{"t":1}', width, true), headers))
  })

  it('in another encoding has the same bounds, and says which encoding it is not in', () => {
    const headers = { contentEncoding: 'utf-16' }
    const deep = from(wide('['.repeat(101) + ']'.repeat(101), 2, false), headers)
    assert.deepEqual(deep, { undecodable: 'nested deeper than 100 levels' })
    assert.deepEqual(from(wide('{"t":1}', 2, false).subarray(1), headers), { undecodable: 'the payload is not UTF-16' })
  })

  it('that a look changes stays in its encoding, a list a list', () => {
    for (const [width, contentEncoding] of [
      [2, 'utf-16'],
      [4, 'utf-32'],
    ] as const)
      for (const marked of [true, false])
        for (const [text, changed] of [
          ['{"t":1}', '{"t":2}'],
          ['[{"t":1}]', '[{"t":2}]'],
        ] as const) {
          const body = wide(text, width, marked)
          const verdict = verdictOnBody({ body, contentEncoding }, arrived, () => ({ t: 2 }))
          assert.deepEqual(verdict.body, wide(changed, width, marked))
        }
    const { body } = verdictOnBody({ body: Buffer.from('\ufeff[{"t":1}]') }, arrived, () => ({ t: 2 }))
    assert.equal(Buffer.from(body!).toString(), '[{"t":2}]')
  })

  const broken: [what: string, body: string | Uint8Array, why: RegExp][] = [
    ['broken JSON', '{"t":', /JSON/],
    ['plain text', 'hello', /JSON/],
    ['nothing', '', /empty/],
    ['bytes that are no UTF-8', Buffer.from([0x22, 0xff, 0x22]), /UTF-8/],
    ['half a character', Buffer.from([0x22, 0xe2, 0x82]), /UTF-8/],
    ['a batch with a number in it', '[{"t":1},5]', /item 1/],
    ['an abyss', '['.repeat(50_000) + ']'.repeat(50_000), /deeper/],
  ]
  for (const [what, body, why] of broken)
    it(`of ${what} is undecodable and says why without quoting it`, () => {
      const result = from(body)
      assert.ok('undecodable' in result)
      assert.match(result.undecodable, why)
      assert.doesNotMatch(result.undecodable, /hello/)
    })

  it('counts brackets in texts as text', () =>
    assert.equal(one({ t: `${'['.repeat(300)}\\"{{` }).values.t, `${'['.repeat(300)}\\"{{`))

  it('keeps hostile names plain', () => {
    const { values, properties } = one('{"values":{"__proto__":{"x":1}},"props":{"__proto__":"p"}}')
    assert.deepEqual(Object.keys(values), ['__proto__'])
    assert.deepEqual(Object.keys(properties!), ['__proto__'])
    assert.equal(({} as Record<string, unknown>).x, undefined)
  })

  it('takes a thousand readings of one message and no more', () => {
    const many = (count: number) => JSON.stringify(Array.from({ length: count }, () => ({ x: 1 })))
    assert.equal(read(many(1000)).readings.length, 1000)
    assert.deepEqual(from(many(1001)), { undecodable: '1001 readings in one message, at most 1000' })
  })

  it('counts a stream name over 64 characters as none', () => {
    assert.equal(one({ stream: 's'.repeat(65), values: { x: 1 } }).stream, '')
  })

  it('never throws, whatever the bytes', () => {
    const next = random(3)
    const parts = ['{', '}', '[', ']', '"', ':', ',', 'time', 'values', '1', '-', 'e9', 'null', '\\', 'seq', ' ', '\u0000']
    for (let round = 0; round < 5000; round++) {
      const body = Array.from({ length: Math.floor(next() * 12) }, () => parts[Math.floor(next() * parts.length)]).join('')
      const result = from(body)
      if ('readings' in result) for (const reading of result.readings) assert.ok(Number.isSafeInteger(reading.time))
    }
  })

  it('is judged without its readings as it is with them', () => {
    const next = random(5)
    const some = <T>(items: readonly T[]): T => items[Math.floor(next() * items.length)]!
    const times = ['', '"time":1', '"time":99999999999999', '"time":"x"', '"time":"2026-01-01T00:00:00Z"', '"t":1', '"time":null']
    const verdicts = new Set<string>()
    for (let round = 0; round < 5000; round++) {
      const item = (): string => {
        const parts = [some(times), some(['', '"values":{}', '"values":{"a":1}', '"values":1']), some(['', '"x":1', '"seq":3'])]
        return some([`{${parts.filter(Boolean).join(',')}}`, `{${parts.filter(Boolean).join(',')}}`, '5', '[]', '{'])
      }
      const text = some([item(), `[${Array.from({ length: Math.floor(next() * 4) }, item).join(',')}]`, ''])
      const source = {
        ...{ body: Buffer.from(text), device: 'd', arrived: 1_789_030_800_000 },
        ...some([{}, {}, { time: 5 }, { time: 99_999_999_999_999 }, { contentType: 'application/cbor' }]),
      }
      const full = readingsOfBody(source)
      const expected = {
        timeUnsure: 'timeUnsure' in full && full.timeUnsure,
        ...('undecodable' in full && { undecodable: full.undecodable }),
      }
      assert.deepEqual(verdictOnBody(source, source.arrived), expected, text)
      verdicts.add(Object.keys(full).join() + String(expected.timeUnsure))
    }
    assert.equal(verdicts.size, 4)
  })
})
