import assert from 'node:assert/strict'
import { createAvroCodec } from '../../src/codec/avro/avro-codec.ts'
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
  let news: SchemaEvent[]
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
    hub.subscribe((event: HubEvent) => void (event.type === 'schema' && news.push(event)))
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
