import assert from 'node:assert/strict'
import type { Authority, Revocation } from '../../src/pki/authority.ts'
import { readCertificate } from '../../src/pki/certificate.ts'
import { readCrl } from '../../src/pki/crl-reader.ts'
import { authorityOf, codeOf, days, start } from './make.ts'
import { needOpenssl, OpensslFolder } from './openssl.ts'

const hours = (n: number) => n * 3_600_000
const listed = async (authority: Authority, id: string) => readCrl(await authority.crlDer(id)).entries.map(({ serial }) => serial)
const revocationOf = ({ serial, issuerId, notAfter }: Omit<Revocation, 'at'>, at = start): Revocation => ({
  serial,
  issuerId,
  notAfter,
  at,
  reason: 'keyCompromise',
})

describe('revocation by the authority', () => {
  const folder = new OpensslFolder()
  before(() => folder.open())
  after(() => folder.close())

  it('openssl verify -crl_check_all accepts a device until it is revoked', async function () {
    needOpenssl(this)
    const { authority } = await authorityOf()
    const [pump, valve] = [await authority.issueDevice({ id: 'pump' }), await authority.issueDevice({ id: 'valve' })]
    const verify = async (pem: string) => {
      const crls = (await authority.crlPem('root')) + (await authority.crlPem('issuing-1'))
      await folder.write({ 'root.pem': authority.rootPem, 'device.pem': pem, 'crls.pem': crls })
      return folder.run(
        `verify -x509_strict -crl_check_all -attime ${start / 1000} -CAfile root.pem -CRLfile crls.pem -untrusted device.pem device.pem`,
      )
    }
    assert.match((await verify(pump.chainPem)).text, /OK/)
    assert.deepEqual(await authority.revoke([revocationOf(pump)]), ['issuing-1'])
    assert.match((await verify(pump.chainPem)).text, /certificate revoked/)
    assert.match((await verify(valve.chainPem)).text, /OK/)
  })

  it('a number never comes twice, also over restarts', async () => {
    const first = await authorityOf()
    const seen: number[] = []
    const note = async (authority: Authority) => void seen.push(readCrl(await authority.crlDer('issuing-1')).number!)
    await note(first.authority)
    await first.authority.revoke([revocationOf(await first.authority.issueDevice({ id: 'a' }))])
    await note(first.authority)
    const second = await authorityOf(first)
    await note(second.authority)
    first.clock.now += days(2)
    await second.authority.renewCrls()
    await note(second.authority)
    assert.deepEqual(seen, [1, 2, 3, 4])
  })

  it('a store that fails hands out no list whose number could come again', async () => {
    const { store, clock } = await authorityOf()
    let broken = false
    const flaky = {
      ...store,
      put: (...args: Parameters<typeof store.put>) => (broken ? Promise.reject(new Error('disk')) : store.put(...args)),
    }
    const { authority } = await authorityOf({ store: flaky, clock })
    await authority.crlDer('issuing-1')
    broken = true
    await assert.rejects(authority.revoke([revocationOf(await authority.issueDevice({ id: 'a' }))]), /disk/)
    assert.equal(readCrl(await authority.crlDer('issuing-1')).number, 1)
    broken = false
    clock.now += days(1)
    const after = readCrl(await authority.crlDer('issuing-1'))
    assert.deepEqual([after.number, after.entries.length], [2, 1])
  })

  it('two at the same time get two numbers', async () => {
    const { authority } = await authorityOf()
    const devices = await Promise.all(['a', 'b', 'c'].map(id => authority.issueDevice({ id })))
    await Promise.all(devices.map(device => authority.revoke([revocationOf(device)])))
    const { number, entries } = readCrl(await authority.crlDer('issuing-1'))
    assert.equal(number, 3)
    assert.equal(entries.length, 3)
  })

  it('lists begin five minutes ago, last seven days, and are renewed once a day', async () => {
    const { authority, clock } = await authorityOf()
    assert.deepEqual(await authority.renewCrls(), ['root', 'issuing-1'])
    const { thisUpdate, nextUpdate } = readCrl(await authority.crlDer('root'))
    assert.deepEqual([thisUpdate, nextUpdate], [start - 300_000, start + days(7)])
    clock.now += hours(23)
    assert.deepEqual(await authority.renewCrls(), [])
    clock.now += hours(1)
    assert.deepEqual(await authority.renewCrls(), ['root', 'issuing-1'])
    assert.equal(readCrl(await authority.crlDer('root')).number, 2)
  })

  it('one that nobody renewed is made anew when it is asked for', async () => {
    const { authority, clock } = await authorityOf()
    await authority.crlDer('issuing-1')
    clock.now += days(30)
    assert.ok(readCrl(await authority.crlDer('issuing-1')).nextUpdate > clock.now)
  })

  it('says so when a list ends in less than 48 h', async () => {
    const { authority, clock } = await authorityOf()
    await authority.renewCrls()
    clock.now += days(5) - 1
    assert.deepEqual(authority.crlAlarms(), [])
    clock.now += 2
    assert.deepEqual(
      authority.crlAlarms().map(({ issuerId, alarm }) => [issuerId, alarm]),
      [
        ['root', true],
        ['issuing-1', true],
      ],
    )
    assert.equal(authority.cas().find(({ id }) => id === 'root')!.crlAlarm, true)
    await authority.renewCrls()
    assert.deepEqual(authority.crlAlarms(), [])
  })

  it('an entry stays until one list after the end of its certificate', async () => {
    const { authority, clock, store } = await authorityOf()
    const device = await authority.issueDevice({ id: 'a', days: 30 })
    await authority.revoke([revocationOf(device)])
    clock.now = device.notAfter + 301_000
    assert.deepEqual(await listed(authority, 'issuing-1'), [device.serial])
    clock.now += days(1)
    assert.deepEqual(await listed(authority, 'issuing-1'), [])
    assert.equal(await store.count('pki_revoked'), 0)
  })

  it('writes for the transaction of the caller count as soon as it says so, and after a crash anyway', async () => {
    const { authority, store, clock } = await authorityOf()
    await authority.crlDer('issuing-1')
    const device = await authority.issueDevice({ id: 'a' })
    const revocation = revocationOf(device)
    await store.declare('other', {})
    await store.tx([{ op: 'put', coll: 'other', id: 'x', doc: {} }, ...authority.revocationWrites([revocation])])
    assert.deepEqual(await listed(authority, 'issuing-1'), [])
    assert.deepEqual(await listed((await authorityOf({ store, clock })).authority, 'issuing-1'), [device.serial])
    await authority.revoke([revocation], { written: true })
    assert.deepEqual(await listed(authority, 'issuing-1'), [device.serial])
  })

  it('what was written and never told is in the list of the next day', async () => {
    const { authority, store, clock } = await authorityOf()
    await authority.renewCrls()
    const device = await authority.issueDevice({ id: 'a' })
    await store.tx(authority.revocationWrites([revocationOf(device)]))
    clock.now += days(1)
    await authority.renewCrls()
    assert.deepEqual(await listed(authority, 'issuing-1'), [device.serial])
  })

  it('certificates of other issuers are in no list', async () => {
    const { authority } = await authorityOf()
    const foreign = revocationOf({ serial: '01', issuerId: 'ca-0011223344556677', notAfter: start + days(1) })
    assert.deepEqual(authority.revocationWrites([foreign]), [])
    assert.deepEqual(await authority.revoke([foreign]), [])
    await assert.rejects(authority.crlPem('ca-0011223344556677'), codeOf('NOT_FOUND'))
  })

  it('an issuing authority can be revoked by the root', async () => {
    const { authority } = await authorityOf()
    const { serial, notAfter } = readCertificate(authority.issuingPem)
    await authority.revoke([{ serial, notAfter, issuerId: 'root', at: start, reason: 'cACompromise' }])
    assert.deepEqual(readCrl(await authority.crlDer('root')).entries, [{ serial, at: start, reason: 'cACompromise' }])
  })

  it('after a new issuing authority both have lists, until the old one has ended', async () => {
    const { authority, clock } = await authorityOf()
    const old = await authority.issueDevice({ id: 'a', days: 3650 })
    clock.now = start + days(1830)
    const young = await authority.issueDevice({ id: 'b' })
    assert.deepEqual([old.issuerId, young.issuerId], ['issuing-1', 'issuing-2'])
    await authority.revoke([revocationOf(old, clock.now), revocationOf(young, clock.now)])
    assert.deepEqual(await listed(authority, 'issuing-1'), [old.serial])
    assert.deepEqual(await listed(authority, 'issuing-2'), [young.serial])
    clock.now = start + days(3700)
    assert.ok(!(await authority.renewCrls()).includes('issuing-1'))
  })

  it('thousands of revocations are all in the list, and in that of the next start', async () => {
    const { authority, store, clock } = await authorityOf()
    const revocations = Array.from({ length: 2345 }, (_, at) =>
      revocationOf({ serial: (0x1000 + at).toString(16), issuerId: 'issuing-1', notAfter: start + days(9) }),
    )
    await authority.revoke(revocations)
    const serials = revocations.map(({ serial }) => serial).sort()
    assert.deepEqual((await listed(authority, 'issuing-1')).sort(), serials)
    assert.deepEqual((await listed((await authorityOf({ store, clock })).authority, 'issuing-1')).sort(), serials)
  }).timeout(30_000)

  it('lists that are not there', async () => {
    const { authority } = await authorityOf()
    for (const id of ['', 'issuing-9']) {
      await assert.rejects(authority.crlPem(id), codeOf('NOT_FOUND'))
      assert.throws(() => authority.certificatePem(id), codeOf('NOT_FOUND'))
    }
  })
})

