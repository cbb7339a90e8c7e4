import assert from 'node:assert/strict'
import { type RealHub, realHub } from './real-hub.ts'

const rec = (...fields: object[]): string => JSON.stringify({ type: 'record', name: 'R', fields })
const a = { name: 'a', type: 'int' }
const b = { name: 'b', type: 'string' }
const media = 'application/vnd.schemaregistry.v1+json'

describe('admin API: schemas', function () {
  this.timeout(30_000)
  let at: RealHub
  beforeEach(async () => {
    at = await realHub()
  })
  afterEach(() => at.close())

  const ask = async (method: string, path: string, body?: unknown, type = media) => {
    const answer = await fetch(at.url(`/registry${path}`), {
      method,
      headers: { accept: media, ...(body !== undefined && { 'content-type': type }) },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    })
    assert.match(answer.headers.get('content-type') ?? '', /^application\/vnd\.schemaregistry\.v1\+json/, `${method} ${path}`)
    return { status: answer.status, body: (await answer.json()) as any }
  }
  const register = (subject: string, schema: string, more: object = {}) =>
    ask('POST', `/subjects/${encodeURIComponent(subject)}/versions`, { schema, ...more })

  it('registers, shows and deletes as clients of registries ask for it', async () => {
    assert.deepEqual(await register('room/value', rec(a)), { status: 200, body: { id: 1 } })
    assert.deepEqual(await register('room/value', rec(a)), { status: 200, body: { id: 1 } })
    const json = await ask(
      'POST',
      '/subjects/j/versions?normalize=true',
      { schema: '{}', schemaType: 'JSON' },
      'application/json',
    )
    assert.equal(json.body.id, 2)
    assert.deepEqual((await ask('GET', '/schemas/ids/1')).body, { schema: rec(a) })
    assert.deepEqual((await ask('GET', '/schemas/ids/2')).body, { schema: '{}', schemaType: 'JSON' })
    assert.deepEqual((await ask('GET', '/subjects')).body, ['j', 'room/value'])
    assert.deepEqual((await ask('GET', '/subjects/room%2Fvalue/versions')).body, [1])
    const version = { subject: 'room/value', id: 1, version: 1, schema: rec(a) }
    for (const one of ['1', 'latest', '-1'])
      assert.deepEqual((await ask('GET', `/subjects/room%2Fvalue/versions/${one}`)).body, version)
    assert.deepEqual((await ask('POST', '/subjects/room%2Fvalue', { schema: rec(a) })).body, version)
    assert.deepEqual((await ask('DELETE', '/subjects/room%2Fvalue/versions/latest')).body, 1)
    assert.deepEqual((await ask('DELETE', '/subjects/j')).body, [1])
    assert.deepEqual((await ask('GET', '/subjects')).body, [])
    assert.deepEqual((await ask('GET', '/schemas/ids/1')).status, 200)
    assert.deepEqual((await ask('GET', '/schemas/types')).body, ['AVRO', 'PROTOBUF', 'JSON'])
  })

  it('answers faults with the numbers that clients know', async () => {
    await register('x', rec(a))
    const faults: [number, number, string, string, unknown?][] = [
      [404, 40401, 'GET', '/subjects/none/versions'],
      [404, 40401, 'GET', '/subjects/none/versions/1'],
      [404, 40401, 'POST', '/subjects/none', { schema: rec(a) }],
      [404, 40401, 'DELETE', '/subjects/none'],
      [404, 40402, 'GET', '/subjects/x/versions/9'],
      [404, 40402, 'DELETE', '/subjects/x/versions/9'],
      [404, 40402, 'POST', '/compatibility/subjects/x/versions/9', { schema: rec(a) }],
      [404, 40403, 'GET', '/schemas/ids/9'],
      [404, 40403, 'POST', '/subjects/x', { schema: rec(b) }],
      [404, 40408, 'GET', '/config/x'],
      [409, 409, 'POST', '/subjects/x/versions', { schema: rec(a, b) }],
      [422, 42201, 'POST', '/subjects/x/versions', { schema: '{' }],
      [422, 42202, 'GET', '/subjects/x/versions/0'],
      [422, 42202, 'GET', '/subjects/x/versions/newest'],
      [422, 42203, 'PUT', '/config', { compatibility: 'SOME' }],
      [422, 42203, 'PUT', '/config/x', { compatibility: 'SOME' }],
      [400, 400, 'POST', '/subjects/x/versions', '{'],
      [400, 400, 'POST', '/subjects/x/versions', {}],
    ]
    for (const [status, number, method, path, body] of faults) {
      const answer = await ask(method, path, body)
      assert.deepEqual(
        [answer.status, answer.body.error_code, typeof answer.body.message],
        [status, number, 'string'],
        `${method} ${path}`,
      )
    }
    assert.match((await register('x', rec(a, b))).body.message, /\/b is new and has no default/)
  })

  it('takes the queries of all clients: Booleans of any case, and what means nothing here', async () => {
    assert.equal((await ask('POST', '/subjects/x/versions?normalize=False&toString=1&format=', { schema: rec(a) })).body.id, 1)
    assert.deepEqual((await ask('GET', '/subjects?deleted=False&subjectPrefix=x')).body, ['x'])
    assert.equal((await ask('GET', '/schemas/ids/1?format=serialized&subject=x')).body.schema, rec(a))
    assert.equal((await ask('GET', '/config/x?defaultToGlobal=TRUE')).body.compatibilityLevel, 'BACKWARD')
    assert.equal((await ask('GET', '/config/x?defaultToGlobal=False')).body.error_code, 40408)
    assert.equal((await ask('GET', '/config/x?defaultToGlobal=perhaps')).body.error_code, 400)
    assert.deepEqual((await ask('DELETE', '/subjects/x?permanent=False')).body, [1])
    assert.equal((await at.call('GET', '/schemas?deleted=false')).body.error.code, 'REQUEST_INVALID')
  })

  it('deletes for good in a second step, with the numbers that clients know', async () => {
    await register('x', rec(a))
    await register('x', rec(a, { ...b, default: '' }))
    const reference = { name: 'R', subject: 'x', version: 1 }
    const holder = JSON.stringify({ type: 'record', name: 'Holder', fields: [{ name: 'r', type: 'R' }] })
    await register('holder', holder, { references: [reference] })
    const steps: [number, unknown, string][] = [
      [404, 40405, 'x?permanent=true'],
      [404, 40407, 'x/versions/2?permanent=true'],
      [404, 40407, 'x/versions/latest?permanent=True'],
      [200, 2, 'x/versions/latest'],
      [404, 40406, 'x/versions/2'],
      [404, 40405, 'x?permanent=true'],
      [200, 2, 'x/versions/2?permanent=true'],
      [404, 40402, 'x/versions/2?permanent=true'],
      [200, [1], 'x?permanent=false'],
      [404, 40404, 'x'],
      [422, 42206, 'x?permanent=true'],
      [200, [1], 'holder'],
      [200, [1], 'holder?permanent=true'],
      [200, [1], 'x?permanent=true'],
      [404, 40401, 'x?permanent=true'],
      [404, 40401, 'x/versions/1?permanent=true'],
      [422, 42202, 'x/versions/0?permanent=true'],
    ]
    for (const [at, [status, told, path]] of steps.entries()) {
      const answer = await ask('DELETE', `/subjects/${path}`)
      assert.deepEqual([answer.status, answer.body.error_code ?? answer.body], [status, told], `${at}: ${path}`)
    }
    assert.equal((await ask('GET', '/schemas/ids/1')).body.error_code, 40403)
  })

  it('answers in the form of registries what it does not have', async () => {
    for (const [status, method, path] of [
      [404, 'GET', ''],
      [404, 'GET', '/mode'],
      [404, 'GET', '/schemas/ids/1/versions'],
      [405, 'PUT', '/subjects'],
    ] as const) {
      const answer = await ask(method, path)
      assert.deepEqual([answer.status, answer.body.error_code, typeof answer.body.message], [status, status, 'string'], path)
    }
    assert.equal((await at.call('GET', '/registry-of-others')).body.error.code, 'NOT_FOUND')
  })

  it('checks compatibility and keeps the mode of each subject', async () => {
    await register('x', rec(a))
    const verdict = async (schema: string) => (await ask('POST', '/compatibility/subjects/x/versions/latest', { schema })).body
    assert.deepEqual(await verdict(rec(a)), { is_compatible: true })
    assert.deepEqual(await verdict(rec(a, b)), { is_compatible: false, messages: ['/b is new and has no default'] })
    assert.deepEqual((await ask('PUT', '/config/x', { compatibility: 'forward' })).body, { compatibility: 'FORWARD' })
    assert.deepEqual(await verdict(rec(a, b)), { is_compatible: true })
    assert.equal((await ask('GET', '/config/x')).body.compatibilityLevel, 'FORWARD')
    assert.equal((await ask('GET', '/config')).body.compatibilityLevel, 'BACKWARD')
    assert.equal((await ask('DELETE', '/config/x')).body.compatibilityLevel, 'BACKWARD')
    assert.equal((await ask('GET', '/config/x?defaultToGlobal=true')).body.compatibilityLevel, 'BACKWARD')
    await ask('PUT', '/config', { compatibility: 'NONE' })
    assert.deepEqual(await verdict('"string"'), { is_compatible: true })
  })

  it('lists subjects and registers in our own form, and keeps the settings', async () => {
    const made = await at.call('POST', '/schemas', { body: { subject: 'x', schema: rec(a) }, as: 'anna' })
    assert.deepEqual([made.status, made.body.version, made.body.by], [201, 1, 'user anna'])
    assert.deepEqual((await at.call('GET', '/schemas?prefix=x')).body, { items: [{ subject: 'x', type: 'AVRO', versions: [1] }] })
    const wrong = await at.call('POST', '/schemas', { body: { subject: 'x', schema: rec(a, b) } })
    assert.deepEqual([wrong.status, wrong.body.error.code, wrong.body.error.position], [409, 'SCHEMA_INCOMPATIBLE', '/b'])
    assert.deepEqual((await at.call('GET', '/schema-settings')).body, { compatibility: 'BACKWARD', replay: 'offer' })
    const set = await at.call('PUT', '/schema-settings', { body: { replay: 'start' } })
    assert.deepEqual(set.body, { compatibility: 'BACKWARD', replay: 'start' })
  })
})
