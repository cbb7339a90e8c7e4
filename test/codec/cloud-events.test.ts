import assert from 'node:assert/strict'
import { binaryEvent, cloudEventsCodec } from '../../src/codec/cloud-events.ts'
import { refusal } from './codec-errors.ts'

const event = { specversion: '1.0', id: 'A234', source: '/pump/1', type: 'com.example.started', time: '2026-04-05T17:31:00Z' }
const structured = { contentType: 'application/cloudevents+json; charset=UTF-8' }
const read = (value: unknown, contentType = structured.contentType): unknown =>
  cloudEventsCodec.decode(Buffer.from(JSON.stringify(value)), { contentType })
const properties = event

describe('CloudEvents', () => {
  for (const [what, more] of [
    ['without data', {}],
    ['with JSON data', { datacontenttype: 'application/json', data: { a: [1] } }],
    ['with text', { datacontenttype: 'text/xml', data: '<much/>' }],
    ['with bytes', { data_base64: 'AQI=' }],
    ['in a second that was inserted', { time: '2016-12-31T23:59:60.5+00:00' }],
    ['with data that is null', { data: null }],
    ['with attributes of other kinds', { sampled: true, priority: 5 }],
  ] as const) {
    it(`reads a structured event ${what}`, () => assert.deepEqual(read({ ...event, ...more }), { ...event, ...more }))
    it(`writes a structured event ${what}`, () =>
      assert.deepEqual(JSON.parse(Buffer.from(cloudEventsCodec.encode!({ ...event, ...more }, {})).toString()), {
        ...event,
        ...more,
      }))
  }

  it('reads and writes a batch', () => {
    const batch = [event, { ...event, id: 'B' }]
    assert.deepEqual(read(batch, 'application/cloudevents-batch+json'), batch)
    assert.deepEqual(JSON.parse(Buffer.from(cloudEventsCodec.encode!(batch, {})).toString()), batch)
    assert.equal(
      refusal(() => read([event, 1], 'application/cloudevents-batch+json')),
      'CODEC_INVALID at [1]',
    )
    assert.equal(
      refusal(() => read(event, 'application/cloudevents-batch+json')),
      'CODEC_INVALID at ',
    )
  })

  it('leaves out attributes that are null', () => assert.deepEqual(read({ ...event, subject: null }), event))

  for (const [what, contentType, payload, more] of [
    ['JSON', 'application/json', '{"a":1}', { data: { a: 1 } }],
    ['JSON of a type of its own', 'application/vnd.pump+json', '[1]', { data: [1] }],
    ['text', 'text/plain; charset=utf-8', 'hot', { data: 'hot' }],
    ['bytes', 'application/octet-stream', 'AB', { data_base64: 'QUI=' }],
  ] as const) {
    it(`reads the binary form with ${what}`, () =>
      assert.deepEqual(cloudEventsCodec.decode(Buffer.from(payload), { contentType, properties }), {
        ...event,
        datacontenttype: contentType,
        ...more,
      }))
    it(`writes the binary form with ${what}`, () => {
      const written = binaryEvent({ ...event, datacontenttype: contentType, ...more })
      assert.deepEqual({ ...written, payload: String(written.payload) }, { payload, contentType, properties })
    })
  }

  it('reads the binary form without data, and with a type of data only', () => {
    assert.deepEqual(cloudEventsCodec.decode(new Uint8Array(), { properties }), event)
    assert.deepEqual(cloudEventsCodec.decode(Buffer.from([255]), { properties, contentType: 'text/plain' }), {
      ...event,
      datacontenttype: 'text/plain',
      data_base64: '/w==',
    })
  })

  it('passes over properties that are no attributes', () =>
    assert.deepEqual(
      cloudEventsCodec.decode(new Uint8Array(), {
        properties: { ...properties, 'X-Y': '1', __proto__: 'x', data: 'z', dataschema: 'urn:s' },
      }),
      {
        ...event,
        dataschema: 'urn:s',
      },
    ))

  it('writes data without a type as JSON', () =>
    assert.deepEqual(binaryEvent({ ...event, data: 'x' }), {
      payload: Buffer.from('"x"'),
      contentType: 'application/json',
      properties,
    }))

  for (const [what, value, told] of [
    ['a list', [], 'CODEC_INVALID at '],
    ['no id', { ...event, id: '' }, 'CODEC_INVALID at id'],
    ['no source', { ...event, source: undefined }, 'CODEC_INVALID at source'],
    ['another version', { ...event, specversion: '0.3' }, 'CODEC_INVALID at specversion'],
    ['an attribute with capitals', { ...event, Subject: 'x' }, 'CODEC_INVALID at Subject'],
    ['an attribute that is an object', { ...event, subject: {} }, 'CODEC_INVALID at subject'],
    ['data twice', { ...event, data: 1, data_base64: 'AQ==' }, 'CODEC_INVALID at data_base64'],
    ['bytes that are none', { ...event, data_base64: '*' }, 'CODEC_INVALID at data_base64'],
    ['half a byte', { ...event, data_base64: 'A' }, 'CODEC_INVALID at data_base64'],
    ['bytes without their end', { ...event, data_base64: 'AQI' }, 'CODEC_INVALID at data_base64'],
    ['no time', { ...event, time: 'yesterday' }, 'CODEC_INVALID at time'],
    ['a time without zone', { ...event, time: '2026-04-05T17:31:00' }, 'CODEC_INVALID at time'],
    ['a day that is none', { ...event, time: '2026-02-30T17:31:00Z' }, 'CODEC_INVALID at time'],
    ['a number as time', { ...event, time: 5 }, 'CODEC_INVALID at time'],
  ] as const) {
    it(`refuses ${what}`, () =>
      assert.equal(
        refusal(() => read(value)),
        told,
      ))
    if (!Array.isArray(value))
      it(`does not write ${what}`, () =>
        assert.equal(
          refusal(() => cloudEventsCodec.encode!(value, {})),
          told,
        ))
  }

  it('refuses what is no JSON with the place', () => {
    assert.equal(
      refusal(() => cloudEventsCodec.decode(Buffer.from('{"id":x}'), structured)),
      'CODEC_FORMAT at 6',
    )
    assert.equal(
      refusal(() => cloudEventsCodec.decode(Buffer.from('{'), { properties, contentType: 'application/json' })),
      'CODEC_TRUNCATED at 1',
    )
  })
})
