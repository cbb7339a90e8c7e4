import assert from 'node:assert/strict'
import { compileQuery, groupsReadBy, pathsOf } from '../../../src/topology/fleet-query/compile.ts'
import { parseCondition, parseQuery } from '../../../src/topology/fleet-query/parse-query.ts'
import { fleetDoc } from './fleet.ts'

const aws = (text: string) => parseQuery({ dialect: 'aws', text }).where
const azure = (text: string) => parseQuery({ dialect: 'azure', text })
const where = (text: string) => azure(`SELECT * FROM devices WHERE ${text}`).where
const isAws = (text: string, doc: object): boolean => compileQuery(aws(text))(fleetDoc(doc))
const isAzure = (text: string, doc: object): boolean => compileQuery(where(text))(fleetDoc(doc))
const fault = (code: string, position: number | string) => (error: any) => {
  assert.deepEqual([error.code, error.position], [code, position])
  return true
}

describe('fleet queries in the syntax of AWS', () => {
  it('has terms, prefixes, existence and the names of AWS', () => {
    const pump = { id: 'pump-1', attributes: { model: 'x' }, model: 'x', twin: { reported: { t: 5, on: true } } }
    for (const text of [
      'thingName:pump-1',
      'thingName:pump*',
      'thingName:"pump-1"',
      '*',
      'thingTypeName:x',
      'attributes.model:x',
      'shadow.reported.t:5',
      'shadow.reported.on:true',
      'shadow.reported.t:*',
      'shadow.reported.t>4',
      'shadow.reported.t:>=5',
      'shadow.reported.t:[5 TO 6}',
      'shadow.reported.t:{* TO 5]',
      'thingName:(a OR pump-1)',
      'NOT thingName:a AND thingName:pump*',
      'thingName:pump* shadow.reported.t<6',
      '(thingName:a OR (thingName:pump-1 NOT attributes.model:y))',
      'connectivity.connected:false',
    ])
      assert.equal(isAws(text, pump), true, text)
    for (const text of ['thingName:pump', 'shadow.reported.t:{5 TO 6]', 'shadow.reported.u:*', 'shadow.reported.t<5', 'NOT *'])
      assert.equal(isAws(text, pump), false, text)
  })

  it('binds AND and blanks closer than OR, NOT closest', () => {
    const [a, b, c] = ['a', 'b', 'c'].map(value => ({ op: 'cmp', path: ['id'], is: '=', value }))
    assert.deepEqual(aws('thingName:a OR thingName:b AND NOT thingName:c'), {
      op: 'or',
      of: [a, { op: 'and', of: [b, { op: 'not', of: c }] }],
    })
    assert.deepEqual(aws('thingName:a thingName:b OR thingName:c'), { op: 'or', of: [{ op: 'and', of: [a, b] }, c] })
  })

  it('takes special characters behind a backslash and between quotes', () => {
    assert.equal(isAws('attributes.a\\.b:x\\:y', { attributes: { 'a.b': 'x:y' } }), true)
    assert.equal(isAws('attributes.a:"x (y) OR z*"', { attributes: { a: 'x (y) OR z*' } }), true)
    assert.equal(isAws('attributes.a:ORANGE', { attributes: { a: 'ORANGE' } }), true)
  })

  it('compares numbers that are texts as numbers, and no other texts', () => {
    assert.equal(isAws('attributes.v:[75 TO 80]', { attributes: { v: '76.5' } }), true)
    assert.equal(isAws('attributes.v>9', { attributes: { v: '10' } }), true)
    assert.equal(isAws('attributes.v>9', { attributes: { v: 'ten' } }), false)
    assert.equal(isAws('attributes.v:10', { attributes: { v: '10' } }), true)
    assert.equal(isAws('attributes.v:[b TO d]', { attributes: { v: 'c' } }), true)
  })

  it('asks for named shadows, membership and places', () => {
    const doc = {
      groups: ['plant'],
      shadows: { cfg: { desired: {}, reported: { at: { lat: 47.6, lon: -122.3 } }, hasDelta: true } },
    }
    assert.equal(isAws('shadow.name.cfg.hasDelta:true', doc), true)
    assert.equal(isAws('shadow.name.cfg.reported.at:geo_distance,47.62,-122.33,5km', doc), true)
    assert.equal(isAws('shadow.name.cfg.reported.at:geo_distance,47.62,-122.33,1mi', doc), false)
    assert.equal(isAws('thingGroupNames:plant', doc), true)
    assert.deepEqual(groupsReadBy(aws('NOT thingGroupNames:dyn')), ['dyn'])
  })

  it('says where it is wrong', () => {
    for (const [text, at] of [
      ['', 0],
      ['pump', 4],
      ['thingName:*x', 10],
      ['thingName:a*b', 11],
      ['thingName:a?', 11],
      ['thingName:[1 TO', 15],
      ['thingName:[1 2]', 13],
      ['attributes.a:[1 TO b]', 13],
      ['(thingName:a', 0],
      ['thingName:a)', 11],
      ['thingName:"a', 10],
      ['thingName:a AND', 15],
      ['NOT', 3],
      ['nothing.here:1', 0],
      ['attributes..a:1', 0],
      ['shadow.reported.p:geo_distance,91,0,1', 18],
    ] as const)
      assert.throws(() => aws(text), fault('QUERY_SYNTAX', at), text)
  })

  it('is bounded in length, terms and depth', () => {
    const terms = (count: number) => Array.from({ length: count }, (_, i) => `thingName:${i}x`).join(' OR ')
    aws(terms(100))
    assert.throws(() => aws(terms(101)), { code: 'QUERY_LIMIT' })
    aws(`${'('.repeat(20)}*${')'.repeat(20)}`)
    assert.throws(() => aws(`${'('.repeat(21)}*${')'.repeat(21)}`), fault('QUERY_LIMIT', 20))
    assert.throws(() => aws(`${'NOT '.repeat(1000)}*`), { code: 'QUERY_LIMIT' })
    assert.throws(() => aws(`thingName:${'a'.repeat(8200)}`), { code: 'QUERY_LIMIT' })
    assert.throws(() => aws(`thingName:${'a'.repeat(1025)}`), { code: 'QUERY_LIMIT' })
  })
})

