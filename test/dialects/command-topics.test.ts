import assert from 'node:assert/strict'
import { commandTopicFault, commandTopics } from '../../src/dialects/aws/command-topics.ts'

describe('topics of methods that a hub is given', () => {
  it('name device, method and call, each in a level of its own', () => {
    for (const good of ['cmd/{id}/{name}/{rid}', 'fleet/v1/{rid}/{name}/to/{id}', 'a/{id}/{name}/{rid}/b/c/d'])
      assert.equal(commandTopicFault(good), undefined, good)
    const bad = [
      '',
      'cmd',
      'cmd/{id}/{name}',
      'cmd/{id}/{name}/{rid}/{rid}',
      'cmd/{id}/{name}-{rid}',
      '{id}/{name}/{rid}',
      '$aws/{id}/{name}/{rid}',
      'devices/{id}/{name}/{rid}',
      'cmd/{id}/{name}/{rid}/+',
      'cmd/{id}/{name}/{rid}/#',
      'cmd//{id}/{name}/{rid}',
      'cmd/{id}/{name}/{rid}/',
      'a/{id}/{name}/{rid}/b/c/d/e',
    ]
    for (const template of bad) assert.notEqual(commandTopicFault(template), undefined, template)
  })

  it('are made, heard and answered for one device', () => {
    const topics = commandTopics('to/{rid}/cmd/{id}/{name}')
    const call = { name: 'blink', rid: 'r1' }
    assert.equal(topics.topic('d1', call), 'to/r1/cmd/d1/blink')
    for (const filter of ['to/+/cmd/d1/+', 'to/#', 'to/+/cmd/d1/blink', 'to/+/+/+/+'])
      assert(topics.hearsOf(filter, 'd1'), filter)
    for (const filter of ['to/+/cmd/d2/+', 'to/+/cmd/d1', 'to/+/cmd/d1/+/answer', 'cmd/#'])
      assert(!topics.hearsOf(filter, 'd1'), filter)
    assert.deepEqual(topics.answered('to/r1/cmd/d1/blink/answer', 'd1'), call)
    for (const topic of ['to/r1/cmd/d2/blink/answer', 'to/r1/cmd/d1/blink', 'to/r1/cmd/d1/blink/answer/x', 'answer'])
      assert.equal(topics.answered(topic, 'd1'), undefined, topic)
  })
})
