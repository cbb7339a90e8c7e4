import assert from 'node:assert/strict'
import { type RealHub, realHub } from './real-hub.ts'

describe('admin API: fleet queries and dynamic groups', function () {
  this.timeout(30_000)
  let at: RealHub
  before(async () => {
    at = await realHub()
    for (const [i, site] of ['a', 'b', 'a'].entries()) await at.hub.devices.register({ id: `p${i}`, tags: { site } })
    await at.hub.twins.report({ id: 'p2', reported: { t: 40 } })
  })
  after(() => at.close())
  const ids = ({ body }: { body: any }): string[] => body.items.map(({ id }: any) => id)
  const fails = async (method: string, path: string, code: string, body?: object) => {
    const answer = await at.call(method, path, body ? { body } : {})
    assert.equal(answer.body.error?.code, code, `${method} ${path}: ${answer.status}`)
    return answer
  }

  it('finds devices in every syntax, page by page', async () => {
    const first = await at.call('POST', '/fleet/query', { body: { text: 'tags.site:a', limit: 1 } })
    assert.deepEqual(ids(first), ['p0'])
    const second = await at.call('POST', '/fleet/query', { body: { text: 'tags.site:a', cursor: first.body.next } })
    assert.deepEqual([ids(second), second.body.next], [['p2'], undefined])
    const text = 'SELECT deviceId FROM devices WHERE properties.reported.t > 30'
    const columns = await at.call('POST', '/fleet/query', { body: { dialect: 'azure', text } })
    assert.deepEqual(columns.body, { items: [{ deviceId: 'p2' }] })
    const ast = { op: 'exists', path: 'twin.reported.t' }
    assert.deepEqual(ids(await at.call('POST', '/fleet/query', { body: { ast } })), ['p2'])
    assert.deepEqual(ids(await at.call('GET', `/devices?dialect=aws&query=${encodeURIComponent('tags.site:b')}`)), ['p1'])
    assert.deepEqual(ids(await at.call('GET', '/devices?query=tags.site:b')), ['p1'])
  })

  it('says where a query is wrong, with its status', async () => {
    const wrong = await fails('POST', '/fleet/query', 'QUERY_SYNTAX', { text: 'tags.site:[1 2]' })
    assert.deepEqual([wrong.status, wrong.body.error.position], [400, 13])
    assert.equal(
      (await fails('POST', '/fleet/query', 'QUERY_LIMIT', { text: `${'('.repeat(21)}*${')'.repeat(21)}` })).status,
      413,
    )
    await fails('GET', '/devices?dialect=azure&query=nothing', 'QUERY_SYNTAX')
    await fails('GET', '/devices?dialect=sql&query=x', 'REQUEST_INVALID')
  })

  it('has figures', async () => {
    const aggregate = { group: ['tags.site'], figures: { n: { fn: 'count' } } }
    assert.deepEqual((await at.call('POST', '/fleet/aggregate', { body: { text: '*', aggregate } })).body.items, [
      { 'tags.site': 'a', n: 2 },
      { 'tags.site': 'b', n: 1 },
    ])
    assert.equal((await at.call('GET', '/fleet')).body.devices, 3)
  })

  it('takes a dynamic group through its life, under its etag', async () => {
    const made = await at.call('POST', '/fleet/groups', { body: { id: 'site-a', text: 'tags.site:a' } })
    assert.deepEqual([made.status, made.body.members], [201, 2])
    assert.deepEqual((await at.call('GET', '/fleet/groups/site-a/members')).body, { items: ['p0', 'p2'] })
    const headers = { 'if-match': made.headers.get('etag')! }
    const changed = await at.call('PATCH', '/fleet/groups/site-a', { body: { text: 'tags.site:b' }, headers })
    assert.equal(changed.body.members, 1)
    assert.equal(
      (await at.call('PATCH', '/fleet/groups/site-a', { body: { text: '*' }, headers })).body.error.code,
      'GROUP_CONFLICT',
    )
    assert.deepEqual(ids(await at.call('GET', '/fleet/groups')), ['site-a'])
    await fails('POST', '/groups/site-a/members', 'GROUP_DYNAMIC', { devices: ['p0'] })
    assert.equal((await at.call('DELETE', '/fleet/groups/site-a')).status, 204)
    await fails('GET', '/fleet/groups/site-a', 'GROUP_NOT_FOUND')
  })
})
