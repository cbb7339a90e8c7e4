import assert from 'node:assert/strict'
import { quarantineAllows, quarantineRuling, ruleAccess } from '../../src/identity/policy-order.ts'

describe('order of decisions', () => {
  const publish = { feature: 'ordinary', direction: 'publish' } as const

  it('what the table refuses no policy grants', () => {
    for (const strict of [false, true])
      assert.deepEqual(ruleAccess({ table: 'denied', verdict: 'allow', strict, ...publish }), { allow: false, because: 'table' })
  })

  it('a Deny takes away what the table grants; an Allow is needed for it only if strict', () => {
    const granted = { table: 'granted', feature: 'twin.get', direction: 'publish' } as const
    assert.deepEqual(ruleAccess({ ...granted, verdict: 'deny' }), { allow: false, because: 'deny' })
    assert.deepEqual(ruleAccess({ ...granted, verdict: 'none' }), { allow: true, because: 'table' })
    assert.deepEqual(ruleAccess({ ...granted, verdict: 'none', strict: true }), { allow: false, because: 'none' })
    assert.deepEqual(ruleAccess({ ...granted, verdict: 'allow', strict: true }), { allow: true, because: 'allow' })
  })

  it('an ordinary topic needs an Allow', () => {
    const ordinary = { table: 'ordinary', ...publish } as const
    assert.deepEqual(ruleAccess({ ...ordinary, verdict: 'allow' }), { allow: true, because: 'allow' })
    assert.deepEqual(ruleAccess({ ...ordinary, verdict: 'none' }), { allow: false, because: 'none' })
    assert.deepEqual(ruleAccess({ ...ordinary, verdict: 'deny' }), { allow: false, because: 'deny' })
  })

  it('quarantine leaves connect, twin and jobs, diverts telemetry, refuses the rest', () => {
    for (const feature of ['connect', 'twin.get', 'twin.report', 'twin', 'jobs.update', 'jobs.list', 'streams.get'])
      assert.ok(quarantineAllows(feature), feature)
    for (const feature of ['telemetry', 'ordinary']) assert.equal(quarantineRuling(feature), 'divert')
    for (const feature of ['method.answer', 'messages', 'provisioning.signCertificate', 'twinx', 'constructor', '__proto__', ''])
      assert.equal(quarantineRuling(feature), 'refuse', feature)
  })

  it('quarantine outranks an Allow but opens nothing', () => {
    const ruling = (feature: string, direction: 'publish' | 'subscribe', o: object = {}) =>
      ruleAccess({ table: 'granted', verdict: 'allow', feature, direction, quarantined: true, ...o })
    assert.deepEqual(ruling('method.answer', 'publish'), { allow: false, because: 'quarantine' })
    assert.deepEqual(ruling('telemetry', 'publish'), { allow: true, because: 'allow', divert: true })
    assert.deepEqual(ruling('ordinary', 'subscribe'), { allow: false, because: 'quarantine' })
    assert.deepEqual(ruling('twin.get', 'publish', { verdict: 'deny' }), { allow: false, because: 'deny' })
    assert.deepEqual(ruling('twin', 'subscribe', { verdict: 'none' }), { allow: true, because: 'table' })
    assert.deepEqual(ruling('ordinary', 'publish', { table: 'ordinary', verdict: 'none' }), { allow: false, because: 'none' })
    assert.deepEqual(ruling('twin.get', 'publish', { table: 'denied' }), { allow: false, because: 'table' })
  })
})
