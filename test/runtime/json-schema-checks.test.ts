import assert from 'node:assert/strict'
import type { SchemaText } from '../../src/codec/schema-text.ts'
import { loadJsonSchemaChecks } from '../../src/runtime/json-schema-checks.ts'

const text = (schema: unknown, references?: SchemaText['references']): SchemaText => ({
  type: 'JSON',
  schema: JSON.stringify(schema),
  ...(references && { references }),
})
const draft07 = 'http://json-schema.org/draft-07/schema#'

describe('checks of JSON Schemas', () => {
  let compile: Awaited<ReturnType<typeof loadJsonSchemaChecks>>
  before(async () => {
    compile = await loadJsonSchemaChecks()
  })

  it('tell the first fault with its path', () => {
    const check = compile(
      text({
        type: 'object',
        required: ['t'],
        properties: { t: { type: 'number', maximum: 100 }, p: { properties: { lat: { type: 'number' } } } },
      }),
    )
    assert.equal(check({ t: 5 }), undefined)
    assert.deepEqual(check({ t: 101 }), { path: 't', rule: 'maximum', message: 'must be <= 100' })
    assert.deepEqual(check({}), { path: 't', rule: 'required', message: 'is missing' })
    assert.equal(check({ t: 1, p: { lat: 'x' } })?.path, 'p.lat')
  })

  it('read draft 2020-12, and draft-07 where the schema says so', () => {
    const tuple = { type: 'array', items: [{ type: 'string' }], additionalItems: false }
    const check = compile(text({ $schema: draft07, ...tuple }))
    assert.deepEqual([check(['a'])?.rule, check([1])?.rule, check(['a', 'b'])?.rule], [undefined, 'type', 'additionalItems'])
    assert.throws(() => compile(text(tuple)), { code: 'SCHEMA_INVALID' })
    assert.equal(compile(text({ prefixItems: [{ type: 'string' }], items: false }))(['a', 'b'])?.rule, 'items')
    assert.equal(compile(text({ $schema: 'https://json-schema.org/draft/2020-12/schema', type: 'number' }))('x')?.rule, 'type')
    assert.throws(() => compile(text({ $schema: 'http://json-schema.org/draft-04/schema#' })), {
      code: 'SCHEMA_INVALID',
      position: '$schema',
    })
    assert.equal(compile(text(false))(1)?.rule, 'false schema')
  })

  it('follow references into the schema and to those that belong to it, and to nothing else', () => {
    const place = JSON.stringify({ $id: 'https://example.com/place', type: 'object', required: ['lat'] })
    const own = { properties: { p: { $ref: 'place.json' }, q: { $ref: '#/$defs/q' } }, $defs: { q: { type: 'integer' } } }
    const check = compile(text(own, [{ name: 'place.json', schema: place }]))
    assert.deepEqual(
      [check({ p: { lat: 1 }, q: 1 })?.path, check({ p: {} })?.path, check({ q: 'x' })?.path],
      [undefined, 'p.lat', 'q'],
    )
    assert.throws(() => compile(text({ $ref: 'https://example.com/elsewhere' })), { code: 'SCHEMA_INVALID' })
  })

  it('know the usual formats, change no value, and end soon', () => {
    const check = compile(text({ properties: { at: { format: 'date-time' }, n: { type: 'number', default: 1 } } }))
    const value = { n: '1' }
    assert.equal(check(value)?.rule, 'type')
    assert.deepEqual(value, { n: '1' })
    assert.equal(check({ at: 'yesterday' })?.rule, 'format')
    assert.throws(() => compile(text({ pattern: '^(a+)+$' })), { code: 'SCHEMA_INVALID' })
  })

  it('end at a value that leads a schema into itself too often', () => {
    const check = compile(text({ $ref: '#/$defs/list', $defs: { list: { properties: { next: { $ref: '#/$defs/list' } } } } }))
    let deep: object = {}
    for (let i = 0; i < 100_000; i++) deep = { next: deep }
    assert.equal(check(deep)?.rule, 'depth')
  })
})
