import assert from 'node:assert/strict'
import { enrich, enrichmentOf } from '../../src/routing/enrichment.ts'
import { type EnrichmentRow, enrichmentFault, enrichmentTemplate } from '../../src/routing/enrichment-row.ts'
import { checkEnrichments, enriched, factsNeeded, keyOfRow, memberAt, type Surroundings } from '../../src/telemetry/enrichment.ts'
import type { Reading } from '../../src/telemetry/reading.ts'

const row = (more: Partial<EnrichmentRow>): EnrichmentRow => ({
  ...{ to: 'x', into: 'values', from: 'tags', path: '', name: '', key: '', keyType: 'reading', missing: 'omit' },
  ...more,
})
const facts = {
  tags: { site: 'west', floor: 2, place: { hall: 'A', 'x.y': 1 }, none: null },
  attributes: { 'a.b': 'c' },
  desired: { limit: 5 },
  reported: { fw: { version: '1.2' } },
  groups: ['hall', 'plant'],
  gateway: 'gw-1',
}
const reading: Reading = { device: 'd1', time: 5, values: { t: 21, room: 7, at: { z: 1 } }, properties: { line: '4' } }
const around = (more: Partial<Surroundings> = {}): Surroundings => ({
  hubName: 'hub-1',
  facts,
  found: () => undefined,
  msg: {},
  ...more,
})
const added = (more: Partial<EnrichmentRow>, by: Partial<Surroundings> = {}) =>
  enriched(reading, [row(more)], around(by)).reading.values.x

