import assert from 'node:assert/strict'
import { inNetworks } from '../../src/provisioning/claim-network.ts'
import { createCsr } from '../../src/pki/csr.ts'
import { generateKey } from '../../src/pki/keys.ts'
import { days } from '../pki/make.ts'
import { fleetHouse, houseWithClaim, refusedWith } from './fleet-house.ts'

describe('a claim', () => {
  it('made here gives its key once, and is found by its certificate', async () => {
    const { claims, clock } = await fleetHouse()
    const { claim, secrets } = await claims.create('line-1', { templates: ['t1'], batch: '2026-05' }, { by: 'anna' })
    assert.match(secrets!.privateKeyPem, /PRIVATE KEY/)
    assert.equal(claim.createdBy, 'anna')
    assert.ok(!JSON.stringify([await claims.get('line-1'), await claims.list()]).includes('PRIVATE KEY'))
    const found = await claims.findClaim(claim.fingerprint, '192.0.2.7', clock.now)
    assert.ok(found?.ok && found.claim.id === 'line-1')
    assert.equal(await claims.findClaim('0'.repeat(64), '192.0.2.7', clock.now), undefined)
  })

  it('may be a certificate from elsewhere, once', async () => {
    const { claims, authority } = await fleetHouse()
    const { certificatePem } = await authority.issueDevice({ id: 'factory' })
    const { secrets } = await claims.create('a', { templates: ['t1'], pem: certificatePem })
    assert.equal(secrets, undefined)
    await assert.rejects(claims.create('b', { templates: ['t1'], pem: certificatePem }), refusedWith('PROV_EXISTS'))
    await assert.rejects(claims.create('a', { templates: ['t1'] }), refusedWith('PROV_EXISTS'))
  })

  it('that has ended when it comes is refused', async () => {
    const { claims, authority, clock } = await fleetHouse()
    const { certificatePem } = await authority.issueDevice({ id: 'factory', days: 1 })
    clock.now += days(2)
    await assert.rejects(claims.create('a', { templates: ['t1'], pem: certificatePem }), refusedWith('CRED_EXPIRED'))
    await assert.rejects(claims.create('a', { templates: ['t1'], pem: 'x' }), refusedWith('CRED_INVALID'))
  })

  it('is refused at CONNECT when disabled, over, outside its networks or past its certificate', async () => {
    const { claims, clock, authority } = await fleetHouse()
    const pair = await generateKey()
    const { certificatePem } = await authority.issueDevice({ id: 'c', csrPem: createCsr({ id: 'c', ...pair }), days: 30 })
    const { claim } = await claims.create('c', {
      templates: ['t1'],
      pem: certificatePem,
      sourceNetworks: ['192.0.2.0/24', '2001:db8::/32'],
    })
    const find = async (ip: string) => {
      const found = await claims.findClaim(claim.fingerprint, ip, clock.now)
      assert.ok(found)
      return found.ok ? 'ok' : found.error.code
    }
    assert.equal(await find('192.0.2.200'), 'ok')
    assert.equal(await find('::ffff:192.0.2.200'), 'ok')
    assert.equal(await find('2001:db8:1::5'), 'ok')
    assert.equal(await find('192.0.3.1'), 'PROV_DENIED')
    assert.equal(await find('not an address'), 'PROV_DENIED')
    await claims.update('c', { enabled: false })
    assert.equal(await find('192.0.2.1'), 'PROV_DISABLED')
    await claims.update('c', { enabled: true, notAfter: clock.now + 1000 })
    clock.now += 1001
    assert.equal(await find('192.0.2.1'), 'CRED_EXPIRED')
    await claims.update('c', { notAfter: null })
    assert.equal(await find('192.0.2.1'), 'ok')
    clock.now += days(31)
    assert.equal(await find('192.0.2.1'), 'CRED_EXPIRED')
    clock.now -= days(40)
    assert.equal(await find('192.0.2.1'), 'CRED_NOT_YET_VALID')
  })

  it('is changed only by who saw its present state, and deleted with all it counted', async () => {
    const { claims, provision, store, who } = await houseWithClaim()
    await provision('1')
    const { etag } = (await claims.get('line-1'))!
    await claims.update('line-1', { quota: 5 }, { etag })
    await assert.rejects(claims.update('line-1', { quota: 6 }, { etag }), refusedWith('PROV_CONFLICT'))
    await assert.rejects(claims.delete('line-1', { etag }), refusedWith('PROV_CONFLICT'))
    await claims.delete('line-1')
    for (const coll of ['claims', 'claim_counts', 'claim_misuse']) assert.equal(await store.count(coll), 0)
    assert.equal(await claims.findClaim(who.fingerprint!, '::1', 0), undefined)
    await assert.rejects(claims.update('line-1', {}), refusedWith('PROV_NO_CLAIM'))
  })

  it('writes what its caller adds in the same transaction', async () => {
    const { claims, store } = await fleetHouse()
    await store.declare('notes', {})
    await claims.create('a', { templates: ['t1'] }, { also: [{ op: 'put', coll: 'notes', id: 'n', doc: {}, version: 'new' }] })
    const again = claims.create(
      'b',
      { templates: ['t1'] },
      { also: [{ op: 'put', coll: 'notes', id: 'n', doc: {}, version: 'new' }] },
    )
    await assert.rejects(again, refusedWith('PROV_EXISTS'))
    assert.equal(await claims.get('b'), undefined)
  })

  for (const [what, settings] of [
    ['no templates', {}],
    ['an empty list of templates', { templates: [] }],
    ['a template name with a slash', { templates: ['a/b'] }],
    ['a quota of nothing', { templates: ['t'], quota: 0 }],
    ['a network that is none', { templates: ['t'], sourceNetworks: ['192.0.2.0/33'] }],
    ['a kind of key that is none', { templates: ['t'], keyType: 'dsa' }],
    ['an unknown member', { templates: ['t'], owner: 'x' }],
  ] as const)
    it(`with ${what} is refused`, async () => {
      const { claims } = await fleetHouse()
      await assert.rejects(claims.create('a', settings), refusedWith('PROV_INVALID'))
    })

  it('of a trusted user is for five minutes, one template and one device, and then goes away', async () => {
    const { claims, fleet, clock, templates } = await houseWithClaim()
    await templates.create('t2', { body: (await templates.get('t1'))!.body })
    const { claim, secrets } = await claims.createTrusted({ template: 't1', deviceId: 'dev-5', by: 'app' })
    assert.match(secrets.privateKeyPem, /PRIVATE KEY/)
    const who = { claimId: claim.id, fingerprint: claim.fingerprint, ip: '::1' }
    const { certificateOwnershipToken: token } = await fleet.createCertificate(who)
    const as = (template: string, SerialNumber: string) => fleet.provision(who, template, { token, parameters: { SerialNumber } })
    await assert.rejects(as('t2', '5'), refusedWith('PROV_DENIED'))
    await assert.rejects(as('t1', '6'), refusedWith('PROV_DENIED'))
    assert.equal((await as('t1', '5')).thingName, 'dev-5')
    const { certificateOwnershipToken: second } = await fleet.createCertificate(who)
    await assert.rejects(fleet.provision(who, 't1', { token: second, parameters: { SerialNumber: '5' } }))
    clock.now += 5 * 60_000 + 1
    await assert.rejects(fleet.createCertificate(who), refusedWith('CRED_EXPIRED'))
    assert.equal(await claims.sweep(clock.now), 0)
    assert.equal(await claims.sweep(clock.now + 3_600_000), 1)
    assert.equal(await claims.get(claim.id), undefined)
  })

  it('is known again after a restart', async () => {
    const first = await houseWithClaim()
    const second = await fleetHouse({ store: first.store })
    assert.ok((await second.claims.findClaim(first.who.fingerprint!, '::1', second.clock.now))?.ok)
  })
})

