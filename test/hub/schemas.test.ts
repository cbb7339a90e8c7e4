import assert from 'node:assert/strict'
import { createAvroCodec } from '../../src/codec/avro/avro-codec.ts'
import { openRuleProtobuf } from '../../src/codec/protobuf/rule-protobuf.ts'
import type { Hub, HubEvent } from '../../src/hub/hub.ts'
import type { SchemaEvent } from '../../src/hub/hub-schemas.ts'
import { startHub } from '../../src/hub/start-hub.ts'
import type { JournalRecord } from '../../src/journal/journal-port.ts'
import { tempFolder } from '../processes.ts'
import { until } from '../until.ts'

const schema = JSON.stringify({ type: 'record', name: 'R', fields: [{ name: 't', type: 'int' }] })
const avro = createAvroCodec()

describe('schemas in a hub', function () {
  this.timeout(60_000)
  let hub: Hub
  let news: Extract<SchemaEvent, { type: 'schema' }>[]
  let unknown: Extract<SchemaEvent, { type: 'schema-unknown' }>[]
  const folder = tempFolder('schemas')

  const open = async (store: 'memory' | 'sqlite'): Promise<void> => {
    hub = await startHub({
      hubId: 'schemas',
      dataDir: store === 'memory' ? tempFolder('schemas') : folder,
      store,
      broker: 'none',
      threaded: false,
      listeners: [],
    })
    news = []
    unknown = []
    hub.subscribe((event: HubEvent) => {
      if (event.type === 'schema') news.push(event)
      else if (event.type === 'schema-unknown') unknown.push(event)
    })
  }
  afterEach(() => hub.close())

  /** Messages of single objects, parked under their fingerprint, as a node does that does not know it. */
  async function park(count: number): Promise<{ key: string; heard: JournalRecord[] }> {
    const heard: JournalRecord[] = []
    await hub.consume({ name: 'flow', start: 'earliest' }, { deliver: records => void heard.push(...records) })
    let key = ''
    for (let t = 0; t < count; t++) {
      const payload = avro.encode!({ t }, { schema: { writer: { type: 'AVRO', schema } } })
      try {
        avro.decode(payload, {})
      } catch (error: any) {
        key = error.position
        const { code, message } = error
        const letter = { reason: 'schema-unknown', key, code, message, device: 'd', topic: 'x', properties: {} }
        await hub.journal.addDeadLetter({ ...letter, payload, stage: 'decode', tries: 1 })
      }
    }
    return { key, heard }
  }
  const decoded = (heard: JournalRecord[]) => heard.map(({ payload }) => (avro.decode(payload, { schema }) as { t: number }).t)

  it('tells of a new version with its fingerprints, and offers the letters that wait for it', async () => {
    await open('memory')
    const { key, heard } = await park(3)
    const made = await hub.schemas.register({ subject: 'room', schema, by: 'me' })
    assert.equal(made.fingerprints.crc64, key)
    assert.deepEqual(news, [
      {
        type: 'schema',
        at: news[0]!.at,
        subject: 'room',
        version: 1,
        id: 1,
        schemaType: 'AVRO',
        fingerprints: made.fingerprints,
      },
    ])
    await hub.schemas.register({ subject: 'room', schema })
    assert.equal(news.length, 1)
    assert.equal(heard.length, 0)
    assert.deepEqual(await hub.journal.replayDeadLetters({ reason: 'schema-unknown', key }), { replayed: 3, more: false })
    await until(() => heard.length === 3)
    assert.deepEqual(decoded(heard), [0, 1, 2])
  })

  it('tells once of a schema that many messages wait for', async () => {
    await open('memory')
    const { key } = await park(3)
    assert.deepEqual(unknown, [{ type: 'schema-unknown', at: unknown[0]!.at, key, device: 'd', topic: 'x' }])
  })

  it('replays them in order where that is set, also after a restart', async () => {
    await open('sqlite')
    await hub.schemas.setSettings({ replay: 'start' })
    await park(20)
    await hub.close()
    await open('sqlite')
    const heard: JournalRecord[] = []
    await hub.consume({ name: 'flow', start: 'earliest' }, { deliver: records => void heard.push(...records) })
    await hub.schemas.register({ subject: 'room', schema })
    assert.equal(news[0]!.replayed, 20)
    await until(() => heard.length === 20)
    assert.deepEqual(
      decoded(heard),
      Array.from({ length: 20 }, (_, t) => t),
    )
  })

  it('writes into the audit log who changed what', async () => {
    await open('memory')
    await hub.schemas.register({ subject: 'room', schema, by: 'user anna' })
    await hub.schemas.delete({ subject: 'room', by: 'user bob' })
    await until(async () => {
      const { items } = await hub.audit.query({})
      return ['schema.register', 'schema.delete'].every(wanted => items.some(({ action }) => action === wanted))
    })
  })

  it('knows Protobuf and JSON Schema', async () => {
    await open('memory')
    const proto = 'syntax = "proto3"; message M { int32 a = 1; }'
    assert.equal((await hub.schemas.register({ subject: 'p', type: 'PROTOBUF', schema: proto })).type, 'PROTOBUF')
    assert.equal((await hub.schemas.register({ subject: 'j', type: 'JSON', schema: '{"type":"object"}' })).id, 2)
    assert.deepEqual(await hub.schemas.check({ subject: 'p', type: 'PROTOBUF', schema: proto.replace('int32', 'string') }), {
      compatible: false,
      faults: [{ version: 1, path: 'M/a = 1', reason: 'is string, not int32' }],
    })
  })
})

describe('Protobuf in rules', function () {
  this.timeout(60_000)

  it('is decoded with what is registered, from the next moment on', async () => {
    const hub = await startHub({
      ...{ hubId: 'proto', dataDir: tempFolder('proto'), store: 'memory', broker: 'none', threaded: false, listeners: [] },
    })
    const proto = 'syntax = "proto3"; message A { int32 x = 1; } message B { string y = 1; }'
    await hub.schemas.register({ subject: 'old', type: 'PROTOBUF', schema: proto })
    const failures: unknown[] = []
    const protobuf = await openRuleProtobuf(
      {
        list: o => hub.schemas.list(o),
        get: o => hub.schemas.get(o),
        changed: listener => hub.subscribe(event => void (event.type === 'schema' && listener(event.subject))),
      },
      error => failures.push(error),
    )
    const x5 = Uint8Array.of(8, 5)
    assert.deepEqual(protobuf.decode(x5, 'old', 'A'), { x: 5 })
    assert.throws(() => protobuf.decode(x5, 'new', 'A'), { code: 'SCHEMA_UNKNOWN' })
    assert.throws(() => protobuf.decode(x5, 'old', 'C'), { code: 'SCHEMA_NOT_FOUND' })
    await hub.schemas.register({ subject: 'new', type: 'PROTOBUF', schema: proto })
    await until(() => {
      try {
        return (protobuf.decode(Uint8Array.of(10, 1, 97), 'new', 'B') as { y: string }).y === 'a'
      } catch {
        return false
      }
    })
    assert.deepEqual(failures, [])
    protobuf.close()
    await hub.close()
  })
})
