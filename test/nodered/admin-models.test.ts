import assert from 'node:assert/strict'
import { lamp } from '../twin/model/samples.ts'
import { type RealHub, realHub } from './real-hub.ts'

describe('admin API: device models', function () {
  this.timeout(30_000)
  let at: RealHub
  before(async () => {
    at = await realHub()
    await at.hub.devices.register({ id: 'lamp-1', attributes: { model: 'urn:example:lamp' } })
  })
  after(() => at.close())
  const fails = async (method: string, path: string, code: string, body?: object) => {
    const answer = await at.call(method, path, body ? { body } : {})
    assert.equal(answer.body.error?.code, code, `${method} ${path}: ${answer.status}`)
    return answer
  }

  it('adds versions that do not change, lists and shows them', async () => {
    const made = await at.call('POST', '/models', { body: { source: 'wot', document: lamp } })
    assert.deepEqual([made.status, made.body.name, made.body.mode], [201, 'urn:example:lamp;1.2.0', 'warn'])
    assert.equal((await at.call('POST', '/models', { body: { source: 'wot', document: lamp } })).status, 201)
    await fails('POST', '/models', 'MODEL_EXISTS', { source: 'wot', document: { ...lamp, title: 'Other' } })
    await at.call('POST', '/models', { body: { source: 'wot', document: lamp, version: '1.10', short: { b: 'brightness' } } })
    const { body } = await at.call('GET', '/models?prefix=urn:')
    assert.deepEqual(
      body.items.map(({ version }: any) => version),
      ['1.10', '1.2.0'],
    )
    const page = await at.call('GET', '/models?limit=1')
    assert.deepEqual(
      (await at.call('GET', `/models?cursor=${encodeURIComponent(page.body.next)}`)).body.items[0].version,
      '1.2.0',
    )
    const one = (await at.call('GET', '/models/urn:example:lamp?version=1.2.0')).body
    assert.deepEqual([one.document, one.model.properties.brightness.unit], [lamp, 'percent'])
    assert.deepEqual((await at.call('GET', '/models/urn:example:lamp')).body.short, { b: 'brightness' })
    await fails('GET', '/models/none', 'MODEL_UNKNOWN')
  })

  it('says where a document is wrong', async () => {
    const document = { ...lamp, properties: { a: { type: 'string', pattern: '(a+)+' } } }
    const wrong = await fails('POST', '/models', 'MODEL_INVALID', { id: 'x', source: 'wot', document })
    assert.deepEqual([wrong.status, wrong.body.error.position], [400, 'properties.a.pattern'])
    await fails('POST', '/models', 'REQUEST_INVALID', { source: 'xml', document: {} })
  })

  it('says how models count, and which a device follows', async () => {
    const followed = async () => (await at.call('GET', '/devices/lamp-1/model')).body
    assert.deepEqual(await followed(), {
      ...{ by: 'registry', name: 'urn:example:lamp', known: true, version: '1.10', mode: 'warn', closed: false },
    })
    const { body } = await at.call('PATCH', '/models/urn:example:lamp', { body: { mode: 'strict' } })
    assert.deepEqual(body, { mode: 'strict', closed: false })
    const refused = await fails('PATCH', '/devices/lamp-1/twin', 'TWIN_INVALID', { desired: { brightness: 101 } })
    assert.equal(refused.body.error.position, 'desired.brightness')
    await at.call('PUT', '/model-settings', { body: { default: 'urn:example:lamp;1.10' } })
    await at.hub.devices.register({ id: 'other' })
    assert.equal((await at.call('GET', '/devices/other/model')).body.by, 'hub')
    await fails('DELETE', '/models/urn:example:lamp?version=1.10', 'MODEL_IN_USE')
    await fails('PUT', '/model-settings', 'REQUEST_INVALID', { default: 7 })
    assert.deepEqual((await at.call('PUT', '/model-settings', { body: { default: null } })).body, {})
  })

  it('checks a sample without storing it', async () => {
    const { body } = await at.call('POST', '/model-checks', { body: { model: 'urn:example:lamp', telemetry: { b: 'x' } } })
    assert.deepEqual(body, {
      valid: false,
      faults: [{ path: 'brightness', rule: 'type', message: 'must be integer' }],
      values: { brightness: 'x' },
    })
  })

  it('deletes one version, or all', async () => {
    assert.equal((await at.call('DELETE', '/models/urn:example:lamp?version=1.10')).status, 204)
    assert.equal((await at.call('GET', '/devices/lamp-1/model')).body.version, '1.2.0')
    assert.equal((await at.call('DELETE', '/models/urn:example:lamp')).status, 204)
    assert.equal((await at.call('GET', '/devices/lamp-1/model')).body.known, false)
  })
})
