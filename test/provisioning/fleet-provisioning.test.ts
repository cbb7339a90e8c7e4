import assert from 'node:assert/strict'
import { createPrivateKey, createPublicKey } from 'node:crypto'
import { join } from 'node:path'
import { LoomError } from '../../src/errors.ts'
import type { Verdict } from '../../src/provisioning/provisioning-port.ts'
import { readCertificate } from '../../src/pki/certificate.ts'
import { spkiHashOf, spkiOf } from '../../src/pki/keys.ts'
import { openSqliteStateStore } from '../../src/stores/sqlite/state-store.ts'
import { start } from '../pki/make.ts'
import { tempFolder } from '../processes.ts'
import { csrOf, fleetHouse, houseWithClaim, refusedWith } from './fleet-house.ts'
import { bySerial } from './template-bodies.ts'

const minutes = (n: number) => n * 60_000

describe('fleet provisioning by claim', () => {
  it('makes a certificate with key and token, then a device of it', async () => {
    const { fleet, who, devices, claims, templates, events, store } = await houseWithClaim()
    const made = await fleet.createCertificate(who)
    const facts = readCertificate(made.certificatePem)
    assert.equal(made.certificateId, facts.fingerprint)
    assert.equal(spkiHashOf(spkiOf(createPublicKey(createPrivateKey(made.privateKey)))), facts.spkiHash)
    assert.equal(Buffer.from(made.certificateOwnershipToken, 'base64url').length, 32)
    assert.equal(await devices.find('dev-1'), undefined)

    const parameters = { SerialNumber: '1', Extra: 'for the hook' }
    const result = await fleet.provision(who, 't1', { token: made.certificateOwnershipToken, parameters })
    assert.deepEqual(result, { thingName: 'dev-1', deviceConfiguration: {} })
    const { also: _, ...plan } = devices.plans[0]!
    assert.deepEqual(plan, {
      deviceId: 'dev-1',
      credential: { kind: 'x509', certificatePem: made.certificatePem, status: 'active' },
      enrolmentId: 'template/t1',
      tags: {},
      attributes: { serial: '1' },
      desired: {},
      model: 'sensor',
      policies: ['fleet'],
      policyDocuments: [],
      groups: [],
      existing: 'refuse',
      overrides: { attributes: 'merge', groups: 'keep', type: 'replace' },
      by: 'claim line-1',
    })
    assert.equal((await claims.get('line-1'))!.used, 1)
    assert.equal((await templates.get('t1'))!.used, 1)
    assert.equal(await store.count('ownership_tokens'), 0)
    assert.deepEqual(
      events.map(({ type }) => type),
      ['certificate-issued', 'provisioned'],
    )
  })

  it('signs a request without seeing the key', async () => {
    const { fleet, who, devices } = await houseWithClaim()
    const { csr, pair } = await csrOf()
    const made = await fleet.signCertificate(who, csr)
    assert.deepEqual(Object.keys(made).sort(), ['certificateId', 'certificateOwnershipToken', 'certificatePem'])
    assert.equal(readCertificate(made.certificatePem).spkiHash, spkiHashOf(spkiOf(pair.publicKey)))
    await fleet.provision(who, 't1', { token: made.certificateOwnershipToken, parameters: { SerialNumber: '2' } })
    assert.equal(devices.plans[0]!.deviceId, 'dev-2')
  })

  it('makes the kind of key that all templates of the claim ask for', async () => {
    const { fleet, who, keyTypes, templates, claims } = await houseWithClaim({ keyType: 'ec-p256' })
    await fleet.createCertificate(who)
    await templates.create('t2', { body: bySerial })
    await claims.update('line-1', { templates: ['t1', 't2'] })
    await fleet.createCertificate(who)
    assert.deepEqual(keyTypes.slice(-2), ['ec-p256', 'rsa-2048'])
  })

  it('keeps the private key in that one answer: not in the store, the change feed, events or requests to the hook', async () => {
    const house = await houseWithClaim({ hook: { enabled: true } })
    const made = await house.fleet.createCertificate(house.who)
    await house.fleet.provision(house.who, 't1', { token: made.certificateOwnershipToken, parameters: { SerialNumber: '1' } })
    const pending = await house.fleet.createCertificate(house.who)
    const dump: unknown[] = [
      house.events,
      house.asked,
      await house.store.changes(0, 1000),
      await house.claims.list(),
      await house.templates.list(),
    ]
    for (const coll of ['ownership_tokens', 'claims', 'claim_counts', 'claim_misuse', 'fake_devices', 'template_approvals'])
      dump.push((await house.store.query(coll, { limit: 1000 })).items)
    const text = JSON.stringify(dump)
    for (const { privateKey, certificateOwnershipToken } of [made, pending]) {
      assert.ok(!text.includes(certificateOwnershipToken))
      for (const line of privateKey.split('\n').filter(line => line.length > 20 && !line.startsWith('-')))
        assert.ok(!text.includes(line))
    }
    assert.ok(!text.includes('PRIVATE KEY'))
    assert.ok(text.includes(made.certificateId), 'the search looks at what there is')
  })

  const tokens: [
    what: string,
    use: (o: Awaited<ReturnType<typeof houseWithClaim>>, token: string) => Promise<unknown>,
    type: string,
  ][] = [
    [
      'used before',
      async ({ fleet, who }, token) => {
        await fleet.provision(who, 't1', { token, parameters: { SerialNumber: '1' } })
        await fleet.provision(who, 't1', { token, parameters: { SerialNumber: '2' } })
      },
      'refused',
    ],
    [
      'of another claim',
      ({ fleet, who }, token) =>
        fleet.provision({ ...who, claimId: 'line-2' }, 't1', { token, parameters: { SerialNumber: '1' } }),
      'token-misused',
    ],
    [
      'after its hour',
      async ({ fleet, who, clock }, token) => {
        clock.now += minutes(60)
        await fleet.provision(who, 't1', { token, parameters: { SerialNumber: '1' } })
      },
      'refused',
    ],
    [
      'with a character changed',
      ({ fleet, who }, token) =>
        fleet.provision(who, 't1', { token: (token[0] === 'A' ? 'B' : 'A') + token.slice(1), parameters: { SerialNumber: '1' } }),
      'refused',
    ],
    [
      'that is an object',
      ({ fleet, who }) => fleet.provision(who, 't1', { token: { $ne: 1 }, parameters: { SerialNumber: '1' } }),
      'refused',
    ],
    [
      'that is missing',
      ({ fleet, who }) => fleet.provision(who, 't1', { token: undefined, parameters: { SerialNumber: '1' } }),
      'refused',
    ],
  ]
  for (const [what, use, type] of tokens)
    it(`refuses a token ${what}, always in the same words`, async () => {
      const house = await houseWithClaim()
      await house.claims.create('line-2', { templates: ['t1'] })
      const { certificateOwnershipToken: token } = await house.fleet.createCertificate(house.who)
      await assert.rejects(use(house, token), (error: Error) => {
        assert.ok(refusedWith('PROV_TOKEN_INVALID')(error))
        assert.equal(error.message, 'the certificate ownership token is not valid (ask for a new certificate)')
        return true
      })
      assert.equal(house.events.at(-1)!.type, type)
    })

  it('lets a token be used once even by two requests at the same moment', async () => {
    const { fleet, who, devices } = await houseWithClaim()
    const { certificateOwnershipToken: token } = await fleet.createCertificate(who)
    const results = await Promise.allSettled(
      ['1', '2'].map(SerialNumber => fleet.provision(who, 't1', { token, parameters: { SerialNumber } })),
    )
    assert.deepEqual(results.map(({ status }) => status).sort(), ['fulfilled', 'rejected'])
    const refused = results.find(result => result.status === 'rejected')
    assert.equal(refused?.reason.code, 'PROV_TOKEN_INVALID')
    assert.equal(devices.plans.length, 1)
  })

  it('lets a token be used again after a refusal that the device can mend', async () => {
    const { fleet, who } = await houseWithClaim()
    const { certificateOwnershipToken: token } = await fleet.createCertificate(who)
    await assert.rejects(fleet.provision(who, 't1', { token }), refusedWith('PROV_PARAMETER_MISSING'))
    await assert.rejects(
      fleet.provision(who, 't1', { token, parameters: { SerialNumber: 'a b' } }),
      refusedWith('IDENTITY_INVALID'),
    )
    assert.equal((await fleet.provision(who, 't1', { token, parameters: { SerialNumber: '1' } })).thingName, 'dev-1')
  })

  it('leaves nothing when the device cannot be written, and the token as it was', async () => {
    const { fleet, who, devices, claims, templates, store } = await houseWithClaim()
    const { certificateOwnershipToken: token } = await fleet.createCertificate(who)
    devices.fail = new LoomError('IDENTITY_RETIRED', 'dev-1')
    await assert.rejects(
      fleet.provision(who, 't1', { token, parameters: { SerialNumber: '1' } }),
      refusedWith('IDENTITY_RETIRED'),
    )
    assert.equal((await claims.get('line-1'))!.used, 0)
    assert.equal((await templates.get('t1'))!.used, 0)
    assert.equal(await store.count('ownership_tokens'), 1)
    delete devices.fail
    await fleet.provision(who, 't1', { token, parameters: { SerialNumber: '1' } })
  })

  it('keeps tokens over a restart and sweeps those that lapsed', async () => {
    const folder = tempFolder('ownership')
    const open = () => openSqliteStateStore({ path: join(folder, 'state.db'), now: () => start })
    const store = await open()
    const first = await houseWithClaim({}, { store })
    const { certificateOwnershipToken: token } = await first.fleet.createCertificate(first.who)
    await first.fleet.createCertificate(first.who)
    await store.close()
    const again = await open()
    const second = await fleetHouse({ store: again })
    assert.equal(second.ownership.size, 2)
    await second.fleet.provision(first.who, 't1', { token, parameters: { SerialNumber: '1' } })
    assert.equal(second.ownership.size, 1)
    assert.equal(await second.ownership.sweep(second.clock.now + minutes(59)), 0)
    assert.equal(await second.ownership.sweep(second.clock.now + minutes(60)), 1)
    assert.equal(second.ownership.size, 0)
    assert.equal(await again.count('ownership_tokens'), 0)
    await again.close()
  })

  it('bounds how many certificates of a claim wait to be used', async () => {
    const { fleet, who, clock, ownership, claims } = await houseWithClaim({}, { mostOutstanding: 3 })
    for (let i = 0; i < 3; i++) await fleet.createCertificate(who)
    await assert.rejects(fleet.createCertificate(who), refusedWith('PROV_THROTTLED'))
    await claims.create('line-2', { templates: ['t1'] })
    await fleet.createCertificate({ ...who, claimId: 'line-2' })
    clock.now += minutes(60)
    await ownership.sweep(clock.now)
    await fleet.createCertificate(who)
    const many = await Promise.allSettled(Array.from({ length: 6 }, () => fleet.createCertificate(who)))
    assert.equal(many.filter(({ status }) => status === 'fulfilled').length, 2)
  })

  const refusals: [what: string, template: string, parameters: unknown, code: string][] = [
    ['a template that the claim is not for', 't2', { SerialNumber: '1' }, 'PROV_DENIED'],
    ['a missing parameter', 't1', {}, 'PROV_PARAMETER_MISSING'],
    ['parameters that are no object', 't1', ['1'], 'PROV_PARAMETER_INVALID'],
    ['a value that is no text', 't1', { SerialNumber: 1 }, 'PROV_PARAMETER_INVALID'],
    [
      'a certificate id that the device gives',
      't1',
      { SerialNumber: '1', 'AWS::IoT::Certificate::Id': 'x' },
      'PROV_PARAMETER_INVALID',
    ],
  ]
  for (const [what, template, parameters, code] of refusals)
    it(`refuses ${what}`, async () => {
      const { fleet, who, templates } = await houseWithClaim()
      await templates.create('t2', { body: bySerial })
      const { certificateOwnershipToken: token } = await fleet.createCertificate(who)
      await assert.rejects(fleet.provision(who, template, { token, parameters }), refusedWith(code))
    })

  it('refuses a template that is gone, disabled or for just-in-time provisioning', async () => {
    const { provision, templates } = await houseWithClaim()
    await templates.update('t1', { enabled: false })
    await assert.rejects(provision('1'), refusedWith('PROV_DISABLED'))
    await templates.update('t1', { enabled: true, kind: 'jitp' })
    await assert.rejects(provision('1'), refusedWith('PROV_NO_TEMPLATE'))
    await templates.delete('t1')
    await assert.rejects(provision('1'), refusedWith('PROV_NO_TEMPLATE'))
  })

  it('refuses a broken request for a certificate, and a key that is a device already', async () => {
    const { fleet, who } = await houseWithClaim()
    const { csr } = await csrOf()
    for (const bad of [undefined, '', 5, 'x', csr.replace(/[A-D]/, 'x')])
      await assert.rejects(fleet.signCertificate(who, bad), (error: LoomError) => /^PKI_/.test(error.code))
    const one = await fleet.signCertificate(who, csr)
    await fleet.provision(who, 't1', { token: one.certificateOwnershipToken, parameters: { SerialNumber: '1' } })
    const two = await fleet.signCertificate(who, csr)
    const clone = fleet.provision(who, 't1', { token: two.certificateOwnershipToken, parameters: { SerialNumber: '2' } })
    await assert.rejects(clone, refusedWith('PKI_KEY_REUSED'))
  })

  it('stops at the quota of the template and of the claim, however many come at once', async () => {
    for (const [templateQuota, claimQuota] of [
      [3, undefined],
      [undefined, 3],
    ]) {
      const { provision, claims, devices } = await houseWithClaim({ ...(templateQuota && { quota: templateQuota }) })
      if (claimQuota) await claims.update('line-1', { quota: claimQuota })
      const results = await Promise.allSettled(Array.from({ length: 8 }, (_, i) => provision(String(i))))
      assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 3)
      for (const result of results) if (result.status === 'rejected') assert.equal(result.reason.code, 'PROV_QUOTA')
      assert.equal(devices.plans.length, 3)
    }
  })

  it('ends with the claim: disabled, over or gone, also for a connection that is open', async () => {
    const { provision, claims, clock } = await houseWithClaim()
    await claims.update('line-1', { enabled: false })
    await assert.rejects(provision('1'), refusedWith('PROV_DISABLED'))
    await claims.update('line-1', { enabled: true, notAfter: clock.now - 1 })
    await assert.rejects(provision('1'), refusedWith('CRED_EXPIRED'))
    await claims.delete('line-1')
    await assert.rejects(provision('1'), refusedWith('PROV_NO_CLAIM'))
  })

  it('disables a claim that is refused too often in a time, and says so once', async () => {
    const { fleet, who, claims, clock, events } = await houseWithClaim({}, { misuse: { rejects: 4, windowMs: minutes(10) } })
    const guess = () => assert.rejects(fleet.provision(who, 't1', { token: 'A'.repeat(43) }))
    for (let i = 0; i < 3; i++) await guess()
    clock.now += minutes(10)
    for (let i = 0; i < 3; i++) await guess()
    assert.equal((await claims.get('line-1'))!.enabled, true)
    await Promise.all([guess(), guess(), guess()])
    const claim = (await claims.get('line-1'))!
    assert.equal(claim.enabled, false)
    assert.match(claim.reason!, /PROV_TOKEN_INVALID/)
    assert.equal(claim.rejected, 9)
    assert.equal(events.filter(({ type }) => type === 'claim-disabled').length, 1)
    await assert.rejects(fleet.createCertificate(who), refusedWith('PROV_DISABLED'))
    await claims.update('line-1', { enabled: true })
    assert.equal((await claims.get('line-1'))!.rejectedLately, 0)
    await fleet.createCertificate(who)
  })
})

