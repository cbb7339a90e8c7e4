import assert from 'node:assert/strict'
import { readConnect } from '../../src/dialects/connect.ts'
import type { Classified, Family } from '../../src/dialects/dialect.ts'
import { classifyTopic, dialectsOf, refuseRequest, ruleFilter } from '../../src/dialects/topic-table.ts'
import { random } from '../telemetry/random.ts'
import { filters, publishes } from './tables.ts'

const me = { deviceId: 'd1' }
const said = (found: Classified) =>
  found.kind === 'request'
    ? `${found.operation}${found.rid === undefined ? '' : ` #${found.rid}`}${found.name === undefined ? '' : ` @${found.name}`}`
    : found.kind
const short = (topic: string) => (topic.length > 60 ? `${topic.slice(0, 60)}.. (${topic.length})` : topic)

describe('the topic table', () => {
  for (const [family, topic, outcome] of publishes)
    it(`${family} publishing ${JSON.stringify(short(topic))}: ${outcome}`, () =>
      assert.equal(said(classifyTopic(family, topic, me)), outcome))

  for (const [family, filter, outcome] of filters)
    it(`${family} subscribing ${JSON.stringify(short(filter))}: ${outcome}`, () =>
      assert.equal(ruleFilter(family, filter, me).kind, outcome))

  it('gives every module its own path and no other', () => {
    const module = { deviceId: 'd1', module: 'm1' }
    const kind = (topic: string) => classifyTopic('iothub', topic, module).kind
    assert.equal(kind('devices/d1/modules/m1/messages/events/a=1/'), 'telemetry')
    assert.equal(kind('devices/d1/modules/m2/messages/events/'), 'denied')
    assert.equal(kind('devices/d1/messages/events/'), 'denied')
    assert.equal(ruleFilter('iothub', 'devices/d1/modules/m1/inputs/#', module).kind, 'unsupported')
    assert.equal(ruleFilter('iothub', 'devices/d1/messages/devicebound/#', module).kind, 'denied')
  })

  it('lets no device without an id into any tree', () => {
    for (const family of ['iothub', 'dps', 'thing'] as Family[])
      for (const topic of ['devices//telemetry', 'devices//messages/events', '$aws/things//shadow/get', 'devices/'])
        assert.notEqual(classifyTopic(family, topic, { deviceId: '' }).kind, 'request', topic)
    assert.equal(classifyTopic('thing', 'devices//telemetry', { deviceId: '' }).kind, 'denied')
    assert.equal(classifyTopic('thing', '$aws/things//shadow/get', { deviceId: '' }).kind, 'denied')
  })

  it('survives random topics, filters and user names, and never takes telemetry for another device', () => {
    const next = random(42)
    const parts = [
      'devices',
      'd1',
      'd2',
      '$aws',
      'things',
      '$iothub',
      'twin',
      'GET',
      '?',
      '&',
      '=',
      '%',
      '%zz',
      '%2F',
      '%ff',
      '+',
      '#',
    ]
    parts.push(
      'messages',
      'events',
      'telemetry',
      'shadow',
      'update',
      'jobs',
      '$rid=',
      '/',
      '//',
      'é',
      '\ud800',
      '\0',
      '',
      'api-version=',
    )
    const text = () =>
      Array.from({ length: Math.floor(next() * 10) }, () => parts[Math.floor(next() * parts.length)]).join(
        next() < 0.7 ? '/' : '',
      )
    let telemetry = 0
    for (let round = 0; round < 20_000; round++) {
      const topic = next() < 0.3 ? `devices/d1/${next() < 0.5 ? 'telemetry' : 'messages/events'}/${text()}` : text()
      const family = (['iothub', 'dps', 'thing', 'claim'] as const)[round % 4]!
      const found = classifyTopic(family, topic, me)
      ruleFilter(family, topic, me)
      for (const dialect of dialectsOf(family)) dialect.filter(topic, me)
      readConnect({ username: topic, clientId: text() })
      if (found.kind === 'request')
        refuseRequest(family, found, Buffer.from(topic), { code: 'COMMAND_UNSUPPORTED', message: 'no' }, 0)
      if (found.kind !== 'telemetry') continue
      telemetry++
      assert.ok(topic.startsWith('devices/d1/'), topic)
      const envelope = found.envelope({ topic, payload: Buffer.of(), qos: 0, retain: false, will: false, deviceId: 'd1' })
      assert.ok(topic.startsWith(envelope.topic))
    }
    assert.ok(telemetry > 5, `${telemetry}`)
  })
})