describe('fleet queries in the syntax of Azure', () => {
  it('has comparisons, lists, functions and the names of Azure', () => {
    const pump = {
      id: 'pump-1',
      enabled: true,
      tags: { site: 'US', 'a.b': 1 },
      twin: { reported: { t: 5, list: ['x', 'y'], nil: null }, hasDelta: false },
    }
    for (const text of [
      "deviceId = 'pump-1'",
      "tags.site = 'US' AND properties.reported.t >= 5",
      "tags.site IN ['DE', 'US']",
      "tags.site NIN ['DE']",
      'properties.reported.t != 4',
      '5 <= properties.reported.t',
      'NOT properties.reported.t < 5',
      'is_defined(properties.reported.t)',
      'IS_NULL(properties.reported.nil)',
      "STARTSWITH(deviceId, 'pump')",
      "status = 'enabled' AND connectionState = 'Disconnected'",
      'tags.[[a.b]] = 1',
      "properties.reported.list = 'y'",
      "not (tags.site = 'DE' or tags.site = 'FR')",
      "deviceId = 'pump\\u002d1'",
    ])
      assert.equal(isAzure(text, pump), true, text)
    for (const text of [
      "properties.reported.t = '5'",
      "properties.reported.t != '5'",
      "properties.reported.none != 'x'",
      "properties.reported.none NIN ['x']",
      "properties.reported.list != 'y'",
      'deviceId > 5',
    ])
      assert.equal(isAzure(text, pump), false, text)
  })

  it('has columns, figures and groups', () => {
    assert.deepEqual(azure('SELECT deviceId, tags.site AS s FROM devices').select, [
      { name: 'deviceId', path: ['id'] },
      { name: 's', path: ['tags', 'site'] },
    ])
    assert.deepEqual(azure('select top 5 count() as n, avg(properties.reported.t), tags.site from devices group by tags.site'), {
      where: { op: 'and', of: [] },
      top: 5,
      aggregate: {
        group: [{ name: 'site', path: ['tags', 'site'] }],
        figures: [
          { name: 'n', fn: 'count' },
          { name: 'avg', fn: 'avg', path: ['twin', 'reported', 't'] },
        ],
      },
    })
  })

  it('says where it is wrong', () => {
    for (const [text, at] of [
      ['', 0],
      ['SELECT', 6],
      ['SELECT * FROM devices.jobs', 14],
      ['SELECT * FROM devices WHERE', 27],
      ['SELECT * FROM devices ORDER BY deviceId', 22],
      ["SELECT * FROM devices WHERE deviceId = 'a", 39],
      ["SELECT * FROM devices WHERE deviceId = '\\q'", 40],
      ['SELECT * FROM devices WHERE deviceId ~ 1', 37],
      ['SELECT * FROM devices WHERE tags.x = tags.y', 37],
      ['SELECT * FROM devices WHERE CONTAINS(tags.x)', 28],
      ['SELECT * FROM devices WHERE nothing = 1', 28],
      ['SELECT * FROM devices WHERE tags.[[a = 1', 33],
      ['SELECT tags.x, tags.y FROM devices GROUP BY tags.x', 15],
      ['SELECT tags.a, deviceId AS a FROM devices', 15],
      ['SELECT * FROM devices GROUP BY tags.x', 0],
    ] as const)
      assert.throws(() => azure(text), fault('QUERY_SYNTAX', at), text)
    assert.throws(() => azure('SELECT COUNT() FROM devices GROUP BY tags.a, tags.b, tags.c, tags.d'), { code: 'QUERY_LIMIT' })
    assert.throws(() => where(`tags.a IN [${Array.from({ length: 1001 }, String).join()}]`), { code: 'QUERY_LIMIT' })
  })
})

