import assert from 'node:assert/strict'
import { readRepublishTopic } from '../../src/dialects/aws/republish.ts'

describe('the topic of a republish', () => {
  it('is an ordinary one, or one of Basic Ingest', () => {
    assert.deepEqual(readRepublishTopic('alarms/pump-1'), { kind: 'topic', topic: 'alarms/pump-1' })
    assert.deepEqual(readRepublishTopic('$$aws/rules/high/dt/x'), { kind: 'topic', topic: '$aws/rules/high/dt/x' })
  })

  it('or one of a shadow, which is then updated', () => {
    const of = (topic: string) => {
      const target = readRepublishTopic(topic)
      return target.kind === 'shadow' && [target.deviceId, target.request.operation, target.request.name, target.request.topic]
    }
    assert.deepEqual(of('$$aws/things/pump-1/shadow/update'), [
      'pump-1',
      'twin.update',
      undefined,
      '$aws/things/pump-1/shadow/update',
    ])
    assert.deepEqual(of('$$aws/things/pump-1/shadow/name/cfg/update'), [
      'pump-1',
      'twin.update',
      'cfg',
      '$aws/things/pump-1/shadow/name/cfg/update',
    ])
  })

  it('is none of jobs, nor any other reserved one, nor one without the second $', () => {
    for (const topic of [
      '$$aws/things/pump-1/jobs/start-next',
      '$$aws/things/pump-1/jobs/j1/update',
      '$aws/things/pump-1/shadow/update',
      '$aws/rules/high/x',
      '$$aws/rules/high',
      '$$aws/things/pump-1/shadow/update/accepted',
      '$$aws/events/presence/connected/x',
      '$$SYS/x',
      '$dps/registrations/PUT/x',
      '',
      'a/+/b',
      'a/#',
      'a/b/c/d/e/f/g/h/i',
      `a/${'x'.repeat(300)}`,
    ])
      assert.throws(() => readRepublishTopic(topic), { code: 'ROUTE_ACTION' }, topic)
  })
})
