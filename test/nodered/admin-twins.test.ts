import assert from 'node:assert/strict'
import { gzipSync } from 'node:zlib'
import type { HubEvent } from '../../src/hub/hub.ts'
import { until } from '../until.ts'
import { type RealHub, realHub } from './real-hub.ts'

describe('admin API: twins', function () {
  this.timeout(30_000)
  let at: RealHub
  beforeEach(async () => {
    at = await realHub()
    await at.call('POST', '/devices', { body: { id: 'pump', tags: { site: 'a' }, desired: { speed: 1 } } })
  })
  afterEach(() => at.close())

  const fails = async (
    method: string,
    path: string,
    code: string,
    o: { body?: unknown; headers?: Record<string, string> } = {},
  ) => {
    const { status, body } = await at.call(method, path, o)
    assert.equal(body.error?.code, code, `${method} ${path}: ${status} ${JSON.stringify(body)}`)
    return status
  }
  const change = (method: string, path: string, body: unknown, headers = {}) =>
    at.call(method, path, { body, headers, as: 'anna' })

  it('shows the twin of a device, with the times of its members if asked', async () => {
    const { body, headers } = await at.call('GET', '/devices/pump/twin')
    assert.deepEqual([body.name, body.desired, body.reported, body.delta], ['', { speed: 1 }, {}, { speed: 1 }])
    assert.deepEqual([body.tags, body.version, body.metadata], [{ site: 'a' }, 1, undefined])
    assert.equal(headers.get('etag'), `"${body.etag}"`)
    const { metadata } = (await at.call('GET', '/devices/pump/twin?metadata=true')).body
    assert.deepEqual([metadata.desired.speed.$version, metadata.desired.speed.$at > 1e12], [2, true])
    assert.equal(await fails('GET', '/devices/none/twin', 'IDENTITY_NOT_FOUND'), 404)
  })

  it('merges and replaces desired properties and tags', async () => {
    const merged = await change('PATCH', '/devices/pump/twin', { desired: { speed: null, mode: 'b' }, tags: { line: 2 } })
    assert.deepEqual([merged.body.desired, merged.body.tags, merged.body.version], [{ mode: 'b' }, { site: 'a', line: 2 }, 2])
    const replaced = await change('PUT', '/devices/pump/twin', { desired: { x: 1 }, tags: {} })
    assert.deepEqual([replaced.body.desired, replaced.body.tags], [{ x: 1 }, {}])
    assert.deepEqual((await change('PATCH', '/devices/pump/twin', { desired: null })).body.desired, {})
    const entries = (await at.call('GET', '/audit?target=pump')).body.items
    assert.ok(entries.filter((one: any) => one.action === 'twin.update' && one.actor === 'user anna').length === 3)
  })

  it('refuses a member that stands twice in an object, and names it', async () => {
    const send = async (method: string, path: string, text: string, headers = {}, body: BodyInit = text) => {
      const response = await fetch(at.url(path), { method, headers: { 'content-type': 'application/json', ...headers }, body })
      return [response.status, ((await response.json()) as any).error?.message ?? '']
    }
    const twice = '{"desired": {"a": [{"b": ":"}, {"b": 1}], "c\\u0064": 1, "cd": 2}}'
    const zipped = { 'content-encoding': 'gzip' }
    for (const [method, path, text, headers, body] of [
      ['PATCH', '/devices/pump/twin', twice],
      ['PATCH', '/devices/pump/Twin/', twice],
      ['PATCH', '/devices/pump/twin', twice, zipped, gzipSync(twice)],
      ['PUT', '/devices/pump/twin', twice],
      ['PATCH', '/devices/pump/shadows/s', twice],
      ['PATCH', '/devices/pump', '{"tags": {"cd": 1, "cd": 1}}'],
      ['POST', '/devices', '{"id": "p2", "tags": {"cd": 1, "cd": 1}}'],
    ] as [string, string, string, object?, Buffer<ArrayBuffer>?][]) {
      const [status, message] = await send(method, path, text, headers, body)
      assert.equal(status, 400, `${method} ${path}`)
      assert.match(String(message), /"cd" stands twice/)
    }
    assert.deepEqual((await at.call('GET', '/devices/pump/twin')).body.desired, { speed: 1 })
    const once = '{"desired": {"a": {"a": [{"a": "\\"a\\": {"}, {"a": 2}]}}}'
    assert.deepEqual(await send('PATCH', '/devices/pump/twin', once), [200, ''])
    assert.deepEqual(await send('PATCH', '/devices/pump/twin', once, zipped, gzipSync(once)), [200, ''])
  })

  it('takes the same tags as those of a device and as those of its twin', async () => {
    const tooMany = { x: 'x'.repeat(8200) }
    const deep = JSON.parse(`${'{"a":'.repeat(40)}1${'}'.repeat(40)}`)
    for (const [tags, code] of [
      [tooMany, 'TWIN_LIMIT'],
      [deep, 'TWIN_LIMIT'],
      [{ $x: 1 }, 'TWIN_INVALID'],
      [{ a: { '': 1 } }, 'TWIN_INVALID'],
    ] as const) {
      await fails('PATCH', '/devices/pump', code, { body: { tags } })
      await fails('PATCH', '/devices/pump/twin', code, { body: { tags } })
      await fails('POST', '/devices', code, { body: { id: 'p3', tags } })
    }
    await fails('GET', '/devices/p3', 'IDENTITY_NOT_FOUND')
    assert.deepEqual((await at.call('GET', '/devices/pump')).body.tags, { site: 'a' })
  })

  it('changes nothing under an etag that is old, of twin or tags', async () => {
    const before = (await at.call('GET', '/devices/pump/twin')).headers.get('etag')!
    const after = await change('PATCH', '/devices/pump/twin', { tags: { line: 1 } }, { 'if-match': before })
    assert.equal(after.status, 200)
    for (const method of ['PATCH', 'PUT'])
      assert.equal(
        await fails(method, '/devices/pump/twin', 'TWIN_VERSION_CONFLICT', {
          body: { desired: { speed: 9 } },
          headers: { 'if-match': before },
        }),
        409,
      )
    assert.deepEqual((await at.call('GET', '/devices/pump/twin')).body.desired, { speed: 1 })
    const now = after.headers.get('etag')!
    assert.equal((await change('PATCH', '/devices/pump/twin', { desired: { speed: 2 } }, { 'if-match': now })).status, 200)
  })

  it('takes named twins through their life, by every name that a dialect has', async () => {
    for (const name of ['config', 'a.b', 'c:d', 'module:cam'])
      assert.equal(
        (await change('PATCH', `/devices/pump/shadows/${encodeURIComponent(name)}`, { desired: { n: name } })).status,
        200,
      )
    const listed = (await at.call('GET', '/devices/pump/shadows')).body.items
    assert.deepEqual(
      listed.map(({ name, desired }: any) => [name, desired.n]),
      ['a.b', 'c:d', 'config', 'module:cam'].map(name => [name, name]),
    )
    const { body, headers } = await at.call('GET', '/devices/pump/shadows/config')
    assert.deepEqual([body.name, body.tags], ['config', undefined])
    await fails('DELETE', '/devices/pump/shadows/config', 'TWIN_VERSION_CONFLICT', { headers: { 'if-match': '"99"' } })
    const gone = await at.call('DELETE', '/devices/pump/shadows/config', { headers: { 'if-match': headers.get('etag')! } })
    assert.equal(gone.status, 204)
    const emptied = (await at.call('GET', '/devices/pump/shadows/config')).body
    assert.deepEqual([emptied.exists, emptied.desired, emptied.version], [false, {}, 1])
    assert.equal(await fails('DELETE', '/devices/pump/shadows/config', 'TWIN_NOT_FOUND'), 404)
    assert.equal(await fails('GET', '/devices/pump/shadows/none', 'TWIN_NOT_FOUND'), 404)
  })

  it('refuses what is no patch, and names it', async () => {
    for (const body of [{ desired: 0 }, { desired: '' }, { tags: false }, { tags: [] }, { reported: {} }])
      assert.equal(await fails('PATCH', '/devices/pump/twin', 'REQUEST_INVALID', { body }), 400)
    await fails('PUT', '/devices/pump/twin', 'REQUEST_INVALID', { body: { desired: null } })
    await fails('PATCH', '/devices/pump/shadows/x', 'REQUEST_INVALID', { body: { tags: {} } })
    await fails('PATCH', '/devices/pump/shadows/a%20b', 'TWIN_INVALID', { body: { desired: { a: 1 } } })
    await fails('PATCH', '/devices/pump/twin', 'TWIN_INVALID', { body: { desired: { $a: 1 } } })
    assert.equal(await fails('PATCH', '/devices/pump/twin', 'TWIN_LIMIT', { body: { desired: { a: 'x'.repeat(40_000) } } }), 413)
    assert.deepEqual((await at.call('GET', '/devices/pump/twin')).body.desired, { speed: 1 })
  })

  it('tells who looks on of each change, without its values', async () => {
    const events: HubEvent[] = []
    at.hub.subscribe(event => void (event.type === 'twin' && events.push(event)))
    await change('PATCH', '/devices/pump/twin', { desired: { speed: 7 }, tags: { line: 3 } })
    await change('PATCH', '/devices/pump/twin', { desired: { speed: 7 } })
    await change('PATCH', '/devices/pump/shadows/config', { desired: { a: 1 } })
    await change('DELETE', '/devices/pump/shadows/config', undefined)
    await at.call('POST', '/devices', { body: { id: 'fan', desired: { on: true } } })
    await until(() => events.length === 5)
    assert.deepEqual(
      events.map(event => event.type === 'twin' && [event.device, event.name, event.section, event.version, event.by]),
      [
        ['pump', '', 'desired', 2, 'user anna'],
        ['pump', '', 'tags', 0, 'user anna'],
        ['pump', 'config', 'desired', 1, 'user anna'],
        ['pump', 'config', 'desired', 1, 'user anna'],
        ['fan', '', 'desired', 1, 'admin api'],
      ],
    )
    assert.deepEqual([...new Set(events.flatMap(event => Object.keys(event)))].sort(), [
      'at',
      'by',
      'device',
      'name',
      'section',
      'type',
      'version',
    ])
  })

  it('a device that is deleted takes all its twins with it, and one of that id begins anew', async () => {
    await change('PATCH', '/devices/pump/shadows/config', { desired: { a: 1 } })
    assert.equal((await at.call('DELETE', '/devices/pump')).status, 204)
    await fails('GET', '/devices/pump/shadows/config', 'IDENTITY_NOT_FOUND')
    await at.call('POST', '/devices', { body: { id: 'pump' } })
    await fails('GET', '/devices/pump/shadows/config', 'TWIN_NOT_FOUND')
    assert.equal((await at.call('GET', '/devices/pump/twin')).body.version, 0)
    await change('PATCH', '/devices/pump/shadows/config', { desired: { b: 1 } })
    assert.equal((await at.call('GET', '/devices/pump/shadows/config')).body.version, 1)
  })
})
