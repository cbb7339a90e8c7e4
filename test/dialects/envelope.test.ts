import assert from 'node:assert/strict'
import { decodeBag, decodePercent, encodeBag } from '../../src/dialects/bag.ts'
import type { Family, InboundBytes } from '../../src/dialects/dialect.ts'
import { classifyTopic } from '../../src/dialects/topic-table.ts'
import { random } from '../telemetry/random.ts'

const payload = Buffer.from('{}')
function envelope(family: Family, topic: string, more: Partial<InboundBytes> = {}) {
  const found = classifyTopic(family, topic, { deviceId: 'd1', ...(more.module !== undefined && { module: more.module }) })
  assert.equal(found.kind, 'telemetry', topic)
  assert.ok(found.kind === 'telemetry')
  return found.envelope({ topic, payload, qos: 1, retain: false, will: false, deviceId: 'd1', ...more })
}
const azureBase = {
  deviceId: 'd1',
  stream: '',
  body: payload,
  properties: {},
  system: {},
  topic: 'devices/d1/messages/events',
  qos: 1,
  will: false,
  dialect: 'azure',
}

describe('percent encoding', () => {
  const cases: [string, string][] = [
    ['a%20b', 'a b'],
    ['%E2%82%AC', '€'],
    ['100%', '100%'],
    ['%zz%20', '%zz '],
    ['%ff', '%ff'],
    ['%e2%82', '%e2%82'],
    ['a+b', 'a+b'],
    ['%2', '%2'],
    ['', ''],
  ]
  for (const [text, expected] of cases)
    it(`decodes ${JSON.stringify(text)} to ${JSON.stringify(expected)}`, () => assert.equal(decodePercent(text), expected))

  it('reads a bag back as it was written, whatever its characters', () => {
    const next = random(7)
    const chars = ['a', 'Z', '%', '=', '&', '/', '#', '+', '?', ' ', '$', '.', 'é', '€', '\u0000', '😀', '\n']
    const text = () => Array.from({ length: 1 + Math.floor(next() * 6) }, () => chars[Math.floor(next() * chars.length)]).join('')
    for (let round = 0; round < 500; round++) {
      const properties = Object.fromEntries(Array.from({ length: Math.floor(next() * 5) }, () => [text(), text()]))
      const bag = encodeBag(properties)
      assert.doesNotMatch(bag, /[/#+? ]/)
      assert.deepEqual(Object.fromEntries(decodeBag(bag)), properties)
    }
  })

  it('writes a text with half a surrogate pair instead of failing', () => assert.equal(encodeBag({ a: '\ud800' }), 'a=%EF%BF%BD'))
})

describe('properties that only the hub gives', () => {
  const forged =
    'iothub-connection-device-id=other&iothub-connection-auth-method=x&mqtt-retain=true&iothub-MessageType=Will&mine=1'
  for (const [family, topic] of [
    ['iothub', `devices/d1/messages/events/${forged}`],
    ['thing', `devices/d1/telemetry/?${forged}`],
  ] as const)
    it(`are not taken from a device: ${family}`, () => assert.deepEqual(envelope(family, topic).properties, { mine: '1' }))
})

describe('azure telemetry', () => {
  it('comes without a bag', () => {
    assert.deepEqual(envelope('iothub', 'devices/d1/messages/events'), azureBase)
    assert.deepEqual(envelope('iothub', 'devices/d1/messages/events/'), azureBase)
  })

  it('has its bag decoded, keys before system keys are looked for', () => {
    const bag = '%24.mid=m%2F1&$.cid=c&%24.ct=application%2Fjson&%24.ce=utf-8&%24.uid=u&level=high%20up&lone&empty=&$.other=x'
    const expected = {
      ...azureBase,
      messageId: 'm/1',
      correlationId: 'c',
      contentType: 'application/json',
      contentEncoding: 'utf-8',
      properties: { level: 'high up', lone: '', empty: '', '$.other': 'x' },
      system: { '$.mid': 'm/1', '$.cid': 'c', '$.ct': 'application/json', '$.ce': 'utf-8', '$.uid': 'u' },
    }
    assert.deepEqual(envelope('iothub', `devices/d1/messages/events/${bag}`), expected)
    assert.deepEqual(envelope('iothub', `devices/d1/messages/events/${bag}/`), expected)
  })

  it('takes its stream from the property, else the component', () => {
    assert.equal(envelope('iothub', 'devices/d1/messages/events/stream=s&$.sub=c').stream, 's')
    assert.equal(envelope('iothub', 'devices/d1/messages/events/$.sub=c').stream, 'c')
  })

  it('takes its time from the creation property and leaves an odd one alone', () => {
    const at = (value: string) => envelope('iothub', `devices/d1/messages/events/iothub-creation-time-utc=${value}`)
    assert.equal(at('2026-09-10T08:00:00.1234567Z').time, Date.UTC(2026, 8, 10, 8, 0, 0, 123))
    assert.equal(at('2026-09-10T08%3A00%3A00%2B02%3A00').time, Date.UTC(2026, 8, 10, 6))
    assert.equal('time' in at('yesterday'), false)
    assert.equal(at('yesterday').properties['iothub-creation-time-utc'], 'yesterday')
  })

  it('marks wills and retained messages', () => {
    const will = envelope('iothub', 'devices/d1/messages/events/', { will: true, retain: true })
    assert.equal(will.will, true)
    assert.deepEqual(will.properties, { 'iothub-MessageType': 'Will', 'mqtt-retain': 'true' })
  })

  it('of a module carries the module', () => {
    const found = envelope('iothub', 'devices/d1/modules/m1/messages/events/$.on=out/', { module: 'm1' })
    assert.equal(found.module, 'm1')
    assert.equal(found.topic, 'devices/d1/modules/m1/messages/events')
    assert.deepEqual(found.system, { '$.on': 'out' })
  })
})

describe('plain telemetry', () => {
  const base = { ...azureBase, topic: 'devices/d1/telemetry', dialect: 'plain' }

  it('comes without stream and bag', () => assert.deepEqual(envelope('thing', 'devices/d1/telemetry'), base))

  it('comes with both', () => {
    const topic =
      'devices/d1/telemetry/env/?seq=4&alert=true&time=2026-09-10T08:00:00Z&ct=application%2Fcbor&ce=gzip&mid=m&cid=c&schema=s&rid=1&version=2'
    assert.deepEqual(envelope('thing', topic), {
      ...base,
      topic: 'devices/d1/telemetry/env',
      stream: 'env',
      seq: 4,
      time: Date.UTC(2026, 8, 10, 8),
      contentType: 'application/cbor',
      contentEncoding: 'gzip',
      messageId: 'm',
      correlationId: 'c',
      schema: 's',
      properties: { alert: 'true' },
    })
  })

  it('keeps a time or sequence number that cannot be read as a property', () => {
    const found = envelope('thing', 'devices/d1/telemetry/?time=soon&seq=-1')
    assert.deepEqual(found.properties, { time: 'soon', seq: '-1' })
    assert.equal('time' in found || 'seq' in found, false)
  })

  it('marks retained messages', () =>
    assert.deepEqual(envelope('thing', 'devices/d1/telemetry', { retain: true }).properties, { 'mqtt-retain': 'true' }))

  it('reads numbers as time, seconds and milliseconds', () => {
    assert.equal(envelope('thing', 'devices/d1/telemetry/?time=1789030800').time, 1789030800000)
    assert.equal(envelope('thing', 'devices/d1/telemetry/?time=1789030800123').time, 1789030800123)
  })
})
