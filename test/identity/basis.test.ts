import assert from 'node:assert/strict'
import type { ConnectAttempt } from '../../src/identity/authenticate.ts'
import { openIssuers } from '../../src/identity/issuers.ts'
import { deriveKey } from '../../src/identity/prove-sas.ts'
import { signSas } from '../../src/identity/sas.ts'
import { openMemoryStateStore } from '../../src/stores/memory/state-store.ts'
import { craft, usages } from '../pki/craft.ts'
import { authorityOf, start } from '../pki/make.ts'
import { attemptOf, azureAttempt, host, houseOf, peerOf } from './make.ts'

type House = Awaited<ReturnType<typeof houseOf>>

/** Whether what let the attempt in still holds: untouched, and after the change. */
async function holdsAround(house: House, attempt: ConnectAttempt, change: (cid: string) => Promise<unknown>) {
  const { authenticate, stillHolds } = house.authenticator
  const answer = await authenticate(attempt)
  assert.ok(answer.ok, JSON.stringify(answer))
  const untouched = await stillHolds(answer)
  await change(answer.cid)
  return [untouched, await stillHolds(answer)]
}

const sas = (key: string) =>
  azureAttempt('pump', signSas({ key, resource: `${host}/devices/pump`, expiresAt: start + 3_600_000 }))

describe('what a connection was let in by', () => {
  for (const slot of ['primary', 'secondary'] as const)
    it(`is gone when the ${slot} key was replaced meanwhile`, async () => {
      const house = await houseOf()
      const { secrets } = await house.registry.register({ id: 'pump', credential: { kind: 'sas' } })
      const regenerate = (cid: string) => house.registry.regenerateKey('pump', cid, slot)
      assert.deepEqual(await holdsAround(house, sas(secrets![`${slot}Key`]!), regenerate), [true, false])
    })

  it('stays when only other credentials changed, or a replacement came into use', async () => {
    const house = await houseOf()
    await house.registry.register({ id: 'pump', credential: { kind: 'sas' } })
    const { primaryKey } = await house.registry.rotate('pump', { kind: 'sas' })
    const more = () => house.registry.addCredential('pump', { kind: 'password' })
    assert.deepEqual(await holdsAround(house, sas(primaryKey!), more), [true, true])
  })

  it('is gone with the device', async () => {
    const house = await houseOf()
    const { secrets } = await house.registry.register({ id: 'pump', credential: { kind: 'sas' } })
    assert.deepEqual(await holdsAround(house, sas(secrets!.primaryKey!), () => house.registry.delete('pump')), [true, false])
  })

  for (const next of [undefined, { primaryKey: 'bmV3', secondaryKey: 'b2xkMg==' }])
    it(`is gone when the group's keys were ${next ? 'replaced' : 'taken away'}`, async () => {
      let keys: typeof next = { primaryKey: 'b2xk', secondaryKey: 'b2xkMg==' }
      const house = await houseOf({ parts: { groupKeys: async () => keys } })
      await house.registry.register({ id: 'pump', credential: { kind: 'sas-derived', groupId: 'plant' } })
      const change = async () => {
        keys = next
      }
      assert.deepEqual(await holdsAround(house, sas(deriveKey('b2xk', 'pump')), change), [true, false])
    })

  describe('as a bearer token', () => {
    const claims = Buffer.from('{"iss":"https://id/"}').toString('base64url')
    const corp = {
      id: 'corp',
      issuer: 'https://id/',
      audience: 'hub',
      algorithm: 'ES256',
      keys: { jwksUrl: 'https://id/keys' },
    } as const
    const tokenHouse = async () => {
      const issuers = await openIssuers({ store: await openMemoryStateStore({ now: () => start }) })
      await issuers.put(corp)
      let during = async (): Promise<unknown> => undefined
      const verifier = {
        verify: async () => {
          await during()
          return { subject: 'pump', expiresAt: start + 5000 }
        },
        forget: () => {},
      }
      const house = await houseOf({ parts: { tokens: { verifier, issuers } } })
      await house.registry.register({ id: 'pump', credential: { kind: 'jwt', tokenIssuer: 'corp' } })
      const meanwhile = (change: typeof during) => {
        during = change
      }
      return { house, issuers, meanwhile }
    }
    const attempt = attemptOf({ deviceId: 'pump', password: Buffer.from(`eyJhbGciOiJFUzI1NiJ9.${claims}.c2ln`) })

    it('is gone when its issuer was deleted, disabled or changed', async () => {
      for (const change of ['delete', 'disable', 'keys', 'again'] as const) {
        const { house, issuers } = await tokenHouse()
        const done = await holdsAround(house, attempt, async () => {
          if (change === 'delete' || change === 'again') await issuers.delete('corp')
          if (change === 'disable') await issuers.put({ ...corp, enabled: false })
          if (change === 'keys' || change === 'again') await issuers.put({ ...corp, keys: { jwksUrl: 'https://id/new' } })
        })
        assert.deepEqual(done, [true, false], change)
      }
    })

    it('is gone when its issuer was changed while the token was checked', async () => {
      const { house, issuers, meanwhile } = await tokenHouse()
      meanwhile(() => issuers.put({ ...corp, keys: { jwksUrl: 'https://id/new' } }))
      assert.deepEqual(await holdsAround(house, attempt, async () => {}), [false, false])
    })
  })

  it('is gone when the authority of its certificate is not active any more', async () => {
    const { authority } = await authorityOf()
    const plant = await craft({ name: 'plant', ca: true, keyUsage: 0x06 })
    const { id, code } = await authority.registerCa({ pem: plant.pem })
    await authority.verifyCa({ id, proofPem: (await craft({ name: code!, by: plant })).pem })
    const device = await craft({ name: 'pump', by: plant, keyUsage: 0x80, extKeyUsage: [usages.client] })
    const house = await houseOf({ parts: { anchors: authority } })
    await house.registry.register({ id: 'pump' })
    await house.registry.addCredential('pump', { kind: 'x509-group', caId: id })
    const attempt = attemptOf({ deviceId: 'pump', certificate: peerOf(device.pem) })
    assert.deepEqual(await holdsAround(house, attempt, () => authority.setCaActive({ id, active: false })), [true, false])
  })

  it('is for the registry alone to say where nothing else is behind the credential', async () => {
    const house = await houseOf()
    const { secrets } = await house.registry.register({ id: 'pump', credential: { kind: 'password' } })
    const attempt = attemptOf({ deviceId: 'pump', username: 'pump', password: Buffer.from(secrets!.password!) })
    assert.deepEqual(await holdsAround(house, attempt, cid => house.registry.revokeCredential('pump', cid)), [true, true])
  })
})
