import assert from 'node:assert/strict'
import type { ConfigurationMetrics, Hub } from '../../src/hub/hub.ts'
import { startHub } from '../../src/hub/start-hub.ts'
import { inShare } from '../../src/twin/configuration/share.ts'
import { until } from '../until.ts'

const limitMs = 60_000

describe('two overlapping configurations over 1,000 devices', function () {
  this.timeout(240_000)
  let hub: Hub
  const told = new Map<string, ConfigurationMetrics[]>()
  const ids = Array.from({ length: 1000 }, (_, i) => `pump-${String(i).padStart(4, '0')}`)
  const siteOf = (i: number): string => (i % 5 === 0 ? 'a' : 'b')
  const metrics = (id: string) => hub.configurations.metrics({ id })
  const none = { held: 0, pending: 0, failed: 0, overruled: 0, applied: 0, converged: 0, targeted: 0, conflicts: 0 }
  const desired = async (id: string) => (await hub.twins.get({ id })).desired
  const settled = (id: string, applied: number): Promise<unknown> =>
    until(async () => {
      const { pending, ...counts } = await metrics(id)
      return pending === 0 && counts.applied === applied
    }, limitMs)

  before(async () => {
    hub = await startHub({
      hubId: 'demo',
      dataDir: '/nowhere',
      store: 'memory',
      broker: 'none',
      listeners: [],
      threaded: false,
      limits: { storeTelemetry: false },
    })
    hub.subscribe(event => {
      if (event.type === 'configuration') told.set(event.id, [...(told.get(event.id) ?? []), event.metrics])
    })
    for (const [i, id] of ids.entries()) await hub.devices.register({ id, tags: { site: siteOf(i) }, desired: { own: i } })
  })
  after(() => hub.close())

  it('are counted exactly, path by path', async () => {
    await hub.configurations.put({ id: 'all', text: '*', priority: 1, desired: { log: 'warn', report: { every: 60 } } })
    await hub.configurations.put({ id: 'site-a', text: 'tags.site:a', priority: 10, desired: { log: 'debug' } })
    await settled('all', 1000)
    await settled('site-a', 200)
    assert.deepEqual(await metrics('all'), { ...none, targeted: 1000, applied: 1000, conflicts: 200 })
    assert.deepEqual(await metrics('site-a'), { ...none, targeted: 200, applied: 200 })
    for (const [i, id] of ids.entries())
      assert.deepEqual(await desired(id), { own: i, log: siteOf(i) === 'a' ? 'debug' : 'warn', report: { every: 60 } }, id)
  })

  it('are told live as counts change, until they stand', async () => {
    for (const id of ['all', 'site-a']) {
      await until(async () => JSON.stringify(told.get(id)?.at(-1)) === JSON.stringify(await metrics(id)), limitMs)
      const steps = told.get(id)!
      for (const { targeted, held, pending, failed, overruled, applied } of steps)
        assert.equal(held + pending + failed + overruled + applied, targeted, id)
      assert.equal(new Set(steps.map(step => JSON.stringify(step))).size, steps.length, 'each once')
    }
  })

  it('converge as devices report', async () => {
    for (const [i, id] of ids.slice(0, 100).entries())
      await hub.twins.report({
        id,
        reported: { log: siteOf(i) === 'a' ? 'debug' : 'warn', ...(i < 50 && { report: { every: 60 } }) },
      })
    assert.deepEqual(await metrics('site-a'), { ...none, targeted: 200, applied: 200, converged: 20 })
    assert.deepEqual(await metrics('all'), { ...none, targeted: 1000, applied: 1000, converged: 50, conflicts: 200 })
    const page = await hub.configurations.devices({ id: 'all', state: 'converged', limit: 49 })
    assert.deepEqual([page.items.length, page.next], [49, ids[48]])
  })

  it('follow a device that leaves one of them, and a device that is gone', async () => {
    await hub.devices.update({ id: ids[0]!, tags: { site: 'b' } })
    await until(async () => (await desired(ids[0]!)).log === 'warn', limitMs)
    assert.deepEqual(await desired(ids[0]!), { own: 0, log: 'warn', report: { every: 60 } })
    assert.deepEqual(await metrics('site-a'), { ...none, targeted: 199, applied: 199, converged: 19 })
    // It still reports what the other one wanted
    assert.deepEqual(await metrics('all'), { ...none, targeted: 1000, applied: 1000, converged: 49, conflicts: 199 })
    await hub.devices.delete({ id: ids[5]! })
    assert.deepEqual(await metrics('site-a'), { ...none, targeted: 198, applied: 198, converged: 18 })
    assert.deepEqual(await metrics('all'), { ...none, targeted: 999, applied: 999, converged: 48, conflicts: 198 })
    await until(() => told.get('site-a')!.at(-1)!.converged === 18 && told.get('all')!.at(-1)!.converged === 48, limitMs)
  })

  it('hold their share, path by path: a canary over both goes first to some, and to all when it is promoted', async () => {
    const there = ids.filter((_, i) => i !== 5)
    const shared = (percent: number) => there.filter(id => inShare('pilot', id, percent))
    const inSiteA = (some: readonly string[]) => some.filter(id => id !== ids[0] && siteOf(ids.indexOf(id)) === 'a').length
    const report = { every: 5 }
    await hub.configurations.put({ id: 'pilot', text: '*', priority: 20, desired: { log: 'trace', report }, canary: 20 })
    for (const percent of [20, 50, 100]) {
      if (percent > 20) await hub.configurations.promote({ id: 'pilot', ...(percent < 100 && { canary: percent }) })
      const some = shared(percent)
      await settled('pilot', some.length)
      await settled('all', 999 - some.length)
      assert.deepEqual(await metrics('pilot'), { ...none, targeted: 999, held: 999 - some.length, applied: some.length })
      const { targeted, overruled, conflicts } = await metrics('all')
      const lostToSiteA = 198 - inSiteA(some)
      assert.deepEqual([targeted, overruled, conflicts], [999, some.length, 2 * some.length + lostToSiteA], `${percent} %`)
      assert.equal((await metrics('site-a')).overruled, inSiteA(some))
      for (const id of there) assert.equal((await desired(id)).log === 'trace', some.includes(id), id)
    }
    await until(() => told.get('pilot')!.at(-1)!.applied === 999, limitMs)
    await hub.configurations.put({ id: 'pilot', text: '*', priority: 20, desired: { log: 'trace', report }, canary: 50 })
    for (const canary of [49.9, 1])
      await assert.rejects(hub.configurations.promote({ id: 'pilot', canary }), {
        code: 'CONFIGURATION_INVALID',
        position: 'canary',
      })
    assert.equal((await hub.configurations.promote({ id: 'pilot', canary: 50 })).canary, 50)
    await hub.configurations.promote({ id: 'pilot' })
    await assert.rejects(hub.configurations.promote({ id: 'pilot', canary: 99 }), { code: 'CONFIGURATION_INVALID' })
    await hub.configurations.delete({ id: 'pilot' })
    await until(() => told.get('pilot')!.at(-1)!.targeted === 0, limitMs)
    await settled('all', 999)
    await settled('site-a', 198)
    assert.deepEqual(await metrics('all'), { ...none, targeted: 999, applied: 999, converged: 48, conflicts: 198 })
    assert.deepEqual(await metrics('site-a'), { ...none, targeted: 198, applied: 198, converged: 18 })
    assert.deepEqual(await desired(ids[1]!), { own: 1, log: 'warn', report: { every: 60 } })
  })

  it('own their paths: what a person writes there is set back, what is beside them stays', async () => {
    await hub.twins.patch({ id: ids[1]!, desired: { log: 'error', hand: true }, by: 'user anna' })
    await until(async () => (await desired(ids[1]!)).log === 'warn', limitMs)
    assert.deepEqual(await desired(ids[1]!), { own: 1, log: 'warn', report: { every: 60 }, hand: true })
  })

  it('say which twins refuse them, and try again when that changes', async () => {
    const full = { filler: 'x'.repeat(32_600) }
    await hub.twins.patch({ id: ids[2]!, desired: full })
    await hub.configurations.put({ id: 'large', text: '*', desired: { text: 'y'.repeat(500) } })
    await until(async () => (await metrics('large')).applied === 998, limitMs)
    await until(async () => (await metrics('large')).failed === 1, limitMs)
    const { items } = await hub.configurations.devices({ id: 'large', state: 'failed' })
    assert.deepEqual(
      items.map(({ device, error }) => [device, error?.code]),
      [[ids[2], 'TWIN_LIMIT']],
    )
    await hub.twins.patch({ id: ids[2]!, desired: { filler: null } })
    await settled('large', 999)
  })

  it('are tried again where a model refused them, once the model, its mode or that of the device is another', async () => {
    const limited = { properties: { rate: { writable: true, schema: { type: 'number', maximum: 10 } } } }
    const counts = async () => {
      const { failed, applied } = await metrics('rate')
      return failed + applied === 3 ? `${failed} ${applied}` : ''
    }
    const stand = (wanted: string) => until(async () => (await counts()) === wanted, limitMs)
    await hub.models.put({ id: 'limited', source: 'none', document: limited, mode: 'strict' })
    for (const id of ids.slice(10, 13)) await hub.devices.update({ id, tags: { rated: 'yes' }, attributes: { model: 'limited' } })
    await hub.configurations.put({ id: 'rate', text: 'tags.rated:yes', desired: { rate: 50 } })
    await stand('3 0')
    await hub.devices.update({ id: ids[10]!, attributes: { model: 'none' } })
    await stand('2 1')
    limited.properties.rate.schema.maximum = 49
    await hub.models.put({ id: 'limited', version: '2', source: 'none', document: limited })
    await stand('2 1')
    await hub.models.attach({ id: 'limited', mode: 'warn' })
    await stand('0 3')
    await hub.configurations.delete({ id: 'rate' })
  })

  it('leave nothing behind when they are removed', async () => {
    for (const id of ['all', 'site-a', 'large']) await hub.configurations.delete({ id })
    await until(async () => {
      const left = await hub.fleet.query({ text: 'shadow.desired.log:* OR shadow.desired.text:*', limit: 1 })
      return left.items.length === 0
    }, limitMs)
    for (const [i, id] of ids.entries())
      if (i !== 5) assert.deepEqual(await desired(id), { own: i, ...(i === 1 && { hand: true }) }, id)
  })
})
