import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import decode from '../../nodes/decode/decode.ts'
import encode from '../../nodes/encode/encode.ts'
import hubNode from '../../nodes/hub/hub.ts'
import schemaNode from '../../nodes/schema/schema.ts'
import type { Hub, HubEvent } from '../../src/hub/hub.ts'
import { startHub } from '../../src/hub/start-hub.ts'
import { setHubStarter } from '../../src/nodered/hubs.ts'
import { type Flow, flow, type Received, unload } from '../flow.ts'
import { until } from '../until.ts'

const limitMs = 30_000
const now = 1_700_000_000_000
const at = { x: 1, y: 1, z: 't' }
const v1 = { type: 'record', name: 'Room', fields: [{ name: 't', type: 'int' }] }
const v2 = {
  type: 'record',
  name: 'Room',
  fields: [
    { name: 'temperature', type: 'double', aliases: ['t'] },
    { name: 'unit', type: 'string', default: 'C' },
  ],
}
const limits = { type: 'object', required: ['t'], properties: { t: { type: 'number', maximum: 100 } } }

describe('loom-decode and loom-encode with the schemas of a hub', function () {
  this.timeout(60_000)
  let dataDir: string
  let hub: Hub
  let events: HubEvent[]

  beforeEach(() => {
    dataDir = mkdtempSync(join(tmpdir(), 'decode-'))
    events = []
  })
  afterEach(async () => {
    await unload()
    rmSync(dataDir, { recursive: true, force: true })
  })

  /** `e1` and `e2` write with the versions of a schema that they bring along, `e3` with the registry's latest. */
  const start = async (more: object = {}, writing: object = {}): Promise<Flow> => {
    let begun: Hub | undefined
    setHubStarter(async options => {
      begun = hub = await startHub({ ...options, threaded: false })
      hub.subscribe(event => void events.push(event))
      return hub
    })
    const writer = (id: string, own: object) => ({ id, type: 'loom-encode', format: 'avro', ...own, ...at, wires: [['n']] })
    const others = [
      { id: 'hub', type: 'loom-hub', hubId: 'real', dataDir, store: 'sqlite', broker: 'none', listeners: [] },
      { id: 's', type: 'loom-schema', hub: 'hub', rules: [], subject: '', version: '', reader: 'latest', compatibility: 'hub' },
      writer('e1', { schemaText: JSON.stringify(v1) }),
      writer('e2', { schemaText: JSON.stringify(v2) }),
      writer('e3', { schemas: 's', subject: 'room', ...writing }),
    ]
    const config = { type: 'loom-decode', hub: 'hub', schemas: 's', format: 'auto', ...more }
    const running = await flow([hubNode, schemaNode, encode, decode], config, { others, outputs: 2 })
    await until(async () => (await begun?.journal.consumers({}))?.items.some(({ name }) => name === 'node:n'), limitMs)
    return running
  }
  const put = (running: Flow, id: string, payload: object, more: object = {}) =>
    running.get(id).receive({ payload, device: 'd1', ...more } as never)
  const letters = async () => (await hub.journal.deadLetters({ limit: 100 })).items
  const shapes = (list: readonly Received[]) => list.map(({ payload }) => payload)

  it('give one shape to what was written with old and new versions', async () => {
    const running = await start()
    for (const schema of [v1, v2]) await hub.schemas.register({ subject: 'room', schema: JSON.stringify(schema) })
    const three = running.outputs(3)
    put(running, 'e1', { t: 20 })
    put(running, 'e2', { temperature: 20.5, unit: 'K' })
    put(running, 'e3', { temperature: 21, unit: 'C' })
    assert.deepEqual(
      shapes(await three).sort((a, b) => a.temperature - b.temperature),
      [
        { temperature: 20, unit: 'C' },
        { temperature: 20.5, unit: 'K' },
        { temperature: 21, unit: 'C' },
      ],
    )
  })

  it('park what names an unknown schema, tell once, and take it back in order, as old as it was, once it is registered', async () => {
    const running = await start()
    const notice = running.outputs(1, 1)
    for (let t = 0; t < 20; t++) put(running, 'e1', { t }, { arrived: 1000 + t, stream: 's', properties: { n: String(t) } })
    await until(async () => (await letters()).length === 20, limitMs)
    const [{ notice: said, error }] = (await notice) as [Received]
    assert.deepEqual([said, error.code], ['schema-unknown', 'SCHEMA_UNKNOWN'])
    assert.deepEqual([running.seen().length, running.seen(1).length], [0, 1])
    const { key, reason, consumer, stage } = (await letters())[0]!
    assert.deepEqual([key, reason, consumer, stage], [error.position, 'schema-unknown', 'node:n', 'decode'])
    assert.equal(events.filter(({ type }) => type === 'schema-unknown').length, 1)
    const all = running.outputs(20)
    running.send({ payload: v1, registry: { subject: 'room', replay: true } })
    const back = await all
    assert.deepEqual(
      back.map(({ payload, arrived, time, stream, properties, replayed }) => [
        payload.t,
        arrived,
        time,
        stream,
        properties.n,
        replayed.node,
      ]),
      Array.from({ length: 20 }, (_, t) => [t, 1000 + t, 1000 + t, 's', String(t), 'n']),
    )
    await until(async () => (await hub.journal.consumers({})).items.find(({ name }) => name === 'node:n')!.lag === 0, limitMs)
  })

  it('take them back after a restart too, and change the same letter if they fail again', async () => {
    const before = await start()
    for (let t = 0; t < 5; t++) put(before, 'e1', { t }, { arrived: 1000 + t })
    await until(async () => (await letters()).length === 5, limitMs)
    const { id, key } = (await letters()).at(-1)!
    await hub.journal.replayDeadLetter({ id })
    await until(async () => (await letters()).find(letter => letter.id === id)!.tries === 2, limitMs)
    assert.deepEqual([(await letters()).length, (await letters()).at(-1)!.state], [5, 'open'])
    await before.node.close(false)
    await hub.schemas.register({ subject: 'room', schema: JSON.stringify(v1) })
    await hub.journal.replayDeadLetters({ reason: 'schema-unknown', key: key! })
    await unload()
    const after = await start()
    await until(() => after.seen().length === 5, limitMs)
    assert.deepEqual(
      after.seen().map(({ payload, arrived }) => [payload.t, arrived]),
      [0, 1, 2, 3, 4].map(t => [t, 1000 + t]),
    )
  })

  it('write bare values that the content type names, and frames of the registry', async () => {
    for (const [writing, type, first] of [
      [{ frame: 'bare', version: '1' }, 'application/avro;schema=room;v=1', 40],
      [{ frame: 'registry' }, 'application/avro', 0],
    ] as const) {
      const running = await start({}, writing)
      await hub.schemas.register({ subject: 'room', schema: JSON.stringify(v1) })
      const sent: Received[] = []
      running.node.on('input', msg => void sent.push(msg))
      const one = running.outputs(1)
      put(running, 'e3', { t: 20 })
      assert.deepEqual(shapes(await one), [{ t: 20 }])
      assert.deepEqual([sent[0]!.contentType, sent[0]!.payload[0]], [type, first])
      await unload()
    }
  })

  it('refuse values that do not fit a JSON Schema, of bytes and of readings, which come back when it allows them', async () => {
    const running = await start({ subject: 'limits' })
    await hub.schemas.register({ subject: 'limits', type: 'JSON', schema: JSON.stringify(limits) })
    const two = running.outputs(2, 1)
    const good = running.outputs(2)
    running.send({ payload: '{"t":101}', device: 'd1' })
    running.send({ payload: '{"t":99}', device: 'd1' })
    running.send({
      payload: [
        { device: 'd1', time: now, arrived: now + 1, values: { t: 7 } },
        { device: 'd2', time: now, arrived: now + 1, values: { t: 200 }, stream: 's' },
      ],
    })
    const [first, second] = (await two) as [Received, Received]
    assert.deepEqual([first.notice, first.error.code], ['invalid', 'CODEC_INVALID'])
    assert.deepEqual(first.error.errors, [{ path: 't', rule: 'maximum', message: 'must be <= 100' }])
    assert.equal(second.error.errors[0].path, 't')
    assert.deepEqual(shapes(await good), [{ t: 99 }, [{ device: 'd1', time: now, arrived: now + 1, values: { t: 7 } }]])
    assert.deepEqual(
      (await letters()).map(({ reason, stage, device, errors }) => [reason, stage, device, errors?.[0]?.rule]),
      [
        ['invalid', 'validate', 'd2', 'maximum'],
        ['invalid', 'decode', 'd1', 'maximum'],
      ],
    )
    await hub.schemas.setCompatibility({ subject: 'limits', mode: 'NONE' })
    const wider = { ...limits, properties: { t: { type: 'number', maximum: 500 } } }
    await hub.schemas.register({ subject: 'limits', type: 'JSON', schema: JSON.stringify(wider) })
    const again = running.outputs(2)
    await hub.journal.replayDeadLetters({ reason: 'invalid' })
    assert.deepEqual(
      (await again).map(({ payload, device, time, stream }) => [payload, device, device === 'd2' && time, stream]),
      [
        [{ t: 101 }, 'd1', false, ''],
        [{ t: 200 }, 'd2', now, 's'],
      ],
    )
  })
})
