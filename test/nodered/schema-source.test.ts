import assert from 'node:assert/strict'
import { createAvroCodec } from '../../src/codec/avro/avro-codec.ts'
import { chooseSchema, type SchemaRules } from '../../src/codec/registry/choose-schema.ts'
import { versionRange } from '../../src/codec/registry/version-range.ts'
import type { Hub } from '../../src/hub/hub.ts'
import { startHub } from '../../src/hub/start-hub.ts'
import { schemaSettings, setCompatibilities } from '../../src/nodered/schema-settings.ts'
import { createSchemaSource, type SchemaSourceOptions } from '../../src/nodered/schema-source.ts'
import { tempFolder } from '../processes.ts'

describe('ranges of versions', () => {
  const table: [range: string, inside: string[], outside: string[]][] = [
    ['1.2.3', ['1.2.3', 'v1.2.3', '1.2.3+b7'], ['1.2.4', '1.2.3-rc.1']],
    ['^1.2.3', ['1.2.3', '1.9.0'], ['1.2.2', '2.0.0', '2.0.0-rc.1']],
    ['^0.2.3', ['0.2.9'], ['0.3.0', '1.0.0']],
    ['^0.0.3', ['0.0.3'], ['0.0.4']],
    ['~1.2', ['1.2.0', '1.2.9'], ['1.3.0']],
    ['~1.2.3', ['1.2.3'], ['1.2.2', '1.3.0']],
    ['1.x', ['1.0.0', '1.99.1'], ['2.0.0', '0.9.9']],
    ['1', ['1.0.0', '1.5'], ['2.0.0']],
    ['*', ['0.0.1', '7'], []],
    ['', ['3.0.0'], []],
    ['>=2.0.0 <3.0.0', ['2.0.0', '2.9.9'], ['1.9.9', '3.0.0']],
    ['>= 2', ['2', '3.1.0'], ['1.9.9', '2.0.0-beta']],
    ['>1.2', ['1.3.0'], ['1.2.9']],
    ['<=1.2', ['1.2.9', '0.1.0'], ['1.3.0']],
    ['1.0.0 - 1.4.0', ['1.0.0', '1.4.0'], ['1.4.1']],
    ['1.x || >=3', ['1.1.0', '3.0.0'], ['2.0.0']],
    ['>=1.0.0-rc.2', ['1.0.0-rc.10', '1.0.0'], ['1.0.0-rc.1', '1.0.0-beta']],
  ]
  for (const [range, inside, outside] of table)
    it(`"${range}" takes ${inside.join(', ')}${outside.length ? ` and not ${outside.join(', ')}` : ''}`, () => {
      const fits = versionRange(range)!
      assert.deepEqual([inside.filter(v => !fits(v)), outside.filter(fits)], [[], []])
      assert.equal(fits('newest'), false)
    })

  it('are none where they are not written like one', () => {
    for (const text of ['one', '>=', '1.2.3.4', '=> 1', '1..2', 'x'.repeat(300)]) {
      const fits = versionRange(text)
      assert.ok(fits === undefined || text === '>=', text)
    }
  })
})

