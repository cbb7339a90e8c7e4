import assert from 'node:assert/strict'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { LoomError } from '../../src/errors.ts'
import { type CertificateCredential, credentialOf, type EnrolRequest, newKeyRequest } from '../../src/simulator/credentials.ts'
import { openKeyFolder } from '../../src/simulator/key-folder.ts'
import { createWallet, type Wallet } from '../../src/simulator/wallet.ts'
import { throwawayCa } from './throwaway-ca.ts'

describe('what a simulated device proves itself with', () => {
  const id = 'sim-0001'
  let folder: string
  let ca: Awaited<ReturnType<typeof throwawayCa>>
  let wallet: Wallet
  let refusal: Error | undefined
  const requests: string[] = []

  const open = async () => {
    const enrol = async (request: EnrolRequest) => {
      requests.push(request.csrPem)
      if (refusal) throw refusal
      return ca.enrol(request)
    }
    return createWallet({ keys: await openKeyFolder(folder), enrol, now: Date.now })
  }
  const next = async (renew = false) => wallet.credential({ id, caPem: ca.caPem, renew })
  const certOf = async () => ((await next()) as CertificateCredential).certPem
  const made = async () => {
    const request = await newKeyRequest(id)
    return credentialOf(request, await ca.enrol({ id, csrPem: request.csrPem }))
  }
  const adopt = async (credential: CertificateCredential) => wallet.adopt({ id, caPem: ca.caPem, ...credential })

  before(async () => {
    ca = await throwawayCa()
  })
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'wallet-'))
    requests.length = 0
    refusal = undefined
    wallet = await open()
  })
  afterEach(() => rm(folder, { recursive: true }))

  it('is made once and kept', async () => {
    const first = await certOf()
    assert.equal(await certOf(), first)
    wallet = await open()
    assert.equal(await certOf(), first)
    assert.equal(requests.length, 1)
  })

  it('is asked for again with the same key until it is there: a decision may be about that key', async () => {
    refusal = new LoomError('PROV_PENDING')
    await assert.rejects(next(), { code: 'PROV_PENDING' })
    refusal = undefined
    await next()
    assert.equal(requests[0], requests[1])
  })

  it('is the successor first, and the old one only once the successor was taken, or refused', async () => {
    const old = await certOf()
    const successor = await adopt(await made())
    const tried = await next()
    assert.equal((tried as CertificateCredential).certPem, successor.certPem)
    assert.deepEqual((await readdir(folder)).toSorted(), [`${id}.next`, `${id}.pem`])
    await wallet.outcome({ id, credential: tried, outcome: 'up' })
    assert.deepEqual([await certOf(), await readdir(folder)], [successor.certPem, [`${id}.pem`]])

    const another = await adopt(await made())
    assert.notEqual(another.certPem, old)
    await wallet.outcome({ id, credential: await next(), outcome: 'refused' })
    assert.deepEqual([await certOf(), await readdir(folder)], [successor.certPem, [`${id}.pem`]])
  })

  it('is each of the two in turn while the hub cannot be reached, and after the next start', async () => {
    const old = await certOf()
    const successor = await adopt(await made())
    const order: string[] = []
    for (let i = 0; i < 4; i++) {
      const credential = (await next()) as CertificateCredential
      order.push(credential.certPem)
      await wallet.outcome({ id, credential, outcome: 'failed' })
    }
    assert.deepEqual(order, [successor.certPem, old, successor.certPem, old])
    wallet = await open()
    assert.equal(await certOf(), successor.certPem)
  })

  it('is no successor that does not fit: the old one stays', async () => {
    const old = await certOf()
    const [one, other, foreign] = [await made(), await made(), await throwawayCa()]
    const request = await newKeyRequest(id)
    const stranger = credentialOf(request, await foreign.enrol({ id, csrPem: request.csrPem }))
    for (const wrong of [{ ...one, keyPem: other.keyPem }, { keyPem: 'K', certPem: 'C' }, stranger])
      await assert.rejects(adopt(wrong), { code: 'SIMULATOR_CONFIG_INVALID' })
    assert.equal(await certOf(), old)
  })
})