describe('who else decides about a device', () => {
  it('a hook sees what is known and its words win', async () => {
    const verdict: Verdict = {
      allow: true,
      tags: { site: 'b' },
      attributes: { serial: 'x' },
      desired: { on: true },
      policies: ['p'],
      groups: ['g'],
      deviceConfiguration: { url: 'u' },
    }
    const { provision, asked, answer, devices } = await houseWithClaim({ hook: { enabled: true } })
    answer.hook = () => verdict
    assert.deepEqual(await provision('1'), { thingName: 'dev-1', deviceConfiguration: { url: 'u' } })
    const { id, attestation, at: _, parameters, ...request } = asked[0]!
    assert.match(id, /^aws-[0-9a-f]{32}$/)
    assert.equal(attestation.kind, 'x509')
    assert.equal(parameters.SerialNumber, '1')
    assert.equal(parameters['AWS::IoT::Certificate::Id'], attestation.fingerprint)
    assert.deepEqual(request, {
      kind: 'claim',
      template: 't1',
      claimId: 'line-1',
      registrationId: 'dev-1',
      deviceId: 'dev-1',
      ip: '192.0.2.7',
    })
    const { tags, attributes, desired, policies, groups } = devices.plans[0]!
    assert.deepEqual(
      { tags, attributes, desired, policies, groups },
      { tags: { site: 'b' }, attributes: { serial: 'x' }, desired: { on: true }, policies: ['p'], groups: ['g'] },
    )
  })

  it('a hook may name the device or give the parameter that it lacks', async () => {
    const { provision, answer, fleet, who, asked } = await houseWithClaim({ hook: { enabled: true } })
    answer.hook = () => ({ allow: true, deviceId: 'other' })
    assert.equal((await provision('1')).thingName, 'other')
    answer.hook = () => ({ allow: true, parameterOverrides: { SerialNumber: '77' } })
    const { certificateOwnershipToken: token } = await fleet.createCertificate(who)
    assert.equal((await fleet.provision(who, 't1', { token })).thingName, 'dev-77')
    assert.equal(asked.at(-1)!.deviceId, '')
    answer.hook = () => ({ allow: true })
    const { certificateOwnershipToken: next } = await fleet.createCertificate(who)
    await assert.rejects(fleet.provision(who, 't1', { token: next }), refusedWith('PROV_PARAMETER_MISSING'))
  })

  it('a hook that says no, fails or does not answer is a no', async () => {
    const { provision, answer, devices } = await houseWithClaim({ hook: { enabled: true } })
    answer.hook = () => ({ allow: false, reason: 'not this batch' })
    await assert.rejects(provision('1'), /not this batch/)
    answer.hook = () => Promise.reject(new Error('secret detail'))
    await assert.rejects(provision('1'), (error: LoomError) => error.code === 'PROV_DENIED' && !error.message.includes('secret'))
    answer.hook = () => Promise.reject(new LoomError('PROV_HOOK_TIMEOUT'))
    await assert.rejects(provision('1'), refusedWith('PROV_HOOK_TIMEOUT'))
    answer.hook = () => Promise.reject(new LoomError('PROV_THROTTLED'))
    await assert.rejects(provision('1'), refusedWith('PROV_THROTTLED'))
    assert.equal(devices.plans.length, 0)
  })

  it('behind an allow list silence may mean yes, and each entry admits one device', async () => {
    const house = await houseWithClaim({ allowList: 'batch', hook: { enabled: true, default: 'allow' } })
    const { provision, answer, allowLists, asked, approvals } = house
    await allowLists.create('batch')
    await allowLists.add('batch', [{ serial: '1', model: 'mk2' }])
    answer.hook = () => Promise.reject(new LoomError('PROV_HOOK_TIMEOUT'))
    await assert.rejects(provision('2'), refusedWith('PROV_DENIED'))
    assert.equal(asked.length, 0, 'a stranger is not asked about')
    assert.equal((await provision('1')).thingName, 'dev-1')
    assert.equal(house.devices.plans[0]!.model, 'mk2')
    const entry = await allowLists.match('batch', '1')
    assert.equal(entry!.entry.spentBy, 'dev-1')
    await assert.rejects(provision('1'), refusedWith('PROV_PENDING'))
    assert.equal((await approvals.pending()).items.length, 1)
  })

  it('silence may mean yes only behind an allow list', async () => {
    const { templates } = await fleetHouse()
    const settings = { body: bySerial, hook: { enabled: true, default: 'allow' } }
    await assert.rejects(templates.create('t', settings), refusedWith('PROV_INVALID'))
    await templates.create('t', { ...settings, allowList: 'l' })
  })

  it('a device of that name with another key waits for a person, who lets in that key and no other', async () => {
    const { fleet, who, provision, approvals, events, devices } = await houseWithClaim()
    await provision('1')
    const stranger = await fleet.createCertificate(who)
    const ask = () => fleet.provision(who, 't1', { token: stranger.certificateOwnershipToken, parameters: { SerialNumber: '1' } })
    await assert.rejects(ask(), refusedWith('PROV_PENDING'))
    await assert.rejects(ask(), refusedWith('PROV_PENDING'))
    const { items } = await approvals.pending()
    assert.equal(items.length, 1)
    assert.match(items[0]!.request.suspicion!, /another key/)
    assert.equal(events.filter(({ type }) => type === 'clone-suspected').length, 2)
    await approvals.approve({ id: items[0]!.request.id, by: 'anna', verdict: { tags: { replaced: true } } })
    await assert.rejects(provision('1'), refusedWith('PROV_PENDING'))
    assert.equal((await ask()).thingName, 'dev-1')
    assert.deepEqual(devices.plans.at(-1)!.tags, { replaced: true })
    assert.equal(devices.plans.at(-1)!.existing, 'migrate')
  })

  it('waiting is no misuse; a person may say no', async () => {
    const { fleet, who, approvals, claims } = await houseWithClaim({ approval: 'manual' })
    const { certificateOwnershipToken: token } = await fleet.createCertificate(who)
    const ask = () => fleet.provision(who, 't1', { token, parameters: { SerialNumber: '1' } })
    await assert.rejects(ask(), refusedWith('PROV_PENDING'))
    assert.equal((await claims.get('line-1'))!.rejected, 0)
    const { id } = (await approvals.pending()).items[0]!.request
    await approvals.deny({ id, by: 'anna', reason: 'not ours' })
    await assert.rejects(approvals.deny({ id, by: 'anna' }), refusedWith('NOT_FOUND'))
    await assert.rejects(ask(), /not ours/)
  })

  it('a person may give another name, but not that of a device that is there', async () => {
    const { fleet, who, provision, templates, approvals, devices } = await houseWithClaim()
    await provision('1')
    await templates.update('t1', { approval: 'manual' })
    const { certificateOwnershipToken: token } = await fleet.createCertificate(who)
    const ask = () => fleet.provision(who, 't1', { token, parameters: { SerialNumber: '7' } })
    await assert.rejects(ask(), refusedWith('PROV_PENDING'))
    const { id } = (await approvals.pending()).items[0]!.request
    await approvals.approve({ id, by: 'anna', verdict: { deviceId: 'dev-1', policies: ['all'] } })
    await assert.rejects(ask(), refusedWith('PROV_DENIED'))
    assert.equal(devices.plans.length, 1)
  })

  it('what a person approved is one device: the same token does not make another one of it', async () => {
    const { fleet, who, approvals, devices } = await houseWithClaim({ approval: 'manual' })
    const { certificateOwnershipToken: token } = await fleet.createCertificate(who)
    const ask = (SerialNumber: string) => fleet.provision(who, 't1', { token, parameters: { SerialNumber } })
    await assert.rejects(ask('1'), refusedWith('PROV_PENDING'))
    await approvals.approve({ id: (await approvals.pending()).items[0]!.request.id, by: 'anna' })
    await assert.rejects(ask('2'), refusedWith('PROV_DENIED'))
    assert.equal(devices.plans.length, 0)
    assert.equal((await ask('1')).thingName, 'dev-1')
  })

  it('the template may let in or refuse a device that exists', async () => {
    const open = await houseWithClaim({ existing: 'allow' })
    await open.provision('1')
    await open.provision('1')
    assert.equal(open.devices.plans.at(-1)!.existing, 'migrate')
    assert.equal((await open.templates.get('t1'))!.used, 1)
    const closed = await houseWithClaim({ existing: 'refuse' })
    await closed.provision('1')
    await assert.rejects(closed.provision('1'), refusedWith('IDENTITY_EXISTS'))
  })

  it('after the end of the batch a person must say yes to a new device', async () => {
    const { provision, templates, clock, approvals } = await houseWithClaim()
    await templates.update('t1', { notAfter: clock.now - 1 })
    await assert.rejects(provision('1'), refusedWith('PROV_PENDING'))
    assert.match((await approvals.pending()).items[0]!.request.suspicion!, /batch ended/)
  })

  it('a key or certificate that is not the one on the list waits too', async () => {
    const { provision, allowLists } = await houseWithClaim({ allowList: 'batch' })
    await allowLists.create('batch')
    await allowLists.add('batch', [{ serial: '1', keyHash: 'a'.repeat(64) }])
    await assert.rejects(provision('1'), refusedWith('PROV_PENDING'))
  })
})

