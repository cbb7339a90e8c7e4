import assert from 'node:assert/strict'
import { decideTopic, defaultPolicyText, refusedAlways } from '../../src/identity/policy.ts'
import { seeded } from '../seeded.ts'
import { accessOf } from './policy-make.ts'

const decideAll = (topic: string, deviceId = 'pump') =>
  (['publish', 'subscribe', 'receive'] as const).filter(action => decideTopic({ action, topic, deviceId }))

describe('topic policy', () => {
  it('a device sends below dt/{id} and hears below cmd/{id}', () => {
    assert.deepEqual(decideAll('dt/pump/temperature'), ['publish'])
    assert.deepEqual(decideAll('dt/pump/a/b/c'), ['publish'])
    assert.deepEqual(decideAll('cmd/pump/restart'), ['subscribe', 'receive'])
    assert.deepEqual(decideAll('cmd/pump/#'), ['subscribe'])
    assert.deepEqual(decideAll('cmd/pump/+/x'), ['subscribe'])
  })

  it('everything else is refused', () => {
    const refused = [
      'dt/valve/x', 'cmd/valve/x', 'dt/pump', 'dt/pump/', 'cmd/pump', 'dt/pump2/x', 'dt/Pump/x', 'dt//x', 'other/pump/x', '', '/', 'pump',
      '#', '+/#', '+', '/#', '$SYS/broker', '$SYS/#', '$share/g/cmd/pump/#', '$share/g/#', 'cmd/#', 'cmd/+/x', 'cmd/+', '+/pump/x', 'cmd/pump+/x',
      '$aws/things/pump/shadow/get', '$iothub/twin/res/#', 'xdt/pump/x', 'dt/pump\0/x',
    ] // biome-ignore format: one list
    for (const topic of refused) assert.deepEqual(decideAll(topic), [], topic)
    assert.deepEqual(decideAll('dt/pump/#'), [])
    assert.deepEqual(decideAll('dt//x', ''), [])
  })

  it('is what the document of the default policy says', () => {
    const { pick, below } = seeded(3)
    const ids = ['pump', 'valve', 'p', 'pump:1']
    const accesses = new Map(ids.map(deviceId => [deviceId, accessOf([defaultPolicyText], { deviceId })]))
    let allowed = 0
    for (let round = 0; round < 20_000; round++) {
      const deviceId = pick(ids)
      const levels = [
        pick(['dt', 'cmd', 'dt', 'x', '$SYS', '+', '#', '']),
        ...Array.from({ length: below(4) }, () => pick([...ids, 'a', '', '+', '#'])),
      ]
      const topic = levels.join('/')
      for (const [action, name] of [
        ['publish', 'Publish'],
        ['subscribe', 'Subscribe'],
        ['receive', 'Receive'],
      ] as const) {
        const naive = !refusedAlways(action, topic) && accesses.get(deviceId)!.decide(name, topic) === 'allow'
        // the pattern dt/{id}/* also means dt/{id}/ itself, an empty last level that says nothing
        const empty = topic === `dt/${deviceId}/` || topic === `cmd/${deviceId}/`
        assert.equal(decideTopic({ action, topic, deviceId }), naive && !empty, `${action} ${topic} ${deviceId}`)
        if (naive) allowed++
      }
    }
    assert.ok(allowed > 100)
  })
})
