import assert from 'node:assert/strict'
import { openSealer } from '../../src/identity/open-sealer.ts'
import { createSealer } from '../../src/identity/seal.ts'
import { openMemoryStateStore } from '../../src/stores/memory/state-store.ts'
import { codeOf, random, sealerOf } from '../pki/make.ts'

const place = { owner: 'pump', cid: 'c1', field: 'primaryKey' }
const otherKey = Buffer.alloc(32, 9)

describe('sealer', () => {
  it('what is sealed opens at its place', () => {
    const sealer = sealerOf()
    const sealed = sealer.seal('ä secret', place)
    assert.match(sealed, /^v1\.[0-9a-f]{8}\.[\w-]{16}\.[\w-]+\.[\w-]{22}$/)
    assert.equal(sealer.kid, sealed.split('.')[1])
    assert.equal(sealerOf().open(sealed, place).toString(), 'ä secret')
    assert.notEqual(sealer.seal('ä secret', place), sealed)
  })

  it('a text moved to another device, credential, field or hub does not open', () => {
    const sealed = sealerOf().seal('secret', place)
    for (const moved of [{ owner: 'valve' }, { cid: 'c2' }, { field: 'secondaryKey' }])
      assert.throws(() => sealerOf().open(sealed, { ...place, ...moved }), codeOf('STORE_CORRUPT'))
    const sibling = createSealer({ key: Buffer.alloc(32, 7), hubId: 'barn', random })
    assert.throws(() => sibling.open(sealed, place), codeOf('HUB_KEY_MISMATCH'))
  })

  it('a changed text does not open', () => {
    const sealer = sealerOf()
    const parts = sealer.seal('secret', place).split('.')
    for (const at of [2, 3, 4]) {
      const bytes = Buffer.from(parts[at]!, 'base64url')
      bytes[0] = bytes[0]! ^ 1
      assert.throws(() => sealer.open(parts.with(at, bytes.toString('base64url')).join('.'), place), codeOf('STORE_CORRUPT'))
    }
    for (const text of ['', 'v2.a.b.c.d', parts.slice(0, 4).join('.'), parts.with(4, parts[4]!.slice(0, 6)).join('.')])
      assert.throws(() => sealer.open(text, place), codeOf('STORE_CORRUPT'))
  })

  it('another hub key is told apart from damage', () => {
    const sealed = sealerOf().seal('secret', place)
    assert.throws(() => sealerOf(otherKey).open(sealed, place), codeOf('HUB_KEY_MISMATCH'))
    assert.throws(() => sealerOf(otherKey.subarray(1)), codeOf('HUB_CONFIG_INVALID'))
  })

  it('a store remembers its hub key', async () => {
    const store = await openMemoryStateStore({ now: () => 0 })
    const open = (key: Buffer) => openSealer({ key, hubId: 'house', store, random })
    const first = await open(Buffer.alloc(32, 7))
    assert.equal((await open(Buffer.alloc(32, 7))).check, first.check)
    await assert.rejects(open(otherKey), codeOf('HUB_KEY_MISMATCH'))
  })

  it('the check value, the key id and hints do not hold the key or each other', () => {
    const sealer = sealerOf()
    assert.match(sealer.hint('secret'), /^[0-9a-f]{8}$/)
    assert.equal(sealer.hint('secret'), sealerOf().hint('secret'))
    assert.notEqual(sealer.hint('secret'), sealerOf(otherKey).hint('secret'))
    const labels = ['tokens', 'urls', 'audit'] as const
    assert.equal(new Set(labels.map(label => sealer.subkey(label).toString('hex'))).size, 3)
  })
})
