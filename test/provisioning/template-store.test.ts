import assert from 'node:assert/strict'
import { fleetHouse, refusedWith } from './fleet-house.ts'
import { bySerial, lightBulb } from './template-bodies.ts'

describe('the store of templates', () => {
  it('keeps them with defaults, by name', async () => {
    const { templates, clock } = await fleetHouse()
    const made = await templates.create('t1', { body: lightBulb }, { by: 'anna' })
    assert.deepEqual(made, {
      name: 't1',
      kind: 'fleet',
      body: JSON.stringify(lightBulb),
      enabled: true,
      keyType: 'rsa-2048',
      approval: 'auto',
      existing: 'approval',
      used: 0,
      warnings: ['Resources.thing.Properties.BillingGroup: there are no billing groups, it is ignored'],
      createdAt: clock.now,
      updatedAt: clock.now,
      etag: made.etag,
    })
    assert.deepEqual(await templates.get('t1'), made)
    assert.equal(await templates.get('t2'), undefined)
    assert.equal(await templates.get('no/name'), undefined)
    await templates.create('t2', { body: JSON.stringify(bySerial, undefined, 2) })
    const { items, next } = await templates.list({ limit: 1 })
    assert.equal(items.length, 1)
    assert.equal((await templates.list({ cursor: next! })).items[0]!.name, 't2')
  })

  it('changes one only for who saw its present state', async () => {
    const { templates } = await fleetHouse()
    const { etag } = await templates.create('t1', { body: bySerial, quota: 5 })
    await assert.rejects(templates.create('t1', { body: bySerial }), refusedWith('PROV_EXISTS'))
    const changed = await templates.update('t1', { enabled: false, quota: null }, { etag })
    assert.equal(changed.enabled, false)
    assert.equal('quota' in changed, false)
    await assert.rejects(templates.update('t1', {}, { etag }), refusedWith('PROV_CONFLICT'))
    await assert.rejects(templates.delete('t1', { etag }), refusedWith('PROV_CONFLICT'))
    await assert.rejects(templates.update('t9', {}), refusedWith('PROV_NO_TEMPLATE'))
    await templates.delete('t1', { etag: changed.etag })
    await assert.rejects(templates.find('t1'), refusedWith('PROV_NO_TEMPLATE'))
  })

  it('uses a new body at once', async () => {
    const { templates } = await fleetHouse()
    await templates.create('t1', { body: bySerial })
    assert.ok((await templates.find('t1')).template.parameters.has('SerialNumber'))
    await templates.update('t1', { body: lightBulb })
    assert.ok((await templates.find('t1')).template.parameters.has('ThingName'))
  })

  it('writes what its caller adds, or nothing', async () => {
    const { templates, store } = await fleetHouse()
    await store.declare('notes', {})
    const also = [{ op: 'put', coll: 'notes', id: 'n', doc: {}, version: 'new' } as const]
    await templates.create('t1', { body: bySerial }, { also })
    assert.equal(await store.count('notes'), 1)
    await assert.rejects(templates.update('t1', { enabled: false }, { also }), refusedWith('PROV_CONFLICT'))
    assert.equal((await templates.get('t1'))!.enabled, true)
  })

  const wrong: [what: string, settings: object, code: string][] = [
    ['no body', {}, 'PROV_INVALID'],
    ['a body that is wrong', { body: { Resources: {} } }, 'PROV_TEMPLATE_INVALID'],
    [
      'a request for a certificate in it',
      {
        body: {
          Resources: {
            ...bySerial.Resources,
            certificate: { Type: 'AWS::IoT::Certificate', Properties: { CertificateSigningRequest: 'x' } },
          },
          Parameters: bySerial.Parameters,
        },
      },
      'PROV_TEMPLATE_INVALID',
    ],
    ['another kind', { body: bySerial, kind: 'bulk' }, 'PROV_INVALID'],
    ['a hook that waits longer than a device does', { body: bySerial, hook: { timeoutMs: 5001 } }, 'PROV_INVALID'],
    ['a list parameter that it does not declare', { body: bySerial, allowList: 'l', allowListParameter: 'Mac' }, 'PROV_INVALID'],
    ['an unknown member', { body: bySerial, owner: 'x' }, 'PROV_INVALID'],
  ]
  for (const [what, settings, code] of wrong)
    it(`refuses ${what}`, async () => {
      const { templates } = await fleetHouse()
      await assert.rejects(templates.create('t1', settings), refusedWith(code))
    })

  for (const name of ['', 'a b', 'x'.repeat(37), 'ä'])
    it(`refuses the name ${JSON.stringify(name)}`, async () => {
      const { templates } = await fleetHouse()
      await assert.rejects(templates.create(name, { body: bySerial }), refusedWith('PROV_INVALID'))
    })
})
