import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import type { ModelSample } from '../../src/hub/hub-models.ts'
import { startHub } from '../../src/hub/start-hub.ts'
import model from '../../nodes/model/model.ts'
import { type FakeHub, fakeHub } from '../fake-hub.ts'
import { flow, type Received, unload } from '../flow.ts'
import { lamp, thermostat } from '../twin/model/samples.ts'

const config = { type: 'loom-model', action: 'validate', model: 'model', modelType: 'msg' }
const room = { telemetry: { temperature: { schema: { type: 'number', maximum: 60 } } } }
const texts = (faults: { path: string; rule: string; message: string }[]): string[] =>
  faults.map(({ path, rule, message }) => `${path} ${rule}: ${message}`)

describe('loom-model', () => {
  let hub: FakeHub
  let real: Awaited<ReturnType<typeof startHub>> | undefined
  beforeEach(async () => {
    hub = fakeHub()
    real = await startHub({
      ...{ hubId: 'test', dataDir: '/nowhere', store: 'memory', broker: 'none', threaded: false },
      listeners: [],
    } as never)
    Object.assign(hub.models, real.models)
  })
  afterEach(async () => {
    await unload()
    await real?.close()
    real = undefined
  })
  /** The outcome of one message: both outputs. */
  const asked = async (settings: object, ...messages: object[]): Promise<Received[]> => {
    const { send, outputs } = await flow(model, { ...config, ...settings }, { hub })
    const answers = outputs(messages.length)
    for (const message of messages) send(message)
    return answers
  }

  it('puts models of every form, from objects, text and bytes, and tells by the document what it is', async () => {
    const schema = { $schema: 'https://json-schema.org/draft/2020-12/schema', properties: { t: { type: 'number' } } }
    const answers = await asked(
      { action: 'put' },
      { payload: lamp, kept: 1 },
      { payload: `\uFEFF${JSON.stringify([thermostat])}` },
      { payload: Buffer.from(JSON.stringify(schema)), model: 'bare;2' },
      { payload: room, model: { id: 'room', mode: 'strict', closed: true, short: { t: 'temperature' } } },
    )
    assert.deepEqual(
      answers.map(({ model: name, payload }) => [name, payload.source, payload.mode, payload.closed]),
      [
        ['urn:example:lamp;1.2.0', 'wot', 'warn', false],
        ['dtmi:example:Thermo;1', 'dtdl', 'warn', false],
        ['bare;2', 'json-schema', 'warn', false],
        ['room;1', 'none', 'strict', true],
      ],
    )
    assert.deepEqual([answers[0]!.kept, answers[0]!.payload.title], [1, 'Desk lamp'])
    assert.deepEqual((await real!.models.get({ id: 'room' }))!.short, { t: 'temperature' })
    const audit = (await real!.audit.query({})).items.filter(({ action }) => action === 'model.put')
    assert.deepEqual(new Set(audit.map(({ actor }) => actor)), new Set(['node n']))
  })

  it('sets how a model counts only where that is chosen', async () => {
    const settings = { action: 'put', model: 'room', modelType: 'str', source: 'none' }
    assert.equal((await asked({ ...settings, mode: 'strict', closed: true }, { payload: room }))[0]!.payload.closed, true)
    await unload()
    const [again] = await asked(settings, { payload: room })
    assert.deepEqual([again!.payload.mode, again!.payload.closed], ['strict', true])
  })

  it('gets, lists by pages and deletes', async () => {
    for (const version of ['1', '2', '10']) await real!.models.put({ id: 'room', version, source: 'none', document: room })
    await real!.models.put({ source: 'wot', document: lamp })
    hub.models.modelOf = async ({ device }) => (device === 'd1' ? { by: 'device', name: 'room;2', known: false } : undefined)
    const [newest, of, first] = await asked(
      { action: 'get' },
      { model: 'room' },
      { device: 'd1' },
      { action: 'list', query: { limit: 2 } },
    )
    assert.deepEqual([newest!.model, newest!.payload.document, of!.model], ['room;10', room, 'room;2'])
    assert.deepEqual([first!.payload.map(({ name }: any) => name), first!.next], [['room;10', 'room;2'], 'room;2'])
    await unload()
    const [rest, prefixed, one, all] = await asked(
      { action: 'list' },
      { query: { limit: 2, cursor: first!.next } },
      { query: 'urn:' },
      { action: 'delete', model: 'room;2' },
      { action: 'delete', model: { id: 'room' } },
    )
    assert.deepEqual([rest!.payload.length, 'next' in rest! && rest!.next], [2, undefined])
    assert.deepEqual(
      prefixed!.payload.map(({ id }: any) => id),
      ['urn:example:lamp'],
    )
    assert.deepEqual(
      [one!.payload, all!.payload],
      [
        { id: 'room', version: '2', deleted: true },
        { id: 'room', deleted: true },
      ],
    )
    assert.equal((await real!.models.list({})).items.length, 1)
  })

  it('holds telemetry against the named model: the result on output 1, violations on output 2', async () => {
    await real!.models.put({ id: 'room', source: 'none', document: room, short: { t: 'temperature' } })
    const { send, outputs, seen } = await flow(model, { ...config, model: 'room', modelType: 'str' }, { hub })
    const [two, one] = [outputs(2), outputs(1, 1)]
    send({ payload: { t: 20, note: 'x' }, kept: 1 })
    send({ payload: { t: 99 }, device: 'd9' })
    const [good, bad] = await two
    assert.deepEqual(good!.payload, {
      ...{ valid: true, about: 'telemetry', faults: [], model: 'room', values: { temperature: 20, note: 'x' } },
    })
    assert.deepEqual([good!.kept, good!.checked, bad!.payload.valid], [1, { t: 20, note: 'x' }, false])
    const [violation] = await one
    assert.deepEqual(violation!.payload, [{ path: 'temperature', rule: 'maximum', message: 'must be <= 60' }])
    assert.deepEqual([violation!.device, violation!.model, violation!.checked], ['d9', 'room', { t: 99 }])
    assert.equal(seen(1).length, 1)
  })

  it('holds each reading of a batch against the model of its device, with its place in the path', async () => {
    await real!.models.put({ id: 'room', source: 'none', document: room })
    await real!.models.put({ source: 'wot', document: lamp })
    const follows: Record<string, string> = { r1: 'room', l1: 'urn:example:lamp' }
    const looked: string[] = []
    hub.models.modelOf = async ({ device }) => {
      looked.push(device)
      return follows[device] ? { by: 'registry', name: follows[device], known: false } : undefined
    }
    const reading = (device: string, values: object) => ({ device, time: 5, values })
    const payload = [
      reading('r1', { temperature: 20 }),
      reading('l1', { brightness: 101, overheated: { temperature: 'hot' } }),
      reading('none', { temperature: 'x' }),
      reading('r1', { temperature: 'x' }),
    ]
    const [mixed, own, free] = await asked(
      {},
      { payload },
      { payload: [{ temperature: 1 }, { temperature: 61 }], device: 'r1' },
      { payload: { temperature: 'x' }, device: 'none' },
    )
    assert.deepEqual(texts(mixed!.payload.faults), [
      '[1].brightness maximum: must be <= 100',
      '[1].overheated.temperature type: must be number',
      '[3].temperature type: must be number',
    ])
    assert.deepEqual(looked, ['r1', 'l1', 'none', 'r1', 'none'])
    assert.deepEqual([mixed!.payload.model, mixed!.payload.values.length], [undefined, 4])
    assert.deepEqual([texts(own!.payload.faults), own!.model], [['[1].temperature maximum: must be <= 60'], 'room'])
    assert.deepEqual([free!.payload.valid, free!.model], [true, undefined])
  })

  it('holds properties, requests and answers against it, whatever the message or the settings say it is', async () => {
    await real!.models.put({ source: 'dtdl', document: thermostat })
    const named = { model: 'dtmi:example:Thermo;1', modelType: 'str', about: 'reported', method: 'report' }
    const answers = await asked(
      named,
      { payload: { highest: 'x' } },
      { payload: { highest: 1 }, about: 'desired' },
      { payload: 'yesterday', about: 'command' },
      { payload: { max: '3' }, about: 'answer', method: { name: 'report', status: 200 } },
      { payload: { max: 3 }, about: 'answer' },
      { payload: { odd: 1 }, model: 'x', about: 'telemetry' },
    )
    assert.deepEqual(
      answers.map(({ payload }) => texts(payload.faults)),
      [
        ['highest type: must be number'],
        ['highest readOnly: only the device reports it'],
        [' format: must match format "date-time"'],
        ['max type: must be number'],
        [],
        [],
      ],
    )
  })

  it('asks the hub for a component, and for closed names where the message wants that', async () => {
    const samples: ModelSample[] = []
    hub.models.validate = async sample => {
      samples.push(sample)
      return { valid: true, faults: [] }
    }
    await asked({}, { payload: { t: 1 }, model: { id: 'm;2', closed: true }, component: 'upper' })
    assert.deepEqual(samples, [{ model: 'm;2', telemetry: { t: 1 }, component: 'upper', closed: true }])
  })

  it('refuses what names no model, device, method or action, and passes on what the hub refuses', async () => {
    await real!.models.put({ id: 'room', source: 'none', document: room })
    const { send, error } = await flow(model, config, { hub })
    for (const [msg, code] of [
      [{ action: 'burn' }, 'NODE_CONFIG'],
      [{ payload: {} }, 'READING_DEVICE'],
      [{ payload: [{ device: 'd', time: 1, values: {} }, {}] }, 'READING_DEVICE'],
      [{ payload: {}, model: 'a b' }, 'NODE_CONFIG'],
      [{ payload: {}, model: 7 }, 'NODE_CONFIG'],
      [{ payload: {}, model: 'room', about: 'weather' }, 'NODE_CONFIG'],
      [{ payload: {}, model: 'room', about: 'command' }, 'NODE_CONFIG'],
      [{ payload: 3, model: 'room' }, 'REQUEST_INVALID'],
      [{ payload: {}, model: 'none' }, 'MODEL_UNKNOWN'],
      [{ action: 'get', model: 'none' }, 'MODEL_UNKNOWN'],
      [{ action: 'get', device: 'd1' }, 'MODEL_UNKNOWN'],
      [{ action: 'delete' }, 'NODE_CONFIG'],
      [{ action: 'delete', device: 'd1' }, 'NODE_CONFIG'],
      [{ action: 'delete', model: 'none' }, 'MODEL_UNKNOWN'],
      [{ action: 'list', query: { limit: 0 } }, 'NODE_CONFIG'],
      [{ action: 'list', query: { cursor: 1 } }, 'NODE_CONFIG'],
      [{ action: 'put', payload: '{"broken' }, 'MODEL_INVALID'],
      [{ action: 'put', payload: {}, model: 'x' }, 'MODEL_INVALID'],
      [{ action: 'put', payload: { telemetry: {} }, model: 'room' }, 'MODEL_EXISTS'],
    ] as const) {
      const failed = error()
      send(msg)
      assert.equal((await failed).code, code, JSON.stringify(msg))
    }
  })

  it('says where a document is wrong', async () => {
    const { send, error } = await flow(model, { ...config, action: 'put' }, { hub })
    const contents = [{ '@type': 'Telemetry', name: 'a', schema: 'complex' }]
    const failed = error()
    send({ payload: { ...thermostat, contents } })
    assert.equal((await failed).position, 'contents[0].schema')
  })

  it('does what the example of its help says', async () => {
    const help = readFileSync('nodes/model/help.md', 'utf8')
    const [, document] = /msg\.payload = (\{.*\})`,/.exec(help)!
    const [, told] = /gives `(\[.*\])` on output 2/.exec(help)!
    const { send, outputs } = await flow(model, config, { hub })
    const violations = outputs(1, 1)
    send({ action: 'put', payload: document })
    send({ model: 'dtmi:example:Room', payload: { t: 'warm' } })
    assert.deepEqual(texts((await violations)[0]!.payload), ['t type: must be number'])
    assert.match(told!, /path: "t", rule: "type", message: "must be number"/)
  })
})
