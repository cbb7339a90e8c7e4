import assert from 'node:assert/strict'
import { avroFormat } from '../../src/codec/registry/avro-format.ts'
import { jsonFormat } from '../../src/codec/registry/json-format.ts'
import { openSchemaRegistry, type SchemaRegistry } from '../../src/codec/registry/registry.ts'
import type { StateStore } from '../../src/storage/state-store.ts'
import { openMemoryStateStore } from '../../src/stores/memory/state-store.ts'

const rec = (...fields: object[]): string => JSON.stringify({ type: 'record', name: 'R', fields })
const a = { name: 'a', type: 'int' }
const b = { name: 'b', type: 'string', default: '' }

describe('registry of schemas', () => {
  let state: StateStore
  let registry: SchemaRegistry
  const open = async (): Promise<void> => {
    registry = await openSchemaRegistry({
      state,
      load: async type => (type === 'JSON' ? jsonFormat : avroFormat),
      now: () => 5,
      audit: ({ action, target }) => ({ op: 'put', coll: 'audited', id: `${action} ${target}`, doc: {} }),
    })
  }
  beforeEach(async () => {
    state = await openMemoryStateStore({ now: () => 1 })
    await state.declare('audited', {})
    await open()
  })
  const register = async (subject: string, schema: string, more: object = {}) =>
    (await registry.register({ subject, schema, ...more })).version

  it('numbers versions of a subject and gives a schema one id wherever it is', async () => {
    const one = await register('x', rec(a), { by: 'me' })
    assert.deepEqual(one, {
      id: 1,
      subject: 'x',
      version: 1,
      type: 'AVRO',
      schema: rec(a),
      references: [],
      fingerprints: one.fingerprints,
      createdAt: 5,
      by: 'me',
    })
    assert.equal(one.fingerprints.crc64!.length, 16)
    assert.deepEqual([(await register('x', rec(a, b))).id, (await register('y', rec(a))).id], [2, 1])
    const same = await registry.register({ subject: 'x', schema: JSON.stringify(JSON.parse(rec(a)), null, 2) })
    assert.deepEqual([same.created, same.version.version], [false, 1])
    assert.ok(await state.get('audited', 'schema.register x'))
  })

  it('tells schemas apart that differ in defaults only, under one fingerprint', async () => {
    const one = await register('x', rec(a))
    const two = await register('x', rec({ ...a, default: 7 }))
    assert.notEqual(one.id, two.id)
    assert.deepEqual(one.fingerprints, two.fingerprints)
    assert.equal((await registry.get({ fingerprint: one.fingerprints.crc64!.toUpperCase() }))!.id, two.id)
  })

  it('finds by id, fingerprint, version, latest and by the schema itself', async () => {
    const one = await register('x', rec(a))
    const two = await register('x', rec(a, b))
    for (const [asked, version] of [
      [{ id: 1 }, 1],
      [{ fingerprint: one.fingerprints.sha256 }, 1],
      [{ subject: 'x', version: 1 }, 1],
      [{ subject: 'x', version: 'latest' }, 2],
      [{ subject: 'x' }, 2],
    ] as const)
      assert.equal((await registry.get(asked))?.version, version, JSON.stringify(asked))
    for (const asked of [{ id: 9 }, { fingerprint: '00' }, { subject: 'x', version: 9 }, { subject: 'z' }])
      assert.equal(await registry.get(asked), undefined)
    assert.equal((await registry.find({ subject: 'x', schema: rec(a, b) }))?.version, two.version)
    assert.equal(await registry.find({ subject: 'x', schema: rec(b) }), undefined)
  })

  it('remembers all of it', async () => {
    await register('x', rec(a))
    await register('x', rec(a, b))
    await registry.setCompatibility({ subject: 'x', mode: 'FULL' })
    await registry.setSettings({ compatibility: 'NONE', replay: 'start' })
    await registry.delete({ subject: 'x', version: 1 })
    const before = [await registry.get({ id: 1 }), await registry.get({ id: 2 }), registry.list({})]
    await open()
    assert.deepEqual([await registry.get({ id: 1 }), await registry.get({ id: 2 }), registry.list({})], before)
    assert.deepEqual(registry.compatibility({ subject: 'x' }), { mode: 'FULL', own: true })
    assert.deepEqual(registry.compatibility({ subject: 'y' }), { mode: 'NONE', own: false })
    assert.equal(registry.settings.replay, 'start')
    assert.equal((await register('x', rec(a))).id, 1)
    assert.equal((await register('new', '"string"')).id, 3)
  })

  it('refuses what the mode of the subject refuses, with the path, and stores nothing', async () => {
    await register('x', rec(a))
    const next = { subject: 'x', schema: rec(a, { name: 'c', type: 'int' }) }
    await assert.rejects(registry.register(next), {
      code: 'SCHEMA_INCOMPATIBLE',
      position: '/c',
      message: /\/c is new and has no default \(against version 1\)/,
    })
    assert.deepEqual(registry.list({}).items[0]!.versions, [1])
    assert.deepEqual(await registry.check(next), {
      compatible: false,
      faults: [{ version: 1, path: '/c', reason: 'is new and has no default' }],
    })
    await registry.setCompatibility({ subject: 'x', mode: 'FORWARD' })
    assert.equal((await registry.check(next)).compatible, true)
    await registry.setCompatibility({ subject: 'x', mode: null })
    await registry.setSettings({ compatibility: 'NONE' })
    assert.equal((await register('x', next.schema)).version, 2)
    await registry.setSettings({ compatibility: 'BACKWARD' })
    await assert.rejects(registry.register({ subject: 'x', schema: 'true', type: 'JSON' }), {
      code: 'SCHEMA_INCOMPATIBLE',
      message: /another format/,
    })
  })

  it('deletes versions for those who ask for the newest, not for those who hold the id', async () => {
    const one = await register('x', rec(a))
    await register('x', rec(a, b))
    assert.deepEqual(await registry.delete({ subject: 'x', version: 'latest' }), [2])
    assert.equal((await registry.get({ subject: 'x' }))!.version, 1)
    assert.equal((await registry.get({ id: 2 }))!.deleted, true)
    assert.equal((await register('x', rec(a, b))).version, 3)
    assert.deepEqual(await registry.delete({ subject: 'x' }), [1, 3])
    assert.deepEqual(registry.list({}), { items: [] })
    await assert.rejects(registry.delete({ subject: 'x' }), { code: 'SCHEMA_DELETED', position: 'subject' })
    assert.equal((await registry.get({ fingerprint: one.fingerprints.crc64! }))!.id, 1)
    assert.equal((await register('x', '"int"')).version, 4)
  })

  it('deletes for good what is deleted already, and nothing else', async () => {
    const one = await register('x', rec(a))
    await register('y', rec(a))
    await register('x', rec(a, b))
    await registry.setCompatibility({ subject: 'x', mode: 'NONE' })
    const forGood = (version?: number | 'latest') =>
      registry.delete({ subject: 'x', permanent: true, ...(version !== undefined && { version }) })
    await assert.rejects(forGood(), { code: 'SCHEMA_NOT_DELETED', position: 'subject' })
    await assert.rejects(forGood('latest'), { code: 'SCHEMA_NOT_DELETED', position: 'version' })
    await assert.rejects(forGood(9), { code: 'SCHEMA_NOT_FOUND', position: 'version' })
    await registry.delete({ subject: 'x', version: 2 })
    await assert.rejects(registry.delete({ subject: 'x', version: 2 }), { code: 'SCHEMA_DELETED', position: 'version' })
    await assert.rejects(forGood(), { code: 'SCHEMA_NOT_DELETED', position: 'subject' })
    assert.deepEqual(await forGood(2), [2])
    await assert.rejects(forGood(2), { code: 'SCHEMA_NOT_FOUND', position: 'version' })
    assert.equal(await registry.get({ id: 2 }), undefined)
    await registry.delete({ subject: 'x' })
    assert.deepEqual(await forGood(), [1])
    await assert.rejects(forGood(), { code: 'SCHEMA_NOT_FOUND', position: 'subject' })
    await open()
    assert.deepEqual(registry.compatibility({ subject: 'x' }), { mode: 'BACKWARD', own: false })
    assert.equal((await registry.get({ id: 1 }))!.subject, 'y')
    const again = await register('x', rec(a, b))
    assert.deepEqual([again.id, again.version], [2, 1])
    assert.equal((await register('new', '"string"')).id, 3)
    assert.equal((await registry.get({ fingerprint: one.fingerprints.crc64! }))!.subject, 'y')
  })

  it('finds an older schema of a fingerprint when the newest is deleted for good', async () => {
    await registry.setSettings({ compatibility: 'NONE' })
    const { fingerprints } = await register('x', rec({ ...a, default: 1 }))
    assert.equal((await register('x', rec({ ...a, default: 2 }))).fingerprints.crc64, fingerprints.crc64)
    assert.equal((await registry.get({ fingerprint: fingerprints.crc64! }))!.id, 2)
    await registry.delete({ subject: 'x', version: 2 })
    await registry.delete({ subject: 'x', version: 2, permanent: true })
    assert.equal((await registry.get({ fingerprint: fingerprints.crc64! }))!.id, 1)
  })

  it('keeps what others refer to until they are gone, and takes the references of who comes back', async () => {
    const unit = JSON.stringify({ type: 'enum', name: 'Unit', symbols: ['C', 'F'] })
    const schema = rec({ name: 'v', type: 'Unit' })
    const refer = (subject: string) => ({ references: [{ name: 'Unit', subject, version: 1 }] })
    const gone = async (subject: string): Promise<void> => {
      await registry.delete({ subject })
      await registry.delete({ subject, permanent: true })
    }
    await register('unit', unit)
    const { id } = await register('reading', schema, refer('unit'))
    await registry.delete({ subject: 'reading' })
    await assert.rejects(gone('unit'), { code: 'SCHEMA_REFERENCED', hint: /version 1 of reading/ })
    await registry.delete({ subject: 'reading', permanent: true })
    await registry.delete({ subject: 'unit', permanent: true })
    await register('other', unit)
    assert.equal((await register('reading', schema, refer('other'))).id, id)
    assert.equal((await registry.get({ id }))!.texts.length, 1)
    await open()
    assert.deepEqual((await registry.get({ id }))!.references, refer('other').references)
    await assert.rejects(gone('other'), { code: 'SCHEMA_REFERENCED' })
  })

  it('resolves references through other subjects, dependencies first', async () => {
    const ref = (name: string, subject: string) => ({ name, subject, version: 1 })
    await register('unit', JSON.stringify({ type: 'enum', name: 'Unit', symbols: ['C', 'F'] }))
    await register('value', JSON.stringify({ type: 'record', name: 'Value', fields: [{ name: 'unit', type: 'Unit' }] }), {
      references: [ref('Unit', 'unit')],
    })
    await register('reading', rec({ name: 'v', type: 'Value' }), { references: [ref('Value', 'value')] })
    const found = (await registry.get({ subject: 'reading' }))!
    assert.deepEqual(
      found.texts.map(({ name }) => name),
      ['Unit', 'Value'],
    )
    assert.deepEqual(found.references, [ref('Value', 'value')])
    await assert.rejects(register('other', rec({ name: 'v', type: 'Value' })), { code: 'SCHEMA_INVALID' })
    await assert.rejects(register('other', rec(a), { references: [ref('X', 'nothing')] }), { code: 'SCHEMA_NOT_FOUND' })
    await registry.delete({ subject: 'unit' })
    await open()
    assert.equal((await registry.get({ subject: 'reading' }))!.texts.length, 2)
  })

  it('lists subjects by name, in pages', async () => {
    for (const subject of ['b', 'a', 'c', 'ab']) await register(subject, rec(a))
    await registry.setCompatibility({ subject: 'empty', mode: 'NONE' })
    const page = registry.list({ limit: 2 })
    assert.deepEqual(
      page.items.map(({ subject }) => subject),
      ['a', 'ab'],
    )
    assert.deepEqual(
      registry.list({ limit: 2, cursor: page.next! }).items.map(({ subject }) => subject),
      ['b', 'c'],
    )
    assert.deepEqual(registry.list({ prefix: 'a' }).items.length, 2)
  })

  it('refuses names, modes and types that are none', async () => {
    for (const subject of ['', 'x'.repeat(256), 'a\nb', 7 as never])
      await assert.rejects(register(subject, rec(a)), { code: 'SCHEMA_INVALID', position: 'subject' })
    await assert.rejects(register('x', rec(a), { type: 'XML' }), { code: 'SCHEMA_INVALID' })
    await assert.rejects(register('x', JSON.stringify('x'.repeat(300_000))), { code: 'SCHEMA_LIMIT' })
    await assert.rejects(registry.setCompatibility({ subject: 'x', mode: 'SOME' as never }), {
      code: 'SCHEMA_INVALID',
      position: 'compatibility',
    })
    await assert.rejects(registry.setSettings({ replay: 'never' as never }), { code: 'SCHEMA_INVALID', position: 'replay' })
  })

  it('takes one registration after the other: of many at once each has a version of its own', async () => {
    const made = await Promise.all(Array.from({ length: 20 }, (_, i) => register('x', rec(a, { ...b, default: String(i) }))))
    assert.deepEqual(
      made.map(({ version }) => version),
      Array.from({ length: 20 }, (_, i) => i + 1),
    )
    assert.equal(new Set(made.map(({ id }) => id)).size, 20)
  })
})