describe('networks of a claim', () => {
  const cases: [address: string, network: string, inside: boolean][] = [
    ['10.1.2.3', '10.0.0.0/8', true],
    ['11.1.2.3', '10.0.0.0/8', false],
    ['10.1.2.3', '10.1.2.3', true],
    ['10.1.2.3', '0.0.0.0/0', true],
    ['::1', '0.0.0.0/0', false],
    ['::1', '::/0', true],
    ['10.1.2.3', '::/0', true],
    ['::ffff:a01:203', '10.1.2.0/24', true],
    ['fe80::1%eth0', 'fe80::/10', true],
    ['2001:db8:0:0:0:0:0:1', '2001:db8::1', true],
    ['2001:db8::1:1', '2001:db8::/112', false],
    ['010.1.2.3', '10.0.0.0/8', false],
    ['10.1.2', '10.0.0.0/8', false],
    ['1::2::3', '::/0', false],
    ['12345::', '::/0', false],
    ['', '::/0', false],
    ['10.1.2.3', 'nonsense', false],
  ]
  for (const [address, network, inside] of cases)
    it(`${address || 'nothing'} is ${inside ? '' : 'not '}in ${network}`, () =>
      assert.equal(inNetworks(address, [network]), inside))

  it('of which there are none are everywhere', () => assert.equal(inNetworks('10.1.2.3', []), true))
})
