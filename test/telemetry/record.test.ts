import assert from 'node:assert/strict'
import { flags, kinds } from '../../src/journal/journal-port.ts'
import type { Envelope } from '../../src/telemetry/envelope.ts'
import { lifecycleOf, lifecycleRecord } from '../../src/telemetry/lifecycle.ts'
import { seeded } from '../seeded.ts'
import { ConnectionRecords, envelopeOfRecord, readingsOfRecord, recordOf } from '../../src/telemetry/record.ts'

const body = Buffer.from('[{"t":1},{"time":1789030700,"values":{"t":2}}]')
const full: Envelope = {
  deviceId: 'd1',
  module: 'm1',
  stream: 's',
  body,
  contentType: 'application/json',
  contentEncoding: 'utf-8',
  messageId: 'mid',
  correlationId: 'cid',
  schema: 'x',
  seq: 4,
  properties: { a: 'b' },
  system: { '$.uid': 'u' },
  topic: 'devices/d1/messages/events',
  qos: 1,
  will: true,
  dialect: 'azure',
}
const context = { clientId: 'c', principal: 'p', sourceIp: '127.0.0.1', connectionId: '9', traceId: 'tr' }

describe('the journal record of an envelope', () => {
  it('has its properties in three groups', () => {
    const record = recordOf(full, context)
    assert.deepEqual(record, {
      kind: kinds.message,
      device: 'd1',
      topic: 'devices/d1/messages/events',
      qos: 1,
      flags: flags.will,
      props: {
        v: 1,
        p: { a: 'b' },
        s: { '$.uid': 'u' },
        e: {
          stream: 's',
          module: 'm1',
          seq: 4,
          schema: 'x',
          contentType: 'application/json',
          contentEncoding: 'utf-8',
          messageId: 'mid',
          correlationId: 'cid',
          ...context,
          dialect: 'azure',
        },
      },
      payload: body,
    })
    assert.equal(recordOf(full, context, kinds.injected).kind, kinds.injected)
  })

  it('is the same when a connection makes it, its properties shared while they repeat', () => {
    const random = seeded(1)
    const records = new ConnectionRecords(context)
    const texts = [{}, {}, { a: 'b' }, { a: 'c' }, { b: 'b' }, { a: 'b', c: 'd' }, Object.fromEntries([['__proto__', 'x']])]
    const values = {
      ...{ module: ['m1', 'm2', undefined], time: [1, 2, undefined], seq: [0, 4, undefined], schema: ['x', undefined] },
      ...{
        contentType: ['a', undefined],
        contentEncoding: ['b', undefined],
        messageId: ['c', undefined],
        correlationId: ['d', undefined],
      },
      ...{ stream: ['', 's'], dialect: ['azure', 'plain'], properties: texts, system: texts },
    }
    let before = { props: {}, propsText: '' }
    let shared = 0
    let envelope: Envelope = full
    for (let round = 0; round < 5000; round++) {
      const name = random.pick(Object.keys(values) as (keyof typeof values)[])
      const { [name]: _, ...others } = envelope
      const value = random.pick<unknown>(values[name])
      envelope = { ...others, ...(value !== undefined && { [name]: value }) } as Envelope
      const { propsText, ...record } = records.of(envelope)
      assert.deepEqual(record, recordOf(envelope, context))
      assert.deepEqual(JSON.parse(propsText!), JSON.parse(JSON.stringify(record.props)))
      if (record.props === before.props) shared++
      before = { props: record.props, propsText: propsText! }
    }
    assert.ok(shared > 500 && shared < 4500, String(shared))
  })

  it('gives the envelope back, also after storage as JSON', () => {
    const bare: Envelope = {
      deviceId: 'd',
      stream: '',
      body,
      properties: {},
      system: {},
      topic: 't',
      qos: 0,
      will: false,
      dialect: 'plain',
    }
    for (const envelope of [full, bare]) {
      const record = recordOf(envelope, context)
      assert.deepEqual(envelopeOfRecord(record), envelope)
      assert.deepEqual(envelopeOfRecord({ ...record, props: JSON.parse(JSON.stringify(record.props)) }), envelope)
    }
  })

  it('gives readings that depend on the record alone', () => {
    const at = 1789030800000
    const stored = { ...recordOf(full, context), seq: 77, at }
    const found = readingsOfRecord(stored)
    const shared = {
      device: 'd1',
      arrived: at,
      stream: 's',
      seq: 4,
      schema: 'x',
      properties: { a: 'b' },
      topic: stored.topic,
      jseq: 77,
    }
    assert.deepEqual(found, {
      readings: [
        { ...shared, time: at, values: { t: 1 }, idx: 0 },
        { ...shared, time: at - 100_000, values: { t: 2 }, idx: 1 },
      ],
      timeUnsure: false,
    })
    assert.deepEqual(readingsOfRecord({ ...stored, payload: Uint8Array.from(body) }), found)
  })

  it('says when there is nothing to decode', () => {
    const stored = { ...recordOf({ ...full, body: Buffer.from('{') }, context), seq: 1, at: 1 }
    assert.ok('undecodable' in readingsOfRecord(stored))
    const bytes = recordOf({ ...full, contentType: 'application/cbor' }, context)
    assert.deepEqual(readingsOfRecord({ ...bytes, seq: 1, at: 1 }), { opaque: true })
  })
})

describe('a lifecycle record', () => {
  const event = { device: 'd1', event: 'disconnected', reason: 'takeover', at: 5, clientId: 'c', sequence: 9 } as const

  it('is read back as it was written', () => {
    const { reason, ...plain } = event
    for (const written of [event, { ...plain, event: 'created', clientId: '' } as const]) {
      const record = lifecycleRecord(written)
      assert.equal(record.kind, kinds.lifecycle)
      assert.deepEqual(lifecycleOf({ ...record, seq: 1, at: 6 }), written)
    }
  })

  it('carries the event without the device as payload', () =>
    assert.equal(
      Buffer.from(lifecycleRecord(event).payload).toString(),
      '{"event":"disconnected","reason":"takeover","at":5,"clientId":"c","sequence":9}',
    ))

  it('is told from other records', () => {
    const record = { ...lifecycleRecord(event), seq: 1, at: 6 }
    assert.equal(lifecycleOf({ ...record, kind: kinds.message }), undefined)
    for (const payload of ['{', 'null', '5', '{"event":"exploded","at":1}', '{"event":"online"}'])
      assert.equal(lifecycleOf({ ...record, payload: Buffer.from(payload) }), undefined)
  })
})