describe("the root's key", () => {
  const passphrase = 'correct horse battery'

  it('is exported under a passphrase, erased, and the last list of the root lasts as long as the issuing authority', async () => {
    const { authority, store, clock } = await authorityOf()
    await assert.rejects(authority.eraseRootKey(), codeOf('REQUEST_INVALID'))
    await assert.rejects(authority.exportRootKey({ passphrase: 'short' }), codeOf('REQUEST_INVALID'))
    const before = readCrl(await authority.crlDer('root')).number!
    const { privateKeyPem, certificatePem } = await authority.exportRootKey({ passphrase })
    assert.match(privateKeyPem, /ENCRYPTED PRIVATE KEY/)
    assert.equal(certificatePem, authority.certificatePem('root'))
    await authority.eraseRootKey()
    for (const one of [authority, (await authorityOf({ store, clock })).authority]) {
      const { number, nextUpdate, entries } = readCrl(await one.crlDer('root'))
      assert.equal(number, before + 1)
      assert.deepEqual(entries, [])
      assert.equal(nextUpdate, readCertificate(one.issuingPem).notAfter)
      assert.equal(one.cas().find(({ id }) => id === 'root')!.hasKey, false)
      await assert.rejects(one.exportRootKey({ passphrase }), codeOf('PKI_CA_KEY_MISSING'))
    }
    clock.now += days(2)
    assert.deepEqual(await authority.renewCrls(), ['issuing-1'])
    assert.deepEqual(authority.crlAlarms(), [])
    assert.doesNotMatch(JSON.stringify((await store.get('pki_cas', 'root'))!.doc), /sealedKey/)
  })

  it('while it is away devices are served, but no authority is made or revoked; restored, all goes on', async () => {
    const { authority, clock } = await authorityOf()
    const { privateKeyPem } = await authority.exportRootKey({ passphrase })
    await authority.eraseRootKey()
    const { serial, notAfter } = readCertificate(authority.issuingPem)
    const revocation = { serial, notAfter, issuerId: 'root', at: start }
    await assert.rejects(authority.revoke([revocation]), codeOf('PKI_CA_KEY_MISSING'))
    assert.throws(() => authority.revocationWrites([revocation]), codeOf('PKI_CA_KEY_MISSING'))
    clock.now = start + days(1830)
    assert.equal((await authority.issueDevice({ id: 'a' })).issuerId, 'issuing-1')
    clock.now = notAfter + 1
    await assert.rejects(authority.issueDevice({ id: 'b' }), codeOf('PKI_CA_KEY_MISSING'))
    await assert.rejects(authority.restoreRootKey({ pem: privateKeyPem, passphrase: 'another one' }), codeOf('PKI_CA_INVALID'))
    const other = await authorityOf()
    const theirs = await other.authority.exportRootKey({ passphrase })
    await assert.rejects(authority.restoreRootKey({ pem: theirs.privateKeyPem, passphrase }), codeOf('PKI_CA_INVALID'))
    await authority.restoreRootKey({ pem: privateKeyPem, passphrase })
    assert.equal((await authority.issueDevice({ id: 'b' })).issuerId, 'issuing-2')
    const numbers = [readCrl(await authority.crlDer('root')).number, authority.cas().find(({ id }) => id === 'root')!.crlNumber]
    assert.deepEqual(numbers, [2, 2])
  })

  it('a hub whose last authority has ended still starts, to be given a key', async () => {
    const { authority, store, clock } = await authorityOf()
    const { privateKeyPem } = await authority.exportRootKey({ passphrase })
    await authority.eraseRootKey()
    clock.now = readCertificate(authority.issuingPem).notAfter + 1
    const again = (await authorityOf({ store, clock })).authority
    await assert.rejects(again.serverCertificate({ names: ['localhost'] }), codeOf('PKI_CA_KEY_MISSING'))
    await again.restoreRootKey({ pem: privateKeyPem, passphrase })
    await again.serverCertificate({ names: ['localhost'] })
  })
})
