import assert from 'node:assert/strict'
import { listDevices } from '../../src/hub/device-list.ts'
import type { Registry } from '../../src/identity/registry.ts'
import type { StateStore } from '../../src/storage/state-store.ts'
import { openMemoryStateStore } from '../../src/stores/memory/state-store.ts'
import { houseOf } from '../identity/make.ts'
import { start } from '../pki/make.ts'
import { seeded } from '../seeded.ts'

const coll = 'devices'
interface Entity {
  tags: { site: string }
}
interface Device {
  id: string
  enabled: boolean
  connected: boolean
  site: string
}

describe('lists of devices', () => {
  const random = seeded(11)
  const devices: Device[] = []
  let registry: Registry
  let state: StateStore
  let reads = 0

  before(async () => {
    const counted = async (): Promise<StateStore> => {
      const store = await openMemoryStateStore({ now: () => start })
      const { get, query } = { get: store.get.bind(store), query: store.query.bind(store) }
      return Object.assign(store, {
        get(...args: Parameters<typeof get>) {
          reads++
          return get(...args)
        },
        query(...args: Parameters<typeof query>) {
          reads++
          return query(...args)
        },
      })
    }
    state = await counted()
    await state.declare(coll, {})
    registry = (await houseOf({ store: await counted() })).registry
    for (let i = 0; i < 300; i++) {
      const id = `${random.pick(['pump', 'valve', 'p'])}-${i}`
      const device = { id, enabled: random.below(4) > 0, connected: random.below(5) === 0, site: random.pick(['a', 'b', 'c']) }
      devices.push(device)
      await registry.register({ id, enabled: device.enabled })
      // one in ten has no entity, as one that other means have registered
      if (i % 10) await state.put(coll, id, { tags: { site: device.site } })
      else device.site = ''
    }
    for (let i = 0; i < 20; i++) await state.put(coll, `p-left-${i}`, { tags: { site: 'a' } })
    devices.sort((a, b) => (a.id < b.id ? -1 : 1))
  })

  const presence = {
    get connectedIds() {
      return devices.filter(({ connected }) => connected).map(({ id }) => id)
    },
    isConnected: (id: string) => devices.find(device => device.id === id)?.connected ?? false,
  }
  const page = (o: { query?: string; limit?: number; cursor?: string }) =>
    listDevices<Entity>({ coll, registry, state, presence }, o)

  it('have, page after page, what a naive reading finds', async () => {
    for (let round = 0; round < 120; round++) {
      const wanted = {
        enabled: random.pick([undefined, true, false]),
        connected: random.pick([undefined, undefined, true, false]),
        site: random.pick([undefined, undefined, 'a', 'none']),
        prefix: random.pick(['', 'p', 'pump-1', 'valve']),
      }
      const query = [
        ...(wanted.enabled === undefined ? [] : [`enabled:${wanted.enabled}`]),
        ...(wanted.connected === undefined ? [] : [`connected:${wanted.connected}`]),
        ...(wanted.site === undefined ? [] : [`tags.site:${wanted.site}`]),
        ...(wanted.prefix && [`${wanted.prefix}*`, 'id:p*'].slice(0, 1 + random.below(2))),
      ]
      const expected = devices.filter(
        ({ id, enabled, connected, site }) =>
          (wanted.enabled ?? enabled) === enabled &&
          (wanted.connected ?? connected) === connected &&
          (wanted.site ?? site) === site &&
          id.startsWith(wanted.prefix) &&
          (!query.includes('id:p*') || id.startsWith('p')),
      )
      const limit = random.pick([1, 7, 100, 1000])
      const found: string[] = []
      let cursor: string | undefined
      for (let pages = 0; pages < 400; pages++) {
        const { items, next } = await page({ query: query.join(' '), limit, ...(cursor && { cursor }) })
        assert.ok(items.length <= limit)
        for (const { identity, stored } of items) {
          found.push(identity.id)
          assert.equal(stored?.doc.tags.site ?? '', devices.find(({ id }) => id === identity.id)!.site)
        }
        cursor = next
        if (!cursor) break
      }
      assert.deepEqual(
        found,
        expected.map(({ id }) => id),
        query.join(' '),
      )
    }
  })

  it('ask the stores a few times a page, not once a device', async () => {
    for (const query of ['', 'enabled:true', 'enabled:false', 'tags.site:a', 'connected:true']) {
      reads = 0
      assert.ok((await page({ query, limit: 1000 })).items.length > 20)
      assert.ok(reads <= 4, `${reads} for ${query}`)
    }
  })

  it('read what is disabled through its index', async () => {
    const asked: object[] = []
    const spied = {
      many: registry.many,
      page(o: object) {
        asked.push(o)
        return registry.page(o)
      },
    }
    await listDevices<Entity>({ coll, registry: spied, state, presence }, { query: 'enabled:false p' })
    assert.deepEqual(asked[0], { prefix: 'p', enabled: false, limit: 100 })
  })

  it('end a page after 20,000 devices that do not match', async () => {
    let looked = 0
    const many: Pick<Registry, 'page' | 'many'> = {
      many: async () => [],
      async page({ limit = 0 }) {
        looked += limit
        return { items: Array.from({ length: limit }, (_, i) => ({ id: `x${i}` }) as never), next: 'more' }
      },
    }
    const { items, next } = await listDevices<Entity>({ coll, registry: many, state, presence }, { query: 'connected:false y' })
    assert.deepEqual(items, [])
    assert.ok(next)
    assert.ok(looked >= 20_000 && looked < 21_000, String(looked))
  })
})
