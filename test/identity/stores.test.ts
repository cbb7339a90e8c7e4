import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { StateStore } from '../../src/storage/state-store.ts'
import { openJsonStateStore } from '../../src/stores/json/state-store.ts'
import { openSqliteStateStore } from '../../src/stores/sqlite/state-store.ts'
import { codeOf, start } from '../pki/make.ts'
import { attemptOf, houseOf, peerOf } from './make.ts'

const adapters: Record<string, (folder: string) => Promise<StateStore>> = {
  sqlite: folder => openSqliteStateStore({ path: join(folder, 'identity.db'), now: () => start }),
  json: folder => openJsonStateStore({ path: join(folder, 'identity.json'), now: () => start }),
}

for (const [name, open] of Object.entries(adapters))
  describe(`identity on the ${name} store`, () => {
    let folder: string
    before(async () => {
      folder = await mkdtemp(join(tmpdir(), 'identity-'))
    })
    after(() => rm(folder, { recursive: true, force: true }))

    it('is the same after a restart, names stay unique, and what was deleted is gone', async () => {
      let store = await open(folder)
      const first = await houseOf({ store })
      const { identity, secrets } = await first.registry.register({ id: 'Pump', credential: { kind: 'x509' } })
      await first.registry.addCredential('Pump', { kind: 'password', username: 'boiler', password: 'correct horse' })
      await first.registry.register({ id: 'valve', enabled: false })
      const before = await first.registry.page({})
      const rootPem = first.authority.rootPem
      await store.close()

      store = await open(folder)
      const { registry, authority, authenticate } = await houseOf({ store })
      assert.equal(authority.rootPem, rootPem)
      assert.deepEqual(await registry.page({}), before)
      assert.deepEqual(
        (await registry.page({ enabled: false, prefix: 'v' })).items.map(({ id }) => id),
        ['valve'],
      )
      assert.equal((await registry.get('Pump'))!.generation, identity.generation)
      const certificate = peerOf(secrets!.certificatePem!)
      assert.equal((await authenticate(attemptOf({ deviceId: 'Pump', certificate }))).ok, true)
      const login = { username: 'boiler', password: Buffer.from('correct horse') }
      assert.equal((await authenticate(attemptOf({ deviceId: 'Pump', ...login }))).ok, true)
      await assert.rejects(registry.register({ id: 'pump' }), codeOf('IDENTITY_EXISTS'))
      await assert.rejects(registry.addCredential('valve', { kind: 'password', username: 'boiler' }), codeOf('CRED_TAKEN'))
      await registry.flush()
      assert.equal(await store.count('credential_uses'), 1)
      await registry.delete('Pump')
      assert.deepEqual(
        [await store.count('identities'), await store.count('identity_claims'), await store.count('credential_uses')],
        [1, 0, 0],
      )
      assert.equal((await authenticate(attemptOf({ deviceId: 'Pump', certificate }))).ok, false)
      await registry.register({ id: 'pump' })
      await store.close()
    })
  })
