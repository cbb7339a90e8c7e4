import assert from 'node:assert/strict'
import { type JournalRecord, kinds, type RecordProps } from '../../src/journal/journal-port.ts'
import { compileCondition } from '../../src/routing/condition.ts'
import { type LifecycleEvent, lifecycleRecord } from '../../src/telemetry/lifecycle.ts'
import { ruleMessageOf } from '../../src/telemetry/rule-message.ts'

const at = Date.UTC(2026, 8, 10, 8)
const iso = '2026-09-10T08:00:00.000Z'
const hubName = 'h'
const bare: RecordProps = { v: 1, p: {}, s: {}, e: {} }
const recordOf = (more: Partial<JournalRecord>): JournalRecord => ({
  ...{ kind: kinds.message, device: 'd1', topic: '', qos: 1, flags: 0, props: bare, payload: Buffer.of(), seq: 1, at },
  ...more,
})
const messageOf = (more: Partial<JournalRecord>) => ruleMessageOf(recordOf(more), { hubName })
const twinEvent = (event: object) => messageOf({ kind: kinds.twin, payload: Buffer.from(JSON.stringify(event)) })
const deviceEvent = (event: LifecycleEvent['event'], more: Partial<LifecycleEvent> = {}) =>
  messageOf(lifecycleRecord({ device: 'd1', event, at, clientId: 'c', sequence: 1, ...more }))

describe('a record as rules see it', () => {
  it('of telemetry has what its device and its connection say', () => {
    const payload = Buffer.from('{"t":1}')
    const connection = { clientId: 'c', principal: 'p', sourceIp: '127.0.0.1', traceId: 'tr', connectionId: '9' }
    const e = {
      module: 'm',
      contentType: 'text/x',
      contentEncoding: 'utf-8',
      messageId: 'mid',
      correlationId: 'cid',
      ...connection,
    }
    const twin = { tags: { site: 'A' } }
    const record = recordOf({ topic: 'a/b', payload, props: { v: 1, p: { k: 'v' }, s: { '$.uid': 'u' }, e } })
    const { connectionId: _, ...said } = connection
    assert.deepEqual(ruleMessageOf(record, { hubName, twin }), {
      ...{ topic: 'a/b', deviceId: 'd1', hubName, accountId: hubName, timestamp: at, twin, payload, raw: payload },
      properties: { k: 'v' },
      system: {
        '$.uid': 'u',
        connectionDeviceId: 'd1',
        enqueuedTime: iso,
        'iothub-message-source': 'Telemetry',
        connectionModuleId: 'm',
        contentType: 'text/x',
        contentEncoding: 'utf-8',
        messageId: 'mid',
        correlationId: 'cid',
      },
      mqtt: { contentType: 'text/x' },
      source: 'mqtt',
      ...said,
    })
  })

  it('without a connection came over HTTP, and has no more than it says', () => {
    const { source, mqtt, system, ...rest } = messageOf({})
    assert.deepEqual([source, mqtt], ['http', undefined])
    assert.deepEqual(Object.keys(system!), ['connectionDeviceId', 'enqueuedTime', 'iothub-message-source'])
    assert.deepEqual(Object.keys(rest).sort(), [
      'accountId',
      'deviceId',
      'hubName',
      'payload',
      'properties',
      'raw',
      'timestamp',
      'topic',
    ])
  })

  it('of a twin has the patch where Azure has it', () => {
    const changed = { section: 'desired', patch: { a: 1, b: null }, version: 7, sectionVersion: 3 }
    assert.deepEqual(twinEvent(changed), {
      ...{ topic: '', deviceId: 'd1', hubName, accountId: hubName, timestamp: at, source: 'TwinChangeEvents' },
      payload: { version: 7, properties: { desired: { a: 1, b: null, $version: 3 } } },
      system: {
        contentType: 'application/json',
        contentEncoding: 'utf-8',
        connectionDeviceId: 'd1',
        enqueuedTime: iso,
        'iothub-message-source': 'twinChangeEvents',
      },
      properties: {
        hubName,
        deviceId: 'd1',
        operationTimestamp: iso,
        opType: 'updateTwin',
        'iothub-message-schema': 'twinChangeNotification',
      },
    })
    assert.deepEqual(twinEvent({ section: 'tags', patch: { site: 'A' }, version: 0 }).payload, { tags: { site: 'A' } })
    assert.equal(compileCondition('$body.properties.reported.t > 20')(twinEvent({ section: 'reported', patch: { t: 21 } })), true)
  })

  it('of a twin that was deleted is a replacement', () =>
    assert.equal(twinEvent({ section: 'reported', patch: { t: null }, deleted: true }).properties!.opType, 'replaceTwin'))

  it('of connections has sequence numbers that order as texts like the numbers', () => {
    const sequences = [0, 1, 9, 10, 15, 16, 255, 256, Number.MAX_SAFE_INTEGER]
    const events = sequences.map(sequence => deviceEvent('connected', { sequence }))
    const texts = events.map(({ payload }) => (payload as { sequenceNumber: string }).sequenceNumber)
    assert.deepEqual(texts.toSorted(), texts)
    assert.deepEqual(
      texts.map(text => Number.parseInt(text, 16)),
      sequences,
    )
    for (const text of texts) assert.match(text, /^[0-9A-F]{56}$/)
    const [{ source, properties }] = events as [(typeof events)[0]]
    assert.equal(source, 'DeviceConnectionStateEvents')
    assert.equal(properties!['iothub-message-schema'], 'deviceConnectionStateNotification')
  })

  const operations = [
    ['connected', 'DeviceConnectionStateEvents', 'deviceConnected'],
    ['disconnected', 'DeviceConnectionStateEvents', 'deviceDisconnected'],
    ['created', 'DeviceLifecycleEvents', 'createDeviceIdentity'],
    ['deleted', 'DeviceLifecycleEvents', 'deleteDeviceIdentity'],
    ['silent', 'DeviceLifecycleEvents', 'silent'],
  ] as const
  for (const [event, source, opType] of operations)
    it(`of a device that is ${event} is ${opType}`, () => {
      const message = deviceEvent(event)
      assert.deepEqual([message.source, message.properties!.opType], [source, opType])
    })

  it('of the life of a device has the event as its body', () =>
    assert.deepEqual(deviceEvent('created', { reason: 'import' }).payload, {
      ...{ deviceId: 'd1', event: 'created', reason: 'import', at, clientId: 'c', sequence: 1 },
    }))

  it('whose event cannot be read is bytes', () => {
    for (const kind of [kinds.twin, kinds.lifecycle]) {
      const payload = Buffer.from('{')
      assert.equal(messageOf({ kind, payload }).payload, payload)
    }
  })
})
