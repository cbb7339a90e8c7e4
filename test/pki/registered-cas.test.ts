import assert from 'node:assert/strict'
import type { Authority } from '../../src/pki/authority.ts'
import { createCsr, verifyPossession } from '../../src/pki/pki.ts'
import { type Crafted, craft, usages } from './craft.ts'
import { authorityOf, codeOf, days, liveClock, start } from './make.ts'
import { needOpenssl, OpensslFolder } from './openssl.ts'

const plantOf = (more: object = {}) => craft({ name: 'plant', ca: true, keyUsage: 0x06, ...more })
const deviceOf = (by: Crafted, more: object = {}) =>
  craft({ name: 'pump', by, keyUsage: 0x80, extKeyUsage: [usages.client], uris: ['urn:plant:pump'], ...more })
const viewOf = (authority: Authority, id: string) => authority.cas().find(ca => ca.id === id)!

/** An authority with a registered CA that somebody proved. */
async function withPlant() {
  const made = await authorityOf()
  const plant = await plantOf()
  const { id, code } = await made.authority.registerCa({ pem: plant.pem })
  await made.authority.verifyCa({ id, proofPem: (await craft({ name: code!, by: plant })).pem })
  return { ...made, plant, id }
}

describe('CAs of others', () => {
  const folder = new OpensslFolder()
  before(() => folder.open())
  after(() => folder.close())

  it('is pending with a code, active with a certificate that its key signed for the code', async () => {
    const { authority, store, clock } = await authorityOf()
    const plant = await plantOf()
    const { id, code, codeEndsAt } = await authority.registerCa({ pem: plant.pem, name: 'Plant' })
    assert.match(code!, /^[0-9a-f]{64}$/)
    assert.equal(codeEndsAt, start + days(1))
    const pending = viewOf(authority, id)
    assert.deepEqual(
      [pending.status, pending.role, pending.trust, pending.name, pending.hasKey],
      ['pending', 'registered', 'proof', 'Plant', false],
    )
    const device = await deviceOf(plant)
    assert.equal(authority.anchorsFor([device.der]), undefined)
    assert.ok(!JSON.stringify([pending, (await store.get('pki_cas', id))!.doc]).includes(code!))
    const view = await authority.verifyCa({ id, proofPem: (await craft({ name: code!, by: plant })).pem })
    assert.equal(view.status, 'active')
    for (const one of [authority, (await authorityOf({ store, clock })).authority]) {
      const vouched = one.anchorsFor([device.der])!
      assert.deepEqual([vouched.caId, vouched.leaf.subjectCn, vouched.uris], [id, 'pump', ['urn:plant:pump']])
      assert.deepEqual(await one.anchorOf({ der: device.der }, start), { caId: id, cn: 'pump', sanUris: ['urn:plant:pump'] })
      assert.equal(one.anchorPem(id), plant.pem)
    }
  })

  it('openssl makes the proof', async function () {
    needOpenssl(this)
    const { authority } = await authorityOf({ clock: liveClock })
    const made = await folder.run('req -x509 -newkey rsa:2048 -nodes -keyout ca.key -subj /O=plant/CN=plant -days 90 -out ca.pem')
    assert.ok(made.ok, made.text)
    const { id, code } = await authority.registerCa({ pem: (await folder.run('x509 -in ca.pem')).text })
    const steps = [
      `req -new -newkey rsa:2048 -nodes -keyout proof.key -subj /CN=${code} -out proof.csr`,
      'x509 -req -in proof.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -sha256 -out proof.pem',
    ]
    for (const step of steps) assert.ok((await folder.run(step)).ok)
    const view = await authority.verifyCa({ id, proofPem: (await folder.run('x509 -in proof.pem')).text })
    assert.equal(view.status, 'active')
  })

  it('a proof with another name, key, issuer or date is none', async () => {
    const { authority, clock } = await authorityOf()
    const plant = await plantOf()
    const { id, code = '' } = await authority.registerCa({ pem: plant.pem })
    const refused = async (proof: Crafted | { pem: string }) =>
      assert.rejects(authority.verifyCa({ id, proofPem: proof.pem }), codeOf('PKI_PROOF_FAILED'))
    await refused(await craft({ name: 'plant', by: plant }))
    await refused(await craft({ name: code.toUpperCase(), by: plant }))
    await refused(await craft({ name: code }))
    await refused(await craft({ name: code, by: { ...plant, privateKey: (await plantOf()).privateKey } }))
    await refused(await craft({ name: code, by: { ...plant, name: 'other' } }))
    await refused(await craft({ name: code, by: plant, notAfter: start - 400_000 }))
    await refused(await craft({ name: code, by: plant, notBefore: start + 400_000 }))
    await refused({ pem: 'nothing' })
    const good = await craft({ name: code, by: plant })
    clock.now = start + days(1)
    await refused(good)
    clock.now -= 1
    await authority.verifyCa({ id, proofPem: good.pem })
    await refused(good)
  })

  it('a code is bound to its CA, and only the newest counts', async () => {
    const { authority } = await authorityOf()
    const [plant, mill] = [await plantOf(), await craft({ name: 'mill', ca: true })]
    const first = await authority.registerCa({ pem: plant.pem })
    const other = await authority.registerCa({ pem: mill.pem })
    const crossed = await craft({ name: first.code!, by: mill })
    await assert.rejects(authority.verifyCa({ id: other.id, proofPem: crossed.pem }), codeOf('PKI_PROOF_FAILED'))
    const second = await authority.registerCa({ pem: plant.pem })
    assert.equal(second.id, first.id)
    assert.notEqual(second.code, first.code)
    const stale = await craft({ name: first.code!, by: plant })
    await assert.rejects(authority.verifyCa({ id: first.id, proofPem: stale.pem }), codeOf('PKI_PROOF_FAILED'))
    await authority.verifyCa({ id: first.id, proofPem: (await craft({ name: second.code!, by: plant })).pem })
  })

  it('verifyPossession takes the code or its hash', async () => {
    const plant = await plantOf()
    const proof = (await craft({ name: 'word', by: plant })).pem
    verifyPossession({ ca: plant.pem, proof, code: 'word', now: start })
    assert.throws(() => verifyPossession({ ca: plant.pem, proof, code: 'other', now: start }), codeOf('PKI_PROOF_FAILED'))
  })

  it("an operator's word is enough, and stays marked", async () => {
    const { authority } = await authorityOf()
    const plant = await plantOf()
    const { id, code } = await authority.registerCa({ pem: plant.pem, trust: 'operator' })
    assert.equal(code, undefined)
    assert.deepEqual([viewOf(authority, id).status, viewOf(authority, id).trust], ['active', 'operator'])
    assert.equal(authority.anchorsFor([(await deviceOf(plant)).der])!.caId, id)
    const mill = await craft({ name: 'mill', ca: true })
    const pending = await authority.registerCa({ pem: mill.pem })
    await authority.registerCa({ pem: mill.pem, trust: 'operator' })
    assert.deepEqual([viewOf(authority, pending.id).status, viewOf(authority, pending.id).trust], ['active', 'operator'])
  })

  it('what is no usable CA is refused', async function () {
    const { authority } = await authorityOf()
    const wrong = {
      'no CA': await craft({ name: 'x', keyUsage: 0x80 }),
      'may not sign certificates': await plantOf({ keyUsage: 0x02 }),
      ended: await plantOf({ notAfter: start - 1000 }),
      'not begun': await plantOf({ notBefore: start + 1000 }),
      Ed25519: await plantOf({ keyType: 'ed25519' }),
      'no PEM': { pem: 'hello' },
      'two of them': { pem: (await plantOf()).pem.repeat(2) },
    }
    for (const [name, { pem }] of Object.entries(wrong))
      await assert.rejects(authority.registerCa({ pem }), codeOf('PKI_CA_INVALID'), name)
    const plant = await plantOf()
    const forged = Buffer.from(plant.der)
    forged[forged.length - 1] = forged[forged.length - 1]! ^ 1
    const pem = `-----BEGIN CERTIFICATE-----\n${forged.toString('base64')}\n-----END CERTIFICATE-----\n`
    await assert.rejects(authority.registerCa({ pem }), codeOf('PKI_CA_INVALID'))
    needOpenssl(this)
    const weak = await folder.run('req -x509 -newkey rsa:1024 -nodes -keyout k.pem -subj /CN=weak -days 3650')
    const weakPem = /-----BEGIN CERT[\s\S]+-----END CERTIFICATE-----/.exec(weak.text)![0]
    await assert.rejects(
      (await authorityOf({ clock: liveClock })).authority.registerCa({ pem: weakPem }),
      codeOf('PKI_CA_INVALID'),
    )
  })

  it("comes once; the hub's own CAs come never", async () => {
    const { authority, plant } = await withPlant()
    await assert.rejects(authority.registerCa({ pem: plant.pem }), codeOf('PKI_CA_EXISTS'))
    for (const id of ['root', 'issuing-1']) {
      await assert.rejects(authority.registerCa({ pem: authority.certificatePem(id) }), codeOf('PKI_CA_EXISTS'))
      await assert.rejects(authority.removeCa({ id }), codeOf('REQUEST_INVALID'))
      await assert.rejects(authority.setCaActive({ id, active: false }), codeOf('REQUEST_INVALID'))
    }
  })

  it('switched off or removed it vouches for nobody, at once', async () => {
    const { authority, plant, id } = await withPlant()
    const { der } = await deviceOf(plant)
    assert.equal(authority.anchorsFor([der])!.caId, id)
    assert.equal((await authority.setCaActive({ id, active: false })).status, 'inactive')
    assert.equal(authority.anchorsFor([der]), undefined)
    assert.equal(authority.anchorPem(id), undefined)
    await authority.setCaActive({ id, active: true })
    assert.equal(authority.anchorsFor([der])!.caId, id)
    await authority.removeCa({ id })
    assert.equal(authority.anchorsFor([der]), undefined)
    await assert.rejects(authority.removeCa({ id }), codeOf('NOT_FOUND'))
    const { id: pending } = await authority.registerCa({ pem: plant.pem })
    await assert.rejects(authority.setCaActive({ id: pending, active: true }), codeOf('REQUEST_INVALID'))
    assert.equal(viewOf(authority, pending).status, 'pending')
  })

  it('an intermediate that was switched off does not come back through its root', async () => {
    const { authority, plant } = await withPlant()
    const line = await craft({ name: 'line', by: plant, ca: true, keyUsage: 0x06 })
    const { der } = await deviceOf(line)
    const { id } = await authority.registerCa({ pem: line.pem, trust: 'operator' })
    assert.equal(authority.anchorsFor([der, line.der])!.caId, id)
    await authority.setCaActive({ id, active: false })
    assert.equal(authority.anchorsFor([der, line.der]), undefined)
    const renewed = await craft({ name: 'line', by: plant, ca: true, keys: line })
    assert.equal(authority.anchorsFor([der, renewed.der]), undefined)
  })

  it('a chain out of date, weak or broken is refused with the reason', async () => {
    const { authority, plant, clock } = await withPlant()
    const ended = await deviceOf(plant, { notAfter: start - 1000 })
    assert.throws(() => authority.anchorsFor([ended.der]), codeOf('CRED_EXPIRED'))
    const later = await deviceOf(plant, { notBefore: start + 1000 })
    assert.throws(() => authority.anchorsFor([later.der]), codeOf('CRED_NOT_YET_VALID'))
    clock.now += 1000
    assert.ok(authority.anchorsFor([later.der]))
    const server = await deviceOf(plant, { extKeyUsage: [usages.server] })
    for (let time = 0; time < 2; time++) assert.throws(() => authority.anchorsFor([server.der]), codeOf('PKI_CHAIN_INVALID'))
    assert.throws(() => authority.anchorsFor([Buffer.from('x')]), codeOf('CRED_INVALID'))
    assert.throws(() => authority.anchorsFor([]), codeOf('PKI_CHAIN_INVALID'))
  })

  it('what was found is kept by the leaf, but not past the end of the path', async () => {
    const { authority, plant, clock } = await withPlant()
    const line = await craft({ name: 'line', by: plant, ca: true, notAfter: start + days(1) })
    const { der } = await deviceOf(line)
    assert.equal(authority.anchorsFor([der]), undefined)
    assert.ok(authority.anchorsFor([der, line.der]))
    // a resumed session presents the leaf alone
    assert.ok(authority.anchorsFor([der]))
    clock.now = start + days(1) + 1000
    assert.throws(() => authority.anchorsFor([der, line.der]), codeOf('CRED_EXPIRED'))
    assert.equal(authority.anchorsFor([der]), undefined)
  })

  it("devices of the hub's own CA are known by their certificate, not by it", async () => {
    const { authority } = await withPlant()
    const { certificatePem } = await authority.issueDevice({ id: 'own' })
    const der = Buffer.from(certificatePem.replace(/-----[^-]+-----|\s/g, ''), 'base64')
    assert.equal(authority.anchorsFor([der]), undefined)
  })

  it('a device cannot have the key of a registered CA', async () => {
    const { authority, plant } = await withPlant()
    await assert.rejects(
      authority.issueDevice({ id: 'pump', csrPem: createCsr({ id: 'pump', ...plant }) }),
      codeOf('PKI_KEY_REUSED'),
    )
  })
})
