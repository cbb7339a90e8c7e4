import assert from 'node:assert/strict'
import { enrich } from '../../src/routing/enrichment.ts'
import { createRoutes } from '../../src/routing/routes.ts'

const twin = { tags: { site: 'A', n: 5 }, properties: { desired: { a: { b: 1 } } } }

describe('routes', () => {
  const routes = [
    { name: 'hot', condition: "level = 'hot'", endpoint: 'alarms' },
    { name: 'all', condition: 'true', endpoint: 'store' },
    { name: 'also hot', condition: "level = 'hot'", endpoint: 'store' },
    { name: 'off', condition: 'true', endpoint: 'nowhere', enabled: false },
    { name: 'twins', condition: 'true', endpoint: 'twins', source: 'TwinChangeEvents' as const },
  ]

  it('bring a message once to each endpoint, in the order of the first match', () => {
    const { endpoints, routes: names } = createRoutes({ routes }).deliver({ payload: 1, properties: { level: 'hot' } })
    assert.deepEqual(endpoints, ['alarms', 'store'])
    assert.deepEqual(names, ['hot', 'all', 'also hot'])
  })

  it('bring what no route takes to the fallback, or nowhere; a disabled route takes nothing', () => {
    const unmatched = { payload: 1, properties: { level: 'cold' } }
    const few = routes.filter(({ name }) => name !== 'all')
    const on = createRoutes({ routes: few, fallback: true })
    assert.deepEqual(on.deliver(unmatched).endpoints, ['fallback:events'])
    const off = createRoutes({ routes: few })
    assert.deepEqual(off.deliver(unmatched).endpoints, [])
    assert.deepEqual([on.stats().fallback, off.stats().dropped], [1, 1])
  })

  it('stamp enrichments, some of them for single endpoints', () => {
    const enrichments = [
      { key: 'hub', value: '$iothubname' },
      { key: 'site', value: '$twin.tags.site', endpoints: ['alarms'] },
      { key: 'gone', value: '$twin.tags.gone' },
      { key: 'left', value: '$twin.tags.gone', missing: 'omit' as const },
      { key: '__proto__', value: 'text' },
    ]
    const engine = createRoutes({ routes, enrichments })
    const message = { payload: 1, properties: { level: 'hot' }, hubName: 'h1', twin }
    const { properties, propertiesOf } = engine.deliver(message)
    const common = { level: 'hot', hub: 'h1', gone: '$twin.tags.gone', ['__proto__']: 'text' }
    assert.deepEqual(Object.entries(properties), Object.entries(common))
    assert.deepEqual(Object.entries(propertiesOf.alarms!), [...Object.entries(common), ['site', 'A']])
    assert.deepEqual(propertiesOf.store, properties)
    assert.deepEqual(engine.stats().missing, { gone: 1, left: 1 })
  })

  it('take at most 100 enrichments', () => {
    const enrichments = Array.from({ length: 101 }, (_, i) => ({ key: `k${i}`, value: 'v' }))
    assert.throws(() => createRoutes({ routes, enrichments }), { code: 'RULE_LIMIT' })
  })
})

describe('the value of an enrichment', () => {
  const cases: [string, string][] = [
    ['text', 'text'],
    ['$iothubname', 'h1'],
    ['$twin.tags.site', 'A'],
    ['$twin.tags.n', '5'],
    ['$twin.tags', '{"site":"A","n":5}'],
    ['$twin.properties.desired.a', '{"b":1}'],
    ['$twin.properties.reported.a', '$twin.properties.reported.a'],
    ['$twin.tags.missing', '$twin.tags.missing'],
    ['$other', '$other'],
  ]
  for (const [value, expected] of cases)
    it(`${value} is ${expected}`, () => assert.equal(enrich(value, { hubName: 'h1', twin }), expected))
})
