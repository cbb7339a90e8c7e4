import assert from 'node:assert/strict'
import { LoomError } from '../../src/errors.ts'
import type { HubEvent } from '../../src/hub/hub.ts'
import type { ModelEvent } from '../../src/hub/hub-models.ts'
import { type Models, openModels } from '../../src/hub/open-models.ts'
import { loadAjvValidator } from '../../src/hub/ajv-validator.ts'
import type { StateStore } from '../../src/storage/state-store.ts'
import { openMemoryStateStore } from '../../src/stores/memory/state-store.ts'
import { lamp } from '../twin/model/samples.ts'

describe('models on disk', () => {
  let state: StateStore
  let events: HubEvent[]
  let problems: unknown[]
  let connected: string[]
  let changes: string[]

  beforeEach(async () => {
    state = await openMemoryStateStore({ now: () => 1 })
    await state.declare('devices', {})
    await state.declare('audited', {})
    events = []
    problems = []
    connected = []
    changes = []
  })
  const open = (load = () => loadAjvValidator()): Promise<Models> =>
    openModels({
      state,
      trail: { write: (_, { action, target }) => ({ op: 'put', coll: 'audited', id: `${action} ${target}`, doc: {} }) },
      problems: { set: (_, error) => void problems.push(error) },
      emit: event => void events.push(event),
      broker: () => ({
        connections: () => connected.map(deviceId => ({ id: `c-${deviceId}`, principal: { deviceId } })) as never,
        connectionsOf: () => [],
      }),
      changed: device => void changes.push(device ?? '*'),
      now: () => 1,
      load,
    })
  const register = (id: string, attributes: Record<string, string>) => state.put('devices', id, { tags: {}, attributes })
  const envelope = (deviceId: string) => ({ deviceId, system: {} }) as never

  it('are there after a restart, with how they count, the default, and what devices called theirs', async () => {
    const before = await open()
    await before.api.put({ source: 'wot', document: lamp, mode: 'strict', short: { b: 'brightness' } })
    await before.api.setSettings({ default: 'urn:example:lamp' })
    await before.connects('d1', 'urn:example:lamp;1.2.0')
    await register('d2', { model: 'other' })
    const after = await open()
    assert.deepEqual(await after.api.list({}), await before.api.list({}))
    assert.deepEqual(await after.api.settings({}), { default: 'urn:example:lamp' })
    const by = async (device: string) => (await after.api.modelOf({ device }))!.by
    assert.deepEqual([await by('d1'), await by('d2'), await by('d3')], ['device', 'registry', 'hub'])
    await after.connects('d1', undefined)
    const look = after.checks.telemetry(envelope('d1'))!
    assert.deepEqual([look.look({ b: 7 }, ''), look.strict, look.faults], [{ brightness: 7 }, true, []])
    const audited = (await state.query('audited', {})).items.map(({ id }) => id)
    assert.deepEqual(audited, ['model.default urn:example:lamp', 'model.put urn:example:lamp;1.2.0'])
  })

  it('are looked up once for a device that is not connected, and anew when it or they change', async () => {
    const models = await open()
    assert.equal(models.ready('d1'), undefined)
    await models.api.put({ source: 'wot', document: lamp })
    await register('d1', { model: 'urn:example:lamp' })
    assert.equal(models.checks.telemetry(envelope('d1')), undefined)
    await models.ready('d1')
    assert.ok(models.checks.telemetry(envelope('d1')))
    await register('d1', {})
    models.followed({ type: 'device', id: 'd1', change: 'updated', at: 1 })
    await models.ready('d1')
    assert.equal(models.checks.telemetry(envelope('d1')), undefined)
    await models.api.setSettings({ default: 'urn:example:lamp' })
    await models.ready('d1')
    assert.ok(models.checks.telemetry(envelope('d1')))
  })

  it('messages wait for them in the order of the calls, and their changes are told', async () => {
    const models = await open()
    const done: string[] = []
    models.whenKnown('d1', () => done.push('nobody follows any'))
    assert.equal(done.length, 1)
    await models.api.put({ source: 'wot', document: lamp })
    await models.api.setSettings({ default: 'urn:example:lamp' })
    const faultsOf = (): number | undefined => {
      const look = models.checks.telemetry(envelope('d1'))
      look?.look({ brightness: 'x' }, '')
      return look?.faults.length
    }
    for (const name of ['first', 'second']) models.whenKnown('d1', () => done.push(`${name}: ${faultsOf()}`))
    assert.equal(done.length, 1)
    await models.ready('d1')
    models.whenKnown('d1', () => done.push(`third: ${faultsOf()}`))
    assert.deepEqual(done.slice(1), ['first: 1', 'second: 1', 'third: 1'])
    await models.api.setSettings({ default: null })
    await models.ready('d1')
    assert.equal(faultsOf(), undefined)
    models.followed({ type: 'device', id: 'd1', change: 'updated', at: 1 })
    await models.ready('d1')
    assert.deepEqual(changes, ['*', '*', '*', 'd1'])
  })

  it('that change while a device is looked up count for it', async () => {
    const before = await open()
    await before.api.put({ source: 'wot', document: lamp })
    await before.api.setSettings({ default: 'urn:example:lamp' })
    const { promise: asked, resolve: ask } = Promise.withResolvers<void>()
    const { promise: loaded, resolve: load } = Promise.withResolvers<void>()
    const models = await open(() => {
      ask()
      return loaded.then(() => loadAjvValidator())
    })
    const lookedUp = models.ready('d1')
    await asked
    const off = models.api.attach({ id: 'urn:example:lamp', mode: 'off' })
    for (let i = 0; i < 20; i++) await new Promise(setImmediate)
    load()
    await Promise.all([lookedUp, off])
    await models.ready('d1')
    assert.equal(models.checks.telemetry(envelope('d1')), undefined)
  })

  it('are deleted and attached by the name of a version', async () => {
    const models = await open()
    const document = { telemetry: {} }
    for (const version of ['1', '2']) await models.api.put({ id: 'm', version, source: 'none', document })
    await assert.rejects(models.api.delete({ id: 'm;3' }), { code: 'MODEL_UNKNOWN' })
    await models.api.attach({ id: 'm;1', mode: 'strict' })
    await models.api.delete({ id: 'm;2' })
    const names = async () => (await models.api.list({})).items.map(({ name, mode }) => [name, mode])
    assert.deepEqual(await names(), [['m;1', 'strict']])
    await models.api.setSettings({ default: 'm;1' })
    await assert.rejects(models.api.delete({ id: 'm;1' }), { code: 'MODEL_IN_USE' })
    await models.api.setSettings({ default: null })
    await models.api.delete({ id: 'm;1' })
    assert.deepEqual(await names(), [])
    const audited = (await state.query('audited', {})).items.map(({ id }) => id)
    assert.deepEqual(audited.slice(0, 4), ['model.attach m', 'model.default m;1', 'model.default none', 'model.delete m;1'])
  })

  it('without the library let devices in and their messages pass, and health says what is missing', async () => {
    await (await open()).api.put({ source: 'wot', document: lamp, mode: 'strict' })
    await register('d1', { model: 'urn:example:lamp' })
    const missing = new LoomError('DRIVER_MISSING', 'ajv')
    const models = await open(() => Promise.reject(missing))
    await models.connects('d1', undefined)
    await models.ready('d1')
    assert.equal(models.checks.telemetry(envelope('d1')), undefined)
    assert.ok(problems.length > 0 && problems.every(problem => problem === missing))
    await assert.rejects(models.api.put({ id: 'x', source: 'none', document: {} }), { code: 'DRIVER_MISSING' })
    await assert.rejects(models.api.validate({ model: 'urn:example:lamp', telemetry: {} }), { code: 'DRIVER_MISSING' })
  })

  it('that a device names and nobody has are told of', async () => {
    const models = await open()
    await models.connects('d1', 'dtmi:com:example:Unknown;1')
    assert.deepEqual(events, [])
    await models.api.put({ source: 'wot', document: lamp })
    await models.connects('d1', 'dtmi:com:example:Unknown;1')
    assert.deepEqual(
      events.map(event => (event as ModelEvent).code + (event as ModelEvent).model),
      ['MODEL_UNKNOWNdtmi:com:example:Unknown;1'],
    )
    models.followed({ type: 'device', id: 'd1', change: 'deleted', at: 1 })
    await models.ready('d1')
    await models.connects('d1', undefined)
    assert.equal(await models.api.modelOf({ device: 'd1' }), undefined)
  })

  it('a thousand versions are kept, and no more', async function () {
    this.timeout(60_000)
    const models = await open()
    const document = { telemetry: {} }
    for (let i = 1; i <= 1000; i++)
      await state.put('models', `m;${i}`, { id: 'm', version: `${i}`, source: 'none', document, warnings: [], createdAt: 1 })
    const full = await open()
    await assert.rejects(full.api.put({ id: 'm', version: '1001', source: 'none', document }), { code: 'MODEL_LIMIT' })
    await full.api.delete({ id: 'm', version: '7' })
    await full.api.put({ id: 'm', version: '1001', source: 'none', document })
    assert.equal((await full.api.get({ id: 'm' }))!.version, '1001')
    assert.deepEqual((await models.api.list({})).items, [])
  })
})