describe('choice of a schema', () => {
  const rules: SchemaRules = {
    rules: [
      { kind: 'model', match: 'pump', subject: 'by-model' },
      { kind: 'firmware', match: '^2', subject: 'by-firmware', version: 2 },
      { kind: 'topic', match: 'raw/#', subject: 'by-topic', message: 'M' },
    ],
    fallback: { subject: 'by-default' },
  }
  const none = Uint8Array.of(7)
  const device = { firmware: '2.1.0', model: 'pump;1' }

  it('follows the order: message, topic, firmware, model, default', () => {
    const properties = { schema: 'by-property', schemaVersion: '4', 'dt-dataschema': 'x' }
    const contentType = 'application/avro; schema="by-type"; v=3'
    const cases: [Parameters<typeof chooseSchema>[1], typeof device | object, object][] = [
      [{ contentType, properties, topic: 'raw/1' }, device, { by: 'contentType', subject: 'by-type', version: 3 }],
      [
        { contentType: 'application/avro', properties, topic: 'raw/1' },
        device,
        { by: 'property', subject: 'by-property', version: 4 },
      ],
      [{ properties: { 'dt-dataschema': 'dtmi:com:x;5' } }, device, { by: 'property', subject: 'dtmi:com:x', version: 5 }],
      [{ topic: 'raw/1' }, device, { by: 'topic', subject: 'by-topic', message: 'M' }],
      [{ topic: 'x' }, device, { by: 'firmware', subject: 'by-firmware', version: 2 }],
      [{ topic: 'x' }, { ...device, firmware: '1.0.0' }, { by: 'model', subject: 'by-model' }],
      [{ topic: 'x' }, { model: 'pumps' }, { by: 'default', subject: 'by-default' }],
    ]
    for (const [context, facts, named] of cases) assert.deepEqual(chooseSchema(none, context, facts, rules), { named })
    assert.deepEqual(chooseSchema(none, {}, {}, { rules: [] }), {})
    assert.deepEqual(chooseSchema(Uint8Array.of(0, 0, 0, 0, 9, 1), {}, {}, { rules: [] }), {
      frame: { frame: 'registry', id: 9, key: 'id:9', body: 5 },
    })
  })
})