describe('enrichment', () => {
  it('has values of tags, attributes, the twin, groups and the gateway with their types', () => {
    assert.deepEqual(
      [
        added({ path: 'site' }),
        added({ path: 'floor' }),
        added({ path: 'place' }),
        added({ path: 'place.hall' }),
        added({ from: 'attributes', path: 'a.b' }),
        added({ from: 'desired', path: 'limit' }),
        added({ from: 'reported', path: 'fw.version' }),
        added({ from: 'groups' }),
        added({ from: 'groups', path: '1' }),
        added({ from: 'gateway' }),
      ],
      ['west', 2, facts.tags.place, 'A', 'c', 5, '1.2', facts.groups, 'plant', 'gw-1'],
    )
  })

  it('has rows of tables and variables by keys of the reading, of the message, or fixed', () => {
    const rows: Record<string, unknown> = {
      'table.rooms.7': { site: 'west' },
      'flow.v.d1': 1,
      'global.v.4': 2,
      'table.rooms.m': 3,
      'flow.all.undefined': { a: { b: 4 } },
    }
    const found: Surroundings['found'] = (from, name, key) => rows[`${from}.${name}.${key}`]
    const of = (more: Partial<EnrichmentRow>) => added(more, { found, msg: { deep: { key: 'm' } } })
    assert.deepEqual(
      [
        of({ from: 'table', name: 'rooms', key: 'values.room', path: 'site' }),
        of({ from: 'flow', name: 'v', key: 'device' }),
        of({ from: 'global', name: 'v', key: 'properties.line' }),
        of({ from: 'table', name: 'rooms', key: 'deep.key', keyType: 'msg' }),
        of({ from: 'table', name: 'rooms', key: 'm', keyType: 'str' }),
        of({ from: 'flow', name: 'all', path: 'a.b' }),
        of({ from: 'table', name: 'rooms', key: 'values.nothing' }),
        of({ from: 'table', name: 'rooms', key: 'values.at' }),
      ],
      ['west', 1, 2, 3, 3, 4, undefined, undefined],
    )
    assert.equal(keyOfRow(row({ key: 'values.room' }), reading, {}), '7')
  })

  it('writes texts and properties as Azure does', () => {
    const message = {
      hubName: 'hub-1',
      twin: { tags: facts.tags, properties: { desired: facts.desired, reported: facts.reported } },
    }
    const texts = [
      'plain',
      '$iothubname',
      '$twin.tags.site',
      '$twin.tags.floor',
      '$twin.tags.place',
      '$twin.properties.desired.limit',
      '$twin.properties.reported.fw',
      '$twin.tags.nothing',
    ]
    for (const text of texts) {
      const of = (into: EnrichmentRow['into']) =>
        enriched(reading, [row({ from: 'text', path: text, into, missing: 'text' })], around()).reading
      assert.equal(of('values').values.x, enrich(text, message), text)
      assert.deepEqual(of('properties').properties, { line: '4', x: enrich(text, message) })
      assert.equal(added({ from: 'text', path: text }), enrichmentOf(text, message), text)
    }
    const as = (path: string) => enriched(reading, [row({ path, into: 'properties' })], around()).reading.properties!.x
    assert.deepEqual([as('floor'), as('place'), as('none')], ['2', '{"hall":"A","x.y":1}', undefined])
  })

  it('treats what is missing as its row says', () => {
    const made = (missing: EnrichmentRow['missing'], into: EnrichmentRow['into'] = 'values', by: Partial<Surroundings> = {}) =>
      enriched(reading, [row({ path: 'nothing', missing, into })], around(by))
    assert.deepEqual(made('omit').reading, reading)
    assert.deepEqual(made('omit').missing, ['x'])
    assert.equal(made('null').reading.values.x, null)
    assert.deepEqual(made('null', 'properties').reading.properties, { line: '4', x: 'null' })
    assert.equal(made('text').reading.values.x, '$twin.tags.nothing')
    assert.equal(made('fail').fault!.code, 'ENRICH_MISSING')
    // Neither a device that is not known nor a null that is there is an error of its own.
    assert.deepEqual(made('omit', 'values', { facts: undefined }).missing, ['x'])
    assert.equal(added({ path: 'none' }), null)
  })

  it('names each source in its template', () => {
    assert.deepEqual(
      (
        [
          { from: 'tags', path: 'a' },
          { from: 'desired', path: 'a' },
          { from: 'reported' },
          { from: 'attributes', path: 'a' },
          { from: 'groups' },
          { from: 'table', name: 'rooms', path: 'site' },
          { from: 'text', path: '$twin.tags.a' },
        ] as const
      ).map(more => enrichmentTemplate(row(more))),
      [
        '$twin.tags.a',
        '$twin.properties.desired.a',
        '$twin.properties.reported',
        '$attributes.a',
        '$groups',
        '$table.rooms.site',
        '$twin.tags.a',
      ],
    )
  })

  it('puts values anywhere in the reading without a change of what it was given', () => {
    const before = structuredClone(reading)
    const rows = [
      row({ to: 'at.site', path: 'site' }),
      row({ to: 'new.a.b', path: 'floor' }),
      row({ to: 't', path: 'site' }),
      row({ to: '__proto__.polluted', path: 'site' }),
      row({ to: '__proto__', into: 'properties', path: 'site' }),
    ]
    const { values, properties } = enriched(reading, rows, around()).reading
    assert.deepEqual(reading, before)
    assert.deepEqual(
      values,
      JSON.parse('{"t":"west","room":7,"at":{"z":1,"site":"west"},"new":{"a":{"b":2}},"__proto__":{"polluted":"west"}}'),
    )
    assert.deepEqual(Object.keys(properties!), ['line', '__proto__'])
    assert.equal(({} as Record<string, unknown>).polluted, undefined)
    assert.equal(enriched(reading, [row({ to: 't.x', path: 'site' })], around()).fault!.code, 'READING_VALUES')
  })

  it('reads own members only', () => {
    for (const path of ['constructor', 'toString.name', '__proto__', 'place.constructor'])
      assert.equal(memberAt(facts.tags, path), undefined, path)
    assert.equal(memberAt(facts.tags.place, 'x.y'), 1)
  })

  it('asks for no more of a device than its rows need', () => {
    const of = (...rows: Partial<EnrichmentRow>[]) => factsNeeded(rows.map(row))
    assert.deepEqual(of({ from: 'text', path: '$iothubname' }, { from: 'flow', name: 'a' }, { from: 'text', path: '$twin' }), [])
    assert.deepEqual(
      of({}, { from: 'groups' }, { from: 'text', path: '$twin.properties.Desired.x' }, { from: 'text', path: '$twin.tags' }),
      ['tags', 'groups', 'desired'],
    )
  })

  it('refuses a row that cannot be used, and says which', () => {
    const wrong: [Partial<EnrichmentRow>, keyof EnrichmentRow][] = [
      [{ to: ' ' }, 'to'],
      [{ to: 'a..b' }, 'to'],
      [{ into: 'msg' as never }, 'into'],
      [{ from: 'secrets' as never }, 'from'],
      [{ from: 'text' }, 'path'],
      [{ from: 'table', key: 'device' }, 'name'],
      [{ from: 'table', name: 'a' }, 'key'],
      [{ from: 'flow', name: 'a', key: 'b', keyType: 'flow' as never }, 'keyType'],
      [{ missing: 'maybe' as never }, 'missing'],
    ]
    for (const [more, member] of wrong) assert.equal(enrichmentFault(row(more)), member)
    assert.equal(enrichmentFault(row({})), undefined)
    assert.equal(enrichmentFault(row({ to: 'a..b', into: 'properties' })), undefined)
    assert.throws(() => checkEnrichments([row({}), row({ to: '' })]), { code: 'NODE_CONFIG', position: 2 })
  })
})