describe('fleet queries as JSON', () => {
  const json = (ast: unknown) => parseQuery({ ast }).where

  it('are checked, and their faults have a place', () => {
    assert.deepEqual(json({ op: 'cmp', path: 'tags.site', is: '=', value: 'a' }), {
      op: 'cmp',
      path: ['tags', 'site'],
      is: '=',
      value: 'a',
    })
    for (const [ast, at] of [
      [[], 'the top'],
      [{ op: 'xor' }, 'op'],
      [{ op: 'and', of: [{ op: 'exists' }] }, 'of[0].path'],
      [{ op: 'not', of: { op: 'cmp', path: 'id', is: '~', value: 1 } }, 'of.is'],
      [{ op: 'in', path: 'id', values: [{}] }, 'values[0]'],
      [{ op: 'cmp', path: 'id', is: '=', value: Number.NaN }, 'value'],
      [{ op: 'cmp', path: 'secrets.x', is: '=', value: 1 }, 'path'],
      [{ op: 'prefix', path: 'id', valu: 'x' }, 'the top'],
      [{ op: 'range', path: 'id', from: 1, to: 'b' }, 'to'],
      [{ op: 'geoWithin', path: 'tags.geo', lat: 1, lon: 181, radiusM: 1 }, 'lon'],
    ] as const)
      assert.throws(() => json(ast), fault('QUERY_SYNTAX', at), JSON.stringify(ast))
  })

  it('are bounded however deep they are', () => {
    let deep: unknown = { op: 'exists', path: 'id' }
    for (let i = 0; i < 50_000; i++) deep = { op: 'not', of: deep }
    assert.throws(() => json(deep), { code: 'QUERY_LIMIT' })
    assert.throws(() => json({ op: 'exists', path: Array(13).fill('tags') }), { code: 'QUERY_LIMIT' })
  })

  it('find what prototypes have under no name', () => {
    for (const path of ['tags.constructor', 'tags.__proto__', 'twin.reported.toString.name'])
      assert.equal(compileQuery(json({ op: 'exists', path }))(fleetDoc({})), false)
  })

  it('can be text too', () => {
    assert.deepEqual(parseQuery({ dialect: 'json', text: '{"op":"exists","path":"tags.a"}' }).where, {
      op: 'exists',
      path: ['tags', 'a'],
    })
    assert.throws(() => parseQuery({ dialect: 'json', text: '{' }), { code: 'QUERY_SYNTAX' })
  })
})

describe('what a fleet query reads', () => {
  it('is the stored paths, each once', () => {
    assert.deepEqual(pathsOf(where("status = 'enabled' AND tags.a = 1 AND (tags.a = 2 OR connectionState = 'Connected')")), [
      ['enabled'],
      ['tags', 'a'],
      ['connectivity', 'connected'],
    ])
  })

  it('of a group is no column and no figure', () => {
    assert.throws(() => parseCondition({ dialect: 'azure', text: 'SELECT deviceId FROM devices' }), { code: 'QUERY_SYNTAX' })
    assert.throws(() => parseQuery({ dialect: 'azure', text: 'SELECT COUNT() FROM devices' }, {}), { code: 'QUERY_SYNTAX' })
  })
})