describe('schemas for flows', function () {
  this.timeout(60_000)
  const rec = (...fields: object[]): string => JSON.stringify({ type: 'record', name: 'R', fields })
  const v1 = rec({ name: 't', type: 'int' })
  const v2 = rec({ name: 't', type: 'double' }, { name: 'unit', type: 'string', default: 'C' })
  const avro = createAvroCodec()
  const writer = { type: 'AVRO', schema: v1 } as const
  const single = avro.encode!({ t: 3 }, { schema: { writer } })
  const bare = avro.encode!({ t: 3 }, { schema: { writer, frame: 'bare' } })
  let hub: Hub
  let asked: number
  let clock: number

  beforeEach(async () => {
    hub = await startHub({
      ...{ hubId: 'source', dataDir: tempFolder('source'), store: 'memory', broker: 'none', threaded: false, listeners: [] },
    })
    asked = 0
    clock = 0
  })
  afterEach(() => hub.close())
  const open = (options: Partial<SchemaSourceOptions> = {}) => {
    const get: Hub['schemas']['get'] = o => {
      asked++
      return hub.schemas.get(o)
    }
    const counted: Hub = { ...hub, schemas: { ...hub.schemas, get } }
    return createSchemaSource(
      async () => counted,
      { rules: [], reader: 'latest', firmwarePath: 'firmware', ...options },
      () => clock,
    )
  }
  const decode = async (source: ReturnType<typeof open>, bytes: Uint8Array, context = {}) => {
    const schema = await source.schemaFor(bytes, context)
    assert.ok('writer' in schema, JSON.stringify(schema))
    return avro.decode(bytes, { schema })
  }

  it('are found by fingerprint and read in the shape of the latest, asked for once', async () => {
    await hub.schemas.register({ subject: 'room', schema: v1 })
    await hub.schemas.register({ subject: 'room', schema: v2 })
    const source = open()
    for (let i = 0; i < 5; i++) assert.deepEqual(await decode(source, single), { t: 3, unit: 'C' })
    assert.equal(asked, 2)
    assert.deepEqual(await decode(open({ reader: 'writer' }), single), { t: 3 })
    assert.deepEqual(await decode(open({ reader: { subject: 'room', version: 1 } }), single), { t: 3 })
    source.close()
  })

  it('that nobody knows are asked for each time, so that letters that come back before the event of them are read', async () => {
    const source = open({ fallback: { subject: 'room' } })
    const key = Buffer.from(single.subarray(2, 10)).reverse().toString('hex')
    assert.deepEqual(await source.schemaFor(single, {}), { unknown: key })
    assert.deepEqual(await source.schemaFor(single, {}), { unknown: key })
    assert.equal(asked, 2)
    await hub.schemas.register({ subject: 'room', schema: v1 })
    assert.deepEqual(await decode(source, single), { t: 3 })
    assert.deepEqual(await open().schemaFor(Uint8Array.of(7), {}), { none: true })
    source.close()
  })

  it('follow the firmware that a device reports', async () => {
    await hub.schemas.register({ subject: 'room', schema: v1 })
    await hub.schemas.register({ subject: 'room', schema: v2 })
    await hub.devices.register({ id: 'd' })
    const rules = [
      { kind: 'firmware', match: '1.x', subject: 'room', version: 1 },
      { kind: 'firmware', match: '>=2', subject: 'room', version: 2 },
    ] as const
    const source = open({ rules, firmwarePath: 'sw.version' })
    await hub.twins.report({ id: 'd', reported: { sw: { version: '1.4.0' } } })
    assert.deepEqual(await decode(source, bare, { device: 'd' }), { t: 3, unit: 'C' })
    await hub.twins.report({ id: 'd', reported: { sw: { version: '2.0.0' } } })
    const found = await source.schemaFor(bare, { device: 'd' })
    assert.ok('writer' in found && found.writer.schema === v2)
    assert.deepEqual(await source.schemaFor(bare, { device: 'stranger' }), { none: true })
    source.close()
  })

  it('to write with are those that the message or a rule names', async () => {
    await hub.schemas.register({ subject: 'room', schema: v1 })
    const source = open({ rules: [{ kind: 'topic', match: 'out/#', subject: 'room' }] })
    const schema = await source.schemaToWrite({ topic: 'out/1' })
    assert.deepEqual(Buffer.from(avro.encode!({ t: 3 }, { schema })), Buffer.from(single))
    await assert.rejects(source.schemaToWrite({}), { code: 'SCHEMA_NOT_FOUND' })
    await assert.rejects(source.schemaToWrite({ contentType: 'application/avro;schema=none' }), { code: 'SCHEMA_NOT_FOUND' })
    await assert.rejects(source.schemaFor(bare, { properties: { schema: 'none' } }), { code: 'SCHEMA_NOT_FOUND' })
  })

  it('take the settings of a node, which are checked', async () => {
    const rule = { kind: 'firmware', match: '^1', subject: 'room', version: '2', message: '' }
    assert.deepEqual(schemaSettings({ rules: [rule], subject: 'x', reader: 'pinned', readerSubject: 'y', readerVersion: '3' }), {
      rules: [{ kind: 'firmware', match: '^1', subject: 'room', version: 2 }],
      fallback: { subject: 'x' },
      reader: { subject: 'y', version: 3 },
      firmwarePath: 'firmware',
    })
    for (const fields of [
      { rules: [{ ...rule, kind: 'other' }] },
      { rules: [{ ...rule, match: 'newest' }] },
      { rules: [{ ...rule, subject: '' }] },
      { rules: [{ ...rule, version: 'x' }] },
      { reader: 'other' },
      { reader: 'pinned' },
    ])
      assert.throws(() => schemaSettings(fields), { code: 'NODE_CONFIG' }, JSON.stringify(fields))
    const settings = schemaSettings({ subject: 'room' })
    await setCompatibilities(async () => hub, { ...settings, mode: 'FULL', by: 'node n' })
    await setCompatibilities(async () => hub, { ...settings, mode: 'hub', by: 'node n' })
    assert.deepEqual(await hub.schemas.compatibility({ subject: 'room' }), { mode: 'FULL', own: true })
    await assert.rejects(
      setCompatibilities(async () => hub, { ...settings, mode: 'SOME', by: 'n' }),
      { code: 'NODE_CONFIG' },
    )
  })
})
