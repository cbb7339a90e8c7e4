import assert from 'node:assert/strict'
import { createRenewals, credentialsIn, hasKey, renewalOf } from '../../nodes/simulator/renewals.ts'
import { LoomError } from '../../src/errors.ts'
import type { NewMsg } from '../../src/nodered/define.ts'
import { settled } from './virtual-clock.ts'

describe('a campaign of renewals', () => {
  const told: NewMsg[] = []
  const work = new Map<string, PromiseWithResolvers<void>>()
  const items = (...ids: string[]) =>
    ids.map(id => ({
      id,
      run: () => {
        const pending = Promise.withResolvers<void>()
        work.set(id, pending)
        return pending.promise
      },
    }))
  beforeEach(() => {
    told.length = 0
    work.clear()
  })

  it('takes so many at a time, tells of each, and counts', async () => {
    const renewals = createRenewals(msg => told.push(msg))
    assert.deepEqual(renewals.add(items('a', 'b', 'c'), 2), { total: 3, renewed: 0, failed: 0 })
    await settled()
    assert.deepEqual([...work.keys()], ['a', 'b'])
    work.get('b')!.reject(new LoomError('PROV_DENIED', 'no'))
    await settled()
    assert.deepEqual([...work.keys()], ['a', 'b', 'c'])
    work.get('a')!.resolve()
    work.get('c')!.resolve()
    await settled()
    assert.deepEqual(
      told.map(({ notice, device, payload }) => [notice, device, (payload as { renewed: number }).renewed]),
      [
        ['not-renewed', 'b', 0],
        ['renewed', 'a', 1],
        ['renewed', 'c', 2],
        ['renewals', undefined, 2],
      ],
    )
    assert.equal((told[0]!.payload as { code: string }).code, 'PROV_DENIED')
    assert.deepEqual(told.at(-1)!.payload, { total: 3, renewed: 2, failed: 1 })
  })

  it('takes a device up once, and those that join into the same count', async () => {
    const renewals = createRenewals(msg => told.push(msg))
    renewals.add(items('a'))
    await settled()
    assert.equal(renewals.add(items('a', 'b')).total, 2)
    await settled()
    for (const { resolve } of work.values()) resolve()
    await settled()
    assert.deepEqual(told.at(-1)!.payload, { total: 2, renewed: 2, failed: 0 })
    assert.equal(renewals.add(items('a')).total, 1, 'the next one counts anew')
  })

  it('begins no more and says no more once it was stopped', async () => {
    const renewals = createRenewals(msg => told.push(msg))
    renewals.add(items('a', 'b'), 1)
    await settled()
    renewals.stop()
    work.get('a')!.resolve()
    await settled()
    assert.deepEqual([told, [...work.keys()]], [[], ['a']])
  })

  it('is for one device, some, or all', () => {
    const fleet = { idPrefix: 'x-', count: 2 }
    assert.deepEqual(renewalOf({}, fleet), { ids: ['x-0001', 'x-0002'] })
    assert.deepEqual(renewalOf({ device: 'a', payload: 7 }, fleet), { ids: ['a'] })
    assert.deepEqual(renewalOf({ payload: ['a', 'b'] }, fleet), { ids: ['a', 'b'] })
    assert.deepEqual(renewalOf({ payload: { devices: ['a'], atOnce: 3 } }, fleet), { ids: ['a'], atOnce: 3 })
    for (const payload of [[''], { devices: 'a' }, { atOnce: 51 }, { atOnce: 1.5 }])
      assert.throws(() => renewalOf({ payload }, fleet), { code: 'SIMULATOR_CONFIG_INVALID' })
  })

  it('takes keys as the nodes that make them send them', () => {
    const secrets = { privateKeyPem: 'K', certificatePem: 'C', chainPem: 'I' }
    assert.deepEqual(credentialsIn({ device: 'a', payload: secrets }), [{ device: 'a', keyPem: 'K', certPem: 'C\nI' }])
    assert.deepEqual(
      credentialsIn({ payload: [{ device: 'b', ...secrets }] }).map(({ device }) => device),
      ['b'],
    )
    assert.deepEqual([secrets, [secrets], { kind: 'spike' }, undefined, 'start'].map(hasKey), [true, true, false, false, false])
  })
})
