import assert from 'node:assert/strict'
import { until } from '../until.ts'
import { type RealHub, realHub } from './real-hub.ts'

describe('admin API: fleet configurations', function () {
  this.timeout(60_000)
  let at: RealHub
  before(async () => {
    at = await realHub()
    for (const [i, site] of ['a', 'b', 'a'].entries()) await at.hub.devices.register({ id: `p${i}`, tags: { site } })
  })
  after(() => at.close())

  it('are made, read, promoted and removed under their etag', async () => {
    const body = { text: 'tags.site:a', priority: 5, desired: { log: 'warn' }, canary: 0.00001 }
    const made = await at.call('PUT', '/configurations/log', { body, as: 'anna' })
    assert.deepEqual([made.status, made.body.version, made.body.canary], [200, 1, 0.00001])
    const headers = { 'if-match': made.headers.get('etag')! }
    assert.equal((await at.call('GET', '/configurations/log/metrics')).body.held, 2)
    const promoted = await at.call('POST', '/configurations/log/promote', { body: {}, headers })
    assert.equal(promoted.status, 200)
    assert.equal((await at.call('PUT', '/configurations/log', { body, headers })).body.error.code, 'CONFIGURATION_CONFLICT')
    await until(async () => (await at.call('GET', '/configurations/log/metrics')).body.applied === 2, 30_000)
    const { body: devices } = await at.call('GET', '/configurations/log/devices?state=applied&limit=1')
    assert.deepEqual(devices, { items: [{ device: 'p0', standing: 'applied', lost: [] }], next: 'p0' })
    assert.deepEqual((await at.call('GET', '/configurations/log/devices?state=failed')).body.items, [])
    assert.deepEqual(
      (await at.call('GET', '/configurations')).body.items.map(({ id }: { id: string }) => id),
      ['log'],
    )
    assert.equal((await at.call('DELETE', '/configurations/log')).status, 204)
    await until(async () => Object.keys((await at.call('GET', '/devices/p0/twin')).body.desired).length === 0, 30_000)
    const gone = await at.call('GET', '/configurations/log')
    assert.deepEqual([gone.status, gone.body.error.code], [404, 'CONFIGURATION_NOT_FOUND'])
    const { items } = await at.hub.audit.query({ target: 'log' })
    assert.deepEqual(
      items.map(({ action }) => action),
      ['configuration.delete', 'configuration.promote', 'configuration.put'],
    )
    assert.equal(items[2]!.actor, 'user anna')
  })

  it('say what is wrong with them', async () => {
    const put = async (body: object) => (await at.call('PUT', '/configurations/bad', { body })).body.error.code
    assert.equal(await put({ text: '*' }), 'REQUEST_INVALID')
    assert.equal(await put({ text: '*', desired: { a: null } }), 'CONFIGURATION_INVALID')
    assert.equal(await put({ text: 'a:[1', desired: { a: 1 } }), 'QUERY_SYNTAX')
    assert.equal((await at.call('GET', '/configurations/none/metrics')).body.error.code, 'CONFIGURATION_NOT_FOUND')
    assert.equal((await at.call('GET', '/configurations/none/devices?state=odd')).body.error.code, 'REQUEST_INVALID')
  })
})
