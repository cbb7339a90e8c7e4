import assert from 'node:assert/strict'
import { cloudEventsCodec } from '../../src/codec/cloud-events.ts'
import { readingsOfDecoded } from '../../src/codec/decoded-readings.ts'
import { senmlJson } from '../../src/codec/senml.ts'
import { jsonCodec } from '../../src/codec/json.ts'
import { readingsOfBody } from '../../src/telemetry/body.ts'

const source = { device: 'd1', arrived: 1_700_000_000_000, properties: { p: 'q' }, topic: 'a/b' }

describe('readings of decoded values', () => {
  it('are those that the hub makes of the same JSON', () => {
    for (const value of [
      { t: 1, nested: { a: [1] } },
      { time: 1_600_000_000_000, values: { t: 1 }, stream: 's', seq: 4, props: { a: 1 } },
      { time: 1, values: { t: 1 }, more: 1 },
      [{ t: 1 }, { values: { t: 2 }, time: '2024-01-01T00:00:00Z' }],
      [1, 2, 3],
      [],
      7,
      'text',
      null,
    ]) {
      const body = Buffer.from(JSON.stringify(value))
      const { readings } = readingsOfBody({ ...source, body }) as { readings: unknown }
      assert.deepEqual(readingsOfDecoded('json', jsonCodec.decode(body, {}), source), readings, JSON.stringify(value))
    }
  })

  it('may be more than one JSON body holds, but are all objects', () => {
    const many = Array.from({ length: 5000 }, (_, t) => ({ t }))
    const readings = readingsOfDecoded('avro', many, { ...source, jseq: 9 })
    assert.deepEqual([readings.length, readings[4999]!.idx, readings[4999]!.jseq], [5000, 4999, 9])
    assert.throws(() => readingsOfDecoded('avro', [{ t: 1 }, 2], source), { code: 'TELEMETRY_UNDECODABLE' })
  })

  it('have their time where a value says it, in seconds, milliseconds or as a text', () => {
    const rows = [{ at: 1_600_000_000, t: 1 }, { at: '2020-09-13T12:26:40Z', t: 2 }, { at: 'never', t: 3 }, { t: 4 }]
    assert.deepEqual(
      readingsOfDecoded('csv', rows, { ...source, timeMember: 'at' }).map(({ time, values }) => [time, values]),
      [
        [1_600_000_000_000, { t: 1 }],
        [1_600_000_000_000, { t: 2 }],
        [source.arrived, { at: 'never', t: 3 }],
        [source.arrived, { t: 4 }],
      ],
    )
    const [reading] = readingsOfDecoded('json', JSON.parse('{"at":1600000000,"__proto__":{"x":1}}'), {
      ...source,
      timeMember: 'at',
    })
    assert.deepEqual(Object.keys(reading!.values), ['__proto__'])
    assert.equal((reading!.values as { x?: unknown }).x, undefined)
  })

  it('join records of SenML by their time', () => {
    const pack = Buffer.from('[{"bn":"room/","bt":1600000000,"n":"t","v":21},{"n":"h","v":40},{"n":"t","t":60,"v":22}]')
    assert.deepEqual(
      readingsOfDecoded('senml', senmlJson.decode(pack, { arrived: source.arrived }), source).map(({ time, values }) => [
        time,
        values,
      ]),
      [
        [1_600_000_000_000, { 'room/t': 21, 'room/h': 40 }],
        [1_600_000_060_000, { 'room/t': 22 }],
      ],
    )
  })

  it('are the data of events, with their time, and their attributes as properties', () => {
    const event = { specversion: '1.0', id: '1', source: '/s', type: 'x', time: '2020-09-13T12:26:40Z' }
    const context = { contentType: 'application/cloudevents-batch+json' }
    const bytes = Buffer.from(
      JSON.stringify([
        { ...event, data: [{ t: 1 }, { t: 2 }] },
        { ...event, id: '2', data: 5 },
      ]),
    )
    assert.deepEqual(
      readingsOfDecoded('cloudevents', cloudEventsCodec.decode(bytes, context), source).map(
        ({ time, values, idx, properties }) => [time, values, idx, properties?.id, properties?.p],
      ),
      [
        [1_600_000_000_000, { t: 1 }, 0, '1', 'q'],
        [1_600_000_000_000, { t: 2 }, 1, '1', 'q'],
        [1_600_000_000_000, { value: 5 }, 2, '2', 'q'],
      ],
    )
  })
})