describe('a device that asks for its next certificate', () => {
  it('gets it for its own name and no other', async () => {
    const { fleet, provision, devices, asked, templates } = await houseWithClaim()
    await provision('1')
    await provision('2')
    await templates.update('t1', { approval: 'manual', quota: 2, hook: { enabled: true } })
    const [fingerprint] = (await devices.find('dev-1'))!.fingerprints!
    const me = { deviceId: 'dev-1', fingerprint: fingerprint!, ip: '192.0.2.9' }
    const { certificateOwnershipToken: token } = await fleet.createCertificate(me)
    await assert.rejects(fleet.provision(me, 't1', { token, parameters: { SerialNumber: '2' } }), refusedWith('PROV_DENIED'))
    await assert.rejects(fleet.provision(me, 't1', { token, parameters: { SerialNumber: '3' } }), refusedWith('PROV_DENIED'))
    assert.equal((await fleet.provision(me, 't1', { token, parameters: { SerialNumber: '1' } })).thingName, 'dev-1')
    const plan = devices.plans.at(-1)!
    assert.equal(plan.existing, 'keep')
    assert.equal(plan.rotates, fingerprint)
    assert.equal(asked.at(-1)!.kind, 'rotation')
  })

  for (const existing of ['allow', 'approval'] as const)
    for (const fingerprint of [undefined, '', 'e'.repeat(64)])
      it(`waits for a person if none of its certificates speaks for it (existing ${existing}, ${JSON.stringify(fingerprint)})`, async () => {
        const { fleet, provision, devices, approvals } = await houseWithClaim({ existing })
        await provision('1')
        const me = { deviceId: 'dev-1', ip: '192.0.2.9', ...(fingerprint !== undefined && { fingerprint }) }
        const { certificateOwnershipToken: token } = await fleet.createCertificate(me)
        const ask = () => fleet.provision(me, 't1', { token, parameters: { SerialNumber: '1' } })
        await assert.rejects(ask(), refusedWith('PROV_PENDING'))
        await approvals.approve({ id: (await approvals.pending()).items[0]!.request.id, by: 'anna' })
        assert.equal((await ask()).thingName, 'dev-1')
        assert.equal('rotates' in devices.plans.at(-1)!, false)
        assert.equal(devices.plans.at(-1)!.existing, 'migrate')
      })

  it('does not get it by a template that it did not come by', async () => {
    const { fleet, provision, devices, templates, allowLists } = await houseWithClaim()
    await provision('1')
    const [fingerprint] = (await devices.find('dev-1'))!.fingerprints!
    const me = { deviceId: 'dev-1', fingerprint: fingerprint!, ip: '192.0.2.9' }
    await allowLists.create('batch')
    const ways = [
      [{ existing: 'refuse' }, 'IDENTITY_EXISTS'],
      [{ existing: 'allow', allowList: 'batch' }, 'PROV_DENIED'],
      [{ existing: 'allow', approval: 'manual' }, 'PROV_PENDING'],
      [{ existing: 'allow' }, 'PROV_PENDING'],
    ] as const
    for (const [at, [settings, code]] of ways.entries()) {
      await templates.create(`other-${at}`, { body: bySerial, ...settings })
      const { certificateOwnershipToken: token } = await fleet.createCertificate(me)
      const asks = fleet.provision(me, `other-${at}`, { token, parameters: { SerialNumber: '1' } })
      await assert.rejects(asks, refusedWith(code))
    }
    assert.equal(devices.plans.length, 1)
  })

  it('uses the key type of the template it came by', async () => {
    const { fleet, provision, keyTypes } = await houseWithClaim({ keyType: 'ec-p256' })
    await provision('1')
    await fleet.createCertificate({ deviceId: 'dev-1', fingerprint: 'f'.repeat(64), ip: '::1' })
    assert.equal(keyTypes.at(-1), 'ec-p256')
  })

  it('cannot use the token of another device, nor a claim that of a device', async () => {
    const { fleet, provision, who } = await houseWithClaim()
    await provision('1')
    await provision('2')
    const me = { deviceId: 'dev-1', fingerprint: 'f'.repeat(64), ip: '::1' }
    const { certificateOwnershipToken: token } = await fleet.createCertificate(me)
    for (const other of [{ ...me, deviceId: 'dev-2' }, who])
      await assert.rejects(
        fleet.provision(other, 't1', { token, parameters: { SerialNumber: '1' } }),
        refusedWith('PROV_TOKEN_INVALID'),
      )
  })

  it('gets none while it is disabled, in quarantine or unknown', async () => {
    const { fleet, provision, devices } = await houseWithClaim()
    await provision('1')
    const me = { deviceId: 'dev-1', fingerprint: 'f'.repeat(64), ip: '::1' }
    await devices.set('dev-1', { enabled: false })
    await assert.rejects(fleet.createCertificate(me), refusedWith('IDENTITY_DISABLED'))
    await devices.set('dev-1', { enabled: true, state: 'quarantined' })
    await assert.rejects(fleet.createCertificate(me), refusedWith('DEVICE_QUARANTINED'))
    await assert.rejects(fleet.createCertificate({ ...me, deviceId: 'nobody' }), refusedWith('IDENTITY_NOT_FOUND'))
  })

  it('may be a claim as well and then makes other devices', async () => {
    const { fleet, provision, who, claims, devices } = await houseWithClaim()
    await provision('1')
    await devices.set('dev-1', { fingerprints: [who.fingerprint!] })
    const both = { ...who, deviceId: 'dev-1' }
    const { certificateOwnershipToken: token } = await fleet.createCertificate(both)
    assert.equal((await fleet.provision(both, 't1', { token, parameters: { SerialNumber: '5' } })).thingName, 'dev-5')
    assert.equal((await claims.get('line-1'))!.used, 2)
    const { certificateOwnershipToken: next } = await fleet.createCertificate(both)
    assert.equal((await fleet.provision(both, 't1', { token: next, parameters: { SerialNumber: '1' } })).thingName, 'dev-1')
    assert.equal(devices.plans.at(-1)!.rotates, who.fingerprint)
    assert.equal((await claims.get('line-1'))!.used, 2, 'renewing its own certificate makes no device')
  })
})
