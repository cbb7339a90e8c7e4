import assert from 'node:assert/strict'
import type { FleetCondition } from '../../../src/topology/fleet-query/ast.ts'
import { aggregator, readAggregation } from '../../../src/topology/fleet-query/aggregate.ts'
import { compileQuery } from '../../../src/topology/fleet-query/compile.ts'
import { parseQuery } from '../../../src/topology/fleet-query/parse-query.ts'
import { seeded } from '../../seeded.ts'
import { fleetDoc } from './fleet.ts'
import { holds, randomCondition, randomDoc, toAws, toAzure } from './random-query.ts'

/** Whether a range is asked of a field that is a list: Azure's two comparisons may hold of two members. */
const ofLists = (condition: FleetCondition): boolean =>
  condition.op === 'and' || condition.op === 'or'
    ? condition.of.some(ofLists)
    : condition.op === 'not'
      ? ofLists(condition.of)
      : condition.op === 'range' && ['list', 'mixed'].includes(condition.path.at(-1)!)

describe('random fleet queries', () => {
  it('find in both syntaxes and as JSON what a naive filter finds', () => {
    const random = seeded(20261121)
    let [some, inAws] = [0, 0]
    for (let run = 0; run < 1500; run++) {
      const fleet = Array.from({ length: 40 }, (_, i) => randomDoc(random, `d${i}`))
      const condition = randomCondition(random)
      const wanted = fleet.filter(doc => holds(condition, doc)).map(({ id }) => id)
      const found = (where: FleetCondition) => fleet.filter(compileQuery(where)).map(({ id }) => id)
      const json = JSON.stringify(condition)
      assert.deepEqual(found(parseQuery({ ast: JSON.parse(json) }).where), wanted, json)
      if (!ofLists(condition)) {
        const text = `SELECT * FROM devices WHERE ${toAzure(condition)}`
        assert.deepEqual(found(parseQuery({ dialect: 'azure', text }).where), wanted, text)
      }
      const text = toAws(condition)
      if (text !== undefined) {
        assert.deepEqual(found(parseQuery({ dialect: 'aws', text }).where), wanted, text)
        inAws++
      }
      if (wanted.length > 0 && wanted.length < fleet.length) some++
    }
    assert.ok(some > 500 && inAws > 500, `${some} queries found some devices, ${inAws} were in AWS syntax`)
  })

  it('are read or refused with a place, whatever was done to their text', () => {
    const random = seeded(7)
    const noise = '()[]{}"\'\\*?:<>=,. ANDORT1a'
    for (let run = 0; run < 4000; run++) {
      const condition = randomCondition(random)
      const aws = random.below(2) === 0
      let text = (aws ? toAws(condition) : undefined) ?? `SELECT * FROM devices WHERE ${toAzure(condition)}`
      for (let i = 0; i <= random.below(3); i++) {
        const at = random.below(text.length + 1)
        text = text.slice(0, at) + (random.below(2) ? noise[random.below(noise.length)] : '') + text.slice(at + random.below(3))
      }
      try {
        parseQuery({ dialect: aws ? 'aws' : 'azure', text })
      } catch (error: any) {
        assert.match(error.code, /^QUERY_(SYNTAX|LIMIT)$/, `${text}: ${error.stack}`)
        assert.ok(typeof error.position !== 'number' || error.position <= text.length, text)
      }
    }
  })
})

describe('figures over devices', () => {
  const rows = (docs: object[], spec: unknown) => {
    const figures = aggregator(readAggregation(spec))
    for (const doc of docs) figures.add(doc)
    return figures.rows()
  }
  const fleet = [
    ...Array.from({ length: 10 }, (_, i) => fleetDoc({ id: `a${i}`, tags: { site: 'a' }, twin: { reported: { t: i } } })),
    fleetDoc({ id: 'b', tags: { site: 'b' }, twin: { reported: { t: 'text' } } }),
    fleetDoc({ id: 'c' }),
  ]
  const path = 'twin.reported.t'

  it('are what they are called, per group, ascending, null where there is no number', () => {
    const figures = {
      n: { fn: 'count' },
      kinds: { fn: 'cardinality', path },
      min: { fn: 'min', path },
      max: { fn: 'max', path },
      avg: { fn: 'avg', path },
      sum: { fn: 'sum', path },
      p: { fn: 'percentiles', path, percents: [0, 50, 95, 100] },
      h: { fn: 'histogram', path, width: 4 },
    }
    const none = { min: null, max: null, avg: null, sum: 0, p: null, h: [] }
    const [a, other, c] = rows(fleet, { group: ['tags.site'], figures }).sort((one, two) =>
      String(one['tags.site']) < String(two['tags.site']) ? -1 : 1,
    )
    assert.deepEqual(a, {
      'tags.site': 'a',
      n: 10,
      kinds: 10,
      min: 0,
      max: 9,
      avg: 4.5,
      sum: 45,
      p: { 0: 0, 50: 4.5, 95: 8.55, 100: 9 },
      h: [
        { from: 0, count: 4 },
        { from: 4, count: 4 },
        { from: 8, count: 2 },
      ],
    })
    assert.deepEqual(other, { 'tags.site': 'b', n: 1, kinds: 1, ...none })
    assert.deepEqual(c, { 'tags.site': null, n: 1, kinds: 0, ...none })
  })

  it('of no devices are one row without groups and none with them', () => {
    assert.deepEqual(rows([], {}), [{ count: 0 }])
    assert.deepEqual(rows([], { group: ['tags.site'] }), [])
  })

  it('are bounded', () => {
    assert.throws(() => rows([], { group: ['id', 'tags.a', 'tags.b', 'tags.c'] }), { code: 'QUERY_LIMIT' })
    const many = Array.from({ length: 1001 }, (_, i) => fleetDoc({ id: `d${i}`, twin: { reported: { t: i } } }))
    assert.throws(() => rows(many, { group: ['id'] }), { code: 'QUERY_LIMIT' })
    assert.throws(() => rows(many, { figures: { h: { fn: 'histogram', path, width: 1 } } }), { code: 'QUERY_LIMIT' })
    assert.throws(() => rows([], { figures: { h: { fn: 'histogram', path, width: 0 } } }), { code: 'QUERY_SYNTAX' })
    assert.throws(() => rows([], { figures: { p: { fn: 'percentiles', path, percents: [101] } } }), { code: 'QUERY_SYNTAX' })
  })
})
